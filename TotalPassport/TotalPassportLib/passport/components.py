"""Connected pieces of every label."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from .runs import Runs, parts_by_value

PAIRS_AT_ONCE = 2**19
"""So many contacts are joined at a time: what is joined already takes no room later."""

STRAY_FRACTION = 0.05
"""A piece that holds less than this part of its label's voxels is taken for stray."""


class Pieces:
    """Joins runs into pieces, contact by contact.

    Voxels belong together when they share a face, an edge or a corner: the thin parts of vessels and glands at 3 mm are
    not islands.

    Parameters
    ----------
    runs : Runs
        Of the label image.
    pieces : np.ndarray | None
        The number of each run's piece, where that is known already.
    """

    def __init__(self, runs: Runs, pieces: np.ndarray | None = None) -> None:
        self._runs = runs
        self._piece = np.arange(len(runs)) if pieces is None else pieces
        self._waiting: list[np.ndarray] = []

    def add(self, first: np.ndarray, second: np.ndarray) -> None:
        """Note pairs of runs, by number, that belong together."""
        pairs = np.stack([self._piece[first], self._piece[second]])
        self._waiting.append(pairs[:, pairs[0] != pairs[1]])
        if sum(waiting.shape[1] for waiting in self._waiting) > PAIRS_AT_ONCE:
            self._join()

    def _join(self) -> None:
        pairs = np.concatenate([np.empty((2, 0), np.intp), *self._waiting], axis=1)
        self._waiting = []
        if pairs.size:
            self._piece = joined(int(np.max(self._piece)) + 1, *pairs)[self._piece]

    def sizes(self) -> dict[int, np.ndarray]:
        """Return label -> number of voxels of each of its pieces, int64, the largest first."""
        sizes, labels = self._known
        return {label: np.sort(part)[::-1] for label, part in parts_by_value(labels, sizes).items()}

    def strays(self) -> np.ndarray:
        """Return for every run, bool ``[n]``, whether it is a part of a stray piece."""
        sizes, labels = self._known
        return np.asarray((sizes < STRAY_FRACTION * np.bincount(labels, weights=sizes)[labels])[self._piece])

    @cached_property
    def _known(self) -> tuple[np.ndarray, np.ndarray]:
        """Number of voxels, int64, and label of every piece; what is added later does not count."""
        self._join()
        sizes = np.bincount(self._piece, weights=self._runs.lengths).astype(np.int64)
        labels = np.zeros(len(sizes), self._runs.labels.dtype)
        labels[self._piece] = self._runs.labels
        return sizes, labels


def joined(count: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the number of the piece, ``[count]``, of each of ``count`` things of which pairs belong together.

    In each round everything that has a lower neighbour follows one of them to where that leads. What is lower than all
    its neighbours is at most half of what there was, so that the rounds are few.
    """
    numbers = np.arange(count, dtype=np.int32 if count < 2**31 else np.int64)
    root = numbers.copy()
    while True:
        apart = np.flatnonzero(first != second)
        if not len(apart):
            break
        first, second = first[apart], second[apart]
        root[np.maximum(first, second)] = np.minimum(first, second)
        moved = np.flatnonzero(root != numbers)
        target = root[moved]
        while not np.array_equal(further := root[target], target):
            root[moved] = target = further
        first, second = root[first], root[second]
    return np.asarray((np.cumsum(root == numbers, dtype=root.dtype) - 1)[root])
