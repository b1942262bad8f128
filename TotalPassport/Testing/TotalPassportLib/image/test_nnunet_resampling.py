"""nnU-Net's resampling, slab by slab, gives the bits that scipy gives for the whole."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from TotalPassportLib.image import nnunet_resampling
from TotalPassportLib.image.nnunet_resampling import labels_of_logits, resample_image, resampled_shape, thick_axis

sizes = st.tuples(st.integers(1, 14), st.integers(1, 14), st.integers(1, 14))
targets = st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 20))


def resize(image: np.ndarray, shape: tuple[int, ...], order: int) -> np.ndarray:
    """Do what scikit-image's `resize` does without anti-aliasing."""
    image = image.astype(float)
    zoom = [1 / factor for factor in np.divide(image.shape, shape)]
    resized = ndimage.zoom(image, zoom, order=order, mode="nearest", grid_mode=True)
    return np.clip(resized, image.min(), image.max())


def as_nnunet(volume: np.ndarray, shape: tuple[int, ...], thick: int | None, order: int) -> np.ndarray:
    """Do what nnU-Net's `resample_data_or_seg` does to one channel."""
    if volume.shape == shape:
        return volume
    if thick is None:
        return resize(volume, shape, order).astype(volume.dtype)
    plane = [size for axis, size in enumerate(shape) if axis != thick]
    slices = [resize(np.take(volume, place, thick), plane, order) for place in range(volume.shape[thick])]
    stacked = np.stack(slices, thick)
    if stacked.shape != shape:
        scales = [have / want for have, want in zip(stacked.shape, shape, strict=True)]
        grid = np.mgrid[tuple(slice(size) for size in shape)]
        places = np.array([scale * (places + 0.5) - 0.5 for scale, places in zip(scales, grid, strict=True)])
        stacked = ndimage.map_coordinates(stacked, places, order=0, mode="nearest")
    return stacked.astype(volume.dtype)


@pytest.fixture(autouse=True, scope="module")
def small_slabs() -> object:
    """Several slabs for every little volume."""
    before = nnunet_resampling.SLAB_VOXELS
    nnunet_resampling.SLAB_VOXELS = 300
    yield
    nnunet_resampling.SLAB_VOXELS = before


@settings(deadline=None)
@given(sizes, targets, st.sampled_from([None, 0, 1, 2]), st.integers(0, 2**32 - 1))
def test_an_image_gets_the_bits_that_the_whole_would_get(
    size: tuple[int, ...], shape: tuple[int, ...], thick: int | None, seed: int
) -> None:
    image = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    resampled = resample_image(image, shape, thick)
    assert resampled.dtype == np.float32
    np.testing.assert_array_equal(resampled, as_nnunet(image, shape, thick, order=3))


@settings(deadline=None)
@given(sizes, targets, st.sampled_from([None, 0, 1, 2]), st.integers(0, 2**32 - 1))
def test_labels_are_those_of_logits_that_were_resampled_as_a_whole(
    size: tuple[int, ...], shape: tuple[int, ...], thick: int | None, seed: int
) -> None:
    # Few values, so that many logits are equal, and the first one has to win.
    logits = (np.random.default_rng(seed).integers(0, 3, (*size, 3)) / 2).astype(np.float16)
    whole = np.stack([as_nnunet(logits[..., channel], shape, thick, order=1) for channel in range(3)], axis=-1)
    np.testing.assert_array_equal(labels_of_logits(logits, shape, thick), whole.argmax(axis=-1))


def test_another_way_of_choosing_labels_gets_float16_logits() -> None:
    logits = np.random.default_rng(1).normal(size=(5, 6, 7, 2)).astype(np.float16)
    whole = as_nnunet(logits[..., 1], (9, 9, 9), None, order=1)
    chosen = labels_of_logits(logits, (9, 9, 9), None, lambda slab: (slab[..., 1] > 0).astype(np.uint8))
    np.testing.assert_array_equal(chosen, whole > 0)


def test_a_shape_that_is_right_already_costs_nothing() -> None:
    image = np.zeros((3, 4, 5), np.float32)
    assert resample_image(image, (3, 4, 5), None) is image


def test_halves_are_rounded_to_the_even_number() -> None:
    assert resampled_shape((5, 7, 10), (1.0, 1.0, 1.0), (2.0, 2.0, 2.0)) == (2, 4, 5)
    assert resampled_shape((60, 80, 90), (3.3, 3.1, 2.9), (6.0, 1.5, 1.5)) == (33, 165, 174)


@pytest.mark.parametrize(
    ("current", "target", "axis"),
    [
        ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0), None),
        ((3.0, 1.0, 1.0), (1.0, 1.0, 1.0), None),
        ((3.1, 1.0, 1.0), (1.0, 1.0, 1.0), 0),
        ((1.9, 6.5, 2.1), (6.0, 1.5, 1.5), 1),
        ((2.9, 3.1, 3.3), (6.0, 1.5, 1.5), 0),
        ((4.0, 4.0, 1.0), (1.0, 1.0, 9.0), None),
    ],
)
def test_an_axis_is_treated_apart_if_it_is_three_times_as_long(
    current: tuple[float, ...], target: tuple[float, ...], axis: int | None
) -> None:
    assert thick_axis(current, target) == axis


def test_many_channels_need_no_more_memory_than_their_logits_and_some_slabs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nnunet_resampling, "SLAB_VOXELS", 20_000)
    logits = np.zeros((20, 30, 30, 20), np.float16)
    tracemalloc.start()
    labels = labels_of_logits(logits, (100, 120, 120), None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # All channels on the new grid would take 57 MB in float16, and 230 MB as nnU-Net computes them.
    assert peak < labels.nbytes + 12e6
