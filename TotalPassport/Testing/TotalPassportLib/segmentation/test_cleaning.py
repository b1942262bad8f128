"""Pieces that lie apart from their organ are removed, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
from TotalPassportLib.segmentation.cleaning import remove_small_blobs, remove_small_pieces


def scene() -> np.ndarray:
    """An organ of 64 voxels with crumbs of 8, 7 and 1 voxels, and another organ beside it that has two pieces."""
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[1:5, 1:5, 1:5] = 5
    labels[10:12, 1:3, 1:3] = 5
    labels[15, 15, 1:8] = 5
    labels[19, 19, 19] = 5
    labels[5:9, 1:5, 1:5] = 117
    labels[5:7, 10:12, 10:13] = 117
    return labels


def test_a_piece_of_exactly_200_mm3_is_removed_and_a_larger_one_stays() -> None:
    labels = scene()
    cleaned = remove_small_blobs(labels, 200 / 7)
    expected = scene()
    expected[15, 15], expected[19, 19] = 0, 0
    assert np.array_equal(cleaned[labels == 5], expected[labels == 5])
    assert np.array_equal(labels, scene()), "the input is left alone"


def test_at_three_millimetres_pieces_of_up_to_seven_voxels_go() -> None:
    cleaned = remove_small_blobs(scene(), 27.0)
    assert np.array_equal(np.bincount(cleaned.ravel())[[5, 117]], [64 + 8, 64 + 12])


def test_at_six_millimetres_nothing_is_small() -> None:
    assert np.array_equal(remove_small_blobs(scene(), 216.0), scene())


def test_pieces_that_touch_by_an_edge_only_are_two() -> None:
    labels = np.zeros((6, 6, 6), np.uint8)
    labels[0:3, 0:3, 0:3] = 1
    labels[3, 3, 0] = 1
    assert remove_small_blobs(labels, 27.0).sum() == 27


def test_neighbouring_organs_do_not_make_one_piece() -> None:
    labels = np.zeros((10, 3, 3), np.uint8)
    labels[:5], labels[5] = 1, 2
    labels[6, 0, 0] = 2
    assert np.array_equal(np.bincount(remove_small_blobs(labels, 20.0).ravel())[1:], [45])


@pytest.mark.parametrize(
    ("fraction", "sizes"), [(0.0, [80, 76]), (0.11, [72, 76]), (0.125, [72, 76]), (0.13, [64, 76]), (1.0, [64, 64])]
)
def test_pieces_below_a_fraction_of_the_largest_one_go(fraction: float, sizes: list[int]) -> None:
    cleaned = remove_small_pieces(scene(), fraction)
    assert np.bincount(cleaned.ravel())[[5, 117]].tolist() == sizes


def test_a_thin_tube_that_holds_together_by_corners_is_one_piece() -> None:
    tube = np.zeros((12, 12, 12), np.uint8)
    tube[np.arange(12), np.arange(12), np.arange(12)] = 15
    assert np.array_equal(remove_small_pieces(tube, 1.0), tube)


def test_an_empty_volume_stays_empty() -> None:
    empty = np.zeros((4, 5, 6), np.uint8)
    assert not remove_small_blobs(empty, 27.0).any()
    assert not remove_small_pieces(empty, 1.0).any()
