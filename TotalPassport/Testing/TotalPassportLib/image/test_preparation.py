"""From a CT to what the network sees: turned once, cropped to what is filled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from TotalPassportLib.base.errors import OutOfMemory
from TotalPassportLib.image.preparation import nonzero_box, prepare
from TotalPassportLib.image.volume import Volume


def ct(voxels: np.ndarray, spacing: float = 3.0) -> Volume:
    affine = np.diag([spacing, spacing, spacing, 1.0])
    return Volume(voxels=voxels, affine=affine, nominal_spacing_mm=(spacing,) * 3, header=None, path=Path("ct.nii"))


def test_the_network_sees_z_y_x_of_a_scan_stored_as_x_y_z() -> None:
    voxels = np.random.default_rng(0).integers(1, 1000, (4, 5, 6)).astype(np.int16)
    prepared = prepare(ct(voxels), (3.0, 3.0, 3.0))
    assert prepared.hounsfield_zyx.dtype == np.float32
    assert prepared.hounsfield_zyx.flags.c_contiguous
    assert prepared.shape_zyx == (6, 5, 4)
    assert np.array_equal(prepared.hounsfield_zyx, voxels.T)
    assert np.array_equal(prepared.affine, np.diag([3.0, 3.0, 3.0, 1.0]))


def test_the_empty_margin_is_cropped() -> None:
    voxels = np.zeros((10, 11, 12), np.int16)
    voxels[2:5, 3:9, 4:6] = 7
    prepared = prepare(ct(voxels), (3.0, 3.0, 3.0))
    assert prepared.box_zyx == (slice(4, 6), slice(3, 9), slice(2, 5))
    assert prepared.hounsfield_zyx.shape == (2, 6, 3)
    assert (prepared.hounsfield_zyx == 7).all()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), filled=st.integers(0, 4))
def test_the_box_is_the_smallest_that_holds_all_that_is_not_zero(seed: int, filled: int) -> None:
    rng = np.random.default_rng(seed)
    voxels = np.zeros((6, 7, 8), np.float32)
    places = rng.integers(0, (6, 7, 8), (filled, 3))
    voxels[tuple(places.T)] = rng.choice([-3.0, 5.0], filled)
    box = nonzero_box(voxels)
    if filled == 0:
        assert voxels[box].shape == voxels.shape
    else:
        assert [(part.start, part.stop) for part in box] == list(
            zip(places.min(axis=0), places.max(axis=0) + 1, strict=True)
        )


def test_a_scan_that_would_not_fit_into_memory_at_the_models_spacing_is_refused_before_it_is_resampled() -> None:
    voxels = np.random.default_rng(0).integers(1, 9, (8, 8, 8)).astype(np.int16)
    with pytest.raises(OutOfMemory, match=r"Resampling 'ct.nii' needs about"):
        prepare(ct(voxels, spacing=1e6), (1.5, 1.5, 1.5))
