"""Where a scan lies whose header is unclear, contradicts itself, or counts in other units: said, and as ITK has it."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from support.bad_scans import PIXDIM, QFORM, plausible
from support.scans import rotation, save_nifti
from TotalPassportLib.base.events import Event
from TotalPassportLib.description_run import describe
from TotalPassportLib.image.volume import Volume, load_ct
from TotalPassportLib.passport import Passport, read_passport

SFORM = np.diag([2.0, 2.5, 3.0, 1.0])
SFORM[:3, 3] = (10.0, -20.0, 30.0)
UNITS = 123
"""Byte of the header."""


def scan(
    folder: Path, qform_code: int, sform_code: int, *, unit: int = 2, qform: np.ndarray = SFORM, qfac: float = 1.0
) -> Path:
    """Write a scan whose statements about its place are set byte by byte, so that no library mends them."""
    image = nibabel.Nifti1Image(plausible(), None)
    image.header.set_sform(SFORM, 1)
    image.header.set_qform(qform, 1)
    path = folder / "ct.nii"
    image.to_filename(path)
    content = bytearray(path.read_bytes())
    struct.pack_into("<hh", content, QFORM, qform_code, sform_code)
    struct.pack_into("<f", content, PIXDIM, qfac)
    content[UNITS] = unit
    path.write_bytes(content)
    return path


def affine_of_itk(path: Path) -> np.ndarray:
    """Return voxel indices to RAS mm as ITK has them, which counts in LPS."""
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def loaded(path: Path) -> tuple[Volume, dict[str, str]]:
    warnings: dict[str, str] = {}
    return load_ct(path, warnings.__setitem__), warnings


@pytest.mark.parametrize("qfac", [1.0, -1.0])
def test_a_scan_that_does_not_say_how_the_patient_lies_lies_where_itk_puts_it_and_that_is_said(
    qfac: float, tmp_path: Path
) -> None:
    path = scan(tmp_path, 0, 0, qfac=qfac)
    volume, warnings = loaded(path)
    assert np.allclose(volume.affine, affine_of_itk(path))
    assert warnings["unknown_orientation"].startswith("The header of 'ct.nii' does not say how the patient lies.")
    assert "left and right may be exchanged" in warnings["unknown_orientation"]


@pytest.mark.parametrize("sform_code", [1, 2, 3, 4])
def test_two_statements_that_differ_are_told_with_what_was_taken_and_what_slicer_takes(
    sform_code: int, tmp_path: Path
) -> None:
    moved = SFORM.copy()
    moved[:3, 3] += (3.0, 0.0, 4.0)
    path = scan(tmp_path, 1, sform_code, qform=moved)
    volume, warnings = loaded(path)
    assert np.array_equal(volume.affine, SFORM)
    assert "up to 5 mm apart" in warnings["contradicting_orientation"]
    itk_takes_the_quaternion = np.allclose(affine_of_itk(path), moved)
    assert ("Slicer goes by the quaternion" in warnings["contradicting_orientation"]) == itk_takes_the_quaternion


@pytest.mark.parametrize("codes", [(1, 1), (1, 2), (2, 4)])
def test_two_statements_that_agree_to_the_rounding_of_a_header_are_no_matter(
    codes: tuple[int, int], tmp_path: Path
) -> None:
    affine = np.eye(4)
    affine[:3, :3] = rotation((17.3, -41.2, 76.9)) * (0.7, 0.7, 5.0)
    affine[:3, 3] = (1234.5, -987.6, 0.1)
    image = nibabel.Nifti1Image(plausible((200, 200, 40)), affine)
    image.set_qform(affine, codes[0])
    image.set_sform(affine, codes[1])
    nibabel.save(image, tmp_path / "ct.nii")
    assert loaded(tmp_path / "ct.nii")[1] == {}


@pytest.mark.parametrize("unit", [0, 1, 2, 3, 4, 7, 8, 8 + 1, 16 + 3, 24 + 2, 32])
@pytest.mark.parametrize("codes", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_units_are_those_that_itk_applies(unit: int, codes: tuple[int, int], tmp_path: Path) -> None:
    factor = {1: 1000.0, 3: 0.001}.get(unit & 7, 1.0)
    path = scan(tmp_path, *codes, unit=unit)
    content = bytearray(path.read_bytes())
    # The same scan in another unit.
    for place in (PIXDIM + 4, PIXDIM + 8, PIXDIM + 12, *range(268, 280, 4), *range(280, 328, 4)):
        struct.pack_into("<f", content, place, struct.unpack_from("<f", content, place)[0] / factor)
    path.write_bytes(content)
    volume, warnings = loaded(path)
    assert np.allclose(volume.affine, affine_of_itk(path), rtol=1e-6)
    assert np.allclose(volume.nominal_spacing_mm, (2.0, 2.5, 3.0))
    assert np.allclose(volume.spacing_mm, (2.0, 2.5, 3.0))
    assert ("converted_units" in warnings) == (factor != 1)


def described(path: Path, folder: Path, events: list[Event] | None = None) -> Passport:
    describe(path, folder / "passport.json", labels="total", on_event=(events if events is not None else []).append)
    return read_passport(folder / "passport.json")


@pytest.mark.slow
def test_a_liver_in_metres_has_the_volume_of_the_same_liver_in_millimetres(shared: Path, tmp_path: Path) -> None:
    liver, expected = (
        described(shared / "odd" / f"{name}.nii.gz", tmp_path).organs[5] for name in ("lab_meter_true", "shift_0.002")
    )
    assert liver.volume_mm3 == pytest.approx(expected.volume_mm3, rel=1e-6)
    assert np.allclose(liver.centroid_ras_mm, expected.centroid_ras_mm, atol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "code", "severity"),
    [
        ("lab_noforms", "unknown_orientation", "warning"),
        ("lab_meter_true", "converted_units", "note"),
    ],
)
def test_what_was_assumed_is_warned_of_and_stays_in_the_passport_without_the_files_name(
    name: str, code: str, severity: str, shared: Path, tmp_path: Path
) -> None:
    events: list[Event] = []
    passport = described(Path(shutil.copy(shared / "odd" / f"{name}.nii.gz", tmp_path)), tmp_path, events)
    (finding,) = [finding for finding in passport.findings if finding.code == code]
    assert (finding.severity, finding.labels) == (severity, ())
    assert "the label image" in finding.message
    assert name not in finding.message
    warnings = {event["code"]: event["message"] for event in events if event["event"] == "warning"}
    assert f"'{name}.nii.gz'" in warnings[code]


def test_a_published_scan_that_contradicts_itself_is_told_of(shared: Path) -> None:
    volume, warnings = loaded(shared / "odd" / "ct_sform_aligned.nii.gz")
    assert "mm apart" in warnings["contradicting_orientation"]
    assert np.array_equal(volume.affine, nibabel.load(volume.path).affine)


@pytest.mark.parametrize("spacing_mm", [1e-4, 1000.0])
def test_an_image_larger_than_any_scanner_or_smaller_than_any_organ_is_told_of(
    spacing_mm: float, tmp_path: Path
) -> None:
    voxels = np.zeros((9, 9, 9), np.uint8)
    voxels[3:6, 3:6, 3:6] = 1
    path = save_nifti(tmp_path / "labels.nii", voxels, np.diag([spacing_mm] * 3 + [1.0]))
    codes = {finding.code for finding in described(path, tmp_path).findings}
    assert "implausible_size" in codes
