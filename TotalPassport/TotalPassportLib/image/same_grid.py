"""Whether two images lie on the same grid, and what differs if they do not."""

from __future__ import annotations

import itertools

import numpy as np

from .grid import CanonicalGrid

TOLERANCE_VOXELS = 0.05
"""How far a corner may lie from the other image's, in voxels. Programs round voxel sizes to four decimals, which moves
the far corner of 512 voxels by 0.02 of one."""


def grid_difference(first: CanonicalGrid, second: CanonicalGrid) -> str:
    """Say what differs between two grids in their closest-to-RAS form; empty if they are the same.

    Compared are canonical forms, so that the same grid stored along other axes or flipped is the same.
    """
    if first.shape != second.shape:
        one, other = (" x ".join(map(str, grid.shape)) for grid in (first, second))
        return f"{one} voxels along right, anterior and superior, and {other}"
    spacing_mm = [np.linalg.norm(grid.affine[:3, :3], axis=0) for grid in (first, second)]
    farthest_mm = farthest_corner(first.affine, second.affine, first.shape)
    if farthest_mm <= TOLERANCE_VOXELS * float(min(sizes.min() for sizes in spacing_mm)):
        return ""
    one, other = (" x ".join(f"{size:.4g}" for size in sizes) for sizes in spacing_mm)
    sizes = f", voxels of {one} and {other} mm" if one != other else ""
    return f"corners lie up to {farthest_mm:.3g} mm apart{sizes}"


def farthest_corner(first: np.ndarray, second: np.ndarray, shape: tuple[int, int, int]) -> float:
    """Return how far apart two affines put the centre of a corner voxel at most, in their unit."""
    corners = np.array(list(itertools.product(*((0, size - 1) for size in shape))))
    shift = corners @ (second - first)[:3, :3].T + (second - first)[:3, 3]
    return float(np.linalg.norm(shift, axis=1).max())
