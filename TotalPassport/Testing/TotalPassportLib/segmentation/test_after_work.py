"""What is done in code with the labels of some tasks, on shapes whose result can be told by hand."""

from __future__ import annotations

import numpy as np
import pytest
from TotalPassportLib.models.task import load_task
from TotalPassportLib.segmentation.after_work import (
    after_work,
    dilate_into_background,
    dilated,
    keep_largest_piece,
    number_vertebrae,
    remove_pieces_up_to,
)

MM = (1.5, 1.5, 1.5)


def no_mask(step: object) -> np.ndarray:
    raise AssertionError(f"No mask is needed for {step}.")


def boxes(*places: tuple[slice | int, ...], values: list[int]) -> np.ndarray:
    labels = np.zeros((20, 20, 40), np.uint8)
    for place, value in zip(places, values, strict=True):
        labels[place] = value
    return labels


def test_the_largest_piece_stays_the_first_of_equals_and_others_are_left_alone() -> None:
    labels = boxes(np.s_[0:3, 0:3, 0:3], np.s_[10:13, 0:3, 0:3], np.s_[5, 5, 5], np.s_[0, 19, :], values=[1, 1, 1, 2])
    kept = keep_largest_piece(labels, 1)
    assert (kept[0:3, 0:3, 0:3] == 1).all()
    assert np.count_nonzero(kept == 1) == 27
    assert np.count_nonzero(kept == 2) == 40
    assert labels[11, 1, 1] == 1


def test_pieces_go_up_to_the_limit_itself_and_corners_do_not_connect() -> None:
    labels = boxes(np.s_[0:2, 0:2, 0:2], np.s_[2, 2, 2], np.s_[10:13, 0:3, 0:1], values=[1, 1, 1])
    assert np.count_nonzero(remove_pieces_up_to(labels, 1, 8)) == 9
    assert np.count_nonzero(remove_pieces_up_to(labels, 1, 9)) == 0
    assert np.count_nonzero(remove_pieces_up_to(labels, 1, 7.9)) == 17
    np.testing.assert_array_equal(remove_pieces_up_to(labels, 9, 100), labels)


def test_the_body_keeps_one_trunk_and_large_extremities() -> None:
    task = load_task("body")
    labels = boxes(np.s_[0:5, 0:5, :], np.s_[10, 10, 10], np.s_[10:20, 10:20, 20:30], values=[1, 1, 2])
    tidied = after_work(labels, task.mode().after, task.labels, (4.0, 4.0, 4.0), no_mask)
    assert np.count_nonzero(tidied == 1) == 5 * 5 * 40
    assert np.count_nonzero(tidied == 2) == 1000  # 64,000 mm3
    smaller = after_work(labels, task.mode().after, task.labels, (3.0, 3.0, 3.0), no_mask)
    assert np.count_nonzero(smaller == 2) == 0  # 27,000 mm3


def vertebrae(values: list[int], touching: bool) -> np.ndarray:
    """Blocks from below upwards; in the lowest one, a corner has another value where they are to touch."""
    labels = boxes(*(np.s_[0:6, 0:6, 8 * place : 8 * place + 6] for place in range(len(values))), values=values)
    if touching:
        labels[0, 0, 0] = values[0] - 1
    return labels


def values_from_below(labels: np.ndarray) -> list[int]:
    return [int(labels[3, 3, 8 * place + 3]) for place in range(4)]


def test_vertebrae_that_do_not_touch_keep_their_numbers() -> None:
    labels = vertebrae([20, 18, 18, 5], touching=False)
    assert number_vertebrae(labels, 100) is labels


def test_vertebrae_that_touch_are_counted_from_the_lowest_one_upwards() -> None:
    assert values_from_below(number_vertebrae(vertebrae([20, 18, 18, 5], touching=True), 100)) == [20, 19, 18, 17]


def test_they_are_counted_from_the_atlas_where_the_lowest_is_missing() -> None:
    assert values_from_below(number_vertebrae(vertebrae([20, 18, 18, 1], touching=True), 100)) == [4, 3, 2, 1]
    assert values_from_below(number_vertebrae(vertebrae([24, 18, 18, 1], touching=True), 100)) == [24, 23, 22, 21]


def test_pieces_too_small_to_be_a_vertebra_go() -> None:
    labels = vertebrae([20, 18, 18, 5], touching=True)
    labels[10, 10, 39] = 3
    assert not number_vertebrae(labels, 100)[10, 10, 39]
    assert not number_vertebrae(labels, 10_000).any()


def test_labels_grow_into_the_background_and_the_smaller_value_comes_first() -> None:
    labels = boxes(np.s_[5, 5, 5], np.s_[7, 5, 5], values=[2, 1])
    grown = dilate_into_background(labels, (1.0, 1.0, 1.0), 1.0)
    assert grown[6, 5, 5] == 1
    assert [grown[5, 5, 5], grown[4, 5, 5], grown[5, 5, 4], grown[4, 4, 5]] == [2, 2, 2, 0]
    assert np.count_nonzero(grown == 1) == 7
    assert np.count_nonzero(grown == 2) == 6


def test_a_ball_of_a_broken_number_of_voxels_is_lopsided_as_it_is_there() -> None:
    labels = boxes(np.s_[10, 10, 10], values=[1])
    grown = np.flatnonzero(dilate_into_background(labels, (1.0, 1.0, 2.0), 3.0)[10, 10])
    # A radius of 1.5 gives the offsets -1.5, -0.5, 0.5 and 1.5, of which the third is taken for the middle.
    assert grown.tolist() == [8, 9, 10, 11]


@pytest.mark.parametrize(("spacing", "reach"), [((3.0, 3.0, 3.0), 3), ((2.0, 4.0, 6.0), 2), ((11.0, 11.0, 11.0), 0)])
def test_a_mask_grows_by_whole_mean_voxels_and_never_without_end(spacing: tuple[float, ...], reach: int) -> None:
    mask = np.zeros((15, 15, 15), bool)
    mask[7, 7, 7] = True
    grown = dilated(mask, spacing, 10)
    assert np.flatnonzero(grown[7, 7]).tolist() == list(range(7 - reach, 8 + reach))


def test_what_is_far_from_the_rough_heart_is_removed() -> None:
    task = load_task("heartchambers_highres")
    labels = boxes(np.s_[0:3, 0:3, 0:3], np.s_[15:18, 15:18, 30:33], values=[1, 2])
    rough = np.zeros(labels.shape, bool)
    rough[0:3, 0:3, 0:3] = True
    kept = after_work(labels, task.mode().after, task.labels, (2.0, 2.0, 2.0), lambda step: rough)
    assert np.unique(kept).tolist() == [0, 1]


def test_every_step_that_a_task_names_can_be_done() -> None:
    labels = np.zeros((8, 8, 8), np.uint8)
    for name in ("body", "vertebrae_pp", "vertebrae_pp_refined", "heartchambers_highres"):
        task = load_task(name)
        after_work(labels, task.mode().after, task.labels, MM, lambda step: labels > 0)
