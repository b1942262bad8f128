"""Scans whose axes are not perpendicular, as a tilted gantry leaves them: straightened for networks, and labels back.

The slices of such a scan are parallel, each shifted against the one before it. Two of its axes are kept, the pair that
is closest to perpendicular, and with them the planes that they span: along the third nothing is interpolated.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from ..base.memory import require_memory

LEAST_SHEAR = 1e-3
"""Cosine between two axes that counts as one: float32 affines reach 1e-6, a tilt of 1 degree has 1.7e-2."""


def shear_deg(affine: np.ndarray) -> float:
    """Return by how much the two axes of an affine that are farthest from perpendicular miss it."""
    return float(np.degrees(np.arcsin(min(float(np.abs(_cosines(affine)).max()), 1.0))))


def is_sheared(affine: np.ndarray) -> bool:
    """Tell whether the axes of an affine are not perpendicular."""
    return bool(np.abs(_cosines(affine)).max() > LEAST_SHEAR)


def _cosines(affine: np.ndarray) -> np.ndarray:
    """Return the cosines between axes, ``[3, 3]``, with 0 on the diagonal."""
    units = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return np.asarray(units.T @ units * (1 - np.eye(3)))


@dataclass(frozen=True, kw_only=True)
class ShearedGrid:
    """A grid of axes that are not perpendicular, and the rectangular one around it.

    Attributes
    ----------
    shape : tuple of int
        Of the sheared grid.
    rectangular_shape : tuple of int
        Of the other one, its axes in the same order.
    rectangular_affine : numpy.ndarray
        float64 4 x 4, its voxel indices to RAS mm.
    to_rectangular : numpy.ndarray
        float64 4 x 4, voxel indices to the other grid's.
    axes : tuple of int
        The two axes that span the planes that are kept, and the third.
    """

    shape: tuple[int, int, int]
    rectangular_shape: tuple[int, int, int]
    rectangular_affine: np.ndarray
    to_rectangular: np.ndarray
    axes: tuple[int, int, int]

    @classmethod
    def of(cls, affine: np.ndarray, shape: tuple[int, ...]) -> ShearedGrid:
        """Return a grid with the rectangular one around it.

        The latter has the same planes at their true distance, and voxels of the same size along the first axis.

        Parameters
        ----------
        affine : numpy.ndarray
            Voxel indices to RAS mm.
        shape : tuple of int
            Number of voxels by axis.
        """
        cosines = np.abs(_cosines(affine))
        first, second = min(((0, 1), (0, 2), (1, 2)), key=lambda pair: float(cosines[pair]))
        third = 3 - first - second
        columns = affine[:3, :3]
        straight = np.empty((3, 3))
        straight[:, first] = columns[:, first]
        straight[:, second] = _without(columns[:, second], straight[:, first])
        within = _without(columns[:, third], straight[:, first])
        straight[:, third] = _without(within, straight[:, second])
        indices = np.linalg.solve(straight, columns)
        corners = np.array(list(itertools.product(*((0, size - 1) for size in shape)))) @ indices.T
        # A rounding error must not add a plane.
        low, high = np.floor(corners.min(axis=0) + 1e-6), np.ceil(corners.max(axis=0) - 1e-6)
        to_rectangular, rectangular = np.eye(4), np.eye(4)
        to_rectangular[:3, :3], to_rectangular[:3, 3] = indices, -low
        rectangular[:3, :3], rectangular[:3, 3] = straight, affine[:3, 3] + straight @ low
        i, j, k = (int(size) for size in high - low + 1)
        own_i, own_j, own_k = (int(size) for size in shape)
        return cls(
            shape=(own_i, own_j, own_k),
            rectangular_shape=(i, j, k),
            rectangular_affine=rectangular,
            to_rectangular=to_rectangular,
            axes=(first, second, third),
        )

    def straightened(self, voxels: np.ndarray, outside: float) -> np.ndarray:
        """Return a scan on the rectangular grid, linearly interpolated within each plane, float32.

        Parameters
        ----------
        voxels : numpy.ndarray
            Real numbers ``[i, j, k]`` on the sheared grid.
        outside : float
            What voxels get that are not within it.
        """
        from scipy import ndimage  # lazily: it takes longer to import than most scans to load, and few runs need it

        require_memory(4 * float(np.prod(self.rectangular_shape)), "Straightening the tilted scan")
        order = self.axes[::-1]
        straight = np.empty([self.rectangular_shape[axis] for axis in order], np.float32)
        along, shift_a, shift_b = self._shifts()
        rows, columns = np.indices(straight.shape[1:], np.float32)
        for number, (plane, target) in enumerate(zip(voxels.transpose(order), straight, strict=True)):
            b = rows - shift_b[number]
            a = columns - shift_a[number] - along * b
            ndimage.map_coordinates(
                plane.astype(np.float32), [b, a], target, order=1, mode="constant", cval=outside, prefilter=False
            )
        return straight.transpose(np.argsort(order))

    def labels_back(self, labels: np.ndarray) -> np.ndarray:
        """Return labels of the rectangular grid on the sheared one by nearest neighbour, in the order of files."""
        order = self.axes[::-1]
        back = np.empty([self.shape[axis] for axis in order], labels.dtype)
        along, shift_a, shift_b = self._shifts()
        rows, columns = np.indices(back.shape[1:], np.float64)
        for number, (plane, target) in enumerate(zip(labels.transpose(order), back, strict=True)):
            b = _nearest(rows + shift_b[number], plane.shape[0])
            a = _nearest(columns + along * rows + shift_a[number], plane.shape[1])
            target[...] = plane[b, a]
        return np.asfortranarray(back.transpose(np.argsort(order)))

    def clear_outside(self, labels: np.ndarray, affine: np.ndarray) -> None:
        """Set labels to 0, in place, that lie outside of the sheared grid, where there is no scan.

        Parameters
        ----------
        labels : numpy.ndarray
            Integers on any grid.
        affine : numpy.ndarray
            Its voxel indices to RAS mm.
        """
        to_own = np.linalg.solve(self.rectangular_affine @ self.to_rectangular, affine)
        first, second = np.ogrid[: labels.shape[0], : labels.shape[1]]
        for number, plane in enumerate(np.moveaxis(labels, 2, 0)):
            for row, size in zip(to_own, self.shape, strict=False):
                place = row[0] * first + row[1] * second + (row[2] * number + row[3])
                plane[(place < -0.5) | (place > size - 0.5)] = 0

    def _shifts(self) -> tuple[float, np.ndarray, np.ndarray]:
        """Return how far each step along the second axis leads along the first, and each plane's shifts along both."""
        first, second, third = self.axes
        planes = np.arange(self.shape[third])
        shift_a, shift_b = (
            self.to_rectangular[axis, third] * planes + self.to_rectangular[axis, 3] for axis in (first, second)
        )
        return float(self.to_rectangular[first, second]), shift_a, shift_b


def _without(vector: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return the part of a vector that is perpendicular to a direction."""
    return np.asarray(vector - direction * (vector @ direction) / (direction @ direction))


def _nearest(positions: np.ndarray, size: int) -> np.ndarray:
    return np.clip(np.floor(positions + 0.5), 0, size - 1).astype(np.intp)
