"""Moments are exact: whole numbers until the last division."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from TotalPassportLib.passport import runs as run_module
from TotalPassportLib.passport.moments import label_moments
from TotalPassportLib.passport.runs import label_runs


def exact(labels: np.ndarray, label: int) -> tuple[int, list[Fraction], list[list[Fraction]]]:
    """Return count, mean and covariance of the indices as fractions."""
    indices = [[int(value) for value in index] for index in np.argwhere(labels == label)]
    count = len(indices)
    mean = [Fraction(sum(index[axis] for index in indices), count) for axis in range(3)]
    covariance = [
        [Fraction(sum(index[a] * index[b] for index in indices), count) - mean[a] * mean[b] for b in range(3)]
        for a in range(3)
    ]
    return count, mean, covariance


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3), seed=st.integers(0, 10**6), highest=st.sampled_from([1, 3, 255, 65535])
)
def test_moments_equal_those_in_exact_fractions(shape: tuple, seed: int, highest: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.array([0, 1, highest // 2, highest], np.uint16)
    labels = rng.choice(values, shape)
    moments = label_moments(label_runs(labels))
    assert list(moments) == sorted(int(value) for value in np.unique(labels) if value)
    for label, measured in moments.items():
        count, mean, covariance = exact(labels, label)
        assert measured.voxel_count == count
        assert measured.mean_index.tolist() == [float(value) for value in mean]
        assert measured.covariance_index.tolist() == [[float(value) for value in row] for row in covariance]


def test_a_whole_image_of_one_label_is_measured_exactly() -> None:
    measured = label_moments(label_runs(np.full((300, 200, 250), 7, np.uint8)))[7]
    assert measured.voxel_count == 300 * 200 * 250
    assert measured.mean_index.tolist() == [149.5, 99.5, 124.5]
    expected = np.diag([(size**2 - 1) / 12 for size in (300, 200, 250)])
    assert np.array_equal(measured.covariance_index, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_image_without_labels_has_no_moments(dtype: type) -> None:
    assert label_moments(label_runs(np.zeros((3, 4, 5), dtype))) == {}


@pytest.mark.parametrize("slab_voxels", [8, 40, 10**6])
def test_the_thickness_of_the_slabs_does_not_matter(slab_voxels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.random.default_rng(3).integers(0, 3, (7, 5, 4)).astype(np.uint8)
    monkeypatch.setattr(run_module, "SLAB_VOXELS", slab_voxels)
    runs = label_runs(labels)
    rebuilt = np.zeros(labels.size, np.uint8)
    for label, start, length in zip(runs.labels, runs.starts, runs.lengths, strict=True):
        assert (rebuilt[start : start + length] == 0).all()
        rebuilt[start : start + length] = label
    assert np.array_equal(rebuilt.reshape(labels.shape), labels)
    assert (runs.starts // 4 == (runs.starts + runs.lengths - 1) // 4).all(), "a run stays in its row"
