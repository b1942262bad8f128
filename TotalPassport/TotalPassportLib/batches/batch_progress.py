"""How far a batch is, and when it will be done: judged by the bytes of the scans, of which their times go."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..base.events import Event, EventCallback

EVENT_SECONDS = 0.2
"""The least time between two reports of progress that have nothing else to say."""
TELLING_SECONDS, TELLING_SHARE = 5.0, 0.02
"""Before so much has passed, nothing is said of the time that is left."""


class BatchProgress:
    """Adds up what the workers tell of their scans.

    Parameters
    ----------
    on_event : callable
        Receives ``progress`` events of the stage ``scans``, an event ``scan`` for each that ends, and warnings.
    """

    def __init__(self, on_event: EventCallback) -> None:
        self._on_event = on_event
        self._weights: Mapping[str, float] = {}
        self._fractions: dict[str, float] = {}
        self._ended: set[str] = set()
        self._n_scans = self._n_done = 0
        self._start = self._told = time.monotonic()

    def begin(self, weights: Mapping[str, float], n_scans: int) -> None:
        """Begin with scans to run, by name with their shares of the work, out of so many in all."""
        self._weights, self._n_scans = weights, n_scans
        self._n_done = n_scans - len(weights)
        self._start = time.monotonic()
        self._tell()

    def hear(self, event: Event) -> None:
        """Take an event of a worker."""
        if event["event"] == "progress":
            self._fractions[event["name"]] = event["fraction"]
            if time.monotonic() - self._told >= EVENT_SECONDS:
                self._tell()
        elif event["event"] == "warning":
            self._on_event(event)

    def done(self, name: str, result: Mapping[str, Any]) -> None:
        """Note the end of a scan."""
        self._n_done += name not in self._ended  # one that is tried again ends twice
        self._ended.add(name)
        self._on_event({"event": "scan", "done": self._n_done, "total": self._n_scans, "result": dict(result)})
        self._tell()

    @property
    def fraction(self) -> float:
        """What part of the work of this call is done."""
        whole = sum(self._weights.values())
        done = sum(weight * self._fraction_of(name) for name, weight in self._weights.items())
        return done / whole if whole else 1.0

    def _fraction_of(self, name: str) -> float:
        return 1.0 if name in self._ended else self._fractions.get(name, 0.0)

    def seconds_left(self) -> float | None:
        """Return how long the rest will take if it goes on as until now; None while that cannot be said."""
        passed, fraction = time.monotonic() - self._start, self.fraction
        if passed < TELLING_SECONDS or fraction < TELLING_SHARE:
            return None
        return passed * (1 - fraction) / fraction

    def _tell(self) -> None:
        self._told = time.monotonic()
        left = self.seconds_left()
        self._on_event(
            {
                "event": "progress",
                "stage": "scans",
                "done": self._n_done,
                "total": self._n_scans,
                "fraction": round(self.fraction, 4),
                "running": {n: round(f, 3) for n, f in self._fractions.items() if n not in self._ended},
                "seconds_left": None if left is None else round(left, 1),
            }
        )
