"""Contacts between voxels of one label, voxel by voxel: for images of so many runs that those would not pay.

Thousands of specks, as a network far from its training gives them, have hardly fewer runs than voxels. Here every voxel
is compared with its 13 earlier neighbours at once. The pattern of those that are alike, 13 bits, tells what is to be
known: how many lines go on in each direction, and with whom the voxel is to be joined. Earlier neighbours that touch
one another are joined already, so that of the others one of each group is enough.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from .components import joined
from .runs import Runs
from .surface import DIRECTIONS

MOST_LABEL = 255
"""Labels above this are left to runs: there are none in a network's results."""
RUNS_PER_VOXEL = 0.06
"""Below so many runs a voxel runs are the faster way."""
_OWN_LAYER = 4
"""The first so many of the directions, the steps from an earlier neighbour to a voxel, stay in their layer."""
_NONE = 13
"""Stands for no neighbour where neighbours are numbered."""
_LOW_BITS = 7
CHUNK_VOXELS = 2**16
"""Stays in the processor's nearest caches."""


@dataclass(frozen=True)
class Neighbours:
    """What is known from the neighbours of all voxels.

    Attributes
    ----------
    inner : np.ndarray
        float64 ``[13, labels]``: voxels of each label whose neighbour in each direction has the same label.
    pieces : np.ndarray
        int32 ``[n]``: for each of the given voxels, the number of its piece.
    """

    inner: np.ndarray
    pieces: np.ndarray


def runs_are_many(runs: Runs) -> bool:
    """Tell whether an image has so many runs that `neighbours` is the faster way to know about contacts."""
    return len(runs) > RUNS_PER_VOXEL * math.prod(runs.shape) and int(runs.labels.max()) <= MOST_LABEL


def neighbours(labels: np.ndarray, voxels: np.ndarray) -> Neighbours:
    """Return contacts and pieces of an image.

    Parameters
    ----------
    labels : np.ndarray
        uint8 ``[i, j, k]`` in C order, 0 is background.
    voxels : np.ndarray
        Indices into the flat image, none of background: whose piece is to be told.
    """
    # One voxel of background behind every row and plane: then a step across an edge meets background.
    i, j, k = labels.shape
    plane = (j + 1) * (k + 1)
    margin = plane + k + 2
    padded = np.zeros(margin + i * plane, np.uint8)
    padded[margin:].reshape(i, j + 1, k + 1)[:, :j, :k] = labels  # uint16 ones are none above 255
    steps = [di * plane + dj * (k + 1) + dk for di, dj, dk in DIRECTIONS.tolist()]
    patterns, inner = _patterns(padded, margin, steps)
    roots, count = _rooted(padded[margin:], patterns, np.array(steps), plane)
    pieces = joined(count, *_pairs(roots, patterns, np.array(steps)))
    return Neighbours(inner, pieces[roots[voxels + voxels // k + voxels // (j * k) * (k + 1)]])


def _patterns(padded: np.ndarray, margin: int, steps: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return which earlier neighbours of every voxel are like it, as bits, uint16, and their counts by label."""
    size = len(padded) - margin
    patterns = np.empty(size, np.uint16)
    highest = int(padded.max(initial=0)) + 1
    low, high = np.zeros(highest << _LOW_BITS, np.int64), np.zeros(highest << _LOW_BITS, np.int64)
    for begin in range(0, size, CHUNK_VOXELS):
        end = min(begin + CHUNK_VOXELS, size)
        own = padded[margin + begin : margin + end]
        halves = np.zeros((2, end - begin), np.uint8)
        bit = np.empty(end - begin, np.uint8)
        for number, step in enumerate(steps):
            np.equal(own, padded[margin + begin - step : margin + end - step], out=bit.view(bool))
            np.multiply(bit, 1 << number % _LOW_BITS, out=bit)
            np.bitwise_or(halves[number // _LOW_BITS], bit, out=halves[number // _LOW_BITS])
        halves *= own != 0
        shifted = own.astype(np.uint16) << _LOW_BITS
        low += np.bincount(shifted | halves[0], minlength=len(low))
        high += np.bincount(shifted | halves[1], minlength=len(high))
        patterns[begin:end] = halves[0] | halves[1].astype(np.uint16) << _LOW_BITS
    bits = np.arange(1 << _LOW_BITS)[:, None] >> np.arange(_LOW_BITS) & 1
    inner = np.concatenate([counts.reshape(highest, -1) @ bits for counts in (low, high)], axis=1)
    return patterns, np.array(inner.T[: len(steps)], np.float64, order="C")


@cache
def _choices() -> tuple[np.ndarray, np.ndarray]:
    """Return for every pattern the neighbour to follow (its number, 13 for none) and those to join besides, as bits.

    The neighbour straight below touches all others. Those of the layer below come before those of the own layer: what
    they belong to is known by then.
    """
    touching = np.abs(DIRECTIONS[:, None] - DIRECTIONS[None]).max(axis=2) <= 1
    order = sorted(range(13), key=lambda number: (-DIRECTIONS[number, 0], np.abs(DIRECTIONS[number]).sum(), number))
    patterns = np.arange(1 << 13)
    follow, besides, covered = np.full(1 << 13, _NONE, np.uint8), np.zeros_like(patterns), np.zeros_like(patterns)
    for number in order:
        alike = (patterns >> number & 1).astype(bool)
        first = alike & (follow == _NONE)
        follow[first] = number
        besides |= (alike & ~first & (covered >> number & 1 == 0)).astype(np.intp) << number
        covered |= alike * int((1 << np.flatnonzero(touching[number])).sum())
    return follow, besides.astype(np.uint16)


def _rooted(labels: np.ndarray, patterns: np.ndarray, steps: np.ndarray, plane: int) -> tuple[np.ndarray, int]:
    """Return the root of every voxel, int32, and how many there are: where following from voxel to voxel ends."""
    follow, back = _choices()[0], np.append(steps, 0)
    roots = np.zeros(len(labels), np.int32)
    count = 0
    for begin in range(0, len(labels), plane):
        part = slice(begin, begin + plane)
        chosen = follow[patterns[part]]
        source = np.arange(begin, begin + plane) - back[chosen]
        found = roots[source]
        fresh = np.flatnonzero((chosen == _NONE) & (labels[part] != 0))
        found[fresh] = np.arange(count, count + len(fresh))
        count += len(fresh)
        # Those that follow a neighbour of their own layer: halve the ways until all end at one that is known.
        inside = np.flatnonzero(chosen < _OWN_LAYER)
        target = source[inside] - begin
        link = np.arange(plane)
        while True:
            link[inside] = target
            further = link[target]
            if np.array_equal(further, target):
                break
            target = further
        found[inside] = found[target]
        roots[part] = found
    return roots, count


def _pairs(roots: np.ndarray, patterns: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the roots that belong together, as two arrays of the same length."""
    besides = _choices()[1][patterns]
    voxels = np.flatnonzero(besides)
    wanted = besides[voxels]
    lowest = steps[np.log2(np.maximum(np.arange(1 << 13) & -np.arange(1 << 13), 1)).astype(np.intp)]
    first, second = [], []
    while len(voxels):
        first.append(roots[voxels])
        second.append(roots[voxels - lowest[wanted]])
        wanted &= wanted - 1
        further = np.flatnonzero(wanted)
        voxels, wanted = voxels[further], wanted[further]
    none = np.empty(0, roots.dtype)
    return np.concatenate([none, *first]), np.concatenate([none, *second])
