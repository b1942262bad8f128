"""Before a long run the user hears how long it takes and what memory it needs, and what else could be done."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.networks import write_model
from TotalPassportLib.base.events import Event
from TotalPassportLib.base.memory import peak_bytes, resident_bytes
from TotalPassportLib.models.description import Part
from TotalPassportLib.models.network_files import NetworkFiles
from TotalPassportLib.models.reading import read_model
from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run
from TotalPassportLib.segmentation.estimate import LONG_SECONDS, Estimate, WindowCost, estimate, measured
from TotalPassportLib.segmentation.part_plan import PartPlan

MEGABYTE = 2**20


@pytest.fixture
def part(tmp_path: Path) -> Part:
    """A part with windows of 16 x 20 x 24 voxels and four channels."""
    return read_model(write_model(tmp_path / "m")).parts[0]


def plan_of(shape: tuple[int, int, int], part: Part) -> PartPlan:
    return PartPlan.of(shape, np.full(3, 3.0, np.float32), (part,), NetworkFiles(part), "exact")


def test_windows_overlap_as_the_part_says_and_a_small_scan_has_one(part: Part) -> None:
    assert plan_of((16, 20, 24), part).windows == 1
    assert plan_of((9, 50, 7), part).windows == 3, "50 voxels in steps of at most 16"
    assert plan_of((1, 1, 1), part).cells.shape == (16, 20, 24), "what is missing is padded"


def test_what_is_held_does_not_grow_with_the_length_of_the_scan(part: Part) -> None:
    """Windows come along z, and what lies behind them is finished."""
    long, longer = (plan_of((length, 50, 60), part).held_bytes for length in (400, 4000))
    assert 0 < longer <= 1.2 * long
    assert plan_of((4, 5, 6), part).held_bytes == 0, "a scan of one window has nothing to wait for"


def test_time_is_that_of_a_window_for_every_window_of_every_part(part: Part) -> None:
    plan = plan_of((40, 50, 60), part)
    cost = WindowCost(seconds=0.5, memory_bytes=0)
    expected = estimate([plan, plan], cost, input_voxels=10**6, resident_before=0)
    assert expected.windows == 2 * plan.windows
    assert expected.seconds == pytest.approx(0.5 * expected.windows)


def test_memory_is_what_there_is_and_the_larger_of_inferring_and_writing(part: Part) -> None:
    plan, before = plan_of((40, 50, 60), part), 100 * MEGABYTE
    window = WindowCost(seconds=1.0, memory_bytes=80 * MEGABYTE)
    inferring = plan.held_bytes + 6 * 40 * 50 * 60 + window.memory_bytes
    small, large = (estimate([plan], window, input_voxels=voxels, resident_before=before) for voxels in (10**6, 10**9))
    assert (small.further_bytes, small.memory_bytes) == (inferring, before + inferring)
    assert large.further_bytes == 3 * 10**9


def test_what_a_window_takes_is_measured() -> None:
    assert 0 < resident_bytes() <= peak_bytes()
    with measured() as cost:
        array = np.ones(peak_bytes() - resident_bytes() + 64 * MEGABYTE, np.uint8)
    assert cost.seconds > 0
    assert cost.memory_bytes >= 60 * MEGABYTE
    assert array.all()


def events_of(phantom_ct: Path, model: Path, folder: Path) -> list[Event]:
    events: list[Event] = []
    run(phantom_ct, folder, RunOptions(model=str(model)), on_event=events.append)
    return events


def test_a_run_tells_its_estimate_once_before_most_of_its_windows(
    phantom_ct: Path, threshold_model: Path, tmp_path: Path
) -> None:
    events = events_of(phantom_ct, threshold_model, tmp_path)
    (position,) = (index for index, event in enumerate(events) if event["event"] == "estimate")
    windows = [event for event in events if event.get("stage") == "infer"][1]["total"]
    assert events[position]["windows"] == windows > 1
    assert events[position]["seconds"] >= 0
    assert events[position]["memory_bytes"] >= 20 * MEGABYTE
    assert sum(event.get("stage") == "infer" for event in events[:position]) <= 2
    assert not [event for event in events if event["event"] == "warning"]


@pytest.mark.parametrize(
    ("seconds", "further", "code", "sentence"),
    [
        (3000.0, 0, "long_run", "This will take about 50 minutes on this computer"),
        (1.0, 10 * 2**40, "low_memory", "needs about 10240.0 GB of memory"),
    ],
)
def test_a_run_that_takes_too_much_warns_with_a_way_out(
    seconds: float,
    further: int,
    code: str,
    sentence: str,
    phantom_ct: Path,
    threshold_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = Estimate(windows=9, seconds=seconds, memory_bytes=further, further_bytes=further)
    monkeypatch.setattr("TotalPassportLib.segmentation.segment.estimate", lambda *_, **__: told)
    events = events_of(phantom_ct, threshold_model, tmp_path)
    (warning,) = (event for event in events if event["event"] == "warning")
    assert warning["code"] == code
    assert sentence in warning["message"]
    assert "choose a model with larger voxels" in warning["message"]
    assert LONG_SECONDS < 3000
