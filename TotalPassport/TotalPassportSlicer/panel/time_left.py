"""How long a run will still take, from how far it has come."""

from __future__ import annotations

import time
from collections.abc import Callable

from slicer.i18n import tr as _

_MIN_FRACTION = 0.05
_MIN_ELAPSED_S = 2.0
"""Before this an estimate would jump about and mean nothing."""


class TimeLeft:
    """Estimates the remaining time of a run.

    Parameters
    ----------
    clock : Callable[[], float]
        Returns seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self._start

    def seconds(self, fraction: float) -> float | None:
        """Return the seconds left at this fraction (0..1) of the whole, or None while it is too early to tell."""
        elapsed = self.elapsed_s
        if fraction < _MIN_FRACTION or elapsed < _MIN_ELAPSED_S:
            return None
        return elapsed * (1 - min(fraction, 1.0)) / fraction

    def text(self, fraction: float, expected_s: float | None = None) -> str:
        """Return the time left in words: what the run expects, else by its fraction; empty while it is too early."""
        seconds = self.seconds(fraction) if expected_s is None else expected_s
        if seconds is None:
            return ""
        return _("about {duration} left").format(duration=duration_text(seconds))


def duration_text(seconds: float) -> str:
    """Return a duration in words, seconds up to a minute and a half, then minutes."""
    if seconds < 90:
        return str(_("{n} s").format(n=max(round(seconds), 1)))
    return str(_("{n} min").format(n=round(seconds / 60)))
