"""itk_infer's sliding window: plain means of float16 sums, plane by plane as soon as no further window comes.

Each window's logits are rounded to float16 and added in float16, in the order of the windows; the mean is rounded
again. Any other order or precision gives other labels where two classes are close. Where itk_infer keeps a whole
scan's logits twice, only the planes that one row of windows sees are kept here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, product
from math import prod

import numpy as np

from ..base.files import DATA_FOLDER
from ..base.runtime import open_on_processor

GRAPHS_FOLDER = DATA_FOLDER / "arithmetic"
Size = tuple[int, ...]
Network = Callable[[np.ndarray], np.ndarray]
"""Gives logits ``[n, c, z, y, x]`` of windows ``[n, 1, z, y, x]``."""


def starts_along(size: int, patch: int, stride: int) -> list[int]:
    """Return the first voxel of each window along one axis; the last window ends with the image."""
    count = max(size - patch + stride - 1, 0) // stride + 1
    return [max(min(number * stride + patch, size) - patch, 0) for number in range(count)]


def borders_of(shape: Sequence[int], patch: Size) -> list[tuple[int, int]]:
    """Return how many voxels to add on both sides of each axis so that one window fits; the lower half in front."""
    missing = [max(wanted - size, 0) for size, wanted in zip(shape, patch, strict=True)]
    return [(total // 2, total - total // 2) for total in missing]


def has_gaps(shape: Sequence[int], patch: Size, stride: Size) -> bool:
    """Whether some voxels lie between the windows."""
    padded = [max(size, wanted) for size, wanted in zip(shape, patch, strict=True)]
    axes = [starts_along(*sizes) for sizes in zip(padded, patch, stride, strict=True)]
    return any(
        after - before > size for starts, size in zip(axes, patch, strict=True) for before, after in pairwise(starts)
    )


class HalfSums:
    """The sliding window over one image.

    Parameters
    ----------
    shape : sequence of int
        Size of the image, ``[z, y, x]``.
    patch, stride : tuple of int
        Size of a window, and from one to the next.
    classes : int
        Number of the network's channels.
    """

    def __init__(self, shape: Sequence[int], patch: Size, stride: Size, classes: int) -> None:
        self._patch, self._classes = patch, classes
        self._borders = borders_of(shape, patch)
        padded = [max(size, wanted) for size, wanted in zip(shape, patch, strict=True)]
        self._starts = list(product(*(starts_along(*sizes) for sizes in zip(padded, patch, stride, strict=True))))
        self._plane = tuple(padded[1:])
        self._shape = tuple(shape)

    @property
    def windows(self) -> int:
        """How many windows there are."""
        return len(self._starts)

    @property
    def held_bytes(self) -> int:
        """Size of what is kept while the windows run: the sums of a row of windows, and the planes that leave it."""
        return 6 * self._classes * self._patch[0] * prod(self._plane)

    def means(
        self, image: np.ndarray, network: Network, at_a_time: int, on_window: Callable[[int], None]
    ) -> Iterator[np.ndarray]:
        """Yield the blended logits in slabs of planes, float16 ``[c, planes, y, x]``, from the first plane on.

        Parameters
        ----------
        image : numpy.ndarray
            The windowed image ``[z, y, x]``, in the network's precision.
        network : callable
            Runs on some windows.
        at_a_time : int
            How many windows it gets, the last time maybe fewer.
        on_window : callable
            Called with the number of windows that are done.
        """
        padded = np.pad(image, self._borders, mode="edge")
        add, mean = (open_on_processor(GRAPHS_FOLDER / f"{name}.onnx") for name in ("window_sum", "window_mean"))
        depth = self._patch[0]
        sums = np.zeros((self._classes, depth, *self._plane), np.float16)
        counts = np.zeros((1, depth, *self._plane), np.float32)
        first = 0

        def finished(planes: int) -> np.ndarray:
            feeds = {"sums": np.ascontiguousarray(sums[:, :planes]), "counts": np.ascontiguousarray(counts[:, :planes])}
            return self._inside(mean.run(None, feeds)[0], first)

        for group in range(0, len(self._starts), at_a_time):
            starts = self._starts[group : group + at_a_time]
            windows = np.stack([padded[self._place(start)] for start in starts])[:, np.newaxis]
            for start, logits in zip(starts, network(windows), strict=True):
                if start[0] > first:
                    done = start[0] - first
                    yield finished(done)
                    _shift(sums, done)
                    _shift(counts, done)
                    first = start[0]
                where = (slice(None), slice(None), *self._place(start)[1:])
                feeds = {"sums": np.ascontiguousarray(sums[where]), "window": logits.astype(np.float32, copy=False)}
                sums[where] = add.run(None, feeds)[0]
                counts[where] += 1
            on_window(group + len(starts))
        yield finished(depth)

    def _place(self, start: Size) -> tuple[slice, ...]:
        return tuple(slice(low, low + size) for low, size in zip(start, self._patch, strict=True))

    def _inside(self, planes: np.ndarray, first: int) -> np.ndarray:
        """Return some planes, of which the first has this number, without what was added around the image."""
        (front, _), *others = self._borders
        low, high = max(front - first, 0), min(front + self._shape[0] - first, planes.shape[1])
        y, x = (slice(low, low + size) for (low, _), size in zip(others, self._shape[1:], strict=True))
        return np.ascontiguousarray(planes[:, low:high, y, x])


def _shift(array: np.ndarray, planes: int) -> None:
    """Move all planes forward, in place; those that come in are 0."""
    kept = array.shape[1] - planes
    if kept > 0:
        array[:, :kept] = array[:, planes:].copy()
    array[:, max(kept, 0) :] = 0
