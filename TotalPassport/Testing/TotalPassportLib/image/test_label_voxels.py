"""What counts as a label image, however its numbers are stored."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.image.label_voxels import label_voxels, looks_like_intensities, present_labels
from TotalPassportLib.image.volume import load_segmentation

PATH = Path("labels.nii.gz")
LABELS = np.zeros((6, 5, 4), np.uint8)
LABELS[1:4, 1:4, 1:3] = 7
LABELS[2, 2, 2] = 200


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint16, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_labels_are_the_same_whatever_type_stores_them(kind: type, order: str) -> None:
    stored = np.minimum(LABELS, 100).astype(kind, order=order)
    labels = label_voxels(stored, PATH)
    assert labels.dtype == np.uint8
    assert np.array_equal(labels, stored)
    assert present_labels(labels) == [7, 100]


def test_large_labels_keep_sixteen_bits() -> None:
    labels = label_voxels(LABELS.astype(np.int32) * 300, PATH)
    assert labels.dtype == np.uint16
    assert present_labels(labels) == [2100, 60000]


@pytest.mark.parametrize("miss", [3e-7, -3e-7, 9e-4, -9e-4])
def test_labels_that_miss_whole_numbers_by_the_rounding_of_a_scale_factor_are_rounded(miss: float) -> None:
    labels = label_voxels(LABELS + miss, PATH)
    assert np.array_equal(labels, LABELS)


def test_a_published_image_of_such_labels_is_read(shared: Path) -> None:
    odd = shared / "odd"
    labels = load_segmentation(odd / "lab_slope_noise.nii.gz").voxels
    assert np.array_equal(labels, np.asarray(nibabel.load(odd / "shift_0.002.nii.gz").dataobj))


@pytest.mark.parametrize(
    ("voxels", "reason"),
    [
        (LABELS - 1.0, r"no labels \(-1 to 199\): it may be a scan"),
        (LABELS * 400.0, r"no labels \(0 to 80000\): it may be a scan"),
        (LABELS * 0.3, "of its voxels have fractions"),
        (np.where(LABELS == 7, np.nan, LABELS), "has 17 voxels that are NaN or infinite, which no label is"),
    ],
    ids=["negative", "too large", "fractions", "not a number"],
)
def test_other_numbers_are_refused_with_the_reason(voxels: np.ndarray, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        label_voxels(voxels, PATH)


@pytest.mark.parametrize("name", ["lab_nan.nii.gz", "lab_rgb.nii.gz", "ct_window.nii.gz"])
def test_to_whoever_gives_a_label_image_nobody_speaks_of_a_ct(name: str, shared: Path) -> None:
    with pytest.raises(BadInput) as refusal:
        load_segmentation(shared / "odd" / name)
    assert refusal.value.hint
    assert "CT" not in refusal.value.hint
    assert "Hounsfield" not in refusal.value.hint


@pytest.mark.parametrize("largest", [255, 4095])
def test_a_scan_of_whole_numbers_looks_like_one(largest: int, shared: Path) -> None:
    voxels = np.asarray(nibabel.load(shared / "data" / "example_ct_sm.nii.gz").dataobj, np.float64)
    scan = np.rint((voxels - voxels.min()) / np.ptp(voxels) * largest).astype(np.uint16)
    assert looks_like_intensities(scan, present_labels(scan))


def test_organs_do_not_look_like_a_scan(shared: Path) -> None:
    labels = load_segmentation(shared / "data" / "example_seg_fast_force_split.nii.gz").voxels
    assert not looks_like_intensities(labels, present_labels(labels))


def test_many_separate_cells_do_not_look_like_a_scan() -> None:
    cells = np.zeros((60, 60, 60), np.uint16)
    cells[::2, ::2, ::2] = np.arange(1, 27_001).reshape(30, 30, 30)
    assert not looks_like_intensities(cells, present_labels(cells))
