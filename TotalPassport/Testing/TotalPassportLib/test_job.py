"""The child process keeps its contract with its parent: events, cancellation, clean-up, exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bad_scans import BAD_SCANS
from support.processes import JOB_SCRIPT, PACKAGES, Child, assert_contract, environment, eventually, files_below
from TotalPassportLib.options import RunOptions
from TotalPassportLib.passport import read_passport
from TotalPassportLib.pipeline import RUN_SHARES
from TotalPassportLib.segmentation.engines import engines


def run_job(scratch: Path, ct: Path, model: Path) -> dict[str, Any]:
    return {
        "schema": "totalpassport-job/1",
        "action": "run",
        "ct": str(ct),
        "output_folder": str(scratch / "out"),
        "model": str(model),
        "provider": "auto",
        "cancel_file": str(scratch / "cancel"),
        "scratch_folder": str(scratch),
    }


def test_a_run_reports_itself_and_ends_with_its_result(
    scratch: Path, threshold_model: Path, phantom_ct: Path, children: list[Child]
) -> None:
    ct = scratch / "Größe 1.nii.gz"
    ct.write_bytes(phantom_ct.read_bytes())
    child = Child(run_job(scratch, ct, threshold_model), scratch)
    children.append(child)
    assert child.finish() == 0, child.log
    events = child.events
    assert_contract(events, list(RUN_SHARES))
    assert events[0]["pid"] == child.process.pid
    assert [event for event in events if event["event"] == "progress"][-1]["fraction"] == 1.0
    result = events[-1]
    assert result["n_organs"] == 3
    assert result["provider"] == engines()[0].execution_provider
    assert set(result["seconds"]) == set(RUN_SHARES)
    assert Path(result["segmentation"]) == scratch / "out" / "Größe 1_segmentation.nii.gz"
    assert len(read_passport(Path(result["passport"])).organs) == 3
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in child.lines)


def test_many_scans_are_run_as_a_batch_and_each_is_told_of(
    scratch: Path, threshold_model: Path, phantom_ct: Path, children: list[Child]
) -> None:
    (scratch / "scans").mkdir()
    (scratch / "scans" / "a.nii.gz").write_bytes(phantom_ct.read_bytes())
    (scratch / "scans" / "b.nii.gz").write_bytes(b"no scan")
    job = run_job(scratch, phantom_ct, threshold_model) | {"action": "batch", "inputs": [str(scratch / "scans")]}
    del job["ct"]
    child = Child(job, scratch)
    children.append(child)
    assert child.finish() == 0, child.log
    subjects = next(event for event in child.events if event["event"] == "subjects")
    assert (subjects["names"], subjects["finished"]) == (["a", "b"], [])
    told = {event["result"]["name"]: event["result"] for event in child.events if event["event"] == "scan"}
    assert told["a"]["num_organs"] == 3
    assert "b.nii.gz" in told["b"]["error"]
    progress = [event for event in child.events if event["event"] == "progress" and event["stage"] == "scans"]
    assert progress[-1]["fraction"] == 1.0
    assert progress[-1]["running"] == {}
    assert set().union(*(event["running"] for event in progress)) <= {"a", "b"}
    result = child.events[-1]
    assert (result["scans"], result["run"], result["failed"]) == (2, 2, ["b"])
    assert Path(result["table"]) == scratch / "out" / "organs.csv"
    assert len(read_passport(scratch / "out" / told["a"]["passport_path"])) == 3


def test_an_existing_segmentation_is_described(shared: Path, scratch: Path, children: list[Child]) -> None:
    job = {
        "schema": "totalpassport-job/1",
        "action": "passport",
        "segmentation": str(shared / "data" / "example_seg_fast.nii.gz"),
        "labels": "total",
        "output": str(scratch / "out" / "passport.json"),
    }
    child = Child(job, scratch)
    children.append(child)
    assert child.finish() == 0, child.log
    assert_contract(child.events, ["load", "describe", "write"])
    assert child.events[-1] == {"event": "result", "passport": job["output"], "n_organs": 40}
    assert len(read_passport(scratch / "out" / "passport.json").organs) == 40


def assert_cancelled(child: Child) -> None:
    assert child.finish() == 5, child.log
    assert child.events[-1]["event"] == "error"
    assert child.events[-1]["code"] == "cancelled"
    assert child.events[-1]["exit_code"] == 5
    assert_contract(child.events, list(RUN_SHARES))


def test_the_cancel_file_stops_a_run_in_its_middle(
    scratch: Path, slow_model: Path, phantom_ct: Path, children: list[Child]
) -> None:
    child = Child(run_job(scratch, phantom_ct, slow_model), scratch)
    children.append(child)
    child.wait_for("progress", "infer")
    (scratch / "cancel").touch()
    assert_cancelled(child)
    assert files_below(scratch) == ["cancel", "job.json"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_stops_a_run_in_its_middle(
    number: signal.Signals, scratch: Path, slow_model: Path, phantom_ct: Path, children: list[Child]
) -> None:
    child = Child(run_job(scratch, phantom_ct, slow_model), scratch)
    children.append(child)
    child.wait_for("progress", "infer")
    child.process.send_signal(number)
    assert_cancelled(child)
    assert files_below(scratch) == ["job.json"]


def test_a_child_whose_parent_is_gone_ends_and_removes_the_scratch_folder(
    scratch: Path, slow_model: Path, phantom_ct: Path, children: list[Child]
) -> None:
    mark_as_ours(scratch)
    child = Child(run_job(scratch, phantom_ct, slow_model), scratch)
    children.append(child)
    child.wait_for("progress", "infer")
    child.process.stdin.close()
    assert_cancelled(child)
    assert not scratch.exists()


def running() -> dict[int, int]:
    """Return the processes that run -> who has started them."""
    ps = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
    fields = [line.split() for line in ps.splitlines()]
    return {int(number): int(parent) for number, parent, state in fields if not state.startswith("Z")}


@pytest.mark.slow
@pytest.mark.parametrize("end", ["the parent goes", "it is killed"])
def test_a_batch_takes_its_processes_with_it_and_leaves_whole_files_only(
    end: str, scratch: Path, slow_model: Path, phantom_ct: Path, tmp_path: Path, children: list[Child]
) -> None:
    (tmp_path / "scans").mkdir()
    for name in ("a", "b"):
        (tmp_path / "scans" / f"{name}.nii.gz").write_bytes(phantom_ct.read_bytes())
    mark_as_ours(scratch)
    job = run_job(scratch, phantom_ct, slow_model) | {"action": "batch", "inputs": [str(tmp_path / "scans")]}
    job["output_folder"] = str(tmp_path / "results")
    del job["ct"]
    child = Child(job, scratch)
    children.append(child)
    while not child.wait_for("progress", "scans")["running"]:
        pass
    workers = {pid for pid, parent in running().items() if parent == child.process.pid}
    assert workers
    if end == "it is killed":
        child.process.kill()
        child.finish()
    else:
        child.process.stdin.close()
        assert child.finish() == 5
        assert not scratch.exists()
    assert eventually(lambda: not workers & running().keys())
    left = files_below(tmp_path / "results")
    assert not [name for name in left if name.startswith(("masks/", "passports/"))]


def mark_as_ours(folder: Path) -> None:
    """Leave the note that the Slicer module leaves in its private folders."""
    (folder / "owner.json").write_text('{"pid": 1}', encoding="utf-8")


def test_a_folder_that_nobody_made_for_a_run_is_not_removed(
    scratch: Path, slow_model: Path, phantom_ct: Path, children: list[Child]
) -> None:
    """Such as a home, in which somebody has put a job file by hand."""
    (scratch / "thesis.txt").write_text("years of work", encoding="utf-8")
    child = Child(run_job(scratch, phantom_ct, slow_model), scratch)
    children.append(child)
    child.wait_for("progress", "infer")
    child.process.stdin.close()
    assert_cancelled(child)
    assert files_below(scratch) == ["job.json", "thesis.txt"]


def test_only_a_folder_that_holds_the_job_file_is_removed(
    scratch: Path, slow_model: Path, phantom_ct: Path, tmp_path: Path, children: list[Child]
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work", encoding="utf-8")
    child = Child(run_job(scratch, phantom_ct, slow_model) | {"scratch_folder": str(precious)}, scratch)
    children.append(child)
    child.wait_for("progress", "infer")
    child.process.stdin.close()
    assert child.finish() == 5
    assert files_below(precious) == ["thesis.txt"]


def test_a_child_ends_though_nobody_reads_its_events(
    scratch: Path, slow_model: Path, phantom_ct: Path, children: list[Child]
) -> None:
    child = Child(run_job(scratch, phantom_ct, slow_model), scratch)
    children.append(child)
    child.wait_for("progress", "infer")
    mark_as_ours(scratch)
    child.process.kill()  # of this one only the folder is wanted: a second child gets no reader at all
    child.finish()
    process = subprocess.Popen(
        [sys.executable, "-X", "utf8", str(JOB_SCRIPT), str(child.job_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    process.stdout.close()
    process.stdin.close()
    assert process.wait(timeout=120) == 5
    assert eventually(lambda: not scratch.exists())


GARBAGE = {
    "not JSON": b"{",
    "not UTF-8": b"\xff\xfe\x00",
    "a list": b"[]",
    "no action": b'{"schema": "totalpassport-job/1"}',
    "an unknown action": b'{"schema": "totalpassport-job/1", "action": "format", "ct": "x", "output_folder": "y"}',
    "no scan": b'{"schema": "totalpassport-job/1", "action": "run", "output_folder": "y"}',
    "a later version": b'{"schema": "totalpassport-job/2", "action": "run", "ct": "x", "output_folder": "y"}',
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("name", GARBAGE)
def test_a_job_file_that_is_none_is_refused(name: str, scratch: Path, children: list[Child]) -> None:
    child = Child(GARBAGE[name], scratch)
    children.append(child)
    assert child.finish() == 2, child.log
    (event,) = child.events
    assert (event["event"], event["code"], event["exit_code"]) == ("error", "bad_input", 2)
    assert event["message"].endswith(".")
    assert event["hint"].endswith(".")
    assert "Traceback" not in child.log


@pytest.mark.parametrize("arguments", [[], ["/nowhere/job.json"], ["a", "b"]], ids=["none", "missing", "two"])
def test_wrong_arguments_are_refused_with_an_event(arguments: list[str]) -> None:
    process = subprocess.run(
        [sys.executable, str(JOB_SCRIPT), *arguments], capture_output=True, input=b"", env=environment(), check=False
    )
    assert process.returncode == 2
    (line,) = process.stdout.splitlines()
    assert json.loads(line)["code"] == "bad_input"


@pytest.mark.parametrize("name", ["missing file", "truncated gzip", "4-D", "voxels at the header"])
def test_a_bad_scan_is_an_event_with_cause_and_next_step(
    name: str, scratch: Path, threshold_model: Path, tmp_path: Path, children: list[Child]
) -> None:
    child = Child(run_job(scratch, BAD_SCANS[name].make(tmp_path), threshold_model), scratch)
    children.append(child)
    assert child.finish() == 2, child.log
    assert_contract(child.events, list(RUN_SHARES))
    assert BAD_SCANS[name].says in child.events[-1]["message"]
    assert child.events[-1]["hint"].endswith(".")
    assert "Traceback" not in child.log
    assert files_below(scratch) == ["job.json"]


def test_a_corrupt_model_is_an_event(scratch: Path, phantom_ct: Path, tmp_path: Path, children: list[Child]) -> None:
    (tmp_path / "model.onnx").write_bytes(b"rubbish")
    child = Child(run_job(scratch, phantom_ct, tmp_path / "model.onnx"), scratch)
    children.append(child)
    assert child.finish() == 4
    assert child.events[-1]["code"] == "model"


def test_what_libraries_print_goes_to_the_log(
    scratch: Path, threshold_model: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    noise = tmp_path / "noise"
    noise.mkdir()
    # Loaded by Python at start: prints at the first import of scipy, by print and past Python's own buffers.
    (noise / "sitecustomize.py").write_text(
        "import os, sys\n"
        "class Noisy:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'nibabel':\n"
        "            print('stray print'); os.write(1, b'stray write\\n')\n"
        "sys.meta_path.insert(0, Noisy())\n",
        encoding="utf-8",
    )
    job_file = scratch / "job.json"
    job_file.write_text(json.dumps(run_job(scratch, phantom_ct, threshold_model)), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-X", "utf8", str(JOB_SCRIPT), str(job_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(PYTHONPATH=f"{noise}:{PACKAGES}"),
    )
    lines = list(process.stdout)
    log = process.stderr.read()
    process.stdin.close()
    assert process.wait(timeout=120) == 0, log
    process.stdout.close()
    process.stderr.close()
    assert_contract([json.loads(line) for line in lines], list(RUN_SHARES))
    assert b"stray write" in log
    assert b"stray print" in log


def test_the_result_does_not_depend_on_the_process(
    scratch: Path, threshold_model: Path, phantom_ct: Path, tmp_path: Path, children: list[Child]
) -> None:
    from TotalPassportLib.pipeline import run

    child = Child(run_job(scratch, phantom_ct, threshold_model), scratch)
    children.append(child)
    assert child.finish() == 0, child.log
    here = run(phantom_ct, tmp_path / "here", RunOptions(model=str(threshold_model)))
    there = Path(child.events[-1]["segmentation"])
    assert there.read_bytes() == here.paths.segmentation.read_bytes()
    organs = read_passport(Path(child.events[-1]["passport"])).organs
    for label, organ in here.passport.organs.items():
        assert np.array_equal(organs[label].centroid_ras_mm, np.round(organ.centroid_ras_mm, 9))


def run_bare(job: dict[str, Any], folder: Path, redirections: str) -> subprocess.CompletedProcess[bytes]:
    """Run a job with standard streams as a shell connects them."""
    job_file = folder / "job.json"
    job_file.write_text(json.dumps(job), encoding="utf-8")
    return subprocess.run(
        ["sh", "-c", f'exec "$0" -X utf8 "$1" "$2" {redirections}', sys.executable, str(JOB_SCRIPT), str(job_file)],
        capture_output=True,
        env=environment(),
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    "redirections",
    ["<&-", "<&- >&-", "<&- >&- 2>&-", "<&- >/dev/full", "<&- 2>/dev/full"],
    ids=["no input", "no output either", "nothing at all", "output full", "log full"],
)
def test_results_are_there_whatever_the_streams_are(
    redirections: str, scratch: Path, threshold_model: Path, phantom_ct: Path
) -> None:
    if "/dev/full" in redirections and not Path("/dev/full").exists():
        pytest.skip("optional: only Linux has a device that is always full")
    process = run_bare(run_job(scratch, phantom_ct, threshold_model), scratch, redirections)
    assert process.returncode == 0, process.stderr
    assert b"Traceback" not in process.stderr
    assert len(read_passport(next((scratch / "out").glob("*_passport.json"))).organs) == 3
    if process.stdout:
        assert json.loads(process.stdout.splitlines()[-1])["event"] == "result"


def test_a_child_without_standard_input_ends_with_its_parent(scratch: Path, slow_model: Path, phantom_ct: Path) -> None:
    mark_as_ours(scratch)
    job_file = scratch / "job.json"
    job_file.write_text(json.dumps(run_job(scratch, phantom_ct, slow_model)), encoding="utf-8")
    parent = subprocess.Popen(
        ["sh", "-c", '"$0" -X utf8 "$1" "$2" <&- & wait', sys.executable, str(JOB_SCRIPT), str(job_file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    while b'"infer"' not in parent.stdout.readline():
        pass
    parent.kill()
    rest = parent.stdout.read()  # until the child is gone, too
    parent.wait()
    parent.stdout.close()
    assert json.loads(rest.splitlines()[-1])["code"] == "cancelled"
    assert not scratch.exists()


@pytest.mark.parametrize("field", ["ct", "output_folder", "model", "cancel_file", "scratch_folder"])
@pytest.mark.parametrize("letter", ["\0", "\ud800"], ids=["NUL", "half a letter"])
def test_a_name_that_no_file_can_have_is_a_sentence(
    field: str, letter: str, scratch: Path, threshold_model: Path, phantom_ct: Path, children: list[Child]
) -> None:
    job = run_job(scratch, phantom_ct, threshold_model)
    child = Child(job | {field: f"{job[field]}{letter}"}, scratch)
    children.append(child)
    assert child.finish() == 2, child.log
    assert child.events[-1]["code"] == "bad_input"
    assert "Traceback" not in child.log


@pytest.mark.parametrize("kilobytes", [60_000, 100_000, 150_000, 250_000])
def test_a_limit_so_low_that_libraries_cannot_be_loaded_is_an_event(
    kilobytes: int, scratch: Path, threshold_model: Path, phantom_ct: Path
) -> None:
    job_file = scratch / "job.json"
    job_file.write_text(json.dumps(run_job(scratch, phantom_ct, threshold_model)), encoding="utf-8")
    process = subprocess.run(
        ["bash", "-c", f'ulimit -v {kilobytes}; exec "$@"', "bash", sys.executable, str(JOB_SCRIPT), str(job_file)],
        stdin=subprocess.PIPE,
        capture_output=True,
        env=environment(),
        check=False,
    )
    assert process.returncode == 3, process.stderr
    (event,) = [json.loads(line) for line in process.stdout.splitlines() if b'"started"' not in line]
    assert (event["event"], event["code"]) == ("error", "out_of_memory")
