"""NRRD and MetaImage files give what the same image gives as NIfTI, and refuse what it refuses."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from support.bad_scans import SPACING, plausible
from support.scans import rotation, save_nifti
from TotalPassportLib.base.errors import BadInput, OutOfMemory
from TotalPassportLib.description_run import describe
from TotalPassportLib.image.label_names import stored_label_names
from TotalPassportLib.image.volume import load_ct, load_labels
from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run

SUFFIXES = ("nrrd", "nhdr", "mha", "mhd")
OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = rotation((10.0, 20.0, 30.0)) * (0.8, 0.9, 2.5) * [-1, -1, 1]
OBLIQUE[:3, 3] = (-7.0, 11.0, 300.0)


def converted(nifti: Path, suffix: str, *, compressed: bool = True) -> Path:
    path = nifti.with_name(f"{nifti.name.split('.')[0]}.{suffix}")
    sitk.WriteImage(sitk.ReadImage(str(nifti)), str(path), useCompression=compressed)
    return path


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_scan_is_the_same_in_every_format(suffix: str, compressed: bool, tmp_path: Path) -> None:
    nifti = save_nifti(tmp_path / "ct.nii", plausible((20, 21, 22)), OBLIQUE)
    path = converted(nifti, suffix, compressed=compressed)
    expected, found = load_ct(nifti), load_ct(path)
    assert np.array_equal(found.voxels, expected.voxels)
    assert found.voxels.dtype == expected.voxels.dtype
    assert np.allclose(found.affine, expected.affine, atol=1e-4)
    assert np.allclose(found.nominal_spacing_mm, expected.nominal_spacing_mm, atol=1e-5)
    assert found.remarks == ()
    voxels = [other for other in sorted(tmp_path.iterdir()) if other.suffix in (".raw", ".gz", ".zraw")]
    assert found.sha256 == hashlib.sha256(b"".join(part.read_bytes() for part in (path, *voxels))).hexdigest()


def test_a_run_of_a_nrrd_gives_the_labels_of_the_same_nifti(
    phantom_ct: Path, threshold_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "phantom.nrrd"
    sitk.WriteImage(sitk.ReadImage(str(phantom_ct)), str(path))
    ours, expected = (
        nibabel.load(run(scan, tmp_path / name, RunOptions(model=str(threshold_model))).paths.segmentation)
        for name, scan in (("a", path), ("b", phantom_ct))
    )
    assert np.array_equal(np.asarray(ours.dataobj), np.asarray(expected.dataobj))
    assert np.allclose(ours.affine, expected.affine)


def labels_in_slicers_own_format(folder: Path) -> Path:
    labels = np.zeros((20, 21, 22), np.uint8)
    labels[2:9, 2:9, 2:9], labels[11:18, 3:9, 4:12] = 1, 2
    image = sitk.ReadImage(str(save_nifti(folder / "seg.nii", labels, OBLIQUE)))
    for number, name in enumerate(("liver", "my lesion")):
        image.SetMetaData(f"Segment{number}_Name", name)
        image.SetMetaData(f"Segment{number}_LabelValue", str(number + 1))
    sitk.WriteImage(image, str(folder / "seg.seg.nrrd"))
    return folder / "seg.seg.nrrd"


def test_the_segments_of_slicers_own_files_keep_their_names(tmp_path: Path) -> None:
    path = labels_in_slicers_own_format(tmp_path)
    assert stored_label_names(load_labels(path).header) == {1: "liver", 2: "my lesion"}
    passport = describe(path, tmp_path / "p.json")
    assert [organ.name for organ in passport.organs.values()] == ["liver", "my lesion"]


def test_axes_that_are_sheared_are_kept_so(tmp_path: Path) -> None:
    directions = "(1,0,0) (0,1,0) (0,0.5,2)"
    fields = ["NRRD0004", "type: short", "dimension: 3", "space: right-anterior-superior", "sizes: 20 20 20"]
    fields += [f"space directions: {directions}", "kinds: domain domain domain", "endian: little", "encoding: raw"]
    text = "\n".join([*fields, "space origin: (1,2,3)", "", ""])
    (tmp_path / "ct.nrrd").write_bytes(text.encode() + plausible().tobytes(order="F"))
    volume = load_ct(tmp_path / "ct.nrrd")
    assert np.allclose(volume.affine, [[1, 0, 0, 1], [0, 1, 0.5, 2], [0, 0, 2, 3], [0, 0, 0, 1]])
    assert np.array_equal(volume.voxels, plausible())
    assert [remark.code for remark in volume.remarks] == ["tilted_gantry"]


def unplaced(folder: Path, suffix: str) -> Path:
    """Write a scan that does not say how the patient lies."""
    nrrd = "NRRD0004\ntype: short\ndimension: 3\nsizes: 20 20 20\nspacings: 2 2 2\nendian: little\nencoding: raw\n\n"
    meta = "ObjectType = Image\nNDims = 3\nDimSize = 20 20 20\nElementSpacing = 2 2 2\nElementType = MET_SHORT\n"
    text = nrrd if suffix == "nrrd" else meta + "ElementDataFile = LOCAL\n"
    (folder / f"ct.{suffix}").write_bytes(text.encode() + plausible().tobytes(order="F"))
    return folder / f"ct.{suffix}"


@pytest.mark.parametrize("suffix", ["nrrd", "mha"])
def test_a_file_that_does_not_say_how_the_patient_lies_is_told_of(suffix: str, tmp_path: Path) -> None:
    volume = load_ct(unplaced(tmp_path, suffix))
    assert [remark.code for remark in volume.remarks] == ["unknown_orientation"]
    assert np.array_equal(volume.affine, np.diag([-2.0, -2.0, 2.0, 1.0]))
    assert np.array_equal(volume.voxels, plausible())


def spoilt(path: Path, before: bytes, after: bytes) -> Path:
    content = path.read_bytes()
    assert before in content
    path.write_bytes(content.replace(before, after))
    return path


def test_voxels_elsewhere_than_beside_their_header_are_not_looked_for(tmp_path: Path) -> None:
    nifti = save_nifti(tmp_path / "ct.nii", plausible(), SPACING)
    for suffix, field in (("nhdr", b"data file: ct.raw.gz"), ("mhd", b"ElementDataFile = ct.zraw")):
        path = converted(nifti, suffix)
        spoilt(path, field, field.rpartition(b" ")[0] + b" /dev/zero")
        with pytest.raises(BadInput, match="which is no file beside it"):
            load_ct(path)


@pytest.mark.parametrize("suffix", ["nrrd", "mha"])
def test_a_damaged_file_is_one_sentence(suffix: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = converted(save_nifti(tmp_path / "ct.nii", plausible(), SPACING), suffix)
    content = path.read_bytes()
    for damaged in (content[:-3000], content[:150], b"", b"NRRD0004\n", b"this is a letter\n" * 1000, bytes(1000)):
        path.write_bytes(damaged)
        with pytest.raises(BadInput) as refusal:
            load_ct(path)
        assert "\n" not in str(refusal.value)
        assert path.name in refusal.value.message
    assert capfd.readouterr().err == ""


def test_sizes_beyond_the_file_and_beyond_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nifti = save_nifti(tmp_path / "ct.nii", plausible(), SPACING)
    path = spoilt(converted(nifti, "nrrd"), b"sizes: 20 20 20", b"sizes: 2000 2000 2000")
    with pytest.raises(BadInput, match="cannot hold them"):
        load_ct(path)
    monkeypatch.setattr("TotalPassportLib.base.memory.available_bytes", lambda: 20_000)
    with pytest.raises(OutOfMemory, match=r"Reading 'ct\.mha' needs about"):
        load_ct(converted(nifti, "mha"))


def test_what_is_no_volume_of_numbers_is_said_to_be_what_it_is(tmp_path: Path) -> None:
    colour = sitk.Image([20, 20, 20], sitk.sitkVectorUInt8, 3)
    series = sitk.JoinSeries([sitk.Image([20, 20, 20], sitk.sitkInt16)] * 2)
    for name, image, says in (("a.nrrd", colour, "several values a voxel"), ("b.mha", series, "several volumes")):
        sitk.WriteImage(image, str(tmp_path / name))
        with pytest.raises(BadInput, match=says):
            load_ct(tmp_path / name)


def test_without_simpleitk_a_sentence_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = converted(save_nifti(tmp_path / "ct.nii", plausible(), SPACING), "nrrd")
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    with pytest.raises(BadInput, match=r"Reading 'ct\.nrrd' needs SimpleITK") as refusal:
        load_ct(path)
    assert "Install the Python package SimpleITK." in str(refusal.value)


def test_a_file_that_changes_while_it_is_read_is_not_taken_for_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = converted(save_nifti(tmp_path / "ct.nii", plausible(), SPACING), "nrrd")
    real = sitk.ImageFileReader.Execute

    def replaced(reader: sitk.ImageFileReader) -> sitk.Image:
        image = real(reader)
        path.write_bytes(path.read_bytes() + b"more")
        return image

    monkeypatch.setattr(sitk.ImageFileReader, "Execute", replaced)
    with pytest.raises(BadInput, match="has changed while it was read"):
        load_ct(path)
