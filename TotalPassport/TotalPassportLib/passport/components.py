"""Connected pieces of every label."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .runs import Runs

PAIRS_AT_ONCE = 2**21
"""So many contacts are joined at a time: what is joined already takes no room later."""

STRAY_FRACTION = 0.05
"""A piece that holds less than this part of its label's voxels is taken for stray."""


class Pieces:
    """Joins runs into pieces, contact by contact.

    Voxels belong together when they share a face, an edge or a corner: the thin parts of vessels and glands at 3 mm are
    not islands.
    """

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._piece = np.arange(len(runs))
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
            count = int(np.max(self._piece)) + 1
            graph = coo_array((np.ones(pairs.shape[1], bool), (pairs[0], pairs[1])), shape=(count, count))
            self._piece = connected_components(graph, directed=False)[1][self._piece]

    def sizes(self) -> dict[int, np.ndarray]:
        """Return label -> number of voxels of each of its pieces, int64, the largest first."""
        if not len(self._runs):
            return {}
        self._join()
        sizes = np.bincount(self._piece, weights=self._runs.lengths).astype(np.int64)
        labels = np.zeros(len(sizes), np.int64)
        labels[self._piece] = self._runs.labels
        order = np.lexsort((-sizes, labels))
        present, starts = np.unique(labels[order], return_index=True)
        return {int(label): part for label, part in zip(present, np.split(sizes[order], starts)[1:], strict=True)}

    def strays(self) -> np.ndarray:
        """Return for every run, bool ``[n]``, whether it is a part of a stray piece."""
        self._join()
        lengths, labels = self._runs.lengths, self._runs.labels
        pieces, wholes = np.bincount(self._piece, weights=lengths), np.bincount(labels, weights=lengths)
        return np.asarray(pieces[self._piece] < STRAY_FRACTION * wholes[labels])
