"""``totalpassport benchmark`` as users meet it: real processes, a valid document, and no trace of whose it was."""

from __future__ import annotations

import getpass
import json
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from parity.cases import FIXTURES
from support.processes import (
    assert_one_sentence,
    command_line,
    environment,
    eventually,
    files_below,
    heed_interrupts,
    run_cli,
    sentences,
)
from support.stand_in_official import VERSIONS, WEIGHTY, stand_in_official
from TotalPassportLib.base.files import DATA_FOLDER
from TotalPassportLib.benchmark.aggregation import STAGES
from TotalPassportLib.segmentation.engines import engines

SCHEMA = json.loads((DATA_FOLDER / "schemas" / "benchmark.schema.json").read_text(encoding="utf-8"))
SCAN = FIXTURES / "scans" / "thin.nii.gz"
LABELS = FIXTURES / "expected" / "thin.fast.nii.gz"
WEIGHTS = FIXTURES / "weights"


def results(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the results on the first scan by contender."""
    jsonschema.Draft7Validator(SCHEMA).validate(document)
    return {result["contender"]: result for result in document["scans"][0]["results"]}


def benchmark(*arguments: object, folder: Path) -> tuple[dict[str, Any], str]:
    """Run the command to its good end; return the document and what it printed."""
    process = run_cli("benchmark", *arguments, "-o", folder)
    assert process.returncode == 0, process.stderr
    assert sentences(process.stderr) == []
    assert files_below(folder) == ["benchmark.html", "benchmark.json"]
    return json.loads((folder / "benchmark.json").read_text(encoding="utf-8")), process.stdout


@pytest.fixture(scope="module")
def beside_the_official_package(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str, Path]:
    """Our program and the official package, as far as it is one, on a scan of which the official labels are known."""
    folder = tmp_path_factory.mktemp("official")
    os.environ["TOTALPASSPORT_HOME"] = str(folder / "home")
    python = stand_in_official(folder / "environment", LABELS)
    asked = ("--model", "fast", "--weights", WEIGHTS, "--official", python, "--repeats", 2, "--precision", "exact")
    try:
        return *benchmark(SCAN, *asked, folder=folder / "out"), folder
    finally:
        del os.environ["TOTALPASSPORT_HOME"]


def test_the_official_package_is_the_measure_of_labels_and_time(beside_the_official_package: Any) -> None:
    document, printed, _ = beside_the_official_package
    ours, official = results(document)["exact-auto"], results(document)["official"]
    scan = document["scans"][0]
    assert (scan["name"], scan["reference"], scan["baseline"]) == ("thin", "official", "official")
    assert ours["agreement"]["equal_percent"] > 99.99
    assert ours["agreement"]["voxels"] == scan["voxels"]
    assert official["agreement"] is None
    assert official["times_as_fast"] == 1
    ratio = official["seconds"]["median"] / ours["seconds"]["median"]
    assert ours["times_as_fast"] == pytest.approx(ratio, rel=0.01)
    assert f"{ours['times_as_fast']:.2f}x" in printed
    assert "TotalSegmentator 2.18.0" in printed


def test_every_run_is_measured_as_a_whole(beside_the_official_package: Any) -> None:
    document, _, _ = beside_the_official_package
    for result in results(document).values():
        assert len(result["runs"]) == 2
        assert result["seconds"]["lowest"] <= result["seconds"]["median"] <= result["seconds"]["highest"]
        assert all(run["processor_seconds"] > 0 for run in result["runs"])
    assert 300 < results(document)["official"]["peak_bytes"]["highest"] / 2**20 < 600, "it takes 300 MiB"
    ours = results(document)["exact-auto"]
    assert set(ours["stages"]) == set(STAGES)
    assert ours["provider"] == engines()[0].execution_provider
    runs = sorted(run["seconds"] for run in ours["runs"])
    assert sum(ours["stages"].values()) == pytest.approx(runs[0], abs=0.01), "of two runs the faster one is told"


def test_both_environments_tell_their_size(beside_the_official_package: Any) -> None:
    document, _, _ = beside_the_official_package
    official = {entry["name"]: entry for entry in document["install"]["official"]["packages"]}
    assert {name: entry["version"] for name, entry in official.items()} == VERSIONS
    assert official["torch"]["bytes"] == WEIGHTY
    ours = {entry["name"] for entry in document["install"]["ours"]["packages"]}
    assert {"totalpassport", "numpy", "scipy", "nibabel", "fastjsonschema"} < ours
    assert any(name.startswith("onnxruntime") for name in ours)
    assert not {"torch", "pytest", "onnx"} & ours
    assert document["install"]["ours"]["bytes"] > 50_000_000


def test_the_report_does_not_tell_whose_machine_it_was(beside_the_official_package: Any) -> None:
    *_, folder = beside_the_official_package
    secrets = {platform.node(), str(folder), str(Path.home()), str(SCAN.parent), sys.prefix, f"/{getpass.getuser()}"}
    for name in ("benchmark.json", "benchmark.html"):
        text = (folder / "out" / name).read_text(encoding="utf-8")
        assert [secret for secret in secrets if len(secret) > 2 and secret in text] == []


def test_one_that_cannot_run_is_reported_and_the_others_finish(
    threshold_model: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    asked = ("--model", threshold_model, "--repeats", 1, "--provider", "auto", "cuda", "--whole-volume")
    document, printed = benchmark(phantom_ct, *asked, folder=tmp_path / "out")
    found = results(document)
    assert set(found) == {"exact-auto", "exact-cuda", "turbo-auto", "turbo-cuda", "plain"}
    for name in ("exact-cuda", "turbo-cuda"):
        assert "cuda" in found[name]["failure"]
        assert found[name]["failure"] in printed
        assert set(found[name]) == {"contender", "failure"}
    # The network looks at single voxels, so windows or not makes no difference.
    assert found["plain"]["agreement"]["equal_percent"] == 100
    assert found["plain"]["agreement"]["labelled"] > 1000
    assert found["turbo-auto"]["agreement"]["equal_percent"] > 99.9
    assert document["scans"][0]["reference"] == "exact-auto"
    assert {peak["arithmetic"] for peak in document["matrix_peaks"]} >= {"float32"}
    assert document["install"]["official"] is None


def test_synthetic_scans_show_the_growth(threshold_model: Path, phantom_ct: Path, tmp_path: Path) -> None:
    asked = ("--model", threshold_model, "--repeats", 1, "--precision", "exact", "--scale", "small")
    document, _ = benchmark(phantom_ct, *asked, folder=tmp_path / "out")
    real, synthetic = document["scans"]
    assert (real["synthetic"], synthetic["synthetic"]) == (False, True)
    assert synthetic["shape"] == [256, 256, 100]
    assert synthetic["results"][0]["failure"] is None
    page = (tmp_path / "out" / "benchmark.html").read_text(encoding="utf-8")
    assert "How time and memory grow" in page


def not_python(folder: Path) -> Path:
    path = folder / "python"
    path.write_text("no program", encoding="utf-8")
    return path


BAD_WISHES = {
    "no such scan": (lambda folder: ["nowhere.nii.gz"], "There is no scan 'nowhere.nii.gz'"),
    "no scan": (lambda folder: [LABELS.parent / "thin.full.json"], "is not a NIfTI"),
    "no repeats": (lambda folder: [SCAN, "--repeats", 0], "0 repeats measure nothing"),
    "precision": (lambda folder: [SCAN, "--precision", "sloppy"], "There is no precision 'sloppy'"),
    "provider": (lambda folder: [SCAN, "--provider", "abacus"], "There is no provider 'abacus'"),
    "size": (lambda folder: [SCAN, "--scale", "giant"], "There is no synthetic scan 'giant'"),
    "no python": (lambda folder: [SCAN, "--official", "nowhere"], "There is no python 'nowhere'"),
    "demo by the official package": (
        lambda folder: [SCAN, "--official", sys.executable],
        "The official package has no model 'demo'",
    ),
    "no weights for it": (
        lambda folder: [SCAN, "--official", sys.executable, "--model", "fast"],
        "needs the weights in its own layout. Add --weights",
    ),
    "another python": (
        lambda folder: [SCAN, "--official", sys.executable, "--model", "fast", "--weights", WEIGHTS],
        "is not a python that has the packages",
    ),
    "half an environment": (
        lambda folder: [
            *(SCAN, "--official", stand_in_official(folder / "half", LABELS, without="nnunetv2")),
            *("--model", "fast", "--weights", WEIGHTS),
        ],
        "is not a python that has the packages TotalSegmentator, nnunetv2, torch",
    ),
    "no program": (
        lambda folder: [SCAN, "--official", not_python(folder), "--model", "fast", "--weights", WEIGHTS],
        "is not a python",
    ),
}


@pytest.mark.parametrize("name", BAD_WISHES)
def test_what_cannot_be_measured_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    arguments, says = BAD_WISHES[name]
    process = run_cli("benchmark", *arguments(tmp_path), "-o", tmp_path / "out")
    assert_one_sentence(process, 2, says)
    assert files_below(tmp_path / "out") == []


def test_an_output_that_is_no_folder_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert_one_sentence(run_cli("benchmark", SCAN, "-o", tmp_path / "file"), 2, "is a file, not a folder")


def test_a_model_that_is_not_there_ends_with_its_own_exit_code(tmp_path: Path) -> None:
    process = run_cli("benchmark", SCAN, "-o", tmp_path / "out", "--model", tmp_path / "nowhere")
    assert_one_sentence(process, 4, "There is no model")


def processes_of(folder: Path) -> list[bytes]:
    """Return the command lines of all processes that mention a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in line:
                found.append(line)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_interrupting_ends_the_children_and_removes_every_file(
    number: signal.Signals, slow_model: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    process = subprocess.Popen(
        command_line("benchmark", phantom_ct, "-o", tmp_path / "out", "--model", slow_model, "--precision", "exact"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(TMPDIR=str(scratch)),
        preexec_fn=heed_interrupts,
    )
    assert eventually(lambda: any(b"job.json" in line for line in processes_of(scratch)))
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=120)
    assert (process.returncode, stdout) == (5, "")
    assert sentences(stderr) == ["totalpassport: Cancelled. Nothing was written."]
    assert processes_of(scratch) == []
    assert [name for name in files_below(scratch) if name != ".ses"] == [], "onnxruntime leaves .ses itself"
    assert files_below(tmp_path / "out") == []
