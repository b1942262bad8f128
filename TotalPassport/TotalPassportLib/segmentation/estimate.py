"""How long a run will take and how much memory it will need, judged by one window of the network.

The number of windows and the arrays of the pipeline follow from the resampled shape. What the network itself needs on
this machine is measured: run a window inside `measured`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

import numpy as np

from ..base.memory import peak_bytes, resident_bytes
from ..models.description import Part, read_head
from .blending import held_bytes
from .cells import Cells
from .windows import padding, window_axes

LONG_SECONDS = 600.0
"""From here on a run is worth a warning."""
OUTPUT_COPIES = 3
"""Bytes per voxel of the input's grid while labels are brought back and written: uint8, gathered axis by axis."""


@dataclass
class Cost:
    """What one window took: wall time in seconds, and the rise of this process's memory in bytes."""

    seconds: float = 0.0
    memory_bytes: int = 0


@dataclass(frozen=True)
class Estimate:
    """What a run takes.

    Attributes
    ----------
    windows : windows of all parts together.
    seconds : of the network; reading and writing come on top.
    memory_bytes : highest memory of this process.
    further_bytes : what of it is not taken yet.
    """

    windows: int
    seconds: float
    memory_bytes: int
    further_bytes: int


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure what happens inside; the cost is complete afterwards."""
    cost = Cost()
    before, start = resident_bytes(), time.perf_counter()
    yield cost
    cost.seconds = time.perf_counter() - start
    cost.memory_bytes = max(peak_bytes() - before, 0)


def estimate(
    shape_zyx: tuple[int, ...],
    input_voxels: int,
    parts: Sequence[Part],
    precision: str,
    window: Cost,
    resident_before: int,
) -> Estimate:
    """Return the estimate of a run.

    Parameters
    ----------
    shape_zyx : the CT's box at the model's spacing.
    input_voxels : number of voxels of the input's grid.
    parts : the parts that run; a window of each is taken to cost what the measured one did, by its voxels.
    precision : one of `segmentation.engines.PRECISIONS`.
    window : cost of a window of the first part.
    resident_before : this process's memory before the first part began, bytes.
    """
    voxels = [int(np.prod(part.patch_size_zyx)) for part in parts]
    counts = [count_windows(shape_zyx, part) for part in parts]
    seconds = sum(window.seconds * count * size / voxels[0] for count, size in zip(counts, voxels, strict=True))
    inferring = max(pipeline_bytes(shape_zyx, part, precision) for part in parts) + window.memory_bytes
    further = max(inferring, OUTPUT_COPIES * input_voxels)
    return Estimate(sum(counts), seconds, resident_before + further, further)


def count_windows(shape_zyx: tuple[int, ...], part: Part) -> int:
    """Return how many windows cover a CT."""
    return prod(len(starts) for starts in window_axes(shape_zyx, part))


def held_by_part(shape_zyx: tuple[int, ...], part: Part, precision: str) -> int:
    """Return the size of what one part holds while voxels wait for their last window."""
    cells = Cells(window_axes(shape_zyx, part), part.patch_size_zyx)
    return held_bytes(cells, read_head(part), len(part.label_values), precision)


def pipeline_bytes(shape_zyx: tuple[int, ...], part: Part, precision: str) -> int:
    """Return the size of all arrays that one part needs beside the network: cells, float32 image, labels."""
    return held_by_part(shape_zyx, part, precision) + 6 * int(np.prod(_padded(shape_zyx, part)))


def _padded(shape_zyx: tuple[int, ...], part: Part) -> tuple[int, ...]:
    borders = padding(shape_zyx, part.patch_size_zyx)
    return tuple(size + low + high for size, (low, high) in zip(shape_zyx, borders, strict=True))
