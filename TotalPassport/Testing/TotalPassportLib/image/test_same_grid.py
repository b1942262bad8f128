"""When two images count as lying on the same grid."""

from __future__ import annotations

import numpy as np
import pytest
from support.scans import orientations
from TotalPassportLib.image.grid import CanonicalGrid, canonical_grid
from TotalPassportLib.image.same_grid import grid_difference

SHAPE = (40, 50, 60)


def affine(spacing_mm: float = 0.8, shift_mm: float = 0.0) -> np.ndarray:
    matrix = np.diag([spacing_mm, spacing_mm, 2.0, 1.0])
    matrix[:3, 3] = [-100.0 + shift_mm, 30.0, 1200.0]
    return matrix


def grid(spacing_mm: float = 0.8, shift_mm: float = 0.0) -> CanonicalGrid:
    return canonical_grid(affine(spacing_mm, shift_mm), SHAPE)


def test_two_micrometres_are_no_difference() -> None:
    assert grid_difference(grid(), grid(shift_mm=0.002)) == ""


def test_a_voxel_size_rounded_to_four_decimals_is_no_difference() -> None:
    assert grid_difference(grid(0.8), grid(0.80005)) == ""


@pytest.mark.parametrize("turn", orientations())
def test_the_same_grid_stored_along_other_axes_is_no_difference(turn: np.ndarray) -> None:
    step = np.eye(4)
    step[:3, :3] = turn
    shape = tuple(int(size) for size in np.abs(turn).T @ SHAPE)
    step[:3, 3] = np.where(turn.sum(axis=1) < 0, np.array(SHAPE) - 1, 0)
    assert grid_difference(grid(), canonical_grid(affine() @ step, shape)) == ""


def test_what_differs_is_said() -> None:
    assert grid_difference(grid(), grid(shift_mm=0.5)) == "corners lie up to 0.5 mm apart"
    assert "voxels of 0.8 x 0.8 x 2 and 0.9 x 0.9 x 2 mm" in grid_difference(grid(), grid(0.9))
    other = canonical_grid(affine(), (40, 50, 61))
    assert grid_difference(grid(), other).startswith("40 x 50 x 60 voxels along right, anterior and superior, and 40 x")
