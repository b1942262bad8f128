"""Surface area by the Crofton formula: how often straight lines of 13 directions enter and leave an organ.

G. Lehmann and D. Legland, "Efficient N-dimensional surface estimation using Crofton formula and run-length encoding",
The Insight Journal, 2012. ITK's `LabelShapeStatistics` gives the same as its "perimeter". Each direction counts by the
part of the sphere that is nearer to it than to any other (its Voronoi cell); ITK takes the parts of cubic voxels for
every grid, here they are those of the grid at hand. Where the image cuts an organ the cut counts as surface, as in ITK.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from .contacts import ROW_STEPS
from .runs import Runs

DIRECTIONS = np.array([(0, 0, 1), *((di, dj, dk) for di, dj in ROW_STEPS for dk in (-1, 0, 1))])
"""The 13 directions, as steps of the index ``[13, 3]``."""
MAX_ASPECT = 1e4
"""Voxels that are longer than this many times their width have directions too close to be told apart."""

CIRCLE_TOLERANCE = 1e-13
"""A point this little inside a circle lies on it: on plain grids four and more lie on one."""


class Crossings:
    """Counts, contact by contact, where lines of the 13 directions cross the surface of every label.

    Parameters
    ----------
    runs : Runs
        Of the label image.
    inner : np.ndarray | None
        Where it is known already, ``[13, labels]``: voxels whose neighbour in a direction has the same label; a line
        leaves the label at all others.
    """

    def __init__(self, runs: Runs, inner: np.ndarray | None = None) -> None:
        self._runs = runs
        size = int(runs.labels.max(initial=0)) + 1
        self._voxels = np.bincount(runs.labels, weights=runs.lengths, minlength=size)
        if inner is not None:
            self._inner = inner
            return
        self._first_k = runs.starts % runs.shape[2]
        self._last_k = self._first_k + runs.lengths - 1
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
    areas = voronoi_areas(np.concatenate([world, -world])) / (4 * np.pi)
    return np.asarray(areas[: len(world)] + areas[len(world) :])


def voronoi_areas(points: np.ndarray) -> np.ndarray:
    """Return the area of the unit sphere that is nearer to each point than to any other.

    A few points at a time: every three of them are looked at. (`scipy.spatial.SphericalVoronoi` gives the same, but
    takes a third of a second to import.)

    Parameters
    ----------
    points : np.ndarray
        float64 ``[n, 3]``, unit vectors, not all on one side of a plane through the centre.
    """
    # A circle through three points without a point inside has a corner of three cells as its centre.
    triples = np.array(list(combinations(range(len(points)), 3)))
    first, second, third = (points[corners] for corners in triples.T)
    centres = np.cross(second - first, third - first)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    centres *= np.where((centres * first).sum(axis=1) < 0, -1.0, 1.0)[:, None]
    empty = (centres @ points.T).max(axis=1) <= (centres * first).sum(axis=1) + CIRCLE_TOLERANCE
    triples, centres = triples[empty], centres[empty]
    return np.array([_cell_area(point, centres[(triples == row).any(axis=1)]) for row, point in enumerate(points)])


def _cell_area(point: np.ndarray, corners: np.ndarray) -> float:
    """Return the area of the convex spherical polygon around a point; corners may be there twice."""
    # Any axis will do that is far from the point's own.
    across = np.cross(point, np.eye(3)[int(np.argmin(np.abs(point)))])
    angles = np.arctan2(corners @ np.cross(point, across), corners @ across)
    here = corners[np.argsort(angles)]
    there = np.roll(here, -1, axis=0)
    # The triangles of the point and two neighbouring corners: A. van Oosterom and J. Strackee, "The solid angle of a
    # plane triangle", IEEE Transactions on Biomedical Engineering 30, 1983.
    triple = np.cross(here, there) @ point
    return float(2 * np.arctan2(triple, 1 + here @ point + there @ point + (here * there).sum(axis=1)).sum())
