"""Before a long run the user hears how long it takes and what memory it needs, and what else could be done."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.networks import write_model
from TotalPassportLib.base.events import Event
from TotalPassportLib.base.memory import peak_bytes, resident_bytes, return_free_memory
from TotalPassportLib.models.description import Part
from TotalPassportLib.models.network_files import NetworkFiles
from TotalPassportLib.models.reading import read_model
from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run
from TotalPassportLib.segmentation.estimate import LONG_SECONDS, Estimate, WindowClock, WindowCost, estimate, measured
from TotalPassportLib.segmentation.part_plan import PartPlan
from TotalPassportLib.segmentation.runs_progress import PlannedRun, RunsProgress

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
    return_free_memory()  # of other tests, which would be used again
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


def test_the_time_left_follows_from_the_windows_that_are_done() -> None:
    now = iter((100.0, 104.0, 109.0))
    clock = WindowClock([10.0, 10.0, 10.0, 5.0], lambda: next(now))
    first = clock.left(1, 6.0)
    assert (first.seconds, first.whole_seconds) == (15.0, 21.0), "25 of 35 are left, at 0.6 s each"
    second = clock.left(2, 4.0)
    assert second.seconds == pytest.approx(6.0), "the first one paid for what is made once: 4 s for 10"
    assert second.whole_seconds == pytest.approx(6 + 4 + 6)
    third = clock.left(3, 3.0)
    assert third.seconds == pytest.approx(2.25), "what passed between two windows counts too: 9 s for 20"
    assert third.seconds_per_gigaflop == pytest.approx(0.45)


def test_the_time_left_of_several_models_is_that_of_all_that_follow() -> None:
    told: list[float] = []
    runs = [PlannedRun(name="rough", work=2.0), PlannedRun(name="a", work=30.0), PlannedRun(name="b", work=50.0)]
    steps: list[int] = []
    progress = RunsProgress(runs, lambda done, _of: steps.append(done), lambda estimate: None, told.append)

    def run_one(name: str, works: list[float]) -> None:
        callbacks, clock = progress.callbacks(name), WindowClock(works, lambda: 0.0)
        callbacks.on_planned(sum(works))
        for done in range(1, 2):
            callbacks.on_time_left(clock.left(done, 0.1 * works[0]))
        callbacks.on_window(len(works), len(works))

    run_one("rough", [2.0])
    run_one("a", [10.0, 10.0])
    run_one("b", [50.0])
    assert told == pytest.approx([8.0, 1.0 + 5.0, 0.0]), "0.1 s for each unit of work"
    assert steps[:2] == [round(1000 * 2 / 82), round(1000 * (2 / 82 + 80 / 82 * 20 / 70))], "a was 20, not 30"
    assert steps[-1] == 1000


def test_a_run_says_how_long_it_will_take_from_its_first_window_on(
    phantom_ct: Path, threshold_model: Path, tmp_path: Path
) -> None:
    events = events_of(phantom_ct, threshold_model, tmp_path)
    (position,) = (index for index, event in enumerate(events) if event["event"] == "estimate")
    assert not any("seconds_left" in event for event in events[:position])
    told = [event["seconds_left"] for event in events[position:] if event.get("stage") == "infer"]
    assert told
    assert min(told) >= 0
    assert events[position]["model"] == read_model(threshold_model).name
