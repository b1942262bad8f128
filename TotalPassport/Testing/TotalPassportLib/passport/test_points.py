"""Points that cover the surface of an organ, in an order that may be cut short anywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from TotalPassportLib.passport.points import BATCH, CANDIDATES, POINTS, STEPS, farthest_points, spread_points

SHAPE = (64, 64, 64)


def sampled(indices: np.ndarray, linear: np.ndarray, shape: tuple = SHAPE, count: int = POINTS) -> np.ndarray:
    """Return the farthest points of one organ, given its voxels."""
    voxels = np.sort(np.ravel_multi_index(indices.T, shape))
    ((label, points),) = farthest_points({7: voxels}, shape, linear, count)
    assert label == 7
    return points


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), spacing=st.tuples(*[st.floats(0.3, 6)] * 3))
@pytest.mark.slow
def test_each_point_is_the_farthest_from_those_before_it(seed: int, spacing: tuple) -> None:
    indices = np.unique(np.random.default_rng(seed).integers(0, 64, (400, 3)), axis=0)
    linear = np.diag(spacing)
    points = sampled(indices, linear, count=60) @ linear
    everything = indices @ linear
    radius = np.linalg.norm(everything - everything.mean(axis=0), axis=1).max()
    for count in range(1, 60):
        distances = np.linalg.norm(everything[:, None] - points[None, :count], axis=2).min(axis=1)
        chosen = np.linalg.norm(points[count] - points[:count], axis=1).min()
        assert chosen == pytest.approx(distances.max(), abs=4 * radius / STEPS)


def test_organs_do_not_change_one_anothers_points() -> None:
    rng = np.random.default_rng(0)
    organs = {label: np.sort(rng.choice(64**3, 3 * label, replace=False)) for label in range(1, 3 * BATCH)}
    together = dict(farthest_points(organs, SHAPE, np.eye(3)))
    assert set(together) == set(organs)
    for label, voxels in organs.items():
        assert np.array_equal(together[label], dict(farthest_points({label: voxels}, SHAPE, np.eye(3)))[label])
        assert len(np.unique(together[label], axis=0)) == len(voxels)


def shell(radius: float) -> np.ndarray:
    """Return the voxels of a hollow ball."""
    indices = np.indices(SHAPE).reshape(3, -1).T
    distance = np.linalg.norm(indices - 31.5, axis=1)
    return indices[(distance > radius - 1) & (distance <= radius)]


def test_a_large_surface_is_thinned_to_voxel_centres_that_cover_it() -> None:
    surface = shell(28)
    assert len(surface) > CANDIDATES
    points = sampled(surface, np.eye(3))
    assert len(np.unique(points, axis=0)) == POINTS
    assert {tuple(point) for point in points} <= {tuple(index) for index in surface}
    worst = max(np.linalg.norm(points - index, axis=1).min() for index in surface)
    assert worst < 7  # even points would lie 4.4 voxels apart; where the surface is diagonal, thinning leaves more


@pytest.mark.parametrize("count", [50, 100, 200, 400])
@pytest.mark.slow
def test_a_prefix_covers_the_surface_much_better_than_chance(count: int) -> None:
    surface = shell(28)
    voxels = np.ravel_multi_index(surface.T, SHAPE)
    ((_, by_chance),) = spread_points({1: voxels}, SHAPE)
    worst = [
        max(np.linalg.norm(points[:count] - index, axis=1).min() for index in surface)
        for points in (sampled(surface, np.eye(3)), by_chance)
    ]
    assert worst[0] < 0.8 * worst[1]


@pytest.mark.parametrize("parity", [0, 1])
def test_a_checkerboard_keeps_its_points(parity: int) -> None:
    indices = np.indices((20, 20, 20)).reshape(3, -1).T
    board = indices[indices.sum(axis=1) % 2 == parity]
    assert CANDIDATES < len(board) <= 2 * CANDIDATES
    assert len(np.unique(sampled(board, np.eye(3)), axis=0)) == POINTS


def test_voxels_that_rounding_brings_together_are_chosen_once() -> None:
    ends = np.array([[end, 0, k] for end in (0, 1) for k in range(400)])
    points = sampled(ends, np.diag([1000.0, 1.0, 1e-3]), (2, 1, 400))
    assert len(np.unique(points, axis=0)) == POINTS


def test_few_voxels_are_all_kept() -> None:
    indices = np.array([[0, 0, 0], [0, 0, 1]])
    assert sorted(sampled(indices, np.eye(3)).tolist()) == [[0, 0, 0], [0, 0, 1]]
    assert sampled(indices[:1], np.eye(3)).tolist() == [[0, 0, 0]]


def test_points_by_chance_are_the_same_every_time() -> None:
    voxels = np.arange(0, 64**3, 7)
    first, second = (dict(spread_points({1: voxels}, SHAPE))[1] for _ in range(2))
    assert np.array_equal(first, second)
    assert len(np.unique(first, axis=0)) == POINTS
    assert np.isin(np.ravel_multi_index(first.T, SHAPE), voxels).all()
