"""The surface of every label, as voxel indices in an order whose first k are a good sample of k.

A boundary voxel has a face neighbour with another label. The image's own faces do not count: a cut is no surface.
"""

from __future__ import annotations

import numpy as np

POINTS = 500
"""Number of boundary points of an organ, as in the seed's format."""
CANDIDATES = 6 * POINTS
"""Farthest-point sampling starts from at most this many voxels: finer surfaces only cost time."""


def boundary_indices(labels: np.ndarray) -> dict[int, np.ndarray]:
    """Return label -> voxel indices ``[n, 3]`` of its boundary, in order of i, j, k, for every label but 0.

    A label that has no boundary because it fills the image is left out.
    """
    differs = np.zeros(labels.shape, bool)
    for axis in range(3):
        lower = tuple(slice(None, -1) if other == axis else slice(None) for other in range(3))
        upper = tuple(slice(1, None) if other == axis else slice(None) for other in range(3))
        step = labels[lower] != labels[upper]
        differs[lower] |= step
        differs[upper] |= step
    differs &= labels != 0
    indices = np.argwhere(differs)
    values = labels[differs]
    order = np.argsort(values, kind="stable")
    present, starts = np.unique(values[order], return_index=True)
    return {int(label): part for label, part in zip(present, np.split(indices[order], starts)[1:], strict=True)}


def farthest_points(indices: np.ndarray, affine: np.ndarray, count: int = POINTS) -> np.ndarray:
    """Return up to ``count`` of the voxels in farthest-point order, as RAS mm ``[n, 3]``.

    Begins with the voxel farthest from the mean of all; each next one is farthest from those chosen, the first on
    ties. Deterministic. Surfaces of more than `CANDIDATES` voxels are thinned to that many first.
    """
    kept = _thinned(indices)
    points = kept @ affine[:3, :3].T
    x, y, z = np.ascontiguousarray((points - points.mean(axis=0)).T, dtype=np.float32)
    nearest = np.full(len(kept), np.inf, np.float32)
    distance, square = np.empty_like(nearest), np.empty_like(nearest)
    chosen = np.empty(min(count, len(kept)), np.intp)
    candidate = int(np.argmax(x * x + y * y + z * z))
    for position in range(len(chosen)):
        chosen[position] = candidate
        # Written with buffers: this loop is most of the time of a passport.
        np.square(np.subtract(x, x[candidate], out=distance), out=distance)
        for axis in (y, z):
            distance += np.square(np.subtract(axis, axis[candidate], out=square), out=square)
        np.minimum(nearest, distance, out=nearest)
        candidate = int(np.argmax(nearest))
    return np.asarray(points[chosen] + affine[:3, 3])


def _thinned(indices: np.ndarray) -> np.ndarray:
    """Return at most `CANDIDATES` of the rows, in their order.

    Chosen by chance with a fixed seed: any regular pattern has directions in which it leaves a surface bare.
    """
    if len(indices) <= CANDIDATES:
        return indices
    chosen = np.random.default_rng(0).choice(len(indices), CANDIDATES, replace=False, shuffle=False)
    return np.asarray(indices[np.sort(chosen)])
