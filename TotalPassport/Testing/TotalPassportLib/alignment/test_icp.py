"""Surfaces of organs: where they are, which way they face, and what of them the other scan can show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from support.passports import body, edited, moved
from TotalPassportLib.alignment.icp import FINE_POINTS, CentroidTerm, Surfaces, refine, surfaces
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.passport import Passport

NO_CENTROIDS = CentroidTerm(
    fixed_ras_mm=np.zeros((0, 3)), moving_ras_mm=np.zeros((0, 3)), weights=np.zeros(0), error_mm=1.0
)


def surfaces_of(passport: Passport) -> Surfaces:
    return surfaces(passport, list(passport.organs.values()))


def test_an_image_shows_what_lies_a_voxel_and_more_inside_its_faces() -> None:
    passport = replace(body(), shape=(50, 60, 70))
    shown = surfaces_of(passport)
    linear, origin = passport.affine[:3, :3], passport.affine[:3, 3]
    for indices, expected in (
        ([25, 30, 35], True),
        ([1.1, 1.1, 1.1], True),
        ([47.9, 57.9, 67.9], True),
        ([0.9, 30, 35], False),
        ([25, 58.1, 35], False),
        ([25, 30, 68.5], False),
        ([25, 30, -40], False),
    ):
        assert shown.shows(np.array([linear @ indices + origin])).tolist() == [expected], indices


def test_an_oblique_image_shows_its_own_box_and_not_one_along_the_axes() -> None:
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_rotvec([0, 0, 45], degrees=True).as_matrix()
    shown = surfaces_of(moved(replace(body(), shape=(50, 50, 50), affine=np.diag([2.0, 2, 2, 1])), turn))
    assert shown.shows(np.array([[0.0, 120.0, 50.0]])).all()
    assert not shown.shows(np.array([[40.0, 20.0, 50.0]])).any()


def test_the_normals_of_a_ball_are_its_radii() -> None:
    directions = np.random.default_rng(0).normal(size=(500, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    centre = np.array([10.0, -20.0, 30.0])
    ball = edited(body((5,)), 5, boundary_points_ras_mm=centre + 40 * directions)
    along = np.abs((surfaces_of(ball).normals * directions).sum(axis=1))
    assert np.median(along) > 0.99
    assert np.mean(along > 0.9) > 0.95


def test_points_without_a_surface_have_no_normal_and_few_points_are_no_surface() -> None:
    cloud = edited(body((5,)), 5, boundary_points_ras_mm=np.random.default_rng(0).uniform(-30, 30, (500, 3)))
    assert np.mean(~surfaces_of(cloud).normals.any(axis=1)) > 0.4
    few = edited(body((5,)), 5, boundary_points_ras_mm=np.eye(3))
    assert not surfaces_of(few).normals.any()


def test_an_organ_is_not_taken_for_its_neighbour() -> None:
    """Two balls in a row, moved by more than half their distance: each surface is nearer to the other ball's."""
    ball = np.random.default_rng(0).normal(size=(500, 3))
    ball *= 14 / np.linalg.norm(ball, axis=1, keepdims=True)

    def row(start_mm: float) -> Passport:
        lower = edited(body((27, 28)), 27, boundary_points_ras_mm=ball + np.array([0, 0, start_mm]))
        return edited(lower, 28, boundary_points_ras_mm=ball + np.array([0, 0, start_mm + 20]))

    matrix, _ = refine("rigid", np.eye(4), surfaces_of(row(0)), surfaces_of(row(12)), np.ones(2), NO_CENTROIDS)
    assert matrix[2, 3] == pytest.approx(-12, abs=0.2)


@pytest.mark.parametrize("kind", ["rigid", "similarity", "affine"])
@pytest.mark.slow
def test_a_small_shift_and_turn_is_undone_by_surfaces_alone(kind: str) -> None:
    truth = np.eye(4)
    truth[:3, :3] = Rotation.from_rotvec([2, -3, 2.5], degrees=True).as_matrix()
    truth[:3, 3] = (5.0, -4.0, 6.0)
    fixed = body()
    moving = moved(fixed, np.linalg.inv(truth))
    weights = np.ones(len(fixed.organs))
    matrix, distance_mm = refine(kind, np.eye(4), surfaces_of(fixed), surfaces_of(moving), weights, NO_CENTROIDS)
    assert np.allclose(matrix[:3, :3], truth[:3, :3], atol=2e-3)
    assert np.allclose(matrix[:3, 3], truth[:3, 3], atol=0.2)
    assert distance_mm < 0.2


def test_surfaces_that_nowhere_meet_are_refused() -> None:
    far = np.eye(4)
    far[0, 3] = 5000.0
    sides = surfaces_of(body()), surfaces_of(moved(body(), far))
    with pytest.raises(BadInput, match="do not meet: only 0 points"):
        refine("rigid", np.eye(4), *sides, np.ones(len(body().organs)), NO_CENTROIDS)


def test_the_first_points_of_each_organ_are_the_ones_that_look_for_partners() -> None:
    shown = surfaces_of(body((5, 6)))
    assert (shown.rank < FINE_POINTS).sum() == 2 * FINE_POINTS
    assert np.array_equal(shown.points_ras_mm[:FINE_POINTS], body().organs[5].boundary_points_ras_mm[:FINE_POINTS])
