"""A moving scan laid onto the fixed one's grid: as SimpleITK does it by the transform's file."""

from __future__ import annotations

import math
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from scipy.spatial.transform import Rotation
from support.passports import body
from support.scans import rasterise
from TotalPassportLib.alignment import Alignment
from TotalPassportLib.alignment.deformable import DisplacementField
from TotalPassportLib.alignment.transform_files import write_alignment
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.image.image_objects import ImageArray

FIXED_SHAPE, MOVING_SHAPE = (40, 36, 30), (34, 40, 38)


def grid(shape: tuple[int, int, int], spacing_mm: float, turned_deg: float) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", [turned_deg, 4, -7], degrees=True).as_matrix() * spacing_mm
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    return affine


def itk_image(voxels: np.ndarray, affine: np.ndarray) -> SimpleITK.Image:
    image = SimpleITK.GetImageFromArray(voxels.transpose(2, 1, 0))
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    lps = np.diag([-1.0, -1, 1, 1]) @ affine
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


def alignment(deformable: bool) -> Alignment:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec([7, -9, 16.3], degrees=True).as_matrix()
    matrix[:3, 3] = (12.0, -7.0, 15.0)
    nodes = np.moveaxis(np.indices((9, 10, 11)), 0, -1) * 20.0
    origin = np.array([-90.0, -95.0, -100.0])
    field = DisplacementField(
        vectors_ras_mm=6 * np.sin(nodes[..., [1, 2, 0]] / 60), origin_ras_mm=origin, spacing_mm=20
    )
    kind = "deformable" if deformable else "rigid"
    return Alignment(kind=kind, fixed_from_moving_ras_mm=matrix, field=field if deformable else None, organs=())


@pytest.fixture(scope="module")
def moving() -> ImageArray:
    affine = grid(MOVING_SHAPE, 3.5, 10)
    return ImageArray(rasterise(MOVING_SHAPE, affine).astype(np.int16), affine)


@pytest.fixture(scope="module")
def fixed() -> ImageArray:
    return ImageArray(np.zeros(FIXED_SHAPE, np.uint8), grid(FIXED_SHAPE, 3.1, -20))


@pytest.mark.parametrize("deformable", [False, True], ids=["rigid", "deformable"])
@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
def test_a_moving_scan_comes_out_as_itk_resamples_it_by_the_transforms_file(
    deformable: bool, interpolation: str, moving: ImageArray, fixed: ImageArray, tmp_path: Path
) -> None:
    ours = alignment(deformable)
    write_alignment(ours, tmp_path / "t.h5")
    transform = SimpleITK.ReadTransform(str(tmp_path / "t.h5"))
    method = SimpleITK.sitkLinear if interpolation == "linear" else SimpleITK.sitkNearestNeighbor
    expected = SimpleITK.Resample(itk_image(*moving), itk_image(*fixed), transform, method, -1000)
    found = ours.resample(itk_image(*moving), itk_image(*fixed), interpolation=interpolation, outside=-1000)
    assert isinstance(found, SimpleITK.Image)
    assert found.GetPixelID() == SimpleITK.sitkInt16
    difference = np.abs(SimpleITK.GetArrayFromImage(found).astype(int) - SimpleITK.GetArrayFromImage(expected))
    assert (difference > 1).mean() < 1e-3  # on the border between two voxels, and at the image's very edge
    assert (SimpleITK.GetArrayFromImage(expected) != -1000).mean() > 0.1


def test_every_kind_of_image_gives_the_same_and_a_passport_has_a_grid_too(
    moving: ImageArray, fixed: ImageArray
) -> None:
    ours = alignment(False)
    plain = ours.resample(moving, fixed)
    assert isinstance(plain, ImageArray)
    assert np.array_equal(plain.affine, fixed.affine)
    of_nibabel = ours.resample(nibabel.Nifti1Image(*moving), nibabel.Nifti1Image(*fixed))
    assert isinstance(of_nibabel, nibabel.Nifti1Image)
    assert np.abs(np.asarray(of_nibabel.dataobj).astype(int) - plain.voxels).max() <= 1
    passport = body((5,))
    assert ours.resample(moving, passport).voxels.shape == passport.shape


def test_what_the_moving_scan_does_not_show_is_air_in_a_ct_and_nothing_in_labels(fixed: ImageArray) -> None:
    far = np.eye(4)
    far[:3, 3] = 5000
    for voxels, interpolation, empty in (
        (np.full((4, 4, 4), -1024, np.int16), "linear", -1000),
        (np.ones((4, 4, 4), np.uint8), "nearest", 0),
        (np.full((4, 4, 4), 7.5, np.float32), "linear", 0),
    ):
        assert (alignment(False).resample((voxels, far), fixed, interpolation=interpolation).voxels == empty).all()


def test_what_cannot_be_done_is_told(moving: ImageArray, fixed: ImageArray) -> None:
    with pytest.raises(BadInput, match="no interpolation 'cubic'"):
        alignment(False).resample(moving, fixed, interpolation="cubic")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="The moving image is of the type int"):
        alignment(False).resample(3, fixed)
    for value in (-1000, 256, 0.5, math.nan, math.inf):
        with pytest.raises(BadInput, match=f"cannot have the value {value:g}"):
            alignment(False).resample((np.ones((4, 4, 4), np.uint8), np.eye(4)), fixed, outside=value)


def test_alignments_are_compared_number_by_number() -> None:
    assert alignment(True) == alignment(True)
    assert alignment(True) != alignment(False)
