"""Surface area by the Crofton formula: how often straight lines of 13 directions enter and leave an organ.

G. Lehmann and D. Legland, "Efficient N-dimensional surface estimation using Crofton formula and run-length encoding",
The Insight Journal, 2012. ITK's `LabelShapeStatistics` gives the same as its "perimeter". Each direction counts by the
part of the sphere that is nearer to it than to any other (its Voronoi cell); ITK takes the parts of cubic voxels for
every grid, here they are those of the grid at hand. Where the image cuts an organ the cut counts as surface, as in ITK.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import SphericalVoronoi

from .contacts import ROW_STEPS
from .runs import Runs

DIRECTIONS = np.array([(0, 0, 1), *((di, dj, dk) for di, dj in ROW_STEPS for dk in (-1, 0, 1))])
"""The 13 directions, as steps of the index ``[13, 3]``."""
MAX_ASPECT = 1e4
"""Voxels that are longer than this many times their width have directions too close to be told apart."""


class Crossings:
    """Counts, contact by contact, where lines of the 13 directions cross the surface of every label."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._first_k = runs.starts % runs.shape[2]
        self._last_k = self._first_k + runs.lengths - 1
        size = int(runs.labels.max(initial=0)) + 1
        self._voxels = np.bincount(runs.labels, weights=runs.lengths, minlength=size)
        # Voxels whose neighbour in a direction has the same label; a line leaves the label at all others.
        self._inner = np.zeros((len(DIRECTIONS), size))
        self._inner[0] = self._voxels - np.bincount(runs.labels, minlength=size)

    def add(self, step: int, first: np.ndarray, second: np.ndarray) -> None:
        """Note pairs of runs, by number, of which the second lies in the row ``ROW_STEPS[step]`` further."""
        labels = self._runs.labels[first].astype(np.intp)
        first_low, first_high = self._first_k[first], self._last_k[first]
        low, high = self._first_k[second], self._last_k[second]
        for shift in (-1, 0, 1):
            shared = np.minimum(first_high + shift, high) - np.maximum(first_low + shift, low) + 1
            weights = np.maximum(shared, 0)
            self._inner[3 * step + shift + 2] += np.bincount(labels, weights=weights, minlength=len(self._voxels))

    def areas_mm2(self, linear: np.ndarray) -> dict[int, float]:
        """Return label -> surface area; ``linear`` is the affine's matrix ``[3, 3]`` from voxel steps to mm."""
        steps_mm = np.linalg.norm(DIRECTIONS @ linear.T, axis=1)
        # Crofton: twice the mean over all directions of crossings by the area for one line; each line that leaves also
        # enters, hence 4.
        factors = 4 * _weights(linear) * abs(np.linalg.det(linear)) / steps_mm
        areas = factors @ (self._voxels - self._inner)
        return {int(label): float(areas[label]) for label in np.flatnonzero(self._voxels)}


def _weights(linear: np.ndarray) -> np.ndarray:
    """Return the part of the sphere that belongs to each direction and its opposite, float64 ``[13]``, in sum 1."""
    sizes = np.linalg.svd(linear, compute_uv=False)
    world = DIRECTIONS @ (linear if sizes[0] < MAX_ASPECT * sizes[2] else np.eye(3)).T
    world = world / np.linalg.norm(world, axis=1, keepdims=True)
    areas = SphericalVoronoi(np.concatenate([world, -world])).calculate_areas() / (4 * np.pi)
    return np.asarray(areas[: len(world)] + areas[len(world) :])
