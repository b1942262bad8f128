"""The surface of every label, as voxels."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from TotalPassportLib.passport import runs
from TotalPassportLib.passport.boundary import boundary_voxels
from TotalPassportLib.passport.sampling import chosen


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    block=st.integers(1, 3),
    seed=st.integers(0, 10**6),
    density=st.floats(0, 1),
    slab_voxels=st.sampled_from([1, 100, 2**20]),
)
def test_the_boundary_is_what_erosion_takes_away_but_not_the_images_faces(
    shape: tuple, block: int, seed: int, density: float, slab_voxels: int
) -> None:
    rng = np.random.default_rng(seed)
    labels = (rng.integers(1, 4, shape) * (rng.random(shape) < density)).astype(np.uint8)
    labels = np.kron(labels, np.ones((block, block, block), np.uint8))  # in noise each voxel has many reasons to count
    before, runs.SLAB_VOXELS = runs.SLAB_VOXELS, slab_voxels
    try:
        found = boundary_voxels(labels)
    finally:
        runs.SLAB_VOXELS = before
    for label in (1, 2, 3):
        mask = labels == label
        expected = np.flatnonzero(mask & ~ndimage.binary_erosion(mask, border_value=1))
        if len(expected):
            assert np.array_equal(found[label], expected)
        else:
            assert label not in found


def test_a_label_that_fills_the_image_and_an_empty_image_have_no_boundary() -> None:
    assert boundary_voxels(np.ones((4, 5, 6), np.uint8)) == {}
    assert boundary_voxels(np.zeros((4, 5, 6), np.uint8)) == {}


def test_of_a_large_surface_those_are_kept_that_would_be_chosen_of_all() -> None:
    labels = np.random.default_rng(0).integers(0, 4, (40, 30, 20)).astype(np.uint8)
    labels[5, 5, 5] = 200
    before, runs.SLAB_VOXELS = runs.SLAB_VOXELS, 700
    try:
        every, some = boundary_voxels(labels), boundary_voxels(labels, 100)
    finally:
        runs.SLAB_VOXELS = before
    assert every.keys() == some.keys() == {1, 2, 3, 200}
    for label, voxels in every.items():
        assert np.array_equal(some[label], voxels[chosen(len(voxels), 100)])
        assert len(some[label]) == min(len(voxels), 100)
