"""A label image as runs: stretches of equal voxels along its last axis.

There are some ten times fewer runs than voxels, and sums, extents and connections can be told from runs alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

SLAB_VOXELS = 2**20
"""Images are worked on in slabs of about this many voxels: they stay in the processor's cache and bound the memory."""

RUNS_AT_ONCE = 2**13
"""Calculations with so many runs of one label stay in the processor's cache."""


@dataclass(frozen=True, kw_only=True)
class Runs:
    """The runs of all labels but 0, in the order of the voxels.

    Attributes
    ----------
    shape : tuple[int, int, int]
        Of the image.
    labels : np.ndarray
        Unsigned integers ``[n]``.
    starts : np.ndarray
        int32 ``[n]``, int64 in huge images: the first voxel of each run as an index into the flat image (C order).
    lengths : np.ndarray
        int32 ``[n]``.
    """

    shape: tuple[int, int, int]
    labels: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def _by_label(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Labels that occur, rising, where each begins and ends among the runs ordered by label, and those runs."""
        order, present, bounds = sorted_by_value(self.labels)
        return present, bounds, self.starts[order], self.lengths[order]

    @property
    def present(self) -> np.ndarray:
        """The labels that occur, rising, ``[m]``."""
        return self._by_label[0]

    def chunks(self, size: int = RUNS_AT_ONCE) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        """Yield a label's place in `present`, and i, j, first k and last k of its runs, float64, some at a time."""
        present, bounds, starts, lengths = self._by_label
        for number in range(len(present)):
            for begin in range(bounds[number], bounds[number + 1], size):
                part = slice(begin, min(begin + size, bounds[number + 1]))
                row = starts[part] // self.shape[2]
                first = (starts[part] - row * self.shape[2]).astype(np.float64)
                i = row // self.shape[1]
                j = (row - i * self.shape[1]).astype(np.float64)
                yield number, i.astype(np.float64), j, first, first + (lengths[part] - 1)


def label_runs(labels: np.ndarray) -> Runs:
    """Return the runs of an unsigned integer array ``[i, j, k]``."""
    i, j, k = labels.shape
    dtype = index_dtype(labels.shape)
    parts = [_slab_runs(labels[slab], slab.start * j * k, dtype) for slab in slabs(labels.shape)]
    values, starts, lengths = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Runs(shape=(i, j, k), labels=values, starts=starts, lengths=lengths)


def index_dtype(shape: tuple[int, ...]) -> type:
    """Return what holds an index into the flat image: int32 takes half the memory and time of int64."""
    # With room for the steps to neighbouring rows that `contacts` adds.
    return np.int32 if math.prod(shape) + 3 * shape[1] * shape[2] < 2**31 else np.int64


def slabs(shape: tuple[int, ...], at_least: int = 1) -> Iterator[slice]:
    """Yield slices of the first axis that together cover it, ``at_least`` so many voxels thick."""
    thickness = max(at_least, SLAB_VOXELS // (shape[1] * shape[2]))
    for begin in range(0, shape[0], thickness):
        yield slice(begin, min(begin + thickness, shape[0]))


def sorted_by_value(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the stable order by value, the values that occur, and where each begins in that order, with the end.

    Parameters
    ----------
    values : np.ndarray
        Unsigned integers of at most 16 bits ``[n]``.
    """
    # A little at a time, for what it is widened to.
    chunks = (values[begin : begin + 2**16] for begin in range(0, len(values), 2**16))
    highest = int(values.max(initial=0)) + 1
    counts = sum((np.bincount(chunk, minlength=highest) for chunk in chunks), start=np.zeros(highest, np.intp))
    present = np.flatnonzero(counts)
    bounds = np.append(0, np.cumsum(counts[present]))
    # A stable sort of small integers is a radix sort: it takes a few nanoseconds each.
    return np.argsort(values, kind="stable"), present, bounds


def parts_by_value(values: np.ndarray, things: np.ndarray) -> dict[int, np.ndarray]:
    """Return for each value that occurs, rising, the things ``[n]`` that have it, in their order.

    For the values see `sorted_by_value`.
    """
    order, present, bounds = sorted_by_value(values)
    return {int(value): things[order[begin:end]] for value, (begin, end) in zip(present, pairwise(bounds), strict=True)}


def in_c_order(voxels: np.ndarray) -> np.ndarray:
    """Return the array ``[i, j, k]`` in C order: itself, or a copy.

    Files store the first axis fastest. Copied block by block, what the processor fetches is used before it is dropped:
    five times as fast as numpy's own copy.
    """
    if voxels.flags.c_contiguous:
        return voxels
    copy = np.empty(voxels.shape, voxels.dtype)
    for i in range(0, voxels.shape[0], 32):
        for j in range(0, voxels.shape[1], 16):
            for k in range(0, voxels.shape[2], 32):
                block = np.s_[i : i + 32, j : j + 16, k : k + 32]
                copy[block] = voxels[block]
    return copy


def _slab_runs(slab: np.ndarray, offset: int, dtype: type) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows: np.ndarray = np.ascontiguousarray(slab).reshape(-1, slab.shape[2])
    begins = np.ones(rows.shape, bool)
    np.not_equal(rows[:, 1:], rows[:, :-1], out=begins[:, 1:])
    starts = np.flatnonzero(begins)
    lengths = np.diff(starts, append=rows.size)
    values = rows.ravel()[starts]
    kept = values != 0
    return values[kept], (starts[kept] + offset).astype(dtype), lengths[kept].astype(np.int32)
