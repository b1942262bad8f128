"""Progress is one true percentage, and a wish to stop is heard at the next step."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from TotalPassportLib.base.errors import Cancelled
from TotalPassportLib.base.events import Cancellation, Event, Progress


@settings(deadline=None)
@given(
    shares=st.lists(st.floats(0.01, 5), min_size=1, max_size=8),
    steps=st.lists(st.integers(0, 20), min_size=8, max_size=8),
)
def test_the_fraction_never_falls_and_ends_at_one(shares: list[float], steps: list[int]) -> None:
    events: list[Event] = []
    progress = Progress({str(index): share for index, share in enumerate(shares)}, events.append, Cancellation())
    for index in range(len(shares)):
        with progress.stage(str(index)):
            for done in range(steps[index]):
                progress.step(done, steps[index])
    fractions = [event["fraction"] for event in events]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert list(progress.seconds) == [str(index) for index in range(len(shares))]


class AskedWhileLooking(type(Path())):
    """A cancel file that is not there, and whose absence is noticed just after a signal asked to stop."""

    asked: Cancellation

    def exists(self, **options: bool) -> bool:
        """Look for the file, as `Path` does."""
        self.asked.request()
        return super().exists(**options)


def test_a_wish_that_comes_while_the_file_is_looked_for_is_not_forgotten(tmp_path: Path) -> None:
    file = AskedWhileLooking(tmp_path / "cancel")
    file.asked = Cancellation(file)
    looks = [file.asked.requested for _ in range(2)]
    assert looks[-1], "the first look may have come before the wish"


def test_a_file_that_appears_stops_the_run(tmp_path: Path) -> None:
    progress = Progress({"a": 1}, lambda event: None, Cancellation(tmp_path / "cancel"))
    with pytest.raises(Cancelled), progress.stage("a"):  # noqa: PT012 - the steps before must pass
        progress.step(1, 4)
        (tmp_path / "cancel").touch()
        progress.step(2, 4)
        raise AssertionError("the step after the file must not be passed")


def test_a_request_holds_though_the_file_vanishes(tmp_path: Path) -> None:
    cancellation = Cancellation(tmp_path / "cancel")
    cancellation.check()
    (tmp_path / "cancel").touch()
    assert cancellation.requested
    (tmp_path / "cancel").unlink()
    with pytest.raises(Cancelled):
        cancellation.check()


def test_a_stage_that_fails_is_not_reported_as_complete() -> None:
    events: list[Event] = []
    progress = Progress({"a": 1, "b": 1}, events.append, Cancellation())
    with pytest.raises(KeyError), progress.stage("a"):
        raise KeyError
    assert [event["done"] for event in events] == [0]
    assert progress.seconds == {}


def test_stages_that_are_skipped_count_as_done() -> None:
    events: list[Event] = []
    progress = Progress({"download": 8, "unpack": 1, "convert": 1}, events.append, Cancellation())
    with progress.stage("convert"):
        progress.step(1, 2)
    assert [event["fraction"] for event in events] == [0.9, 0.95, 1.0]
