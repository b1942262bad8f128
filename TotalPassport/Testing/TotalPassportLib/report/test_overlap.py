"""Agreement of two masks: values by hand, values by an independent implementation, and what an empty mask means."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from support.scans import rotation
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.report.overlap import json_number, number_of, overlap, overlap_document, surface_voxels

UNEVEN = np.diag([1.0, 2.0, 5.0, 1.0])


def cube(start: tuple[int, int, int], size: tuple[int, int, int], shape: int = 24) -> np.ndarray:
    mask = np.zeros((shape, shape, shape), bool)
    i, j, k = start
    mask[i : i + size[0], j : j + size[1], k : k + size[2]] = True
    return mask


def ball(radius_mm: float, step_mm: float, half_mm: float) -> np.ndarray:
    places = np.arange(-half_mm, half_mm + step_mm, step_mm)
    i, j, k = np.meshgrid(places, places, places, indexing="ij")
    return i**2 + j**2 + k**2 <= radius_mm**2


def by_distance_maps(found: np.ndarray, truth: np.ndarray, spacing: np.ndarray, tolerance: float) -> list[float]:
    """The same numbers by scipy's erosion and Euclidean distance maps, which need no points."""
    surfaces = [mask & ~ndimage.binary_erosion(mask) for mask in (found, truth)]
    to_found, to_truth = (ndimage.distance_transform_edt(~surface, sampling=spacing) for surface in surfaces)
    there, back = to_truth[surfaces[0]], to_found[surfaces[1]]
    everything = np.concatenate([there, back])
    hausdorff = max(np.percentile(there, 95), np.percentile(back, 95))
    return [everything.mean(), hausdorff, (everything <= tolerance + 1e-6).mean()]


def test_a_mask_and_itself_agree_in_everything() -> None:
    mask = cube((3, 4, 5), (6, 7, 8))
    same = overlap(mask, mask, UNEVEN, 1.0)
    assert (same.dice, same.surface_distance_mm, same.hausdorff_95_mm, same.surface_dice) == (1.0, 0.0, 0.0, 1.0)
    assert same.truth_mm3 == pytest.approx(6 * 7 * 8 * 10)
    assert (same.volume_error_mm3, same.volume_error_percent) == (0.0, 0.0)


@pytest.mark.parametrize(("axis", "step_mm"), [(0, 1.0), (1, 2.0), (2, 5.0)])
def test_single_voxels_are_apart_by_the_voxel_size_of_their_axis(axis: int, step_mm: float) -> None:
    start = [5, 5, 5]
    start[axis] += 3
    found, truth = cube(tuple(start), (1, 1, 1)), cube((5, 5, 5), (1, 1, 1))
    apart = overlap(found, truth, UNEVEN, 3 * step_mm)
    assert (apart.dice, apart.surface_distance_mm, apart.hausdorff_95_mm) == (0.0, 3 * step_mm, 3 * step_mm)
    assert apart.surface_dice == 1.0, "the tolerance itself is within"
    assert overlap(found, truth, UNEVEN, 3 * step_mm - 0.01).surface_dice == 0.0


def test_two_plates_by_hand() -> None:
    """Plates of one voxel, 4 x 4, of which one lies two slices of 5 mm above, and has one row more."""
    truth, found = cube((4, 4, 4), (4, 4, 1)), cube((4, 4, 6), (5, 4, 1))
    result = overlap(found, truth, UNEVEN, 10.0)
    # 16 voxels are 10 mm from their like on either side; 4 lie a voxel of 1 mm further out.
    further = math.hypot(10, 1)
    assert result.dice == 0.0
    assert result.surface_distance_mm == pytest.approx((32 * 10 + 4 * further) / 36)
    assert result.hausdorff_95_mm == pytest.approx(further), "of 20 distances the 19th and the 20th are the far ones"
    assert result.surface_dice == pytest.approx(32 / 36)
    assert result.volume_error_percent == pytest.approx(25)
    assert result.volume_error_mm3 == pytest.approx(40)


def test_concentric_balls_are_apart_by_the_difference_of_their_radii() -> None:
    step = 1.0
    truth, found = ball(20, step, 26), ball(23, step, 26)
    result = overlap(found, truth, np.diag([step, step, step, 1]), 4.0)
    assert result.dice == pytest.approx(2 * 20**3 / (20**3 + 23**3), abs=0.005)
    assert result.surface_distance_mm == pytest.approx(3, abs=0.15)
    assert result.hausdorff_95_mm == pytest.approx(3, abs=0.5)
    assert result.surface_dice == 1.0
    assert result.volume_error_percent == pytest.approx(100 * (23**3 / 20**3 - 1), abs=1.5)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), density=st.sampled_from([0.02, 0.3, 0.7]))
def test_masks_of_any_shape_give_what_distance_maps_give(seed: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(2, 9, 3))
    found, truth = (rng.random(shape) < density for _ in range(2))
    found.flat[0] = truth.flat[-1] = True
    spacing = rng.uniform(0.5, 5, 3)
    result = overlap(found, truth, np.diag([*spacing, 1]), 2.0)
    told = [result.surface_distance_mm, result.hausdorff_95_mm, result.surface_dice]
    assert told == pytest.approx(by_distance_maps(found, truth, spacing, 2.0))


def test_dice_and_the_hausdorff_distance_are_simpleitks() -> None:
    import SimpleITK as sitk

    rng = np.random.default_rng(3)
    found, truth = (ndimage.binary_opening(rng.random((20, 20, 20)) < 0.6) for _ in range(2))
    images = []
    for mask in (found, truth):
        image = sitk.GetImageFromArray(mask.astype(np.uint8).transpose(2, 1, 0))
        image.SetSpacing((1.0, 2.0, 5.0))
        images.append(image)
    measure = sitk.LabelOverlapMeasuresImageFilter()
    measure.Execute(*images)
    result = overlap(found, truth, UNEVEN, 1.0)
    assert result.dice == pytest.approx(measure.GetDiceCoefficient())
    assert result.volume_error_mm3 == pytest.approx(10 * (int(found.sum()) - int(truth.sum())))


def test_turned_and_sheared_grids_measure_in_millimetres() -> None:
    truth, found = cube((4, 4, 4), (6, 5, 3)), cube((5, 4, 5), (6, 5, 3))
    straight = overlap(found, truth, UNEVEN, 3.0)
    turned = np.eye(4)
    turned[:3, :3] = rotation((20, -30, 50)) @ UNEVEN[:3, :3]
    oblique = overlap(found, truth, turned, 3.0)
    for name in ("dice", "surface_distance_mm", "hausdorff_95_mm", "surface_dice", "truth_mm3"):
        assert getattr(oblique, name) == pytest.approx(getattr(straight, name))
    sheared = UNEVEN.copy()
    sheared[1, 2] = 2.0  # one slice up is 2 mm forward, as a tilted gantry has it
    one, other = cube((5, 5, 5), (1, 1, 1)), cube((5, 5, 8), (1, 1, 1))
    assert overlap(one, other, sheared, 3.0).hausdorff_95_mm == pytest.approx(3 * math.hypot(5, 2))


def test_what_only_one_side_has_is_infinitely_far_and_what_neither_has_has_no_value() -> None:
    mask, empty = cube((3, 3, 3), (2, 2, 2)), np.zeros((24, 24, 24), bool)
    missed, extra, neither = (overlap(*pair, UNEVEN, 3.0) for pair in ((empty, mask), (mask, empty), (empty, empty)))
    for one in (missed, extra):
        assert (one.dice, one.surface_dice) == (0.0, 0.0)
        assert (one.surface_distance_mm, one.hausdorff_95_mm) == (math.inf, math.inf)
    assert (missed.volume_error_percent, extra.volume_error_percent) == (-100.0, None)
    assert (neither.dice, neither.surface_dice, neither.surface_distance_mm, neither.hausdorff_95_mm) == (None,) * 4
    assert overlap_document(missed)["hausdorff_95_mm"] == "infinity"
    assert number_of(json_number(math.inf)) == math.inf


def test_cutting_the_arrays_to_what_they_hold_changes_nothing() -> None:
    found, truth = cube((6, 6, 6), (5, 4, 3)), cube((7, 6, 7), (5, 4, 3))
    inside = (slice(6, 12), slice(6, 10), slice(6, 10))
    assert overlap(found[inside], truth[inside], UNEVEN, 2.0) == overlap(found, truth, UNEVEN, 2.0)


def test_surfaces_are_those_of_scipys_erosion() -> None:
    rng = np.random.default_rng(1)
    mask = rng.random((9, 8, 7)) < 0.8
    assert np.array_equal(surface_voxels(mask), mask & ~ndimage.binary_erosion(mask))
    assert surface_voxels(np.ones((1, 1, 1), bool)).all()


def test_masks_of_different_shapes_are_refused() -> None:
    with pytest.raises(BadInput, match="different shapes"):
        overlap(np.ones((2, 2, 2), bool), np.ones((2, 2, 3), bool), UNEVEN, 3.0)
