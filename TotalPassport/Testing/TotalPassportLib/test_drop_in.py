"""Scripts and command lines that were written for TotalSegmentator get what they expect, or one sentence why not."""

from __future__ import annotations

import inspect
import json
import pickle
import signal
import subprocess
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from support.dicom_files import write_slices
from support.processes import assert_one_sentence, command_line, environment, eventually, files_below, run_cli
from support.weights import isolate
from TotalPassportLib import totalsegmentator
from TotalPassportLib.base.errors import BadInput, Cancelled
from TotalPassportLib.base.events import Cancellation, Event
from TotalPassportLib.models.task import load_task
from TotalPassportLib.passport import read_passport

FIXTURES = Path(__file__).resolve().parents[1] / "parity" / "fixtures"
SCAN = FIXTURES / "scans" / "small_fov.nii.gz"
OFFICIAL_SIGNATURE = {
    "input": None, "output": None, "ml": False, "nr_thr_resamp": 1, "nr_thr_saving": 6, "fast": False,
    "nora_tag": "None", "preview": False, "task": "total", "roi_subset": None, "statistics": False,
    "radiomics": False, "crop_path": None, "body_seg": False, "force_split": False, "output_type": "nifti",
    "quiet": False, "verbose": False, "test": 0, "skip_saving": False, "device": "gpu", "license_number": None,
    "statistics_exclude_masks_at_border": True, "no_derived_masks": False, "v1_order": False, "fastest": False,
    "roi_subset_robust": None, "stats_aggregation": "mean", "remove_small_blobs": False,
    "statistics_normalized_intensities": False, "robust_crop": False, "higher_order_resampling_LEGACY": False,
    "higher_order_resampling": False, "save_probabilities": None, "debug": False, "report": None,
    "statistics_extra": False, "save_lowres": False, "resampling_order": 1, "plans": "nnUNetPlans",
    "model_size": "big",
}  # fmt: skip
"""Of TotalSegmentator 2.18.0: argument -> default."""


@pytest.fixture(autouse=True)
def official_weights(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user with TotalSegmentator's weights and no models of ours; converted ones are kept from test to test."""
    isolate(monkeypatch, tmp_path_factory.getbasetemp() / "drop-in")
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(FIXTURES / "weights"))


def test_the_function_has_the_official_arguments_in_their_order() -> None:
    parameters = inspect.signature(totalsegmentator).parameters.values()
    ours = [each for each in parameters if each.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert [each.name for each in ours] == list(OFFICIAL_SIGNATURE)
    assert {each.name: each.default for each in ours[1:]} == {
        name: value for name, value in OFFICIAL_SIGNATURE.items() if name != "input"
    }


def test_without_options_a_folder_of_masks_is_written(tmp_path: Path) -> None:
    image = totalsegmentator(str(SCAN), str(tmp_path / "new" / "out"), fastest=True, quiet=True)
    names = {path.name.removesuffix(".nii.gz") for path in (tmp_path / "new" / "out").iterdir()}
    assert names == {label.name for label in load_task("total").labels.values()}
    labels = np.asanyarray(image.dataobj)
    for value, label in load_task("total").labels.items():
        mask = nibabel.load(tmp_path / "new" / "out" / f"{label.name}.nii.gz")
        assert np.array_equal(np.asanyarray(mask.dataobj), labels == value)
    assert labels.any()


def test_everything_that_can_be_asked_for_lies_where_the_official_program_puts_it(tmp_path: Path) -> None:
    output = tmp_path / "out" / "labels"
    image, statistics = totalsegmentator(
        SCAN, output, ml=True, fastest=True, statistics=True, preview=True, report=tmp_path / "report.json",
        passport=tmp_path / "passport.json", quiet=True,
    )  # fmt: skip
    folder = output.parent
    assert set(files_below(tmp_path)) == {
        "out/labels.nii", "out/statistics.json", "out/preview_total.png", "report.json", "passport.json",
    }  # fmt: skip
    assert np.array_equal(np.asanyarray(nibabel.load(folder / "labels.nii").dataobj), np.asanyarray(image.dataobj))
    assert json.loads((folder / "statistics.json").read_text()) == statistics
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["task"], report["num_classes"], report["multilabel"]) == ("total", 117, True)
    assert report["totalsegmentator_version"] is None
    assert read_passport(tmp_path / "passport.json").organs


def test_an_image_in_memory_gives_what_its_file_gives_and_nothing_is_written(tmp_path: Path) -> None:
    stored = nibabel.load(SCAN)
    in_memory = nibabel.Nifti1Image(stored.get_fdata(), stored.affine)  # as scripts make them: float64
    image, statistics = totalsegmentator(in_memory, fastest=True, statistics=True, quiet=True)
    from_file = totalsegmentator(SCAN, tmp_path / "labels.nii.gz", ml=True, fastest=True, quiet=True)
    assert np.array_equal(np.asanyarray(image.dataobj), np.asanyarray(from_file.dataobj))
    assert image.get_data_dtype() == np.uint8
    assert set(statistics["liver"]) == {"volume", "intensity"}
    assert files_below(tmp_path) == ["labels.nii.gz"]


def test_statistics_alone(tmp_path: Path) -> None:
    totalsegmentator(SCAN, tmp_path / "out", fastest=True, statistics=tmp_path / "s.json", skip_saving=True, quiet=True)
    assert files_below(tmp_path) == ["s.json"]


def test_what_is_there_already_is_replaced_and_what_else_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "liver.nii.gz").write_text("old")
    totalsegmentator(SCAN, tmp_path, fastest=True, quiet=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert nibabel.load(tmp_path / "liver.nii.gz").shape == nibabel.load(SCAN).shape


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of DICOM slices of the scan."""
    scan = nibabel.load(SCAN)
    folder = tmp_path_factory.mktemp("study")
    write_slices(folder, np.asarray(scan.dataobj), np.diag([-1.0, -1.0, 1.0, 1.0]) @ scan.affine)
    return folder


def test_a_scan_in_dicom_gives_the_labels_of_the_same_scan_and_objects_in_dicom(study: Path, tmp_path: Path) -> None:
    expected = totalsegmentator(SCAN, fastest=True, quiet=True)
    found = totalsegmentator(study, tmp_path / "out", output_type="dicom_seg", fastest=True, quiet=True)
    assert files_below(tmp_path) == ["out/segmentations.dcm"]
    assert np.array_equal(np.asarray(found.dataobj), np.asarray(expected.dataobj))
    assert np.allclose(found.affine, expected.affine, atol=1e-4)
    segments = pydicom.dcmread(tmp_path / "out" / "segmentations.dcm").SegmentSequence
    assert len(segments) == len(np.unique(np.asarray(expected.dataobj))) - 1
    totalsegmentator(
        study, tmp_path / "both", output_type=["nifti", "dicom_seg", "dicom_rtstruct"], fastest=True, quiet=True
    )
    assert files_below(tmp_path / "both") == [
        "segmentations.nii.gz",
        "segmentations_rtstruct.dcm",
        "segmentations_seg.dcm",
    ]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a mistyped task": ({"task": "lung_vesels"}, "Did you mean lung_vessels"),
    "fast where there is none": ({"task": "lung_nodules", "fast": True}, "has no fast mode"),
    "radiomics": ({"radiomics": True}, "pyradiomics"),
    "DICOM of what is none": ({"output_type": "dicom_seg", "fastest": True}, "is no DICOM"),
    "DICOM among others": ({"output_type": ["nifti", "dicom_rtstruct"], "fastest": True}, "is no DICOM"),
    "Nora": ({"nora_tag": "12"}, "Nora"),
    "structures of a detail": ({"task": "lung_nodules", "roi_subset": ["lung"]}, "whole-body tasks"),
    "a name instead of names": ({"roi_subset": "liver"}, "list of names"),
    "no structure": ({"roi_subset": []}, "list of names"),
    "a mistyped structure": ({"roi_subset": ["livr"], "fast": True}, "livr"),
    "the network's grid in normal mode": ({"save_lowres": True}, "fast or fastest"),
    "the network's grid of a crop": ({"save_lowres": True, "fast": True, "body_seg": True}, "cropped"),
    "a device": ({"device": "cuda"}, "no device"),
    "another graphics card": ({"device": "gpu:1"}, "CUDA_VISIBLE_DEVICES=1"),
    "small networks of a mode": ({"task": "total_v3", "fastest": True, "model_size": "small"}, "no small networks"),
    "small networks of others": ({"model_size": "small"}, "total_v3"),
    "an order of splines": ({"resampling_order": 6}, "0 to 5"),
    "blobs of no size": ({"remove_small_blobs": -1.0}, "greater than 0"),
    "a name of no label image": ({"ml": True, "output": "labels.mha"}, "NIfTI"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused_before_anything_is_made(name: str, tmp_path: Path) -> None:
    options, says = REFUSED[name]
    output = tmp_path / "new" / options.get("output", "out")
    with pytest.raises(BadInput, match=says):
        totalsegmentator(SCAN, **{**options, "output": output})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"license_number": "aca_123"}, "neither stored nor sent"),
        ({"statistics": True, "statistics_extra": True, "fast": True}, "extra measures"),
        ({"v1_order": True, "skip_saving": True}, "nothing changes"),
    ],
)
def test_what_is_done_otherwise_is_told(options: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=says):
        totalsegmentator(SCAN, tmp_path / "out", **{"fastest": True, **options})


def test_a_cancelled_run_leaves_nothing(tmp_path: Path) -> None:
    cancellation = Cancellation()

    def stop(event: Event) -> None:
        if event.get("stage") == "infer":
            cancellation.request()

    with pytest.raises(Cancelled):
        totalsegmentator(SCAN, tmp_path / "new" / "out", fast=True, on_event=stop, cancellation=cancellation)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    output = tmp_path / "new" / "out"
    process = subprocess.Popen(
        command_line("totalsegmentator", "-i", SCAN, "-o", output),
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert eventually(output.is_dir)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 5, errors
    assert not list(tmp_path.iterdir())


COMMANDS: dict[str, tuple[tuple[str, ...], str]] = {
    "no scan": (("-o", "out"), "needs the argument -i"),
    "no output": (("-i", str(SCAN)), "needs the argument -o"),
    "a mistyped task": (("-i", str(SCAN), "-o", "out", "-ta", "zzz"), "no task 'zzz'"),
    "a scan that is not there": (("-i", "no.nii.gz", "-o", "out", "-f"), "no file 'no.nii.gz'"),
    "radiomics": (("-i", str(SCAN), "-o", "out", "-r"), "pyradiomics"),
    "two kinds of output": (("-i", str(SCAN), "-o", "out", "-ot", "nifti,dicom_seg", "-ff"), "is no DICOM"),
    "a file in the folder's place": (("-i", str(SCAN), "-o", str(SCAN), "-f"), "is a file, not a folder"),
    "a place that takes no files": (("-i", str(SCAN), "-o", "/proc/nothing/out", "-f"), "'/proc/nothing'"),
    "the scan itself": (("-i", str(SCAN), "-o", str(SCAN), "-f", "-ml"), "is the input itself"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_cannot_be_done_ends_in_one_sentence(name: str, tmp_path: Path) -> None:
    arguments, says = COMMANDS[name]
    assert_one_sentence(run_cli("totalsegmentator", *arguments, cwd=tmp_path), 2, says)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_an_old_command_line_works_as_it_stands(tmp_path: Path) -> None:
    process = run_cli(
        "totalsegmentator", "-i", SCAN, "-o", "out", "--fastest", "-nr", "2", "-ns", "2", "-cp", "x", "-v", "--debug",
        "-d", "gpu", "-rmb", "-s", "-sa", "median", "-ho", "-ndm", "-t", "None", "-ms", "big", "-ot", "nifti",
        cwd=tmp_path,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "out" / "statistics.json").is_file()
    assert len(list((tmp_path / "out").iterdir())) == 118


@pytest.mark.slow
def test_the_lists_name_every_task_and_structure() -> None:
    tasks, classes = run_cli("totalsegmentator", "-lt"), run_cli("totalsegmentator", "-lc", "total_mr")
    assert any(line.split() == ["tissue_types", "CT", "yes", "3"] for line in tasks.stdout.splitlines())
    assert "   1  spleen" in classes.stdout.splitlines()
    assert len(classes.stdout.splitlines()) == 50


def test_probabilities_are_written_where_the_official_program_puts_them(tmp_path: Path) -> None:
    kept = tmp_path / "new" / "kept.npz"
    image = totalsegmentator(SCAN, fastest=True, save_lowres=True, save_probabilities=kept, quiet=True)
    assert sorted(path.name for path in kept.parent.iterdir()) == ["kept.npz", "kept.pkl"]
    probabilities = np.load(kept)["probabilities"]
    labels = nibabel.as_closest_canonical(image).get_fdata().transpose(2, 1, 0)
    assert (probabilities.argmax(axis=0) == labels).all()
    assert pickle.loads(kept.with_suffix(".pkl").read_bytes())["spacing"] == [6.0, 6.0, 6.0]
