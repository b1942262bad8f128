"""A segmentation from any program becomes a passport that says what is known of its names, and from where."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.scans import save_nifti
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.events import Event
from TotalPassportLib.base.hints import hint_of_event
from TotalPassportLib.base.labels import Label, LabelTable, load_label_table
from TotalPassportLib.description_run import describe
from TotalPassportLib.image.label_names import CARET_XML, label_names_xml
from TotalPassportLib.passport import Passport, read_passport

TOTAL = load_label_table("total")
AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])
SHAPE = (40, 36, 30)
BOXES = {
    "liver": np.s_[0:15, 5:20, 5:20],
    "spleen": np.s_[25:35, 5:15, 8:20],
    "heart_myocardium": np.s_[10:30, 10:25, 15:28],
    "my lesion": np.s_[12:16, 12:16, 16:19],
}
"""Structures that overlap; the liver reaches the image's edge."""


def mask(box: tuple) -> np.ndarray:
    voxels = np.zeros(SHAPE, np.uint8)
    voxels[box] = 1
    return voxels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Masks that overlap, one empty, and what else lies in such a folder."""
    folder = tmp_path / "segmentations of a patient"
    folder.mkdir()
    for name, box in BOXES.items():
        save_nifti(folder / f"{name}.nii.gz", mask(box), AFFINE)
    save_nifti(folder / "spinal_cord.nii.gz", np.zeros(SHAPE, np.uint8), AFFINE)
    (folder / "statistics.json").write_text("{}", encoding="utf-8")
    scan = np.random.default_rng(0).normal(0, 300, SHAPE).astype(np.int16)
    save_nifti(folder / "ct.nii.gz", scan, AFFINE)
    return folder


def described(source: Path, events: list[Event] | None = None, **options: object) -> Passport:
    output = source.parent / "out" / "passport.json"
    describe(source, output, on_event=(events if events is not None else []).append, **options)
    return read_passport(output)


def by_name(passport: Passport) -> dict:
    return {organ.name: organ for organ in passport.organs.values()}


def test_a_mask_is_named_by_its_file_not_by_its_number(shared: Path, tmp_path: Path) -> None:
    path = shutil.copy(shared / "odd" / "vertebrae_L3.nii.gz", tmp_path / "Vertebrae_L3.NII.GZ")
    passport = described(Path(path))
    assert [(label, organ.name) for label, organ in passport.organs.items()] == [(1, "vertebrae_L3")]
    assert passport.organs[1].terminology == TOTAL.named("vertebrae_L3").terminology
    assert passport.model["names_from"] == "file name"


def test_another_programs_labels_are_no_spleen(shared: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    passport = described(Path(shutil.copy(shared / "odd" / "lungmask.nii.gz", tmp_path)), events)
    assert [organ.name for organ in passport.organs.values()] == ["label 1", "label 2"]
    assert {organ.terminology for organ in passport.organs.values()} == {None}
    assert passport.model["names_from"] == "none"
    warnings = {event["code"]: event["message"] for event in events if event["event"] == "warning"}
    assert warnings["names_unknown"] == passport.model["names_note"] == "Nothing says what the labels are."
    (hint,) = [hint_of_event(event) for event in events if event.get("code") == "names_unknown"]
    assert "give a label table to describe() as 'labels': " in str(hint)
    assert "total_v1" in str(hint)


@pytest.mark.slow
def test_assumed_names_are_told_and_recorded(shared: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    passport = described(Path(shutil.copy(shared / "odd" / "shift_0.002.nii.gz", tmp_path)), events)
    assert passport.organs[5].name == "liver"
    assert (passport.model["names_from"], passport.model["labels"]) == ("assumed", "total")
    assert "names_assumed" in {event["code"] for event in events if event["event"] == "warning"}
    assert "names_assumed" in {finding.code for finding in passport.findings}


@pytest.mark.slow
def test_an_empty_stored_name_becomes_the_labels_number(shared: Path, tmp_path: Path) -> None:
    passport = described(Path(shutil.copy(shared / "odd" / "names_empty.nii.gz", tmp_path)))
    assert (passport.organs[1].name, passport.organs[5].name) == ("label 1", "liver")


def test_labels_of_version_1_are_named_by_its_table(tmp_path: Path) -> None:
    voxels = np.where(mask(BOXES["liver"]), np.uint8(5), 7 * mask(BOXES["spleen"]))
    passport = described(save_nifti(tmp_path / "old.nii.gz", voxels, AFFINE), labels="total_v1")
    assert {label: organ.name for label, organ in passport.organs.items()} == {5: "liver", 7: "aorta"}
    assert passport.model == {"labels": "total_v1", "names_from": "given"}
    assert "empty" not in {finding.code for finding in passport.findings}


def test_a_scan_given_as_labels_is_asked_about_and_a_table_is_the_answer(shared: Path, tmp_path: Path) -> None:
    voxels = np.asarray(nibabel.load(shared / "data" / "example_ct_sm.nii.gz").dataobj)
    path = save_nifti(tmp_path / "mr.nii", (voxels - voxels.min())[40:60, 40:60, 5:15].astype(np.uint16), AFFINE)
    with pytest.raises(BadInput, match="looks like a scan, not like labels") as refusal:
        described(path)
    assert "give describe() a label table as 'labels': " in str(refusal.value.hint)
    table = tmp_path / "dataset.json"
    table.write_text('{"labels": {"background": 0, "tissue": 1000}}', encoding="utf-8")
    assert described(path, labels=str(table)).organs


def test_a_folder_of_masks_has_each_structure_whole_where_they_overlap(folder: Path) -> None:
    organs = by_name(described(folder))
    assert set(organs) == set(BOXES)
    for name, box in BOXES.items():
        assert organs[name].voxel_count == int(mask(box).sum()), name


def test_a_mask_in_a_folder_is_measured_as_the_same_file_alone(folder: Path, tmp_path: Path) -> None:
    together = by_name(described(folder, ct=folder / "ct.nii.gz"))
    for name in BOXES:
        alone = described(folder / f"{name}.nii.gz", ct=folder / "ct.nii.gz").organs[1]
        organ = together[name]
        for field, value in vars(alone).items():
            if field not in ("label", "name", "checks", "terminology"):
                other = getattr(organ, field)
                same = value == other if isinstance(value, dict | tuple | bool | None) else np.allclose(value, other)
                assert same, (name, field)


def named_mask(path: Path, name: str, box: tuple) -> None:
    """Write a mask whose header says what it is."""
    image = nibabel.Nifti1Image(mask(box), AFFINE)
    label = Label(value=1, name=name, display_name=name, color_rgb=(1, 2, 3))
    names = label_names_xml(LabelTable("mask", [label]), [1])
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(CARET_XML, names))
    nibabel.save(image, path)


def test_a_mask_that_says_in_its_header_what_it_is_is_called_so(tmp_path: Path) -> None:
    named_mask(tmp_path / "00001.nii.gz", "liver", BOXES["liver"])
    named_mask(tmp_path / "00002.nii.gz", "my mask", BOXES["my lesion"])
    named_mask(tmp_path / "00003.nii.gz", "liver", BOXES["spleen"])
    passport = describe(tmp_path, tmp_path / "p.json")
    assert {organ.name for organ in passport.organs.values()} == {"liver", "my", "00003"}, "none takes another's place"
    assert passport.organs[5].voxel_count == mask(BOXES["liver"]).sum()


def test_a_given_table_names_masks_to_the_letter(tmp_path: Path) -> None:
    folder = tmp_path / "masks"
    folder.mkdir()
    named_mask(folder / "00001.nii.gz", "my mask", BOXES["my lesion"])
    table = {"schema": "totalpassport-labels/1", "name": "segments"}
    table["labels"] = [{"value": 118, "name": "my mask", "display_name": "my mask", "color_rgb": [1, 2, 3]}]
    (tmp_path / "labels.json").write_text(json.dumps(table), encoding="utf-8")
    (organ,) = describe(folder, tmp_path / "p.json", labels=str(tmp_path / "labels.json")).organs.values()
    assert (organ.label, organ.name) == (118, "my mask")


def test_the_checks_see_all_masks_together_and_empty_ones_were_looked_for(folder: Path) -> None:
    (folder / "spleen.nii.gz").rename(folder / "kidney_left.nii.gz")
    (folder / "liver.nii.gz").rename(folder / "kidney_right.nii.gz")  # it lies on the left
    told = {finding.code: finding.message for finding in described(folder).findings}
    assert "Left kidney lies" in told["wrong_side"]
    assert told["empty"].endswith("have no voxel: Spinal cord.")


def test_what_is_no_mask_is_named_and_left_out(folder: Path) -> None:
    events: list[Event] = []
    passport = described(folder, events)
    warned = next(event["message"] for event in events if event.get("code") == "not_masks")
    assert "ct.nii.gz (values from -" in warned
    assert "statistics.json (no image file)" in warned
    assert passport.model["names_from"] == "file name"


def test_the_source_of_a_folder_is_what_sha256sum_says_of_its_masks(folder: Path) -> None:
    masks = sorted(path for path in folder.glob("*.nii.gz") if path.name != "ct.nii.gz")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in masks]
    source = described(folder).source
    assert source["sha256"] == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert (source["masks"], source["shape"]) == (5, list(SHAPE))


def test_masks_stored_flipped_or_two_micrometres_off_are_one_scans(folder: Path) -> None:
    before = by_name(described(folder))["spleen"]
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = SHAPE[0] - 1
    moved = AFFINE @ flip
    moved[2, 3] += 0.002
    save_nifti(folder / "spleen.nii.gz", mask(BOXES["spleen"])[::-1].copy(), moved)
    after = by_name(described(folder))["spleen"]
    assert np.allclose(after.centroid_ras_mm, before.centroid_ras_mm, atol=0.003)


def test_a_mask_on_another_grid_is_named(folder: Path) -> None:
    other = AFFINE.copy()
    other[0, 3] = 4.0
    save_nifti(folder / "spleen.nii.gz", mask(BOXES["spleen"]), other)
    with pytest.raises(BadInput, match=r"spleen\.nii\.gz' has another grid than 'heart_.*up to 4 mm apart"):
        described(folder)


def test_a_damaged_mask_is_not_passed_over(folder: Path) -> None:
    path = folder / "spleen.nii.gz"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(BadInput, match=r"spleen\.nii\.gz' is truncated"):
        described(folder)


STRAYS = {
    "several volumes": np.zeros((*SHAPE, 3), np.int16),
    "colour voxels": np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")]),
    "a 2-D image": np.zeros(SHAPE[:2], np.uint8),
    "complex64 voxels": np.zeros(SHAPE, np.complex64),
    "values that are no numbers": np.full(SHAPE, np.nan, np.float32),
    "fractions": np.full(SHAPE, 0.5, np.float32),
    "2 labels in one file": mask(BOXES["liver"]) + mask(BOXES["my lesion"]),
}


@pytest.mark.parametrize("kind", STRAYS)
def test_one_file_that_is_clearly_no_mask_is_named_and_left_out_and_the_passport_says_so(
    kind: str, folder: Path
) -> None:
    before = set(by_name(described(folder)))
    save_nifti(folder / "stray.nii.gz", STRAYS[kind], AFFINE)
    events: list[Event] = []
    passport = described(folder, events)
    assert set(by_name(passport)) == before
    warned = next(event["message"] for event in events if event.get("code") == "not_masks")
    assert f"stray.nii.gz ({kind})" in warned
    (finding,) = [finding for finding in passport.findings if finding.code == "left_out_files"]
    assert finding.message == "3 files of the folder are no masks and were left out."
    assert "stray" not in finding.message


def test_masks_whose_headers_do_not_say_how_the_patient_lies_are_told_of_once(folder: Path) -> None:
    for name in ("liver", "spleen"):
        path = folder / f"{name}.nii.gz"
        header = nibabel.load(path).header
        header.set_sform(None, 0)
        header.set_qform(None, 0)
        nibabel.Nifti1Image(mask(BOXES[name]), None, header).to_filename(path)
    for path in folder.glob("*.nii.gz"):
        if path.name not in ("liver.nii.gz", "spleen.nii.gz"):
            path.unlink()
    events: list[Event] = []
    passport = described(folder, events)
    warned = [event["message"] for event in events if event.get("code") == "unknown_orientation"]
    assert len(warned) == 1
    assert warned[0].startswith("The header of 'liver.nii.gz' does not say")
    assert warned[0].endswith("So it is with 1 more of the masks.")
    (finding,) = [finding for finding in passport.findings if finding.code == "unknown_orientation"]
    assert "The header of 2 of the masks does not say" in finding.message


def test_a_pair_of_files_in_a_folder_is_one_mask(folder: Path) -> None:
    (folder / "liver.nii.gz").unlink()
    nibabel.Nifti1Pair(mask(BOXES["liver"]), AFFINE).to_filename(folder / "liver.img")
    passport = described(folder)
    assert set(by_name(passport)) == set(BOXES)
    assert passport.source["masks"] == 5


def test_a_case_of_the_public_data_set_is_given_as_it_lies(folder: Path, tmp_path: Path) -> None:
    case = tmp_path / "s0001"
    shutil.copytree(folder, case / "segmentations")
    assert set(by_name(described(case))) == set(BOXES)


@pytest.mark.parametrize("content", ["nothing", "labels"])
def test_a_folder_without_masks_is_refused_in_a_sentence(content: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    if content == "labels":
        save_nifti(folder / "all.nii.gz", mask(BOXES["liver"]) + mask(BOXES["my lesion"]), AFFINE)
    with pytest.raises(
        BadInput, match=r"has no image files|has no binary masks: all\.nii\.gz \(2 labels in one file\)"
    ):
        described(folder)


def test_two_files_of_one_structure_are_refused(folder: Path) -> None:
    save_nifti(folder / "liver.nii", mask(BOXES["liver"]), AFFINE)
    with pytest.raises(BadInput, match="2 files of the structure 'liver'"):
        described(folder)


def test_a_passport_does_not_replace_a_mask(folder: Path) -> None:
    before = (folder / "liver.nii.gz").read_bytes()
    (folder.parent / "liver.json").hardlink_to(folder / "liver.nii.gz")
    with pytest.raises(BadInput, match="is the input itself"):
        describe(folder, folder.parent / "liver.json")
    assert (folder / "liver.nii.gz").read_bytes() == before


def stored_otherwise(path: Path, target: Path, axes: str) -> Path:
    """Write the same image with its axes in another order and direction."""
    image = nibabel.load(path)
    wanted = nibabel.orientations.axcodes2ornt(tuple(axes))
    turned = image.as_reoriented(nibabel.orientations.ornt_transform(nibabel.io_orientation(image.affine), wanted))
    nibabel.save(turned, target)
    return target


@pytest.mark.parametrize("axes", ["LPS", "ASR", "IPL"])
def test_the_ct_may_be_stored_along_other_axes_than_the_segmentation(folder: Path, tmp_path: Path, axes: str) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    for value, name in ((5, "liver"), (1, "spleen")):
        labels[BOXES[name]] = value
    segmentation = save_nifti(tmp_path / "seg.nii.gz", labels, AFFINE)
    expected = by_name(described(segmentation, labels="total", ct=folder / "ct.nii.gz"))
    turned = stored_otherwise(folder / "ct.nii.gz", tmp_path / f"{axes}.nii.gz", axes)
    found = by_name(described(segmentation, labels="total", ct=turned))
    assert found["liver"].hu_mean == expected["liver"].hu_mean
    assert found["spleen"].hu_percentiles == expected["spleen"].hu_percentiles
    assert found["liver"].hu_mean != found["spleen"].hu_mean


def test_a_ct_two_micrometres_beside_the_segmentations_grid_is_taken_and_a_voxel_beside_it_named(
    folder: Path, tmp_path: Path
) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[BOXES["liver"]] = 5
    for shift_mm, is_same in ((0.002, True), (2.0, False)):
        moved = AFFINE.copy()
        moved[0, 3] = shift_mm
        segmentation = save_nifti(tmp_path / f"seg{shift_mm}.nii.gz", labels, moved)
        if is_same:
            assert by_name(described(segmentation, labels="total", ct=folder / "ct.nii.gz"))["liver"].hu_mean
        else:
            with pytest.raises(BadInput, match="corners lie up to 2 mm apart"):
                described(segmentation, labels="total", ct=folder / "ct.nii.gz")
