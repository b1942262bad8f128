"""A segmentation is the passport's if grid, counts and centres say so, however it is stored."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from support.pairs import motion
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.image.image_objects import ImageArray
from TotalPassportLib.passport import Passport
from TotalPassportLib.passport.segmentation_match import match_segmentation, other_grid, structures_in

AFFINE = motion() @ np.diag([0.9, -0.7, 2.5, 1.0])
TOTAL = load_label_table("total")


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    voxels = np.zeros((24, 20, 16), np.uint8)
    voxels[2:9, 3:8, 4:9], voxels[12:20, 2:15, 3:12], voxels[3:6, 12:18, 2:14] = 1, 5, 2
    return voxels


@pytest.fixture(scope="module")
def passport(labels: np.ndarray) -> Passport:
    from TotalPassportLib.description_run import describe

    return describe(ImageArray(labels, AFFINE), labels="total")


def test_it_is_known_in_every_order_of_its_axes(passport: Passport, labels: np.ndarray) -> None:
    for axes in itertools.permutations(range(3)):
        for flips in itertools.product((False, True), repeat=3):
            stored, affine = labels.transpose(axes), AFFINE.copy()
            affine[:3, :3] = AFFINE[:3, list(axes)]
            for axis in np.flatnonzero(flips):
                affine[:3, 3] += affine[:3, axis] * (stored.shape[axis] - 1)
                affine[:3, axis] *= -1
                stored = np.flip(stored, axis)
            assert other_grid(passport, stored.shape, affine) == ""
            match = match_segmentation(passport, structures_in(np.ascontiguousarray(stored), affine))
            assert (match.reason, match.is_exact) == ("", True)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (np.diag([1.0, 1.0, 1.1, 1.0]), "other directions, or have another size"),
        (np.diag([-1.0, 1.0, 1.0, 1.0]), "mm away"),
        (motion(), "other directions"),
        (np.array([[1.0, 0, 0, 0.3], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), "it lies 0.27 mm away"),
    ],
)
def test_another_grid_is_told(passport: Passport, labels: np.ndarray, change: np.ndarray, reason: str) -> None:
    assert reason in other_grid(passport, labels.shape, AFFINE @ change)


def test_a_grid_that_was_rounded_is_the_same(passport: Passport, labels: np.ndarray) -> None:
    assert other_grid(passport, labels.shape, AFFINE.astype(np.float32).astype(np.float64)) == ""
    assert other_grid(passport, labels.shape, np.round(AFFINE, 4)) == ""


def test_the_mirrored_segmentation_is_another_one(passport: Passport, labels: np.ndarray) -> None:
    mirrored = structures_in(np.ascontiguousarray(labels[::-1]), AFFINE)
    assert "lies elsewhere" in match_segmentation(passport, mirrored).reason


def test_a_passport_of_hostile_numbers_is_answered(passport: Passport, labels: np.ndarray) -> None:
    flat = replace(passport, affine=np.zeros((4, 4)))
    assert other_grid(flat, labels.shape, AFFINE) != ""
    for source in ({"shape": "x", "affine": None}, {"shape": [1, 2], "affine": [[1]]}, {}, {"shape": [1e400, 1, 1]}):
        strange = replace(passport, measured_on="model", model={}, source=source)
        assert isinstance(other_grid(strange, labels.shape, AFFINE), str)
