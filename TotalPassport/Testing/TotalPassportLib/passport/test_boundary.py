"""The surface of every label, and points that cover it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from TotalPassportLib.passport.boundary import CANDIDATES, POINTS, boundary_indices, farthest_points


@settings(max_examples=60, deadline=None)
@given(shape=st.tuples(*[st.integers(1, 9)] * 3), seed=st.integers(0, 10**6), density=st.floats(0, 1))
def test_the_boundary_is_what_erosion_takes_away_but_not_the_images_faces(
    shape: tuple, seed: int, density: float
) -> None:
    rng = np.random.default_rng(seed)
    labels = (rng.integers(1, 4, shape) * (rng.random(shape) < density)).astype(np.uint8)
    found = boundary_indices(labels)
    for label in (1, 2, 3):
        mask = labels == label
        expected = np.argwhere(mask & ~ndimage.binary_erosion(mask, border_value=1))
        if len(expected):
            assert np.array_equal(found[label], expected)
        else:
            assert label not in found


def test_a_label_that_fills_the_image_and_an_empty_image_have_no_boundary() -> None:
    assert boundary_indices(np.ones((4, 5, 6), np.uint8)) == {}
    assert boundary_indices(np.zeros((4, 5, 6), np.uint8)) == {}


def test_points_are_in_farthest_point_order() -> None:
    indices = np.random.default_rng(0).integers(0, 64, (400, 3))
    indices = np.unique(indices, axis=0)
    affine = np.diag([1.0, 2.0, 0.5, 1.0])
    affine[:3, 3] = (1e6, -5.0, 3.0)
    points = farthest_points(indices, affine, 50)
    everything = indices @ affine[:3, :3].T + affine[:3, 3]
    for count in range(1, 50):
        distances = np.linalg.norm(everything[:, None] - points[None, :count], axis=2).min(axis=1)
        chosen = np.linalg.norm(points[count] - points[:count], axis=1).min()
        assert chosen == pytest.approx(distances.max(), rel=1e-5)


def test_a_large_surface_is_thinned_to_voxel_centres_that_cover_it() -> None:
    size = np.indices((60, 60, 60)).reshape(3, -1).T
    radius = np.linalg.norm(size - 29.5, axis=1)
    shell = size[(radius > 27) & (radius <= 28)]
    assert len(shell) > CANDIDATES
    points = farthest_points(shell, np.eye(4))
    assert len(points) == POINTS
    assert len(np.unique(points, axis=0)) == POINTS
    assert {tuple(point) for point in points} <= {tuple(index) for index in shell.astype(float)}
    worst = max(np.linalg.norm(points - index, axis=1).min() for index in shell)
    assert worst < 7  # even points would lie 4.4 voxels apart; where the surface is diagonal, thinning leaves more


@pytest.mark.parametrize("parity", [0, 1])
def test_a_checkerboard_keeps_its_points(parity: int) -> None:
    indices = np.indices((20, 20, 20)).reshape(3, -1).T
    board = indices[indices.sum(axis=1) % 2 == parity]
    assert CANDIDATES < len(board) <= 2 * CANDIDATES
    assert len(farthest_points(board, np.eye(4))) == POINTS


def test_few_voxels_are_all_kept() -> None:
    indices = np.array([[0, 0, 0], [0, 0, 1]])
    assert sorted(farthest_points(indices, np.eye(4)).tolist()) == [[0, 0, 0], [0, 0, 1]]
