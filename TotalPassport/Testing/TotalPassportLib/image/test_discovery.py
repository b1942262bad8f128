"""What a folder has in it is found, named, counted and read again by what was found."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.bad_scans import plausible
from support.dicom_files import write_enhanced, write_slices
from support.scans import save_nifti
from TotalPassportLib.image.discovery import FoundScan, find_scans
from TotalPassportLib.image.volume import load_ct

SHAPE = (20, 17, 9)
AFFINE = np.diag([0.8, 0.9, 3.0, 1.0])
SCAN = plausible(SHAPE)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder as a server has it: two patients, formats side by side, series by folder and in one folder."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "one").mkdir()
    save_nifti(folder / "one" / "ct.nii.gz", SCAN + 1, np.diag([2.0, 2, 2, 1]))
    write_slices(folder / "one" / "dicom" / "arterial", SCAN + 2, AFFINE)
    write_slices(folder / "one" / "dicom" / "scout", SCAN, AFFINE, tags={"ImageType": ["ORIGINAL", "LOCALIZER"]})
    uid = write_slices(folder / "two", SCAN + 3, AFFINE, tags={"AcquisitionNumber": 1}, name="a")
    write_slices(folder / "two", SCAN + 4, AFFINE, tags={"AcquisitionNumber": 2}, name="b", uid=uid)
    write_slices(folder / "two" / "mr", SCAN + 5, AFFINE, modality="MR")
    write_enhanced(folder / "three" / "IM0001", SCAN + 6, AFFINE)
    write_slices(folder / "zipped", SCAN + 7, AFFINE)
    shutil.make_archive(str(folder / "four"), "zip", folder / "zipped")
    shutil.rmtree(folder / "zipped")
    (folder / "notes.zip").write_bytes(b"PK")
    (folder / "five").mkdir()
    (folder / "five" / "damaged.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 40)
    (folder / "notes.txt").write_text("not a scan")
    return folder


def test_every_scan_of_a_server_is_found_once(archive: Path) -> None:
    found = {(scan.path.relative_to(archive).as_posix(), scan.description, scan.slices) for scan in find_scans(archive)}
    assert found == {
        ("four.zip", "Abdomen", 9),
        ("notes.zip", "", None),
        ("one/ct.nii.gz", "", None),
        ("one/dicom/arterial", "Abdomen", 9),
        ("three", "Abdomen", 9),
        ("five/damaged.dcm", "", None),
        ("two", "Abdomen, acquisition number 1", 9),
        ("two", "Abdomen, acquisition number 2", 9),
        ("two/mr", "Abdomen", 9),
    }


def test_what_was_found_is_read_by_its_path_and_series(archive: Path) -> None:
    readable = [scan for scan in find_scans(archive, "CT") if scan.size is not None or scan.path.suffix == ".gz"]
    lowest = {int(load_ct(scan.path, series=scan.series).voxels.min()) - int(SCAN.min()) for scan in readable}
    assert lowest == {1, 2, 3, 4, 6, 7}


def test_a_scan_says_what_it_is_and_which_files_are_its_own(archive: Path) -> None:
    (arterial,) = find_scans(archive / "one" / "dicom")
    assert str(arterial) == "Abdomen (CT, 9 slices of 20 x 17)"
    assert len(arterial.files) == 9
    assert find_scans(archive / "one" / "ct.nii.gz") == [
        FoundScan(path=archive / "one" / "ct.nii.gz", files=(archive / "one" / "ct.nii.gz",))
    ]


def test_nothing_of_a_patient_is_kept(archive: Path) -> None:
    assert "anary" not in repr(find_scans(archive))
