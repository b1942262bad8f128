"""The numbers of TotalSegmentator's own statistics, to the last digit."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.segmentation.official_statistics import (
    StatisticsKind,
    official_statistics,
    statistics_text,
    voxel_volume_mm3,
)

TOTAL = load_label_table("total")


def block(first: int, last: int = 15) -> np.ndarray:
    """A liver that begins at a voxel of the first axis, in a volume of 20 voxels a side."""
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[first:last, 5:15, 5:15] = 5
    return labels


def test_totalsegmentators_published_statistics_are_reproduced_byte_for_byte(shared: Path) -> None:
    labels = nibabel.load(shared / "data" / "example_seg_fast.nii.gz")
    ct = nibabel.load(shared / "data" / "example_ct_sm.nii.gz")
    statistics = official_statistics(
        np.asarray(labels.dataobj).astype(np.uint8),
        np.asarray(ct.dataobj),
        float(np.prod(ct.header.get_zooms())),
        TOTAL,
        list(TOTAL),
        StatisticsKind(include_incomplete=True),
    )
    published = shared / "data" / "example_seg_fast_statistics.json"
    assert statistics_text(statistics) == published.read_text(encoding="utf-8")


@pytest.mark.parametrize(("first", "given"), [(2, False), (3, True)])
def test_a_structure_in_the_outer_three_voxels_is_given_as_absent(first: int, given: bool) -> None:
    labels = block(first)
    arguments = (labels, np.full(labels.shape, 60), 27.0, TOTAL, [5])
    whole = {"volume": labels.astype(bool).sum() * 27.0, "intensity": 60.0}
    assert official_statistics(*arguments)["liver"] == (whole if given else {"volume": 0.0, "intensity": 0.0})
    assert official_statistics(*arguments, StatisticsKind(include_incomplete=True))["liver"] == whole


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("end", [False, True])
def test_every_face_counts_as_border(axis: int, end: bool) -> None:
    labels = block(5)
    outermost = [10, 10, 10]
    outermost[axis] = 17 if end else 2
    labels[tuple(outermost)] = 5
    assert official_statistics(labels, np.ones(labels.shape), 1.0, TOTAL, [5])["liver"]["volume"] == 0.0


def test_fractions_of_hounsfield_units_are_cut_off_and_means_have_five_decimals() -> None:
    labels = block(5, 8)
    hounsfield = np.where(np.arange(20)[:, None, None] == 5, -10.9, 20.9) * np.ones(labels.shape)
    assert official_statistics(labels, hounsfield, 1.0, TOTAL, [5])["liver"]["intensity"] == round(30 / 3, 5)
    hounsfield[6] = 1.0
    assert official_statistics(labels, hounsfield, 1.0, TOTAL, [5])["liver"]["intensity"] == 3.66667


def test_structures_come_in_the_order_of_their_values_and_absent_ones_are_zero() -> None:
    statistics = official_statistics(block(5), np.zeros((20, 20, 20)), 1.0, TOTAL, [5, 1, 117])
    assert list(statistics) == ["spleen", "liver", "costal_cartilages"]
    assert statistics["spleen"] == {"volume": 0.0, "intensity": 0.0}


def test_halves_of_the_last_decimal_are_rounded_as_numpy_does() -> None:
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[5:9, 5:15, 5:13] = 5  # 320 voxels
    hounsfield = np.zeros(labels.shape)
    hounsfield[6, 6, 6] = 1
    mean = official_statistics(labels, hounsfield, 1.0, TOTAL, [5])["liver"]["intensity"]
    assert mean == 0.00312  # Python rounds 1 / 320 to 0.00313


HALVES = np.where(np.arange(20)[:, None, None] < 6, -10, 20) * np.ones((20, 20, 20))


def test_the_median_can_be_told_instead_of_the_mean() -> None:
    labels = block(5, 8)  # a third of it is -10
    mean, median = (
        official_statistics(labels, HALVES, 1.0, TOTAL, [5], StatisticsKind(median=flag))["liver"]["intensity"]
        for flag in (False, True)
    )
    assert (mean, median) == (10.0, 20.0)


def test_further_measures_are_those_of_the_structures_voxels() -> None:
    labels = block(5, 8)
    statistics = official_statistics(labels, HALVES, 2.0, TOTAL, [1, 5], StatisticsKind(extra=True))
    assert statistics["liver"] == {
        "volume": 600.0, "intensity": 10.0, "n_voxels": 300,
        "intensity_std": round(float(np.std([-10, 20, 20])), 5), "intensity_min": -10.0, "intensity_max": 20.0,
        "centroid_vox": [6.0, 9.5, 9.5], "bbox_vox": [[5, 7], [5, 14], [5, 14]],
    }  # fmt: skip
    assert statistics["spleen"] == {
        "volume": 0.0, "intensity": 0.0, "n_voxels": 0, "intensity_std": 0.0, "intensity_min": 0.0,
        "intensity_max": 0.0, "centroid_vox": None, "bbox_vox": None,
    }  # fmt: skip


def test_intensities_can_be_parts_of_the_whole_scans_range() -> None:
    labels = block(5, 8)
    whole = HALVES.copy()
    whole[0, 0, 0] = 90
    normalized = official_statistics(labels, whole, 1.0, TOTAL, [5], StatisticsKind(normalized=True))
    assert normalized["liver"]["intensity"] == 0.2


def test_volumes_are_those_of_voxel_sizes_in_single_precision() -> None:
    """The official package gave this for 104 voxels of 2.9 x 3.1 x 3.3 mm; in double precision it is 3085.3680."""
    assert 104 * voxel_volume_mm3((2.9, 3.1, 3.3)) == 3085.3677825927734
