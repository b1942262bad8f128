"""What belongs to a passport is found under the names that we write, wherever those are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from TotalPassportLib.batches.batch_folder import BatchFolder
from TotalPassportLib.nearby_files import files_near_passport, passport_stem
from TotalPassportLib.options import OutputPaths, RunOptions

OPTIONS = RunOptions(format=("seg.nrrd", "mha", "nrrd"))


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize(
    ("name", "stem"),
    [("ct_passport.json", "ct"), ("a.passport.json", "a"), ("b.json", "b"), ("_passport.json", "_passport"),
     ("C_PASSPORT.JSON", "C"), ("passport.json", "passport")],
)  # fmt: skip
def test_the_stem_of_every_name(name: str, stem: str) -> None:
    assert passport_stem(Path("somewhere") / name) == stem


def test_what_a_run_writes_is_found_the_format_first_that_keeps_overlaps(tmp_path: Path) -> None:
    paths = OutputPaths.in_folder(tmp_path, "ct", OPTIONS)
    touch(paths.segmentation, paths.seg_nrrd, paths.mha, paths.nrrd, tmp_path / "other_segmentation.nii.gz")
    near = files_near_passport(paths.passport)
    assert near.segmentations == (paths.seg_nrrd, paths.segmentation, paths.nrrd, paths.mha)
    assert near.scans == ()


def test_what_was_given_a_name_is_found(tmp_path: Path) -> None:
    touch(tmp_path / "liver.nii.gz", tmp_path / "liver.seg.nrrd")
    near = files_near_passport(tmp_path / "liver_passport.json")
    assert near.segmentations == (tmp_path / "liver.seg.nrrd", tmp_path / "liver.nii.gz")


def test_a_batch_and_its_scans_are_found_wherever_those_were(tmp_path: Path) -> None:
    batch = BatchFolder(tmp_path / "batch")
    paths = batch.outputs("ct", OPTIONS)
    scan = tmp_path / "scans" / "patient" / "scan.nii.gz"
    touch(paths.segmentation, paths.seg_nrrd, paths.passport, scan, tmp_path / "ct.nrrd")
    entry = {"subject": "scan.nii.gz", "passport_path": "passports/ct_passport.json", "mask_path": None}
    entry |= {"scan_path": str(scan), "scan_sha256": "0" * 64, "series": ""}
    batch.results.write_text(json.dumps([entry]), encoding="utf-8")
    near = files_near_passport(paths.passport)
    assert near.segmentations == (paths.seg_nrrd, paths.segmentation)
    assert near.scans == (tmp_path / "ct.nrrd", scan)
    batch.results.write_text("{", encoding="utf-8")
    assert files_near_passport(paths.passport).scans == (tmp_path / "ct.nrrd",)


def test_folders_of_masks_come_last(tmp_path: Path) -> None:
    touch(tmp_path / "ct_segmentation.nii.gz", tmp_path / "ct_masks" / "liver.nii.gz", tmp_path / "ct" / "liver.nii.gz")
    found = files_near_passport(tmp_path / "ct_passport.json").segmentations
    assert found == (tmp_path / "ct_segmentation.nii.gz", tmp_path / "ct", tmp_path / "ct_masks")


def test_a_name_that_no_file_can_have_is_no_error(tmp_path: Path) -> None:
    assert files_near_passport(tmp_path / ("x" * 250 + "_passport.json")).segmentations == ()
