"""Shapes: distances are zero on the surface, boxes hold the whole shape."""

from __future__ import annotations

import numpy as np
import pytest

from training.phantom.shapes import (
    Column,
    Difference,
    Ellipsoid,
    EllipticCylinder,
    Grown,
    HalfSpace,
    Intersection,
    Shape,
    Sheet,
    Tube,
    Union,
    rotation,
)

TURN = rotation(20, -35, 50)
SHAPES: dict[str, Shape] = {
    "ellipsoid": Ellipsoid((3, -4, 5), (8, 12, 20)),
    "turned ellipsoid": Ellipsoid((3, -4, 5), (8, 12, 20), TURN),
    "round box": Ellipsoid((3, -4, 5), (8, 12, 20), TURN, exponent=4.0),
    "cylinder": EllipticCylinder((0, 2, 0), (10, 6), 9, TURN),
    "tube": Tube(np.array([(0, 0, 0), (10, 5, 0), (12, -5, 18)], float), np.array([5.0, 3.0, 6.0])),
    "smooth union": Union((Ellipsoid((0, 0, 0), (9, 9, 9)), Ellipsoid((12, 0, 0), (7, 7, 7))), blend_mm=6.0),
    "halved": Intersection((Ellipsoid((0, 0, 0), (9, 12, 9)), HalfSpace((0, 0, 1), (0, 1, 1)))),
    "hollow": Difference(Ellipsoid((0, 0, 0), (12, 12, 12)), Ellipsoid((0, 0, 0), (8, 8, 8))),
    "grown": Grown(Ellipsoid((0, 0, 0), (9, 9, 9)), 2.0),
    "column": Column((-5.0, 5.0), (14.0, 9.0), (8.0, 11.0), (0.0, 3.0), 2.3, (-12.0, 15.0)),
}


def cloud(half_mm: float = 40.0, n: int = 61) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    line = np.linspace(-half_mm, half_mm, n, dtype=np.float32)
    return tuple(np.meshgrid(line, line, line, indexing="ij"))


@pytest.mark.parametrize("name", list(SHAPES))
def test_the_box_holds_the_shape(name: str) -> None:
    points, shape = cloud(), SHAPES[name]
    inside = shape.distance_mm(points) < 0
    assert inside.any()
    for axis, coordinate in enumerate(points):
        assert coordinate[inside].min() >= shape.bounds_mm[0, axis] - 0.3
        assert coordinate[inside].max() <= shape.bounds_mm[1, axis] + 0.3


@pytest.mark.parametrize("name", ["turned ellipsoid", "round box", "tube", "smooth union", "grown"])
def test_distances_grow_by_a_millimetre_a_millimetre_near_the_surface(name: str) -> None:
    points = cloud(30.0, 121)
    distance = SHAPES[name].distance_mm(points)
    slope = np.sqrt(sum(g**2 for g in np.gradient(distance, 0.5)))
    near = np.abs(distance) < 1.0
    assert np.median(slope[near]) == pytest.approx(1.0, abs=0.1)


def test_an_ellipsoid_has_the_volume_of_an_ellipsoid() -> None:
    inside = (SHAPES["turned ellipsoid"].distance_mm(cloud(30.0, 121)) < 0).sum() * 0.5**3
    assert inside == pytest.approx(4 / 3 * np.pi * 8 * 12 * 20, rel=0.01)


def test_a_sheet_has_two_faces() -> None:
    sheet = Sheet(HalfSpace((0, 0, 5), (0, 0, 1)), 1.0)
    z = np.array([3.0, 4.5, 5.0, 5.5, 7.0], np.float32)
    np.testing.assert_allclose(sheet.distance_mm((z * 0, z * 0, z)), [1.0, -0.5, -1.0, -0.5, 1.0])


def test_rotations_turn_right_handed() -> None:
    np.testing.assert_allclose(rotation(z_deg=90) @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(rotation(x_deg=90) @ [0, 1, 0], [0, 0, 1], atol=1e-12)
