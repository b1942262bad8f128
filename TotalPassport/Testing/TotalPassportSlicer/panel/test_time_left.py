"""The time left is told once it means something, and shrinks as the run goes on."""

from __future__ import annotations

from typing import Any

import pytest


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def time_left(clock: Clock, application: Any) -> Any:
    from TotalPassportSlicer.panel.time_left import TimeLeft

    return TimeLeft(clock)


def test_nothing_is_promised_at_the_start(time_left: Any, clock: Clock) -> None:
    assert time_left.text(0.0) == ""
    clock.now += 60
    assert time_left.text(0.01) == ""


def test_half_way_as_much_is_left_as_has_passed(time_left: Any, clock: Clock) -> None:
    clock.now += 30
    assert time_left.seconds(0.5) == pytest.approx(30)
    assert time_left.text(0.5) == "about 30 s left"


def test_long_times_are_told_in_minutes(time_left: Any, clock: Clock) -> None:
    clock.now += 600
    assert time_left.text(0.5) == "about 10 min left"


def test_at_the_end_it_is_nearly_over(time_left: Any, clock: Clock) -> None:
    clock.now += 600
    assert time_left.text(1.0) == "about 1 s left"


def test_what_the_run_itself_expects_goes_before_what_its_fraction_says(time_left: Any, clock: Clock) -> None:
    clock.now += 1
    assert time_left.text(0.01, 240.0) == "about 4 min left"
