"""Nothing that DICOM says of a patient reaches a file, a message or a log, unless DICOM is asked for."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from support.bad_scans import plausible
from support.dicom_files import PATIENT, STUDY, write_enhanced, write_slices
from support.processes import run_cli
from support.scans import save_nifti
from TotalPassportLib.base.labels import load_label_table

SHAPE = (26, 22, 14)
AFFINE_LPS = np.diag([2.0, 2.0, 3.0, 1.0])
CANARIES = [word.encode() for text in (*PATIENT.values(), *STUDY.values()) for word in text.split("^")]


def sung(place: Path) -> dict[str, list[str]]:
    """Return file -> the canaries in it or in its name, also where it is compressed."""
    found = {}
    for path in (path for path in place.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        words = [word.decode() for word in CANARIES if word in content + str(path.relative_to(place)).encode()]
        if words:
            found[path.name] = words
    return found


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies")
    write_slices(folder / "slices", plausible(SHAPE), AFFINE_LPS)
    write_enhanced(folder / "enhanced" / "one.dcm", plausible(SHAPE), AFFINE_LPS)
    write_slices(folder / "broken", plausible(SHAPE), AFFINE_LPS, keep=[0, 1, 2, 4, 5, 6])
    write_slices(folder / "two" / "a", plausible(SHAPE), AFFINE_LPS)
    write_slices(folder / "two" / "b", plausible(SHAPE), AFFINE_LPS)
    shutil.make_archive(str(folder / "zipped"), "zip", folder / "slices")
    (folder / "damaged").mkdir()
    whole = (folder / "slices" / "slice000.dcm").read_bytes()
    (folder / "damaged" / "a.dcm").write_bytes(whole[:-500])
    (folder / "damaged" / "b.dcm").write_bytes(whole[:700])
    return folder


def test_the_canaries_are_heard_where_they_are(study: Path) -> None:
    assert len(sung(study / "slices")) == SHAPE[2]


@pytest.mark.slow
def test_no_command_tells_of_the_patient(study: Path, threshold_model: Path, tmp_path: Path) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:12, 5:14, 3:9] = load_label_table("total").named("liver").value  # type: ignore[union-attr]
    segmentation = save_nifti(tmp_path / "labels.nii.gz", labels, np.diag([-1.0, -1, 1, 1]) @ AFFINE_LPS)
    simple = threshold_model
    commands = [
        ("run", study / "slices", "-o", tmp_path / "a", "--model", "demo", "--statistics", "--preview", "--masks"),
        ("run", study / "zipped.zip", "-o", tmp_path / "b", "--model", simple, "--format", "seg.nrrd", "nrrd", "mha"),
        ("run", study / "two", "-o", tmp_path / "c", "--model", simple),
        ("run", study / "broken", "-o", tmp_path / "c", "--model", simple),
        ("run", study / "damaged", "-o", tmp_path / "c", "--model", simple),
        ("run", study / "damaged" / "b.dcm", "-o", tmp_path / "c", "--model", simple),
        ("passport", segmentation, "-o", tmp_path / "p.json", "--ct", study / "enhanced", "--format", "seg.nrrd"),
        ("batch", study, "-o", tmp_path / "batch", "--model", simple, "--jobs", "1"),
    ]
    codes = []
    for command in commands:
        done = run_cli(*map(str, command))
        codes.append(done.returncode)
        said = (done.stdout + done.stderr).encode()
        assert [word for word in CANARIES if word in said] == [], command
    assert codes[:7] == [0, 0, 2, 2, 2, 2, 0]
    assert sung(tmp_path) == {}


def test_only_what_is_written_in_dicom_carries_the_patient(study: Path, tmp_path: Path) -> None:
    from TotalPassportLib.description_run import describe

    labels = np.zeros(SHAPE, np.uint8)
    labels[4:12, 5:14, 3:9] = 5
    segmentation = save_nifti(tmp_path / "labels.nii.gz", labels, np.diag([-1.0, -1, 1, 1]) @ AFFINE_LPS)
    events: list[object] = []
    formats = ["seg.nrrd", "dcm-seg", "dcm-sr", "rtstruct"]
    describe(
        segmentation,
        tmp_path / "p.json",
        labels="total",
        ct=study / "slices",
        formats=formats,
        on_event=events.append,
    )
    assert set(sung(tmp_path)) == {"labels_segmentation.dcm", "labels_report.dcm", "labels_structures.dcm"}
    assert not any(word.decode() in str(events) for word in CANARIES)
    written = pydicom.dcmread(tmp_path / "labels_segmentation.dcm")
    assert str(written.PatientName) == PATIENT["PatientName"]
