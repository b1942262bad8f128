"""From runs to numbers: medians, ratios, stages, agreement, and how near the network comes to the processor's peak."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.networks import write_model
from support.scans import save_nifti
from TotalPassportLib.benchmark.aggregation import median_run, network_speed, scan_entry, stages_of
from TotalPassportLib.benchmark.agreement import compare_labels
from TotalPassportLib.benchmark.contenders import Official, OurProgram, PlainPass, Run
from TotalPassportLib.benchmark.measure import BenchmarkScan, Trial
from TotalPassportLib.benchmark.measured_process import ProcessUsage
from TotalPassportLib.models.description import ModelDescription
from TotalPassportLib.models.reading import read_model

CPU = "CPUExecutionProvider"
PEAKS = [
    {"arithmetic": "float32", "engine": "numpy", "gflops": 200.0},
    {"arithmetic": "float32", "engine": "cpu", "gflops": 400.0},
    {"arithmetic": "bfloat16", "engine": "openvino", "gflops": 2000.0},
]
SCAN = BenchmarkScan(name="scan", path=Path("scan.nii.gz"), shape=(4, 4, 4), spacing_mm=(1.0, 1.0, 1.0))


def run(wall: float, labels: Path = Path("none"), peak: int | None = 100, **told: Any) -> Run:
    return Run(
        usage=ProcessUsage(
            seconds=wall,
            processor_seconds=2 * wall,
            peak_bytes=peak,
            largest_process_bytes=None,
            exit_code=0,
            output="",
            log="",
        ),
        labels=labels,
        told=told,
    )


def ours(precision: str, provider: str = "auto") -> OurProgram:
    return OurProgram(
        key=f"{precision}-{provider}",
        title=precision,
        kind="totalpassport",
        model="demo",
        precision=precision,
        provider=provider,
    )


OFFICIAL = Official(
    key="official",
    title="TotalSegmentator",
    kind="official",
    python=Path("python"),
    weights=Path("weights"),
    mode="fast",
)
PLAIN = PlainPass(key="plain", title="plain", kind="plain", model="demo")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelDescription:
    """A model of which one window takes 10^9 operations times 50."""
    folder = write_model(tmp_path_factory.mktemp("models") / "m", part={"gigaflop_per_window": 50.0})
    return read_model(folder)


def labels(path: Path, *ones: int) -> Path:
    """Write a volume of 64 voxels, of which some have label 1."""
    voxels = np.zeros(64, np.uint8)
    voxels[list(ones)] = 1
    return save_nifti(path, voxels.reshape(4, 4, 4), np.eye(4))


def entry(trials: list[Trial], model: ModelDescription) -> dict[str, dict[str, Any]]:
    return {result["contender"]: result for result in scan_entry(SCAN, trials, model, PEAKS)["results"]}


def test_times_are_medians_and_compared_with_the_official_one(model: ModelDescription, tmp_path: Path) -> None:
    same = labels(tmp_path / "same.nii.gz", 1, 2)
    trials = [
        Trial(scan=SCAN, contender=ours("exact"), runs=[run(seconds, same) for seconds in (4.0, 9.0, 5.0)]),
        Trial(scan=SCAN, contender=OFFICIAL, runs=[run(seconds, same, 700) for seconds in (22.0, 19.0, 20.0)]),
    ]
    found = entry(trials, model)
    assert found["exact-auto"]["seconds"] == {"median": 5.0, "lowest": 4.0, "highest": 9.0}
    assert found["exact-auto"]["times_as_fast"] == 4.0
    assert found["exact-auto"]["processor_seconds"] == 10.0
    assert [one["seconds"] for one in found["exact-auto"]["runs"]] == [4.0, 9.0, 5.0]
    assert found["official"]["peak_bytes"]["highest"] == 700
    assert found["official"]["network"] is None


def test_labels_are_compared_with_the_official_ones_else_with_exact_ones_of_the_cpu(
    model: ModelDescription, tmp_path: Path
) -> None:
    files = [labels(tmp_path / f"{number}.nii.gz", *range(number)) for number in range(4)]
    trials = [
        Trial(scan=SCAN, contender=ours("turbo"), runs=[run(1, files[1], provider=CPU)]),
        Trial(scan=SCAN, contender=ours("exact"), runs=[run(1, files[2], provider="OpenVINOExecutionProvider")]),
        Trial(scan=SCAN, contender=ours("exact", "cpu"), runs=[run(1, files[3], provider=CPU)]),
        Trial(scan=SCAN, contender=OFFICIAL, runs=[run(1, files[0])]),
    ]
    for present, reference in ((4, "official"), (3, "exact-cpu"), (2, "exact-auto"), (1, None)):
        scan = scan_entry(SCAN, trials[:present], model, PEAKS)
        assert scan["reference"] == reference
        found = scan["results"][0]["agreement"]
        assert (found is None) == (reference is None)
    trials[3].failure = "It was ended by signal 9."
    assert scan_entry(SCAN, trials, model, PEAKS)["reference"] == "exact-cpu"
    turbo = entry(trials, model)["turbo-auto"]["agreement"]
    assert turbo["differing"] == 2
    assert turbo["equal_percent"] == pytest.approx(100 * 62 / 64)
    assert turbo["labelled_equal_percent"] == pytest.approx(100 / 3)


def test_what_has_failed_has_no_numbers(model: ModelDescription) -> None:
    trial = Trial(scan=SCAN, contender=PLAIN, runs=[run(1.0)], failure="It was ended by signal 9.")
    assert entry([trial], model) == {"plain": {"contender": "plain", "failure": "It was ended by signal 9."}}
    scan = scan_entry(SCAN, [trial], model, PEAKS)
    assert (scan["reference"], scan["baseline"]) == (None, None)


def test_memory_that_the_system_does_not_tell_is_left_out(model: ModelDescription) -> None:
    trial = Trial(
        scan=SCAN,
        contender=PLAIN,
        runs=[
            replace(
                run(1.0),
                usage=ProcessUsage(
                    seconds=1.0,
                    processor_seconds=None,
                    peak_bytes=None,
                    largest_process_bytes=None,
                    exit_code=0,
                    output="",
                    log="",
                ),
            )
        ],
    )
    found = entry([trial], model)["plain"]
    assert (found["peak_bytes"], found["processor_seconds"], found["largest_process_bytes"]) == (None, None, None)


def test_stages_add_up_to_the_wall_time() -> None:
    told = {"load": 0.5, "prepare": 0.25, "infer": 4.0, "restore": 0.25, "describe": 0.5, "write": 0.5}
    stages = stages_of(run(7.0, seconds=told, network_seconds=3.0))
    assert list(stages) == ["start-up", "load", "prepare", "network", "rest of infer", "restore", "describe", "write"]
    assert (stages["start-up"], stages["network"], stages["rest of infer"]) == (1.0, 3.0, 1.0)
    assert sum(stages.values()) == 7.0
    assert stages_of(run(7.0, seconds=told))["network"] == 4.0
    assert stages_of(run(7.0)) is None


def test_of_two_runs_the_faster_one_stands_for_both() -> None:
    runs = [run(3.0), run(1.0), run(2.0), run(4.0)]
    assert median_run(runs).usage.seconds == 2.0
    assert median_run(runs[:3]).usage.seconds == 2.0


@pytest.mark.parametrize(
    ("told", "gflops", "peak"),
    [
        ({"arithmetic": "float32", "provider": CPU}, 200.0, 400.0),
        ({"arithmetic": "float16", "provider": CPU}, 200.0, None),
        ({"arithmetic": "float32", "provider": "CUDAExecutionProvider"}, 200.0, None),
        ({"arithmetic": "float32", "provider": CPU, "windows": None}, None, None),
        ({"arithmetic": "float32", "provider": CPU, "network_seconds": None}, None, None),
    ],
    ids=["known", "arithmetic without a peak", "not on the processor", "no windows told", "no time told"],
)
def test_the_networks_speed_is_its_work_over_its_time(
    told: dict[str, Any], gflops: float | None, peak: float | None, model: ModelDescription
) -> None:
    speed = network_speed(run(9.0, **({"windows": 8, "network_seconds": 2.0} | told)), model, PEAKS)
    assert (speed["gflops"], speed["peak_gflops"]) == (gflops, peak)
    assert speed["percent"] == (50.0 if peak else None)
    assert (speed["missing"] is None) == (peak is not None)


def test_a_model_that_does_not_tell_its_work_has_no_speed(threshold_model: Path) -> None:
    told = {"windows": 8, "network_seconds": 2.0, "arithmetic": "float32", "provider": CPU}
    speed = network_speed(run(9.0, **told), read_model(threshold_model), PEAKS)
    assert speed["gflops"] is None
    assert "model" in speed["missing"]


def test_volumes_of_other_shapes_have_nothing_in_common(tmp_path: Path) -> None:
    other = save_nifti(tmp_path / "other.nii.gz", np.ones((4, 4, 5), np.uint8), np.eye(4))
    found = compare_labels(labels(tmp_path / "labels.nii.gz", 1), other)
    assert (found.voxels, found.differing, found.equal_percent) == (80, 80, 0)


def test_two_empty_volumes_are_alike(tmp_path: Path) -> None:
    found = compare_labels(labels(tmp_path / "a.nii.gz"), labels(tmp_path / "b.nii.gz"))
    assert (found.equal_percent, found.labelled_equal_percent) == (100, None)
