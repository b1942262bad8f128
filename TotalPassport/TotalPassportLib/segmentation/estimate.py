"""How long a run will take and how much memory it will need, judged by one window of the network.

The number of windows and the arrays of the pipeline follow from the resampled shape, see `part_plan`. What the network
itself needs on this machine is measured: run a window inside `measured`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from math import prod

from ..base.memory import peak_bytes, resident_bytes
from ..models.description import ModelDescription, Part
from .part_plan import PartPlan

LONG_SECONDS = 600.0
"""From here on a run is worth a warning."""
OUTPUT_COPIES = 3
"""Bytes per voxel of the input's grid once the network is done: the labels, their copy in the order of measuring, and
what their surfaces take. Of 512 x 512 x 600 voxels with 61 organs 2.7 were measured; a network's specks take ten times
that."""


FIRST_WINDOW_BYTES, BYTES_A_VOXEL = 2 * 2**30, 4096
"""What opening a network and running it once may take before anything was measured: the largest published ones keep
about a thousand bytes for each voxel of their patch."""


@dataclass
class WindowCost:
    """What one window took: wall time in seconds, and the rise of this process's memory in bytes."""

    seconds: float = 0.0
    memory_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a model takes on a scan.

    Attributes
    ----------
    model : str
        Its name.
    windows : int
        Windows of all parts together.
    seconds : float
        Of the network; reading and writing come on top.
    memory_bytes : int
        Highest memory of this process.
    further_bytes : int
        What of it is not taken yet.
    """

    model: str = ""
    windows: int
    seconds: float
    memory_bytes: int
    further_bytes: int


@dataclass(frozen=True, kw_only=True)
class WindowsLeft:
    """What the windows of a model still take.

    Attributes
    ----------
    seconds : float
        Those that are left.
    whole_seconds : float
        All of them.
    seconds_per_gigaflop : float
        For as much work in other networks, see `work_of`.
    """

    seconds: float
    whole_seconds: float
    seconds_per_gigaflop: float


class WindowClock:
    """Tells how long the windows that are left will take, from those that are done.

    Parameters
    ----------
    works : sequence of float
        The work of each window of a model, in the order in which they run, see `work_of`.
    now : callable
        Returns seconds that only go forward.
    """

    def __init__(self, works: Sequence[float], now: Callable[[], float] = time.perf_counter) -> None:
        self._done = (0.0, *accumulate(works))
        self._now = now
        self._first_seconds, self._first_end = 0.0, 0.0

    def left(self, done: int, seconds: float) -> WindowsLeft:
        """Return what is left once ``done`` windows are over, of which the last took so many seconds.

        After the first one it is judged by that alone, then by what has passed since: the first one pays for what is
        made once, and between windows of different networks the next one is opened.
        """
        whole, work = self._done[-1], self._done[done]
        if done == 1:
            self._first_seconds, self._first_end = seconds, self._now()
            rate = seconds / work
        else:
            rate = (self._now() - self._first_end) / (work - self._done[1])
        return WindowsLeft(
            seconds=rate * (whole - work),
            whole_seconds=self._first_seconds + rate * (whole - self._done[1]),
            seconds_per_gigaflop=rate,
        )


def work_of(part: Part) -> float:
    """Return the work of one window in billions of operations; 1 where nobody knows it."""
    return part.gigaflop_per_window or 1.0


def first_window_bytes(model: ModelDescription) -> int:
    """Return the most that opening and running a network of such a patch once can take."""
    return FIRST_WINDOW_BYTES + BYTES_A_VOXEL * max(prod(part.patch_size_zyx) for part in model.parts)


@contextmanager
def measured() -> Iterator[WindowCost]:
    """Measure what happens inside; the cost is complete afterwards."""
    cost = WindowCost()
    before, start = resident_bytes(), time.perf_counter()
    yield cost
    cost.seconds = time.perf_counter() - start
    cost.memory_bytes = max(peak_bytes() - before, 0)


def estimate(
    plans: Sequence[PartPlan], window: WindowCost, *, model: str = "", input_voxels: int, resident_before: int
) -> Estimate:
    """Return the estimate of a model.

    Parameters
    ----------
    plans : sequence of PartPlan
        The parts that run; a window of each is taken to cost what the measured one did, by its voxels.
    window : WindowCost
        Cost of a window of the first part.
    model : str
        Its name.
    input_voxels : int
        Number of voxels of the input's grid.
    resident_before : int
        This process's memory before the first part began, bytes.
    """
    voxels = [prod(plan.part.patch_size_zyx) for plan in plans]
    windows = [plan.windows for plan in plans]
    seconds = sum(window.seconds * count * size / voxels[0] for count, size in zip(windows, voxels, strict=True))
    inferring = max(plan.pipeline_bytes for plan in plans) + window.memory_bytes
    further = max(inferring, OUTPUT_COPIES * input_voxels)
    return Estimate(
        model=model,
        windows=sum(windows),
        seconds=seconds,
        memory_bytes=resident_before + further,
        further_bytes=further,
    )
