"""Blends the results of overlapping windows and turns them into labels.

`ExactBlender` computes as nnU-Net does on a CPU: weighted sums of the logits and their division are rounded to float16
after every step, and the label is the first highest channel. Any other rounding changes the labels of 0.2 to 0.3 % of
the voxels of a random network. `TurboBlender` blends the network's features and applies the head once: the head is
linear, so in real numbers that is the same, with a quarter of the numbers to add.

A window's results are used cell by cell (see `cells`) and forgotten as soon as the cell's last window has come.
float16 arithmetic goes through onnxruntime, which is here anyway: numpy converts float16 values one by one. Its little
graphs are data files, made by ``python -m training.arithmetic``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ..base.errors import ModelError
from ..base.files import DATA_FOLDER
from ..base.runtime import open_on_processor
from .activation import LOGITS_OF_CLASSES, Activation
from .cells import Cell, Cells
from .confidence import softmax_confidence
from .engines import EXACT
from .session import usable_cores
from .windows import Size

GRAPHS_FOLDER = DATA_FOLDER / "arithmetic"
CHUNK_VOXELS = 4_096
"""About how many voxels are worked on at a time, so that their logits stay in a core's cache."""


class Blender(ABC):
    """Collects windows in their order and gives the label volume.

    Parameters
    ----------
    cells : Cells
        Where the windows lie; they come in the order of ``cells.starts``.
    weights : np.ndarray
        Window weights ``[z, y, x]``, see `windows.window_weights`; nnU-Net's are float16.
    head : numpy.ndarray, optional
        float32 ``[channels, features + 1]``, the last column is the bias; None where the network gives logits.
    channels : int
        Number of the network's channels.
    threads : int
        How many threads it may use; 0 for all cores.
    """

    def __init__(
        self, cells: Cells, weights: np.ndarray, head: np.ndarray | None, channels: int, threads: int = 0
    ) -> None:
        if head is None:
            head = np.eye(channels, channels + 1, dtype=np.float32)  # exact: every product is by 0 or by 1
        self._head = {"head": np.ascontiguousarray(head[:, :-1].T), "bias": head[np.newaxis, :, -1].copy()}
        self._weights = weights
        self._cells = cells
        self._threads = ThreadPoolExecutor(threads or usable_cores(), "blending")
        self._started: dict[Cell, tuple[int, Any]] = {}
        self.labels = np.zeros(cells.shape, np.uint8 if channels < 256 else np.uint16)
        """Channel index of every voxel ``[z, y, x]``; complete after the last window."""
        self.confidence: np.ndarray | None = None
        """How sure the network is of every voxel, float16 ``[z, y, x]``, if `keep_confidence` was called."""

    def keep_confidence(self) -> None:
        """Also keep the confidence of every voxel; to be called before the first window."""
        self.confidence = np.zeros(self._cells.shape, np.float16)

    def add(self, start: Size, features: np.ndarray) -> None:
        """Add the float32 results ``[z, y, x, features]`` of the window that begins at ``start``."""
        for cell in self._cells.of_window(start):
            inside = tuple(
                slice(part.start - first, part.stop - first) for part, first in zip(cell.place, start, strict=True)
            )
            seen, state = self._started.pop(cell, (0, None))
            if seen + 1 < cell.windows:
                self._started[cell] = seen + 1, self._collect(state, features[inside], self._weights[inside])
            else:
                sure = None if self.confidence is None else self.confidence[cell.place]
                self.labels[cell.place] = self._finish(state, features[inside], self._weights[inside], sure)

    @abstractmethod
    def _collect(self, state: Any, features: np.ndarray, weights: np.ndarray) -> Any:
        """Return a cell's new state after a window that is not its last; ``state`` is None before the first."""

    @abstractmethod
    def _finish(self, state: Any, features: np.ndarray, weights: np.ndarray, sure: np.ndarray | None) -> np.ndarray:
        """Return a cell's labels after its last window, and write its confidence into ``sure`` if that is there."""

    def _each(self, shape: tuple[int, ...], work: Callable[[slice], None]) -> None:
        """Do some work on all planes of a cell, some at a time, on all cores."""
        places = list(_planes(shape))
        if len(places) == 1:  # to hand it to a thread would take longer than the work of a small cell
            work(places[0])
            return
        for _ in self._threads.map(work, places):
            pass


class ExactBlender(Blender):
    """Sums of logits in float16. A cell that was seen once keeps its features: they are fewer than the logits."""

    def __init__(
        self, cells: Cells, weights: np.ndarray, head: np.ndarray | None, channels: int, threads: int = 0
    ) -> None:
        super().__init__(cells, weights, head, channels, threads)
        self._first, self._further, self._mean = (
            open_on_processor(GRAPHS_FOLDER / f"{name}.onnx") for name in ("first", "further", "mean")
        )
        self._keep_features = feature_bytes(head, channels) < 2 * channels

    def _collect(self, state: Any, features: np.ndarray, weights: np.ndarray) -> Any:
        if state is None and self._keep_features:
            return features.copy(), weights
        if state is not None and state[0].dtype == np.float16:
            sums = state[0]  # written where it has just been read
        else:
            sums = np.empty((*weights.shape, self._head["bias"].shape[1]), np.float16)

        def collect(place: slice) -> None:
            sums[place] = self._sums(state, features, weights, place).reshape(sums[place].shape)

        self._each(weights.shape, collect)
        return sums, self._counts(state, weights)

    def _finish(self, state: Any, features: np.ndarray, weights: np.ndarray, sure: np.ndarray | None) -> np.ndarray:
        counts = self._counts(state, weights)
        labels = np.empty(weights.shape, self.labels.dtype)

        def finish(place: slice) -> None:
            sums = self._sums(state, features, weights, place)
            (mean,) = self._mean.run(None, {"sums": sums, "counts": _column(counts[place])})
            labels[place] = mean.argmax(axis=1).reshape(labels[place].shape)  # the first of equal ones, as nnU-Net
            if sure is not None:
                sure[place] = softmax_confidence(mean).reshape(sure[place].shape)

        self._each(weights.shape, finish)
        return labels

    def _sums(self, state: Any, features: np.ndarray, weights: np.ndarray, place: slice) -> np.ndarray:
        """Return the float16 sums ``[voxels, channels]`` of some planes, this window included."""
        window = self._window(features[place], weights[place])
        if state is None:
            return np.asarray(self._first.run(None, window)[0])
        earlier, earlier_weights = (array[place] for array in state)
        if earlier.dtype != np.float16:
            (earlier,) = self._first.run(None, self._window(earlier, earlier_weights))
        return np.asarray(self._further.run(None, {"sums": _rows(earlier), **window})[0])

    def _window(self, features: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"features": _rows(features), "weights": _column(weights.astype(np.float32)), **self._head}

    @staticmethod
    def _counts(state: Any, weights: np.ndarray) -> np.ndarray:
        # Beside features lie their window's weights, beside sums the sums of the weights: the same thing.
        return weights if state is None else np.asarray(state[1] + weights)


class TurboBlender(Blender):
    """Sums of features in float32; ``activation`` makes labels of what becomes of them, else the highest one counts."""

    def __init__(
        self,
        cells: Cells,
        weights: np.ndarray,
        head: np.ndarray | None,
        channels: int,
        threads: int = 0,
        *,
        activation: Activation = LOGITS_OF_CLASSES,
    ) -> None:
        super().__init__(cells, weights, head, channels, threads)
        self._logits = open_on_processor(GRAPHS_FOLDER / "logits.onnx")
        self._weights = weights.astype(np.float32, copy=False)
        self._activation = activation

    def _collect(self, state: Any, features: np.ndarray, weights: np.ndarray) -> Any:
        sums, counts = (np.zeros(features.shape, np.float32), np.float32(0)) if state is None else state

        def collect(place: slice) -> None:
            sums[place] += features[place] * weights[place][..., np.newaxis]

        self._each(weights.shape, collect)
        return sums, counts + weights

    def _finish(self, state: Any, features: np.ndarray, weights: np.ndarray, sure: np.ndarray | None) -> np.ndarray:
        labels = np.empty(weights.shape, self.labels.dtype)

        def finish(place: slice) -> None:
            blended, counts = features[place] * weights[place][..., np.newaxis], weights[place]
            if state is not None:
                blended, counts = blended + state[0][place], counts + state[1][place]
            (logits,) = self._logits.run(None, {"features": _rows(blended), "counts": _column(counts), **self._head})
            chosen = self._activation.choose(logits, _column(counts))
            labels[place] = chosen.reshape(labels[place].shape)
            if sure is not None:
                # The highest of them is the highest of their means; how far it is ahead is not.
                mean = logits / _column(counts)
                sure[place] = self._activation.confidence(mean).reshape(sure[place].shape)

        self._each(weights.shape, finish)
        return labels


class VotingBlender(Blender):
    """For networks that give labels: of the labels that windows give a voxel, the one with the most weight counts.

    Their results are ``[z, y, x, 1]``, numbers of channels.
    """

    def __init__(
        self, cells: Cells, weights: np.ndarray, head: np.ndarray | None, channels: int, threads: int = 0
    ) -> None:
        super().__init__(cells, weights, np.zeros((1, 2), np.float32), channels, threads)
        self._channels = channels

    def _collect(self, state: Any, features: np.ndarray, weights: np.ndarray) -> Any:
        return [*(state or []), (self._checked(features), weights)]

    def _finish(self, state: Any, features: np.ndarray, weights: np.ndarray, sure: np.ndarray | None) -> np.ndarray:
        if sure is not None:
            sure[...] = np.nan  # a label does not tell how near the others were
        votes = [*(state or []), (self._checked(features), weights)]
        best, most = votes[0][0], np.full(weights.shape, -1, np.float32)
        for candidate, _ in votes if len(votes) > 1 else ():
            total = np.zeros(weights.shape, np.float32)
            for labels, weight in votes:
                total += np.where(labels == candidate, weight, 0)
            better = total > most
            best, most = np.where(better, candidate, best), np.where(better, total, most)
        return np.asarray(best)

    def _checked(self, features: np.ndarray) -> np.ndarray:
        labels = features[..., 0]
        if labels.size and not 0 <= labels.min() <= labels.max() < self._channels:
            raise ModelError(
                f"The network gives labels from {labels.min()} to {labels.max()}, but its description names "
                f"{self._channels}: 0 to {self._channels - 1}.",
                "Correct the description: label_values has one value for each number that the network gives.",
            )
        return labels.astype(self.labels.dtype)


def feature_bytes(head: np.ndarray | None, channels: int) -> int:
    """Return how many bytes the features of one voxel take."""
    return 4 * (channels if head is None else head.shape[1] - 1)


def held_bytes(cells: Cells, head: np.ndarray | None, channels: int, precision: str) -> int:
    """Return the most that cells hold while they wait for further windows."""
    features = feature_bytes(head, channels)
    once, more = (min(features, 2 * channels), 2 * channels + 2) if precision == EXACT else (features, features + 4)
    return max((seen_once * once + seen_more * more for seen_once, seen_more in cells.waiting), default=0)


def _planes(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield slices along z of about `CHUNK_VOXELS` voxels."""
    step = max(1, CHUNK_VOXELS // max(1, shape[1] * shape[2]))
    for first in range(0, shape[0], step):
        yield slice(first, min(first + step, shape[0]))


def _rows(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1, array.shape[-1])


def _column(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1, 1)
