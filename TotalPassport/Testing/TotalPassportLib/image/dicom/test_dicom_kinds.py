"""DICOM as scanners, archives and people hand it over: every kind gives the scan that it is of, or a sentence."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.fileset import FileSet
from support.bad_scans import plausible
from support.dicom_files import write_enhanced, write_slices
from support.scans import rotation
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.image.dicom.dicom_archive import unpacked
from TotalPassportLib.image.discovery import find_scans
from TotalPassportLib.image.formats import stem_of
from TotalPassportLib.image.volume import load_ct

SHAPE = (20, 17, 9)
SPACING_MM = np.array([0.8, 0.9, 3.0])
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
SCAN = plausible(SHAPE)


def placed(linear: np.ndarray) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear * SPACING_MM, (-7.0, 11.0, 300.0)
    return affine


def tilted() -> np.ndarray:
    sheared = np.eye(3)
    sheared[1, 2] = np.tan(np.radians(12))
    return sheared


AXIAL = placed(np.eye(3))
GEOMETRIES = {
    "axial": np.eye(3),
    "oblique": rotation((10.0, -20.0, 30.0)),
    "coronal": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "feet first": np.diag([1.0, 1.0, 1.0])[:, [0, 1, 2]] * [1, -1, -1],
    "tilted": tilted(),
}


def assert_same_scan(path: Path, affine_lps: np.ndarray, series: str = "", expected: np.ndarray = SCAN) -> None:
    volume = load_ct(path, series=series)
    assert np.allclose(volume.voxels, expected, atol=1e-3)
    assert np.allclose(volume.affine, RAS_FROM_LPS @ affine_lps, atol=1e-5)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("kind", ["slices", "reversed", "enhanced", "enhanced shuffled"])
def test_every_voxel_lies_where_the_scanner_has_it(kind: str, geometry: str, tmp_path: Path) -> None:
    affine = placed(GEOMETRIES[geometry])
    path = tmp_path / "study"
    if kind.startswith("enhanced"):
        write_enhanced(
            path / "one.dcm", SCAN, affine, order=[3, 1, 4, 0, 8, 5, 2, 6, 7] if "shuffled" in kind else None
        )
    else:
        write_slices(path, SCAN, affine, keep=range(SHAPE[2])[::-1] if kind == "reversed" else None)
    assert_same_scan(path, affine)


@pytest.mark.parametrize("write", [write_slices, write_enhanced])
def test_slices_of_different_scales_are_all_in_hounsfield_units(write: object, tmp_path: Path) -> None:
    target = tmp_path / "study" if write is write_slices else tmp_path / "study" / "one.dcm"
    even = (SCAN // 4 * 4).astype(np.float64)
    write(target, even, AXIAL, rescales=((1.0, -1024.0), (2.0, -1000.0), (0.5, 0.0)))  # type: ignore[operator]
    assert_same_scan(tmp_path / "study", AXIAL, expected=even)


def test_fractions_of_a_scale_are_kept(tmp_path: Path) -> None:
    values = SCAN * 0.25
    write_slices(tmp_path / "study", values, AXIAL, rescales=((1.0, 0.0), (0.25, -100.0)))
    whole = values.copy()
    whole[:, :, ::2] = np.round(whole[:, :, ::2])
    assert_same_scan(tmp_path / "study", AXIAL, expected=whole)


def test_one_file_stands_for_its_series_and_a_folder_for_all_below_it(tmp_path: Path) -> None:
    write_slices(tmp_path / "study" / "a", SCAN, AXIAL, keep=range(5))
    uid = write_slices(tmp_path / "other", SCAN + 1, AXIAL)
    assert_same_scan(tmp_path / "other" / "slice004.dcm", AXIAL, expected=SCAN + 1)
    shutil.copytree(tmp_path / "other", tmp_path / "study" / "b" / "c")
    for path in (tmp_path / "study" / "b" / "c").iterdir():
        path.rename(path.with_suffix(""))  # as archives name them
    assert_same_scan(tmp_path / "study", AXIAL, series=uid, expected=SCAN + 1)
    assert_same_scan(tmp_path / "study" / "b" / "c" / "slice002", AXIAL, expected=SCAN + 1)
    assert [(scan.path.name, scan.slices) for scan in find_scans(tmp_path / "study")] == [("a", 5), ("c", 9)]


def test_of_several_scans_the_one_with_the_most_slices_is_taken_which_is_said(tmp_path: Path) -> None:
    write_slices(tmp_path / "thick", SCAN, AXIAL, keep=range(0, 9, 2))
    write_slices(tmp_path / "thin", SCAN, AXIAL)
    volume = load_ct(tmp_path)
    assert volume.voxels.shape == SHAPE
    assert [remark.code for remark in volume.remarks] == ["chosen_series"]
    write_slices(tmp_path / "sharp", SCAN, AXIAL)
    with pytest.raises(BadInput, match=r"has 3 series: 1: Abdomen .*Abdomen \(CT, 9 slices of 20 x 17\)"):
        load_ct(tmp_path)


def test_a_disc_is_read_by_its_directory(tmp_path: Path) -> None:
    write_slices(tmp_path / "source", SCAN, AXIAL)
    disc = FileSet()
    for path in (tmp_path / "source").iterdir():
        disc.add(path)
    disc.write(tmp_path / "disc")
    assert_same_scan(tmp_path / "disc" / "DICOMDIR", AXIAL)
    (found,) = find_scans(tmp_path / "disc" / "DICOMDIR")
    assert found.slices == 9
    assert_same_scan(found.path, AXIAL, series=found.series)


def test_a_directory_that_leads_out_of_its_disc_is_refused(tmp_path: Path) -> None:
    write_slices(tmp_path / "source", SCAN, AXIAL, keep=[0])
    disc = FileSet()
    disc.add(tmp_path / "source" / "slice000.dcm")
    disc.write(tmp_path / "disc")
    directory = pydicom.dcmread(tmp_path / "disc" / "DICOMDIR")
    for record in directory.DirectoryRecordSequence:
        if record.DirectoryRecordType == "IMAGE":
            record.ReferencedFileID = ["..", "source", "slice000.dcm"]
    directory.save_as(tmp_path / "disc" / "DICOMDIR")
    with pytest.raises(BadInput, match="lists a file outside of its own folder"):
        load_ct(tmp_path / "disc" / "DICOMDIR")


def test_a_zip_is_read_as_its_folder_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_slices(tmp_path / "study", SCAN, AXIAL)
    archive = Path(shutil.make_archive(str(tmp_path / "study"), "zip", tmp_path / "study"))
    private = tmp_path / "private"
    private.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(private))
    assert_same_scan(archive, AXIAL)
    assert list(private.iterdir()) == []
    assert stem_of(archive) == "study"


def hostile_zip(path: Path, kind: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        if kind == "bomb":
            archive.writestr("a.dcm", bytes(2**27))
        elif kind == "link":
            member = zipfile.ZipInfo("a.dcm")
            member.external_attr = 0o120777 << 16
            archive.writestr(member, "/etc/passwd")
        elif kind == "traversal":
            archive.writestr("../../../outside.dcm", b"x")
        else:
            archive.writestr("a.dcm", b"no DICOM")
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[:-30])
    return path


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("bomb", "claims to unpack to more than any scan"),
        ("link", "holds a link"),
        ("traversal", "nothing in it is an image in DICOM|header cannot be read"),
        ("truncated", "is damaged or no zip file"),
        ("nothing", "nothing in it is an image in DICOM"),
    ],
)
def test_a_hostile_zip_is_refused_in_a_sentence(
    kind: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "private"
    private.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(private))
    with pytest.raises(BadInput, match=sentence):
        load_ct(hostile_zip(tmp_path / "scan.zip", kind))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["private", "scan.zip"]
    assert list(private.iterdir()) == []


def test_members_keep_their_names_apart_from_their_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../b.dcm", b"second")
        archive.writestr("../a.dcm", b"first")
    with unpacked(tmp_path / "a.zip") as (folder, names):
        assert {names[path.name]: path.read_bytes() for path in folder.iterdir()} == {
            "../a.dcm": b"first",
            "../b.dcm": b"second",
        }


@pytest.mark.parametrize(
    ("keyword", "values", "words"),
    [
        ("EchoTime", (4.6, 13.8), "echo time"),
        ("TemporalPositionIdentifier", (1, 2), "temporal position identifier"),
        ("AcquisitionNumber", (1, 2), "acquisition number"),
    ],
)
def test_phases_of_one_series_are_listed_and_chosen(
    keyword: str, values: tuple[float, float], words: str, tmp_path: Path
) -> None:
    uid = write_slices(tmp_path / "study", SCAN, AXIAL, name="a", tags={keyword: values[0]})
    write_slices(tmp_path / "study", SCAN + 7, AXIAL, name="b", uid=uid, tags={keyword: values[1]})
    with pytest.raises(BadInput, match=f"has 2 series: 1: Abdomen, {words} {values[0]} .*; 2: Abdomen, {words} "):
        load_ct(tmp_path / "study")
    assert_same_scan(tmp_path / "study", AXIAL, series="1")
    assert_same_scan(tmp_path / "study", AXIAL, series=f"{uid}/2", expected=SCAN + 7)


def test_an_acquisition_number_of_each_slice_parts_nothing(tmp_path: Path) -> None:
    write_slices(tmp_path / "study", SCAN, AXIAL, tags={"AcquisitionNumber": lambda k: k + 1})
    assert_same_scan(tmp_path / "study", AXIAL)


def test_localizers_and_other_modalities_are_no_question(tmp_path: Path) -> None:
    study = tmp_path / "study"
    write_slices(study / "ct", SCAN, AXIAL)
    write_slices(study / "scout", SCAN, AXIAL, tags={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]})
    write_slices(study / "mr", SCAN + 3, AXIAL, modality="MR")
    assert_same_scan(study, AXIAL)
    with pytest.raises(BadInput, match="a localizer"):
        load_ct(study, series="17")


@pytest.mark.parametrize("missing", [(4,), (1, 2)])
def test_missing_slices_are_refused(missing: tuple[int, ...], tmp_path: Path) -> None:
    write_slices(tmp_path / "study", SCAN, AXIAL, keep=[k for k in range(SHAPE[2]) if k not in missing])
    with pytest.raises(BadInput, match="not evenly spaced"):
        load_ct(tmp_path / "study")


def test_what_says_nothing_of_its_place_is_refused(tmp_path: Path) -> None:
    write_slices(tmp_path / "study", SCAN, AXIAL, tags={"ImagePositionPatient": None})
    with pytest.raises(BadInput, match="does not say where it lies"):
        load_ct(tmp_path / "study")


def test_a_damaged_slice_is_told_and_not_left_out(tmp_path: Path) -> None:
    write_slices(tmp_path / "study", SCAN, AXIAL)
    damaged = tmp_path / "study" / "slice004.dcm"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    with pytest.raises(BadInput, match=r"damaged|truncated"):
        load_ct(tmp_path / "study")
