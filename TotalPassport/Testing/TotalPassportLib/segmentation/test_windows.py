"""Windows lie where nnU-Net puts them and weigh what nnU-Net gives them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage
from TotalPassportLib.segmentation.windows import (
    centred_gaussian,
    gaussian_weights,
    padding,
    strided_starts,
    window_starts,
)


@settings(deadline=None)
@given(size=st.integers(1, 700), patch=st.integers(1, 200), step=st.sampled_from([0.25, 0.5, 0.75, 1.0]))
@example(size=210, patch=17, step=0.25)
@example(size=236, patch=1, step=0.75)
def test_windows_cover_the_axis_evenly_and_stay_inside(size: int, patch: int, step: float) -> None:
    starts = window_starts(size, patch, step)
    if size <= patch:
        assert starts == [0]
        return
    # compute_steps_for_sliding_window of nnU-Net, in its own floating point: where the exact quotient lies half way
    # between two voxels, that decides, and the windows are to be the same ones.
    count = math.ceil((size - patch) / (patch * step)) + 1
    between = (size - patch) / (count - 1)
    assert starts == [int(np.round(between * index)) for index in range(count)]
    assert (starts[0], starts[-1]) == (0, size - patch)
    assert max(np.diff(starts)) <= math.ceil(step * patch) + 1


@pytest.mark.parametrize(
    ("size", "patch", "starts"),
    [
        (13, 8, [0, 2, 5]),  # 2.5 goes down to the even 2
        (15, 8, [0, 4, 7]),  # 3.5 goes up to the even 4
        (9, 8, [0, 1]),
        (112, 112, [0]),
    ],
)
def test_half_a_voxel_is_rounded_to_the_even_one(size: int, patch: int, starts: list[int]) -> None:
    assert window_starts(size, patch, 0.5) == starts


def test_the_step_of_totalsegmentator_gives_its_windows() -> None:
    assert window_starts(334, 128, 0.8) == [0, 69, 137, 206]
    assert window_starts(231, 128, 0.8) == [0, 52, 103]
    assert window_starts(230, 128, 0.8) == [0, 102]


@settings(deadline=None)
@given(shape=st.tuples(*[st.integers(1, 40)] * 3), patch=st.tuples(*[st.integers(1, 40)] * 3))
def test_a_small_volume_is_padded_to_one_patch_with_the_lower_half_in_front(shape: tuple, patch: tuple) -> None:
    for (before, after), size, wanted in zip(padding(shape, patch), shape, patch, strict=True):
        assert before + size + after == max(size, wanted)
        assert after - before in (0, 1)


@pytest.mark.parametrize("patch", [(16, 20, 24), (112, 112, 128), (8, 64, 8), (1, 1, 1), (128, 128, 128)])
@pytest.mark.slow
def test_weights_are_a_gaussian_rounded_by_way_of_single_precision(patch: tuple[int, int, int]) -> None:
    delta = np.zeros(patch)
    delta[tuple(size // 2 for size in patch)] = 1
    smooth = ndimage.gaussian_filter(delta, [size / 8 for size in patch], 0, mode="constant", cval=0)
    halves = (smooth / (smooth.max() / 10)).astype(np.float32).astype(np.float16)
    expected = np.where(halves == 0, halves[halves != 0].min(), halves)
    weights = gaussian_weights(patch)
    assert weights.dtype == np.float16
    assert weights.max() == 10
    assert weights.min() > 0
    assert np.array_equal(weights, expected)


def test_weights_are_shared_and_so_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        gaussian_weights((4, 4, 4))[0, 0, 0] = 1


@settings(deadline=None)
@given(size=st.integers(1, 500), patch=st.integers(1, 120), stride=st.integers(1, 120))
def test_strided_windows_leave_no_gap_and_end_at_the_edge(size: int, patch: int, stride: int) -> None:
    starts = strided_starts(size, patch, min(stride, patch))
    assert starts[0] == 0
    assert starts[-1] == max(size - patch, 0)
    assert all(0 < step <= min(stride, patch) for step in np.diff(starts))


def test_a_centred_gaussian_is_that_of_monai() -> None:
    """Its deviation is an eighth of 96 voxels around 47.5, a product of three, and at least a thousandth."""
    weights = centred_gaussian((96, 96, 96), 0.125, 1e-3)
    assert weights.dtype == np.float32
    assert weights[47, 47, 47] == pytest.approx(math.exp(-3 * 0.25 / 288), rel=1e-6)
    assert weights[47, 47, 30] == pytest.approx(math.exp(-(2 * 0.25 + 17.5**2) / 288), rel=1e-5)
    assert weights[0, 0, 0] == np.float32(1e-3)
