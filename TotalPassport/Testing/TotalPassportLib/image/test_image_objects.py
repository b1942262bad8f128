"""Images that are no files come in as what their files would hold, and go out as the same kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
from support.scans import rotation, save_nifti
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.image.image_objects import ImageArray, image_given, voxels_like
from TotalPassportLib.image.nifti import read_nifti
from TotalPassportLib.image.stored_image import StoredImage

VOXELS = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6) - 50


def oblique() -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = rotation((20.0, -30.0, 40.0)) * [-1, -1, 1] * [0.75, 0.75, 2.5]
    affine[:3, 3] = (-100.0, 30.0, -700.0)
    return affine


def as_itk(path: Path) -> Any:
    return SimpleITK.ReadImage(str(path))


KINDS = {
    "nibabel, loaded": nibabel.load,
    "nibabel, made": lambda path: nibabel.Nifti1Image(VOXELS, oblique()),
    "nibabel, MGH": lambda path: nibabel.MGHImage(VOXELS, oblique()),
    "SimpleITK": as_itk,
    "a pair": lambda path: (VOXELS, oblique()),
    "a pair, big-endian and of lists": lambda path: (VOXELS.astype(">i2"), oblique().tolist()),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return save_nifti(tmp_path / "scan.nii.gz", VOXELS, oblique())


@pytest.mark.parametrize("name", KINDS)
def test_an_object_holds_what_its_file_holds(name: str, path: Path) -> None:
    stored, given = read_nifti(path), image_given(KINDS[name](path))
    assert isinstance(given, StoredImage)
    assert np.array_equal(given.voxels, stored.voxels)
    assert given.voxels.dtype == stored.voxels.dtype
    assert np.allclose(given.affine, stored.affine, rtol=0, atol=1e-4)
    assert np.allclose(given.nominal_spacing_mm, stored.nominal_spacing_mm, rtol=1e-6)
    assert len(given.sha256) == 64


@pytest.mark.parametrize("name", KINDS)
def test_what_comes_back_is_of_the_same_kind_on_the_same_grid(name: str, path: Path) -> None:
    image = KINDS[name](path)
    given = image_given(image)
    assert isinstance(given, StoredImage)
    made = voxels_like(image, given.voxels.astype(np.uint8), given.affine)
    kind = ImageArray if isinstance(image, tuple) else SimpleITK.Image if name == "SimpleITK" else nibabel.Nifti1Image
    assert isinstance(made, kind)
    again = image_given(made)
    assert isinstance(again, StoredImage)
    assert np.array_equal(again.voxels, given.voxels.astype(np.uint8))
    assert np.allclose(again.affine, given.affine, rtol=0, atol=1e-4)
    if name == "SimpleITK":  # ITK refuses to mask one by the other unless they agree to the last digits
        SimpleITK.Mask(image, made)


def test_an_image_is_not_changed_by_what_is_done_to_the_copy() -> None:
    voxels = VOXELS.copy()
    given = image_given((voxels, np.eye(4)))
    assert isinstance(given, StoredImage)
    given.voxels[:] = 0
    assert np.array_equal(voxels, VOXELS)


def test_masks_of_truth_values_and_whole_numbers_in_double_precision_are_taken_for_what_they_are() -> None:
    for array, kind in ((VOXELS > 0, np.uint8), (VOXELS.astype(np.float64), np.int16)):
        given = image_given((array, np.eye(4)))
        assert isinstance(given, StoredImage)
        assert given.voxels.dtype == kind


def test_assumptions_about_a_header_are_told_as_of_a_file() -> None:
    image = nibabel.Nifti1Image(VOXELS, np.eye(4))
    image.header["sform_code"] = image.header["qform_code"] = 0
    given = image_given(image)
    assert isinstance(given, StoredImage)
    assert [remark.code for remark in given.remarks] == ["unknown_orientation"]


BAD = {
    "a number": (5, "is of the type int"),
    "an array alone": (VOXELS, "is of the type ndarray"),
    "a 2-D array": ((VOXELS[0], np.eye(4)), "2-D image"),
    "a time series": ((np.zeros((4, 4, 4, 2)), np.eye(4)), "several volumes"),
    "colours": (SimpleITK.Image([4, 4, 4], SimpleITK.sitkVectorUInt8, 3), "several values a voxel"),
    "a 2-D ITK image": (SimpleITK.Image([4, 4], SimpleITK.sitkUInt8), "2-D image"),
    "texts": ((np.full((4, 4, 4), "a"), np.eye(4)), "not numbers"),
    "an affine of 3 x 3": ((VOXELS, np.eye(3)), "no 4 x 4 matrix"),
    "an affine of words": ((VOXELS, "RAS"), "no 4 x 4 matrix"),
    "an affine that is no number": ((VOXELS, np.diag([np.nan, 1, 1, 1])), "no numbers"),
    "a flat affine": ((VOXELS, np.diag([1, 1, 0, 1])), "zero, negative or missing voxel size"),
    "Analyze": (nibabel.AnalyzeImage(VOXELS, np.eye(4)), "older format Analyze"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_image_is_refused_in_a_sentence(name: str) -> None:
    image, sentence = BAD[name]
    with pytest.raises(BadInput, match=sentence):
        image_given(image)
