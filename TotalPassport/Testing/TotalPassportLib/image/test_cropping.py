"""A scan is cut to a region by TotalSegmentator's rules, and what was found there returns to its place."""

from __future__ import annotations

import numpy as np
import pytest
from TotalPassportLib.image.cropping import box_of, crop_box, cut_scan, put_back

SHAPE = (20, 24, 30)


def labels_with(value: int, *voxels: tuple[int, int, int]) -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    for voxel in voxels:
        labels[voxel] = value
    return labels


def test_only_whole_voxels_of_the_margin_count() -> None:
    labels = labels_with(5, (10, 12, 15))
    box = crop_box(labels, [5], np.array([3.0, 6.9, 7.0], np.float32), 20.0)
    assert box == (slice(4, 17), slice(10, 15), slice(13, 18))


def test_the_box_ends_where_the_scan_does() -> None:
    labels = labels_with(5, (1, 12, 15), (10, 23, 0))
    assert crop_box(labels, [5], np.array([4.0, 4.0, 4.0], np.float32), 20.0) == (
        slice(0, 16), slice(7, 24), slice(0, 21)
    )  # fmt: skip


def test_only_the_wanted_structures_count_and_nothing_found_is_none() -> None:
    labels = labels_with(5, (1, 2, 3)) + labels_with(6, (8, 8, 8))
    assert crop_box(labels, [6], np.ones(3), 0) == (slice(8, 9), slice(8, 9), slice(8, 9))
    assert crop_box(labels, [7], np.ones(3), 20) is None
    assert box_of(np.zeros(SHAPE, bool)) is None


def test_fractions_are_cut_off_toward_zero_and_voxels_keep_their_place() -> None:
    voxels = np.linspace(-2.75, 2.75, np.prod(SHAPE)).reshape(SHAPE)
    affine = np.array([[0, -2.0, 0, 7], [1.5, 0, 0, -3], [0, 0, 3, 11], [0, 0, 0, 1.0]])
    box = (slice(2, 9), slice(3, 5), slice(4, 30))
    cut, moved = cut_scan(voxels, affine, box)
    assert cut.dtype == np.int32
    np.testing.assert_array_equal(cut, np.trunc(voxels[box]))
    np.testing.assert_allclose(moved @ [0, 0, 0, 1], affine @ [2, 3, 4, 1])
    np.testing.assert_array_equal(moved[:3, :3], affine[:3, :3])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_labels_return_to_where_they_were_cut_out(kind: type) -> None:
    whole = np.random.default_rng(1).integers(0, 5, SHAPE).astype(kind)
    box = (slice(2, 9), slice(3, 5), slice(4, 30))
    returned = put_back(whole[box], box, SHAPE)
    assert returned.dtype == kind
    np.testing.assert_array_equal(returned[box], whole[box])
    assert np.count_nonzero(returned) == np.count_nonzero(whole[box])
