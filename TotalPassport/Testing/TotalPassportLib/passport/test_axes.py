"""Principal axes have one order and one sign."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scans import rotation
from TotalPassportLib.passport.axes import axis_separation, principal_axes

ANGLES = st.tuples(*[st.floats(-180, 180)] * 3)


@settings(max_examples=100, deadline=None)
@given(angles=ANGLES, sizes=st.tuples(*[st.floats(0.01, 1e4)] * 3))
def test_axes_rebuild_the_covariance_and_are_right_handed_with_positive_largest_components(
    angles: tuple, sizes: tuple
) -> None:
    turn = rotation(angles)
    covariance = turn @ np.diag(sizes) @ turn.T
    values, vectors = principal_axes(covariance)
    assert list(values) == sorted(values)
    assert np.allclose(vectors @ np.diag(values) @ vectors.T, covariance, rtol=0, atol=1e-8 * max(sizes))
    assert np.allclose(vectors.T @ vectors, np.eye(3), atol=1e-12)
    assert np.linalg.det(vectors) == pytest.approx(1)
    for column in (vectors[:, 0], vectors[:, 2]):
        assert column[np.argmax(np.abs(column))] > 0


def test_a_flat_organ_has_no_thickness_but_zero() -> None:
    turn = rotation((10, 20, 30))
    values, _ = principal_axes(turn @ np.diag([0.0, 4.0, 9.0]) @ turn.T)
    assert values[0] == 0
    assert values[1:] == pytest.approx([4, 9])


def test_a_single_voxel_has_axes_too() -> None:
    values, vectors = principal_axes(np.zeros((3, 3)))
    assert values.tolist() == [0, 0, 0]
    assert np.linalg.det(vectors) == pytest.approx(1)
    assert axis_separation(values) == (0, 0)


def test_separation_is_relative_to_the_longest_axis() -> None:
    assert axis_separation(np.array([1.0, 2.0, 10.0])) == (0.8, 0.1)
