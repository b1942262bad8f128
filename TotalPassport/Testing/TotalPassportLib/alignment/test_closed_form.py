"""The closed forms: exact where an exact answer exists, best where none does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from TotalPassportLib.alignment.closed_form import (
    apply,
    rotation_angle_deg,
    weighted_affine,
    weighted_rigid,
    weighted_similarity,
)

SEEDS = st.integers(0, 2**32 - 1)
FORMS = {"rigid": weighted_rigid, "similarity": weighted_similarity, "affine": weighted_affine}


def random_motion(rng: np.random.Generator, kind: str) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.random(random_state=rng).as_matrix()
    if kind == "similarity":
        matrix[:3, :3] *= rng.uniform(0.5, 2)
    if kind == "affine":
        matrix[:3, :3] = matrix[:3, :3] @ (np.diag(rng.uniform(0.5, 2, 3)) + np.triu(rng.uniform(-0.3, 0.3, (3, 3)), 1))
    matrix[:3, 3] = rng.uniform(-1000, 1000, 3)
    return matrix


def random_points(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.uniform(-200, 200, (count, 3)), rng.uniform(0.1, 1, count)


def cost(matrix: np.ndarray, fixed: np.ndarray, moving: np.ndarray, weights: np.ndarray) -> float:
    return float(weights @ ((apply(matrix, moving) - fixed) ** 2).sum(axis=1))


@pytest.mark.parametrize("kind", FORMS)
@given(seed=SEEDS, count=st.integers(5, 60))
@settings(max_examples=60, deadline=None)
def test_points_that_were_moved_are_brought_back_exactly(kind: str, seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    moving, weights = random_points(rng, count)
    truth = random_motion(rng, kind)
    found = FORMS[kind](apply(truth, moving), moving, weights)
    assert np.allclose(apply(found, moving), apply(truth, moving), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", FORMS)
@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_no_small_change_of_the_answer_fits_noisy_points_better(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    moving, weights = random_points(rng, 20)
    fixed = apply(random_motion(rng, kind), moving) + rng.normal(0, 5, moving.shape)
    found = FORMS[kind](fixed, moving, weights)
    best = cost(found, fixed, moving, weights)
    nudge = np.eye(4)
    nudge[:3, :3] = Rotation.from_rotvec(rng.normal(0, 1e-3, 3)).as_matrix()
    if kind != "rigid":
        nudge[:3, :3] *= 1 + rng.normal(0, 1e-3)
    if kind == "affine":
        nudge[:3, :3] += rng.normal(0, 1e-3, (3, 3))
    nudge[:3, 3] = rng.normal(0, 0.1, 3)
    assert cost(nudge @ found, fixed, moving, weights) >= best * (1 - 1e-12)


@pytest.mark.parametrize("kind", FORMS)
@given(seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_a_point_counts_by_its_weight(kind: str, seed: int) -> None:
    """A point of weight 3 is worth three points, and one of weight 0 is not there."""
    rng = np.random.default_rng(seed)
    moving, _ = random_points(rng, 8)
    fixed = moving + rng.normal(0, 5, moving.shape)
    weighted = FORMS[kind](fixed, moving, np.array([3.0, 1, 1, 1, 1, 1, 1, 0]))
    repeated = np.array([0, 0, 0, 1, 2, 3, 4, 5, 6])
    assert np.allclose(weighted, FORMS[kind](fixed[repeated], moving[repeated], np.ones(9)), atol=1e-6)


@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_a_rigid_answer_is_a_rotation_even_for_mirrored_or_flat_points(seed: int) -> None:
    rng = np.random.default_rng(seed)
    moving, weights = random_points(rng, 10)
    for fixed in (moving * [-1, 1, 1], moving * [1, 1, 0], rng.normal(size=moving.shape)):
        rotation = weighted_rigid(fixed, moving, weights)[:3, :3]
        assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(rotation) == pytest.approx(1)


def test_many_sets_of_points_are_solved_at_once_as_one_by_one() -> None:
    rng = np.random.default_rng(1)
    moving, fixed = rng.uniform(-100, 100, (2, 7, 5, 3))
    weights = rng.uniform(0.1, 1, (7, 5))
    together = weighted_rigid(fixed, moving, weights)
    for index in range(7):
        assert np.allclose(together[index], weighted_rigid(fixed[index], moving[index], weights[index]))


@given(seed=SEEDS, angle=st.floats(0.01, 179.9))
@settings(max_examples=60, deadline=None)
def test_the_angle_of_a_rotation_is_told_in_degrees(seed: int, angle: float) -> None:
    axis = np.random.default_rng(seed).normal(size=3)
    matrix = Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle, degrees=True).as_matrix()
    assert rotation_angle_deg(matrix) == pytest.approx(angle, abs=1e-4)
