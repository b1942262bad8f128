"""Sampling axis by axis: linear values on another grid, and labels back from it by nearest neighbour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class AxisMap:
    """Where the voxels of another grid lie on an axis: number ``i`` of ``target`` at ``scale * i + offset``."""

    target: int
    scale: float
    offset: float

    def positions(self) -> np.ndarray:
        """Return the places of all voxels of the other grid, float64."""
        return np.arange(self.target) * self.scale + self.offset

    def back(self, size: int) -> np.ndarray:
        """Return the places of all ``size`` voxels of this axis on the other grid's, float64."""
        return (np.arange(size) - self.offset) / self.scale


def same_borders(size: int, target: int) -> AxisMap:
    """Return the map of two grids that cover the same length.

    >>> same_borders(4, 2).positions()
    array([0.5, 2.5])
    """
    scale = size / target
    return AxisMap(target=target, scale=scale, offset=(scale - 1) / 2)


def same_middle(size: int, target: int, scale: float) -> AxisMap:
    """Return the map of a grid with the same middle, whose voxels are ``scale`` times as long.

    >>> same_middle(3, 5, 1.0).positions()
    array([-1.,  0.,  1.,  2.,  3.])
    """
    return AxisMap(target=target, scale=scale, offset=(size - 1) / 2 - scale * (target - 1) / 2)


def mapped_affine(affine: np.ndarray, maps: Sequence[AxisMap]) -> np.ndarray:
    """Return the affine of the other grid."""
    step = np.diag([*(each.scale for each in maps), 1.0])
    step[:3, 3] = [each.offset for each in maps]
    return np.asarray(affine @ step)


def linear_samples(voxels: np.ndarray, maps: Sequence[AxisMap], beyond: float | None = None) -> np.ndarray:
    """Return voxels on another grid, float32, interpolated linearly one axis after the other.

    Parameters
    ----------
    voxels : numpy.ndarray
        Real numbers of three axes.
    maps : sequence of AxisMap
        One for each axis.
    beyond : float, optional
        What lies beyond the outermost voxels' middles; None where these go on.
    """
    sampled = voxels.astype(np.float32)
    for axis, each in enumerate(maps):
        size = sampled.shape[axis]
        places = each.positions()
        if np.array_equal(places, np.arange(size)):
            continue
        inside = np.clip(places, 0, size - 1)
        before = np.minimum(np.floor(inside).astype(np.intp), max(size - 2, 0))
        weight = (inside - before).astype(np.float32).reshape([-1 if number == axis else 1 for number in range(3)])
        low, high = sampled.take(before, axis), sampled.take(np.minimum(before + 1, size - 1), axis)
        high -= low
        high *= weight
        sampled = low + high
        if beyond is not None:
            np.moveaxis(sampled, axis, 0)[(places < -0.5) | (places > size - 0.5)] = beyond
    return sampled


def nearest_back(
    labels: np.ndarray, maps: Sequence[AxisMap], shape: Sequence[int], value_beyond: int | None = None
) -> np.ndarray:
    """Return labels of the other grid on this one by nearest neighbour, ties to the higher.

    Parameters
    ----------
    labels : numpy.ndarray
        Integers of three axes.
    maps : sequence of AxisMap
        Those by which the other grid was made.
    shape : sequence of int
        Of this grid.
    value_beyond : int, optional
        What voxels beyond the other grid become; its border goes on where there is none.
    """
    chosen, outside = [], []
    for each, size, own in zip(maps, labels.shape, shape, strict=True):
        nearest = np.floor(each.back(own) + 0.5).astype(np.intp)
        outside.append((nearest < 0) | (nearest > size - 1))
        chosen.append(np.clip(nearest, 0, size - 1))
    back = labels[np.ix_(*chosen)]
    if value_beyond is not None:
        for axis, beyond in enumerate(outside):
            np.moveaxis(back, axis, 0)[beyond] = value_beyond
    return back
