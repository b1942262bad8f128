"""Where labels cannot be had window by window: logits of a whole volume, their average over folds, and regions.

Networks that work at another voxel size than the scan's, and those of several folds, need the logits of all voxels
together, in float16 as nnU-Net keeps them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .blending import ExactBlender
from .cells import Cells


class LogitsBlender(ExactBlender):
    """Blends as `ExactBlender` does, and keeps the logits instead of the labels."""

    def __init__(
        self, cells: Cells, weights: np.ndarray, head: np.ndarray | None, channels: int, threads: int = 0
    ) -> None:
        super().__init__(cells, weights, head, channels, threads)
        self.labels = self._room((*self.labels.shape, channels))

    def _room(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return where the logits are kept."""
        return np.zeros(shape, np.float16)

    @property
    def logits(self) -> np.ndarray:
        """Logits of every voxel, float16 ``[z, y, x, channels]``; complete after the last window."""
        return self.labels

    def _finish(self, state: Any, features: np.ndarray, weights: np.ndarray, sure: np.ndarray | None) -> np.ndarray:
        counts = self._counts(state, weights)
        logits = np.empty((*weights.shape, self.logits.shape[-1]), np.float16)

        def finish(place: slice) -> None:
            sums = self._sums(state, features, weights, place)
            column = np.ascontiguousarray(counts[place]).reshape(-1, 1)
            (mean,) = self._mean.run(None, {"sums": sums, "counts": column})
            logits[place] = mean.reshape(logits[place].shape)

        self._each(weights.shape, finish)
        return logits


def average_of_folds(folds: Iterable[np.ndarray]) -> np.ndarray:
    """Return the mean of several networks' logits, added and divided in float16; the first array is used up.

    Raises
    ------
    ValueError
        There is no fold.
    """
    total: np.ndarray | None = None
    count = 0
    for count, logits in enumerate(folds, start=1):  # noqa: B007 - it is used after the loop
        if total is None:
            total = logits
        else:
            total += logits
    if total is None:
        raise ValueError("There is no fold to average.")
    if count > 1:
        total /= np.float16(count)
    return total


def labels_of_regions(logits: np.ndarray, values: Sequence[int]) -> np.ndarray:
    """Return the labels of a network whose channels are regions, which may contain one another.

    Parameters
    ----------
    logits : numpy.ndarray
        float16, channels last.
    values : sequence of int
        Label value of each channel; where regions overlap, the later one counts.
    """
    labels = np.zeros(logits.shape[:-1], np.uint8 if max(values) <= np.iinfo(np.uint8).max else np.uint16)
    for channel, value in enumerate(values):
        with np.errstate(over="ignore"):  # of a very negative logit; the probability is then 0, as it should be
            probability = 1 / (1 + np.exp(-logits[..., channel].astype(np.float32)))
        labels[probability > np.float32(0.5)] = value
    return labels
