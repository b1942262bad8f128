"""Resampling as MONAI's ``Spacing`` does it, down to the rounding of its coordinates.

The sampler of PyTorch under it works on coordinates that are normalised to -1..1 and turned back, so that an exact
half becomes a half and a bit. That decides which interpolated voxels are exactly 0, which MONAI's normalisation treats
apart, and which way the nearest neighbour goes where two are equally near. Neither plain nor rounded arithmetic gives
the same labels: on a real CT 0.12 % of the voxels on this way became 5.7 % of the labels.

Arrays are in the axis order of the network, with the axes of ``affine``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np

TOLERANCE = 1e-3
"""MONAI's: a voxel size that is so near the wanted one stays, and a grid that is so near the wanted one too."""
SLAB_VOXELS = 2_000_000
"""About how many voxels are computed at a time."""
Size = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class SpacedGrid:
    """The grid that a scan comes to.

    Attributes
    ----------
    shape : tuple of int
        Its voxels by axis.
    affine : numpy.ndarray
        float64 4 x 4, its voxel indices to RAS mm.
    same : bool
        Whether it is the scan's own, so that nothing is resampled.
    """

    shape: Size
    affine: np.ndarray
    same: bool


def spaced_grid(shape: tuple[int, ...], affine: np.ndarray, spacing_mm: tuple[float, float, float]) -> SpacedGrid:
    """Return the grid with other voxel sizes: the same axes, the same first voxel, distances of centres kept."""
    current = np.sqrt((affine[:3, :3] ** 2).sum(0))
    wanted = np.where(np.abs(current - np.array(spacing_mm)) <= TOLERANCE, current, spacing_mm)
    upper = np.linalg.cholesky(affine[:3, :3].T @ affine[:3, :3]).T
    target = np.eye(4)
    target[:3, :3] = affine[:3, :3] @ np.linalg.inv(upper) * wanted  # any shear is divided out
    corners = np.array([[*corner, 1.0] for corner in product(*[(0.0, size - 1.0) for size in shape])]).T
    mapped = (np.linalg.solve(target, affine) @ corners)[:3]
    sizes = np.round(np.ptp(mapped, axis=1) + 1.0).astype(int)
    first = [np.allclose((mapped - mapped[:, [corner]]).min(1), 0, rtol=TOLERANCE) for corner in range(8)]
    if any(first):
        target[:3, 3] = (affine @ corners)[:3, first.index(True)]
    else:
        middle = np.array(shape) / 2.0
        target[:3, 3] = affine[:3, :3] @ middle + affine[:3, 3] - target[:3, :3] @ (sizes / 2.0)
    x, y, z = (int(size) for size in sizes)
    same = (x, y, z) == tuple(shape) and np.allclose(affine, target, atol=TOLERANCE)
    return SpacedGrid(shape=(x, y, z), affine=target, same=same)


def sample_linearly(voxels: np.ndarray, matrix: np.ndarray, shape: Size) -> np.ndarray:
    """Return voxels on another grid, trilinear in float64, float32; beyond the border the border goes on.

    Parameters
    ----------
    voxels : numpy.ndarray
        Numbers of three axes.
    matrix : numpy.ndarray
        4 x 4, indices of the other grid to those of ``voxels``.
    shape : tuple of int
        Of the other grid.
    """
    sampled = np.empty(shape, np.float32)
    for planes, coordinates in _coordinates(voxels.shape, matrix, shape):
        low = [np.floor(each).astype(np.intp) for each in coordinates]
        weights = [[(before + 1) - each, each - before] for before, each in zip(low, coordinates, strict=True)]
        total = np.zeros(sampled[planes].shape)
        for corner in product((0, 1), repeat=3):
            place = [before + step for before, step in zip(low, corner, strict=True)]
            weight = weights[2][corner[2]] * weights[1][corner[1]] * weights[0][corner[0]]
            for index, size in zip(place, voxels.shape, strict=True):
                weight = np.where(index < size, weight, 0.0)
            inside = tuple(np.minimum(index, size - 1) for index, size in zip(place, voxels.shape, strict=True))
            total += voxels[inside].astype(np.float64, copy=False) * weight
        sampled[planes] = total
    return sampled


def sample_nearest(labels: np.ndarray, matrix: np.ndarray, shape: Size) -> np.ndarray:
    """Return labels on another grid by nearest neighbour; ties go to the even index of coordinates that are rounded so.

    The parameters are those of `sample_linearly`.
    """
    sampled = np.empty(shape, labels.dtype)
    for planes, coordinates in _coordinates(labels.shape, matrix, shape):
        sampled[planes] = labels[tuple(np.rint(each).astype(np.intp) for each in coordinates)]
    return sampled


def _coordinates(source: tuple[int, ...], matrix: np.ndarray, shape: Size) -> Iterator[tuple[slice, list[np.ndarray]]]:
    """Yield slabs of the other grid and where their voxels fall on the axes of the first, arrays that broadcast."""
    theta = _normaliser(source) @ matrix @ np.linalg.inv(_normaliser(shape))
    lines = [_line(size) for size in shape]
    step = max(1, SLAB_VOXELS // max(1, shape[1] * shape[2]))
    for first in range(0, shape[0], step):
        planes = slice(first, min(first + step, shape[0]))
        slab = [lines[0][planes], *lines[1:]]
        yield planes, [_along(axis, theta, slab, source[axis]) for axis in range(3)]


def _along(axis: int, theta: np.ndarray, lines: list[np.ndarray], size: int) -> np.ndarray:
    normalised: np.ndarray | float = 0.0
    for other in (2, 1, 0):
        if other == axis or theta[axis, other] != 0:  # an oblique affine in float32 leaves some 1e-9, which decide ties
            normalised = normalised + (lines[other] * theta[axis, other]).reshape(
                [-1 if number == other else 1 for number in range(3)]
            )
    normalised = normalised + theta[axis, 3]
    return np.clip(((normalised + 1) * size - 1) / 2, 0, size - 1)


def _normaliser(shape: tuple[int, ...]) -> np.ndarray:
    """Return what maps voxel indices to -1..1 over the whole extent of each axis, 4 x 4."""
    matrix = np.diag([*(2.0 / np.array(shape, float)), 1.0])
    matrix[:3, 3] = 1.0 / np.array(shape, float) - 1.0
    return matrix


def _line(size: int) -> np.ndarray:
    """Return PyTorch's line from -1 to 1, from both ends, each value rounded once as a fused multiplication does it."""
    if size == 1:
        return np.zeros(1)
    step = Fraction(2.0 / (size - 1))
    line = [float(-1 + step * k) if k < size // 2 else float(1 - step * (size - 1 - k)) for k in range(size)]
    return np.array(line) * (size - 1) / size
