"""One run of one or several tasks: one result, one passport, one progress."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from support.processes import command_line, environment, eventually, files_below, heed_interrupts
from support.scans import KIDNEY, LIVER, rasterise, save_nifti
from support.tasks import write_task_model
from TotalPassportLib.base.errors import BadInput, ModelError
from TotalPassportLib.base.events import Event
from TotalPassportLib.base.outputs import check_destination
from TotalPassportLib.description_run import describe
from TotalPassportLib.models.task import load_task
from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import RunResult, run

LIVER_NUMBER = load_task("total").number(LIVER.label)
VESSELS_NUMBER = load_task("liver_vessels").number(1)


@pytest.fixture
def installed(home: Path) -> Path:
    """The models of some tasks, installed: the vessels' network finds the liver, and calls all else a tumour."""
    models = home / "models"
    for task, mode, values in (
        ("total", "fast", ()),
        ("total", "fastest", ()),
        ("liver_vessels", "normal", (0, 1, 2, 2)),
        ("total_mr", "fast", ()),
    ):
        name = load_task(task).mode(mode).model
        write_task_model(models / name, task, mode, values)
    return models


def voxels_of(path: Path) -> np.ndarray:
    return np.asarray(nibabel.load(path).dataobj)


def run_tasks(ct: Path, folder: Path, *tasks: str, events: list[Event] | None = None, **options: Any) -> RunResult:
    told = [] if events is None else events
    return run(ct, folder, RunOptions(task=tasks, fast=True, **options), on_event=told.append)


@pytest.mark.usefixtures("installed")
def test_two_tasks_make_one_image_of_numbers_and_one_passport_in_which_each_structure_is_whole(
    phantom_ct: Path, tmp_path: Path
) -> None:
    both = run_tasks(phantom_ct, tmp_path / "both", "total", "liver_vessels", masks=True, task_labels=True)
    alone = {task: run_tasks(phantom_ct, tmp_path / task, task) for task in ("total", "liver_vessels")}
    image = voxels_of(both.paths.segmentation)
    vessels = voxels_of(alone["liver_vessels"].paths.segmentation) == 1
    assert image.dtype == np.uint16
    assert np.array_equal(image == VESSELS_NUMBER, vessels), "the later task has what both claim"
    assert both.paths.task_labels is not None
    for task, result in alone.items():
        own = voxels_of(both.paths.task_labels / f"{task}.nii.gz")
        assert np.array_equal(own, voxels_of(result.paths.segmentation)), "each task's labels are there, whole"
    organs = both.passport.organs
    assert organs[LIVER_NUMBER].voxel_count == alone["total"].passport.organs[LIVER.label].voxel_count
    assert organs[VESSELS_NUMBER].voxel_count == vessels.sum()
    assert (organs[LIVER_NUMBER].name, organs[VESSELS_NUMBER].name) == ("liver", "liver_vessels")
    document = json.loads(both.paths.passport.read_text(encoding="utf-8"))
    assert [model["task"] for model in document["model"]["tasks"]] == ["total", "liver_vessels"]
    assert "later task" in document["model"]["shared_voxels"]
    assert both.paths.masks is not None
    assert voxels_of(both.paths.masks / "liver.nii.gz").sum() == organs[LIVER_NUMBER].voxel_count


@pytest.mark.usefixtures("installed")
def test_progress_over_several_networks_never_goes_back_and_ends_at_one(phantom_ct: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    result = run_tasks(phantom_ct, tmp_path, "liver_vessels", "total", events=events)
    fractions = [event["fraction"] for event in events if event["event"] == "progress"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert sum(event["event"] == "estimate" for event in events) == 3, "the rough model, and each task"
    assert {"load", "prepare", "infer", "restore", "describe", "write"} <= set(result.seconds)
    assert all(seconds >= 0 for seconds in result.seconds.values())


@pytest.mark.usefixtures("installed")
def test_a_task_without_the_mode_that_is_asked_for_says_in_which_it_runs(phantom_ct: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    run_tasks(phantom_ct, tmp_path, "liver_vessels", events=events)
    (warning,) = (event for event in events if event["event"] == "warning")
    assert warning["code"] == "other_mode"
    assert "'liver_vessels' has no fast mode" in warning["message"]


@pytest.mark.usefixtures("installed")
def test_probabilities_of_every_network_but_rough_ones_are_kept_and_a_missing_size_is_told(
    phantom_ct: Path, tmp_path: Path
) -> None:
    events: list[Event] = []
    options = RunOptions(
        task=("liver_vessels", "total"), fast=True, provider="cpu", model_size="small", save_probabilities="all"
    )
    result = run(phantom_ct, tmp_path / "out", options, on_event=events.append)
    assert sum(event.get("code") == "other_size" for event in events) == 2, "one for each task"
    kept = sorted(path.name for path in result.paths.written()["probabilities"].iterdir())
    models = ["fast", "liver_vessels"]
    assert [name.split(".")[0] for name in kept] == [model for model in models for _ in (".npz", ".pkl")]
    assert {Path(name).suffix for name in kept} == {".npz", ".pkl"}


@pytest.mark.slow
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_of_three_tasks_that_is_ended_at_any_moment_leaves_nothing(
    kill: signal.Signals, installed: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    write_task_model(installed / "liver_segments", "liver_segments", "normal", (0, 1, 2, 3))
    temporary, output = tmp_path / "tmp", tmp_path / "out"
    temporary.mkdir()
    tasks = ("total", "liver_vessels", "liver_segments")
    process = subprocess.Popen(
        command_line("run", phantom_ct, "-o", output, "--task", *tasks, "--fast"),
        env=environment(TMPDIR=str(temporary)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, preexec_fn=heed_interrupts,
    )  # fmt: skip
    assert eventually(output.is_dir)  # the scan is loaded, and the networks begin
    time.sleep(random.uniform(0, 0.3))
    process.send_signal(kill)
    assert process.wait(60) != 0
    assert eventually(lambda: not alive(process.pid)), "no process of its group lives on"
    if kill == signal.SIGKILL and files_below(output):  # while it tried whether it can write: the next one clears up
        check_destination(output / "phantom_segmentation.nii.gz")
        check_destination(output / "phantom_passport.json")
    assert files_below(output) == []
    assert files_below(temporary) == []


def alive(group: int) -> bool:
    """Whether a process of this group runs; one that has ended and waits for its parent does not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, its_group = stat.read_text().rsplit(")", 1)[1].split()[:3]
            if int(its_group) == group and state != "Z":
                return True
    return False


@pytest.mark.usefixtures("installed")
def test_tasks_for_ct_and_for_mr_are_not_mixed(phantom_ct: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="fast for CT, total_mr-fast for MR"):
        run_tasks(phantom_ct, tmp_path, "total", "total_mr")
    with pytest.raises(BadInput, match="named twice"):
        run_tasks(phantom_ct, tmp_path, "total", "total")


def test_a_missing_rough_model_is_named_with_the_task_that_needs_it(
    installed: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    (installed / "fastest" / "model.json").unlink()
    with pytest.raises(ModelError, match="liver_vessels cannot run without another: The model 'fastest' is not inst"):
        run_tasks(phantom_ct, tmp_path / "out", "liver_vessels")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("installed")
def test_structures_are_taken_from_the_tasks_that_have_them(phantom_ct: Path, tmp_path: Path) -> None:
    result = run_tasks(phantom_ct, tmp_path, "total", "liver_vessels", roi=("liver", "liver_tumor"))
    assert set(result.passport.organs) == {LIVER_NUMBER, load_task("liver_vessels").number(2)}
    with pytest.raises(BadInput, match=r"find no structure called 'livr'\. Did you mean liver"):
        run_tasks(phantom_ct, tmp_path / "typo", "total", "liver_vessels", roi=("livr",))


@pytest.mark.usefixtures("installed")
def test_an_mr_of_fractions_is_widened_for_the_networks_and_measured_as_it_is(
    phantom_grid: tuple[tuple[int, int, int], np.ndarray], tmp_path: Path
) -> None:
    """TotalSegmentator cuts off fractions: an image of 0 to 1 becomes nothing."""
    shape, affine = phantom_grid
    fractions = (rasterise(shape, affine).astype(np.float32) + 500) / 2000
    mr = save_nifti(tmp_path / "mr.nii.gz", fractions, affine)
    events: list[Event] = []
    result = run_tasks(mr, tmp_path / "out", "total_mr", events=events)
    assert [event["code"] for event in events if event["event"] == "warning"] == ["widened_mr"]
    assert result.passport.organs
    for organ in result.passport.organs.values():
        assert organ.hu_mean is None, "an MR has no Hounsfield units"
        assert organ.intensity_mean is not None
        assert 0 <= organ.intensity_mean <= 1
        assert organ.intensity_percentiles is not None
        assert organ.intensity_percentiles[50] % 1 > 0, "percentiles have fractions too"
    document = json.loads(result.paths.passport.read_text(encoding="utf-8"))
    assert (document["source"]["modality"], document["units"]["intensity"]) == ("MR", "1")


@pytest.mark.usefixtures("installed")
def test_a_ct_given_to_a_task_for_mr_is_remarked_on(
    phantom_grid: tuple[tuple[int, int, int], np.ndarray], tmp_path: Path
) -> None:
    shape, affine = phantom_grid
    ct = rasterise(shape, affine)
    ct[:3] = -1000
    events: list[Event] = []
    run_tasks(save_nifti(tmp_path / "ct.nii.gz", ct, affine), tmp_path / "out", "total_mr", events=events)
    assert "not_mr" in [event.get("code") for event in events]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("options", [{"save_lowres": True}, {"v1_order": True}, {"higher_order_resampling": True}])
def test_whatever_is_written_is_what_the_passport_measures(
    options: dict[str, bool], phantom_ct: Path, tmp_path: Path
) -> None:
    result = run_tasks(phantom_ct, tmp_path, "total", **options)
    again = describe(result.paths.segmentation, tmp_path / "again.json")
    assert result.passport.organs.keys() == again.organs.keys() != set()
    for label, organ in result.passport.organs.items():
        other = again.organs[label]
        assert (organ.name, organ.voxel_count) == (other.name, other.voxel_count)
        assert np.array_equal(organ.centroid_ras_mm, other.centroid_ras_mm)
        assert np.array_equal(organ.boundary_points_ras_mm, other.boundary_points_ras_mm)


@pytest.mark.usefixtures("installed")
def test_statistics_of_several_tasks_stand_in_one_file(phantom_ct: Path, tmp_path: Path) -> None:
    result = run_tasks(phantom_ct, tmp_path, "total", "liver_vessels", statistics=True)
    assert result.paths.statistics is not None
    statistics = json.loads(result.paths.statistics.read_text(encoding="utf-8"))
    assert statistics["kidney_right"]["volume"] == pytest.approx(
        result.passport.organs[KIDNEY.label].volume_mm3, rel=0.05
    )
    assert statistics["liver_vessels"]["volume"] > 0
