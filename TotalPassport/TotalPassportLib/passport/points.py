"""A few hundred boundary points of each organ, in an order whose first k are a good sample of k."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from .sampling import chosen

POINTS = 500
"""Number of boundary points of an organ, as in the seed's format."""
CANDIDATES = 6 * POINTS
"""Farthest-point sampling starts from at most this many voxels: finer surfaces only cost time."""
BATCH = 16
"""Organs that are sampled side by side: numpy's own overhead is then paid once for all of them."""
STEPS = 2000
"""Positions are rounded to an organ's radius divided by this. Squared distances are then whole numbers below 2^24,
which float32 holds exactly: every processor gives the same order."""


def farthest_points(
    boundaries: Mapping[int, np.ndarray], shape: tuple[int, int, int], linear: np.ndarray, count: int = POINTS
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield label and up to ``count`` of its voxels (indices ``[n, 3]``) in farthest-point order.

    The first is the voxel farthest from the mean of all; each next one is farthest from those before it, the first on
    ties. Surfaces of more than `CANDIDATES` voxels are thinned to that many first.

    Parameters
    ----------
    boundaries : Mapping[int, np.ndarray]
        Label -> rising indices into the flat image.
    shape : tuple[int, int, int]
        Of the image.
    linear : np.ndarray
        float64 ``[3, 3]``, the affine's matrix from voxel steps to mm.
    """
    candidates = {label: voxels[chosen(len(voxels), CANDIDATES)] for label, voxels in boundaries.items()}
    # Organs of similar size go together, since a batch is as wide as its largest.
    by_size = sorted(candidates, key=lambda label: (-len(candidates[label]), label))
    for begin in range(0, len(by_size), BATCH):
        batch = by_size[begin : begin + BATCH]
        indices = [np.stack(np.unravel_index(candidates[label], shape), axis=1) for label in batch]
        orders = _farthest_orders([_whole_positions(index @ linear.T) for index in indices], count)
        for label, index, order in zip(batch, indices, orders, strict=True):
            yield label, index[order]


def spread_points(
    boundaries: Mapping[int, np.ndarray], shape: tuple[int, int, int], count: int = POINTS
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield label and up to ``count`` of its voxels (indices ``[n, 3]``) by chance: much faster, less even.

    The order is by chance as well, so that any first k are a fair sample, too. The same voxels give the same points.
    """
    for label, voxels in boundaries.items():
        yield label, np.stack(np.unravel_index(voxels[chosen(len(voxels), count)], shape), axis=1)


def _whole_positions(points: np.ndarray) -> np.ndarray:
    """Return the points about their mean as whole steps, float32 ``[n, 3]``, none farther out than `STEPS`."""
    centred = points - points.mean(axis=0)
    radius = float(np.sqrt(np.max(np.sum(centred**2, axis=1))))
    return np.asarray(np.rint(centred * (STEPS / radius if radius > 0 else 0.0)), np.float32)


def _farthest_orders(clouds: list[np.ndarray], count: int) -> list[np.ndarray]:
    """Return the farthest-point orders of several clouds of points at once, each of at most ``count``."""
    sizes = [len(cloud) for cloud in clouds]
    # |x - p|^2 = (x, |x|^2, 1) . (-2 p, 1, |p|^2): one product a step, and exact in whole numbers.
    left = np.zeros((len(clouds), max(sizes), 5), np.float32)
    right = np.zeros((len(clouds), 5, max(sizes)), np.float32)
    nearest = np.full((len(clouds), max(sizes)), -2, np.float32)
    for cloud, size, row in zip(clouds, sizes, range(len(clouds)), strict=True):
        squares = (cloud**2).sum(axis=1)
        left[row, :size, :3], left[row, :size, 3], left[row, :size, 4] = -2 * cloud, 1, squares
        right[row, :3, :size], right[row, 3, :size], right[row, 4, :size] = cloud.T, squares, 1
        nearest[row, :size] = np.inf
    rows = np.arange(len(clouds))
    orders = np.empty((min(count, max(sizes)), len(clouds)), np.intp)
    distance = np.empty((len(clouds), 1, max(sizes)), np.float32)
    candidates = right[:, 3].argmax(axis=1)
    for places in orders:
        places[:] = candidates
        np.matmul(left[rows, candidates][:, None], right, out=distance)
        np.minimum(nearest, distance[:, 0], out=nearest)
        nearest[rows, candidates] = -1  # what is chosen is not chosen again, even where rounding made points meet
        candidates = nearest.argmax(axis=1)
    return [orders[: min(count, size), row] for row, size in enumerate(sizes)]
