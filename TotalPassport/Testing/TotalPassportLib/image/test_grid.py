"""Orientation and sampling: labels come back to where the voxels came from, on every grid."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from support.scans import orientations, rotation
from TotalPassportLib.image.grid import canonical_grid, labels_on_stored_grid, resample_ct, sampled_affine, to_canonical

SIZES = st.tuples(*[st.integers(1, 24)] * 3)


def affine_of(directions: np.ndarray, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = directions * spacing_mm
    affine[:3, 3] = (11.0, -7.5, 400.25)
    return affine


@pytest.mark.parametrize(
    "directions", orientations(), ids=lambda d: "".join(nibabel.aff2axcodes(affine_of(d, (1, 1, 1))))
)
def test_every_orientation_is_turned_to_ras_and_back(directions: np.ndarray) -> None:
    voxels = np.arange(3 * 4 * 5).reshape(3, 4, 5)
    affine = affine_of(directions, (1.0, 2.0, 3.0))
    grid = canonical_grid(affine, voxels.shape)
    canonical = to_canonical(voxels, grid)
    judge = nibabel.as_closest_canonical(nibabel.Nifti1Image(voxels, affine, dtype="int64"))
    assert np.array_equal(canonical, np.asarray(judge.dataobj))
    assert np.allclose(grid.affine, judge.affine)
    assert grid.shape == canonical.shape
    assert np.allclose(np.array([1, 2, 3])[grid.stored_axes], judge.header.get_zooms())
    assert np.array_equal(labels_on_stored_grid(canonical, grid), voxels)


@settings(max_examples=200, deadline=None)
@given(size=SIZES, target=SIZES, directions=st.sampled_from(orientations()), seed=st.integers(0, 99))
def test_labels_are_restored_exactly_as_scipy_and_nibabel_would(
    size: tuple, target: tuple, directions: np.ndarray, seed: int
) -> None:
    labels = np.random.default_rng(seed).integers(0, 118, size).astype(np.uint8)
    grid = canonical_grid(affine_of(directions, (1.0, 1.0, 1.0)), stored_shape(directions, target))
    stored = labels_on_stored_grid(labels, grid)
    zoomed = ndimage.zoom(labels, np.divide(target, size), order=0, mode="nearest")
    back = nibabel.orientations.ornt_transform([[0, 1], [1, 1], [2, 1]], grid.orientation)
    assert grid.shape == zoomed.shape == target
    assert np.array_equal(stored, nibabel.orientations.apply_orientation(zoomed, back))
    assert stored.flags.f_contiguous, "written without turning it once more"


def test_labels_of_a_clinical_size_are_restored_exactly_as_scipy_would() -> None:
    labels = np.random.default_rng(3).integers(0, 118, (137, 7, 91)).astype(np.uint8)
    expected = ndimage.zoom(labels, (512 / 137, 5 / 7, 300 / 91), order=0, mode="nearest")
    assert np.array_equal(labels_on_stored_grid(labels, canonical_grid(np.eye(4), (512, 5, 300))), expected)


def stored_shape(directions: np.ndarray, shape: tuple) -> tuple:
    """Return the stored shape of a canonical one."""
    return tuple(shape[axis] for axis in np.abs(directions).argmax(axis=0))


@settings(max_examples=300, deadline=None)
@given(
    shape=SIZES,
    spacing=st.tuples(*[st.floats(0.5, 6, width=32)] * 3),
    target=st.sampled_from([(1.5, 1.5, 1.5), (3.0, 3.0, 3.0), (1.0, 2.0, 6.0)]),
    dtype=st.sampled_from([np.int16, np.int32, np.uint8, np.float32, np.float64]),
    turned=st.booleans(),
    seed=st.integers(0, 99),
)
@pytest.mark.slow
def test_a_ct_is_resampled_to_scipys_very_values(
    shape: tuple, spacing: tuple, target: tuple, dtype: type, turned: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    # A flat image is where a last bit shows: one step below a whole number is cut to the next.
    voxels = (rng.normal(100, 400, shape) if seed % 3 else np.full(shape, 117)).astype(dtype)
    voxels = np.asfortranarray(voxels)[::-1, :, ::-1] if turned else voxels
    spacing_mm = np.array(spacing, np.float32)
    zoom = spacing_mm / np.array(target)
    if np.round(shape * zoom).min() < 1 or (zoom == 1).all():
        return
    expected = ndimage.zoom(voxels, zoom, output=np.float64, order=1, mode="nearest").astype(np.int32)
    assert np.array_equal(resample_ct(voxels, spacing_mm, target), expected)


def test_a_ct_that_has_the_spacing_already_keeps_its_fractions() -> None:
    voxels = np.random.default_rng(0).normal(100, 400, (3, 4, 5)).astype(np.float32)
    assert resample_ct(voxels, np.full(3, 1.5, np.float32), (1.5, 1.5, 1.5)) is voxels


@settings(max_examples=100, deadline=None)
@given(
    shape=st.tuples(*[st.integers(2, 30)] * 3),
    sampled=st.tuples(*[st.integers(2, 30)] * 3),
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
)
def test_first_and_last_voxel_keep_their_place_when_sampled(shape: tuple, sampled: tuple, angles: tuple) -> None:
    affine = affine_of(rotation(angles), (0.7, 1.1, 2.5))
    grid = canonical_grid(affine, shape)
    sampled_there = sampled_affine(grid, sampled)
    for before, after in (((0, 0, 0), (0, 0, 0)), (np.subtract(grid.shape, 1), np.subtract(sampled, 1))):
        expected = nibabel.affines.apply_affine(grid.affine, before)
        assert np.allclose(nibabel.affines.apply_affine(sampled_there, after), expected, atol=1e-9)


def test_a_ramp_is_resampled_to_the_values_at_the_places_the_affine_tells() -> None:
    affine = affine_of(rotation((10, -5, 20)), (0.8, 1.7, 2.5))
    shape = (40, 31, 23)
    direction = np.array([2.0, -3.0, 5.0])
    indices = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    ramp = nibabel.affines.apply_affine(affine, indices) @ direction
    grid = canonical_grid(affine, shape)
    spacing = np.linalg.norm(grid.affine[:3, :3], axis=0).astype(np.float32)
    resampled = resample_ct(to_canonical(ramp, grid), spacing, (3.0, 3.0, 3.0))
    assert resampled.dtype == np.int32
    assert resampled.shape == tuple(np.round(np.array(grid.shape) * spacing / 3).astype(int))
    there = np.stack(np.meshgrid(*map(np.arange, resampled.shape), indexing="ij"), axis=-1)
    expected = nibabel.affines.apply_affine(sampled_affine(grid, resampled.shape), there) @ direction
    assert np.abs(resampled - expected).max() <= 1.0  # only the fraction is cut off


def test_fractions_are_cut_off_toward_zero() -> None:
    voxels = np.linspace(-1.9, 1.9, 8).reshape(2, 2, 2)
    resampled = resample_ct(voxels, np.array([2, 2, 2], np.float32), (1.0, 1.0, 1.0))
    assert resampled[0, 0, 0] == -1
    assert resampled[-1, -1, -1] == 1


def test_a_ct_at_the_models_spacing_is_not_touched() -> None:
    voxels = np.random.default_rng(0).standard_normal((4, 5, 6))
    assert resample_ct(voxels, np.array([1.5, 1.5, 1.5], np.float32), (1.5, 1.5, 1.5)) is voxels
