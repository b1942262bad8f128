"""The volume cut into cells: blocks of voxels that are seen by the same windows.

A cell needs memory from its first window to its last one, and most need none: with windows that overlap by a fifth,
more than half of the voxels are seen only once.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from .windows import Size

Block = tuple[slice, slice, slice]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A block of voxels, from ``low`` to before ``high`` (``[z, y, x]``), and the number of windows that see it."""

    low: Size
    high: Size
    windows: int

    @property
    def place(self) -> Block:
        """Where it lies in the volume; no field, because Python 3.11 cannot hash slices."""
        z, y, x = (slice(low, high) for low, high in zip(self.low, self.high, strict=True))
        return z, y, x

    @property
    def voxels(self) -> int:
        """How many voxels it has."""
        return prod(high - low for low, high in zip(self.low, self.high, strict=True))


class Cells:
    """All cells of a volume.

    Parameters
    ----------
    axes : Sequence[Sequence[int]]
        The first voxels of all windows along z, y and x; one that is there twice stands for two windows.
    patch : Size
        Size of a window.
    """

    def __init__(self, axes: Sequence[Sequence[int]], patch: Size) -> None:
        self.starts: tuple[Size, ...] = tuple((z, y, x) for z, y, x in itertools.product(*axes))
        """The first voxels ``[z, y, x]`` of all windows, in order of rising z, then y, then x."""
        self.patch = patch
        z, y, x = (starts[-1] + size for starts, size in zip(axes, patch, strict=True))
        self.shape: Size = (z, y, x)
        """Size of the whole volume, ``[z, y, x]``."""
        self._axes = [_segments(starts, size) for starts, size in zip(axes, patch, strict=True)]

    def of_window(self, start: Size) -> list[Cell]:
        """Return the cells that a window sees."""
        inside = [
            [segment for segment in segments if first <= segment[0] < first + size]
            for segments, first, size in zip(self._axes, start, self.patch, strict=True)
        ]
        return [
            Cell(low=(z[0], y[0], x[0]), high=(z[1], y[1], x[1]), windows=z[2] * y[2] * x[2])
            for z, y, x in itertools.product(*inside)
        ]

    @cached_property
    def waiting(self) -> tuple[tuple[int, int], ...]:
        """After each window, how many voxels have been seen by one window and wait for others, and how many by more."""
        seen: dict[Cell, int] = {}
        counts: list[tuple[int, int]] = []
        once = more = 0
        for start in self.starts:
            for cell in self.of_window(start):
                number = seen[cell] = seen.get(cell, 0) + 1
                waiting = cell.voxels if number < cell.windows else 0
                if number == 1:
                    once += waiting
                elif number == 2:
                    once, more = once - cell.voxels, more + waiting
                elif not waiting:
                    more -= cell.voxels
            counts.append((once, more))
        return tuple(counts)


def _segments(starts: Sequence[int], size: int) -> list[tuple[int, int, int]]:
    """Return beginning and end of the pieces between all borders of windows along one axis, and how many see each."""
    borders = sorted({border for start in starts for border in (start, start + size)})
    return [
        (low, high, sum(start <= low < start + size for start in starts)) for low, high in itertools.pairwise(borders)
    ]
