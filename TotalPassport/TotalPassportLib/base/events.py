"""How a run tells what it is doing, and how it is told to stop.

A run is a row of stages. Each has a share of the whole, so that one true percentage can be shown. Events are plain
dictionaries (see ``docs/architecture.md``) handed to a callback; the same dictionaries are the child process's lines.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from .. import __version__
from .errors import Cancelled
from .hints import Hint, hint_fields

Event = dict[str, Any]
EventCallback = Callable[[Event], None]
StepCallback = Callable[[int, int], None]
"""Receives how many steps are done and how many there are; its exceptions stop the work."""


def ignore_event(event: Event) -> None:
    """Take an event and do nothing with it."""


def share_of(step: StepCallback, index: int, count: int) -> StepCallback:
    """Return the progress of one of several equal pieces of work, as a part of the whole."""
    return lambda done, total: step(round(1000 * (index + done / max(total, 1))), 1000 * count)


class Cancellation:
    """A request to stop, asked for by a call or by a file that appears."""

    def __init__(self, cancel_file: Path | None = None) -> None:
        self._cancel_file = cancel_file
        self._requested = False

    def request(self) -> None:
        """Ask the run to stop at its next check; safe from any thread."""
        self._requested = True

    @property
    def requested(self) -> bool:
        """Whether the run was asked to stop."""
        # Only ever set, never assigned the answer: a signal may ask to stop while the file is being looked for.
        if self._cancel_file is not None and self._cancel_file.exists():
            self._requested = True
        return self._requested

    def check(self) -> None:
        """Raise `Cancelled` if the run was asked to stop."""
        if self.requested:
            raise Cancelled()


@contextmanager
def signals_deferred() -> Iterator[list[int]]:
    """Hold SIGINT and SIGTERM back for the length of a block that must not be cut; yield those that came so far.

    They take effect at the end of the block. Only the main thread can be cut by them.
    """
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    handlers: dict[int, Any] = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in (int(signal.SIGINT), int(signal.SIGTERM)):
                # What is ignored stays so; a handler that is not Python's could not be put back.
                if signal.getsignal(number) not in (None, signal.SIG_IGN):
                    handlers[number] = signal.signal(number, note)
        yield received
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in dict.fromkeys(received):
            signal.raise_signal(number)


def start(shares: Mapping[str, float], on_event: EventCallback, cancellation: Cancellation | None) -> Progress:
    """Report that a run begins, and return what reports the rest; ``shares`` as `Progress` takes them."""
    on_event({"event": "started", "pid": os.getpid(), "version": __version__, "stages": list(shares)})
    return Progress(shares, on_event, cancellation or Cancellation())


class Progress:
    """Reports the stages of one run through a callback.

    Parameters
    ----------
    shares : Mapping[str, float]
        Stage name -> its expected share of the whole run's time, in the order in which they run.
    callback : EventCallback
        Receives every event.
    cancellation : Cancellation
        Checked at every step.
    """

    def __init__(self, shares: Mapping[str, float], callback: EventCallback, cancellation: Cancellation) -> None:
        self._shares = dict(shares)
        self._callback = callback
        self._finished_share = 0.0
        self._stage = ""
        self.cancellation = cancellation
        self.seconds: dict[str, float] = {}
        """Wall time of each finished stage in seconds."""
        self._expected_end: float | None = None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Run one stage: progress 0 at its start, complete at its end, its time kept; stages before it are over."""
        self._stage = name
        # Some may have been skipped, such as the download of what is there already.
        names = list(self._shares)
        before = sum(self._shares[earlier] for earlier in names[: names.index(name)])
        self._finished_share = max(self._finished_share, before)
        self.step(0, 1)
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
        # Without a check: after the last stage the files are there, and a late request to stop must not deny it.
        self._report(1, 1)
        self._finished_share += self._shares[name]

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Count time inside the present stage as that of another one, which takes turns with it."""
        start = time.perf_counter()
        yield
        taken = time.perf_counter() - start
        self.seconds[name] = self.seconds.get(name, 0.0) + taken
        self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) - taken

    def step(self, done: int, total: int) -> None:
        """Report that ``done`` of ``total`` steps of the present stage are finished.

        Raises
        ------
        Cancelled
            The run was asked to stop.
        """
        self.cancellation.check()
        self._report(done, total)

    def _report(self, done: int, total: int) -> None:
        within = self._shares[self._stage] * done / max(total, 1)
        fraction = min((self._finished_share + within) / sum(self._shares.values()), 1.0)
        event = {
            "event": "progress",
            "stage": self._stage,
            "done": done,
            "total": total,
            "fraction": round(fraction, 4),
        }
        left = self._expected_end - time.monotonic() if self._expected_end is not None else 0.0
        self._callback({**event, "seconds_left": round(left, 1)} if left > 0 else event)

    def expect(self, seconds: float) -> None:
        """Take it from now on that the whole run will end in so many seconds, and say so with the progress."""
        self._expected_end = time.monotonic() + seconds

    def estimate(self, model: str, windows: int, seconds: float, memory_bytes: int) -> None:
        """Report what all windows of a model will take, and the highest memory of this process."""
        event = {"event": "estimate", "model": model, "windows": windows}
        self._callback({**event, "seconds": round(seconds, 1), "memory_bytes": memory_bytes})

    def warn(self, code: str, message: str, hint: Hint | None = None) -> None:
        """Report something that the user should know but that does not stop the run, and what can be done about it."""
        event: Event = {"event": "warning", "code": code, "message": message}
        self._callback(event | (hint_fields(hint) if hint is not None else {}))
