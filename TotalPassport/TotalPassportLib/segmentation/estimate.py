"""How long a run will take and how much memory it will need, judged by one window of the network.

The number of windows and the arrays of the pipeline follow from the resampled shape, see `part_plan`. What the network
itself needs on this machine is measured: run a window inside `measured`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

from ..base.memory import peak_bytes, resident_bytes
from ..models.description import ModelDescription
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
    """What a run takes.

    Attributes
    ----------
    windows : int
        Windows of all parts together.
    seconds : float
        Of the network; reading and writing come on top.
    memory_bytes : int
        Highest memory of this process.
    further_bytes : int
        What of it is not taken yet.
    """

    windows: int
    seconds: float
    memory_bytes: int
    further_bytes: int


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


def estimate(plans: Sequence[PartPlan], window: WindowCost, *, input_voxels: int, resident_before: int) -> Estimate:
    """Return the estimate of a run.

    Parameters
    ----------
    plans : sequence of PartPlan
        The parts that run; a window of each is taken to cost what the measured one did, by its voxels.
    window : WindowCost
        Cost of a window of the first part.
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
        windows=sum(windows), seconds=seconds, memory_bytes=resident_before + further, further_bytes=further
    )
