"""Pieces and surface areas, both told from runs that lie side by side."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import SphericalVoronoi
from TotalPassportLib.passport import components
from TotalPassportLib.passport import neighbours as neighbours_module
from TotalPassportLib.passport.components import Pieces, joined
from TotalPassportLib.passport.contacts import contacts
from TotalPassportLib.passport.runs import label_runs
from TotalPassportLib.passport.surface import DIRECTIONS, Crossings, voronoi_areas


def measured(labels: np.ndarray, linear: np.ndarray, chunk: int = 10**6) -> tuple[dict, dict]:
    """Return the sizes of the pieces and the surface areas of every label."""
    runs = label_runs(labels)
    pieces, crossings = Pieces(runs), Crossings(runs)
    for step, first, second in contacts(runs, chunk):
        pieces.add(first, second)
        crossings.add(step, first, second)
    return pieces.sizes(), crossings.areas_mm2(linear)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 8)] * 3),
    seed=st.integers(0, 10**6),
    density=st.floats(0.05, 1),
    chunk=st.sampled_from([1, 7, 10**6]),
    at_once=st.sampled_from([0, 9, 10**6]),
)
def test_pieces_are_those_of_scipy_with_all_26_neighbours(
    shape: tuple, seed: int, density: float, chunk: int, at_once: int
) -> None:
    rng = np.random.default_rng(seed)
    labels = (rng.integers(1, 4, shape) * (rng.random(shape) < density)).astype(np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components, "PAIRS_AT_ONCE", at_once)
        sizes, _ = measured(labels, np.eye(3), chunk)
    assert list(sizes) == sorted(int(value) for value in np.unique(labels) if value)
    for label, found in sizes.items():
        pieces, _ = ndimage.label(labels == label, np.ones((3, 3, 3)))
        assert found.tolist() == sorted(np.bincount(pieces.ravel())[1:].tolist(), reverse=True)


@settings(max_examples=200, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    seed=st.integers(0, 10**6),
    density=st.floats(0.05, 1),
    count=st.sampled_from([1, 2, 4, 255]),
    chunk=st.sampled_from([5, 10**6]),
)
def test_voxels_tell_the_same_as_runs(shape: tuple, seed: int, density: float, count: int, chunk: int) -> None:
    rng = np.random.default_rng(seed)
    labels = (rng.integers(1, count + 1, shape) * (rng.random(shape) < density)).astype(np.uint16)
    runs = label_runs(labels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours_module, "CHUNK_VOXELS", chunk)
        found = neighbours_module.neighbours(labels, runs.starts)
    sizes, areas = measured(labels, np.diag([0.7, 0.8, 2.5]))
    pieces = Pieces(runs, found.pieces)
    assert {label: size.tolist() for label, size in pieces.sizes().items()} == {
        label: size.tolist() for label, size in sizes.items()
    }
    assert Crossings(runs, found.inner).areas_mm2(np.diag([0.7, 0.8, 2.5])) == areas


@settings(max_examples=100, deadline=None)
@given(count=st.integers(1, 60), pairs=st.integers(0, 90), seed=st.integers(0, 10**6))
def test_what_is_paired_is_joined_as_scipy_joins_it(count: int, pairs: int, seed: int) -> None:
    first, second = np.random.default_rng(seed).integers(0, count, (2, pairs))
    graph = coo_array((np.ones(pairs), (first, second)), shape=(count, count))
    number, expected = connected_components(graph, directed=False)
    found = joined(count, first, second)
    assert sorted(set(found.tolist())) == list(range(number))
    assert len(set(zip(found.tolist(), expected.tolist(), strict=True))) == number


@pytest.mark.parametrize("shear", [0.0, 0.4])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 0.7, 5.0), (3.0, 0.5, 1.2)])
def test_the_cells_of_the_directions_are_scipys(spacing: tuple, shear: float) -> None:
    world = DIRECTIONS @ (np.array([[1, shear, 0], [0, 1, shear], [0, 0, 1]]) @ np.diag(spacing)).T
    world = world / np.linalg.norm(world, axis=1, keepdims=True)
    points = np.concatenate([world, -world])
    areas = voronoi_areas(points)
    assert np.allclose(areas, SphericalVoronoi(points).calculate_areas(), rtol=0, atol=1e-13)
    assert areas.sum() == pytest.approx(4 * np.pi, rel=1e-14)


@settings(max_examples=40, deadline=None)
@given(shape=st.tuples(*[st.integers(2, 8)] * 3), seed=st.integers(0, 10**6), chunk=st.sampled_from([5, 10**6]))
def test_surface_area_is_itks_perimeter_on_cubic_voxels(shape: tuple, seed: int, chunk: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 3, shape).astype(np.uint8)
    _, areas = measured(labels, 1.5 * np.eye(3), chunk)
    image = SimpleITK.GetImageFromArray(labels.T)
    image.SetSpacing([1.5, 1.5, 1.5])
    judge = SimpleITK.LabelShapeStatisticsImageFilter()
    judge.ComputePerimeterOn()
    judge.Execute(image)
    for label, area in areas.items():
        assert area == pytest.approx(judge.GetPerimeter(label), rel=1e-9)


def test_the_surface_areas_of_61_real_organs_are_itks_perimeters(shared: Path) -> None:
    path = str(shared / "data" / "example_seg_fast_force_split.nii.gz")
    image = nibabel.load(path)
    labels = np.asarray(image.dataobj).astype(np.uint8)
    _, areas = measured(np.ascontiguousarray(labels), image.affine[:3, :3])
    judge = SimpleITK.LabelShapeStatisticsImageFilter()
    judge.ComputePerimeterOn()
    judge.Execute(SimpleITK.Cast(SimpleITK.ReadImage(path), SimpleITK.sitkUInt8))
    assert set(areas) == set(judge.GetLabels())
    for label, area in areas.items():
        assert area == pytest.approx(judge.GetPerimeter(label), rel=1e-9)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.0, 1.0, 2.0), (0.7, 0.8, 2.5)])
@pytest.mark.parametrize("shear", [0.0, 0.3])
def test_the_area_of_a_ball_is_right_on_any_grid(spacing: tuple, shear: float) -> None:
    linear = np.array([[1, shear, 0], [0, 1, 0], [0, 0, 1]]) @ np.diag(spacing)
    shape = tuple(int(90 / size) for size in spacing)
    indices = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1) - (np.array(shape) - 1) / 2
    ball = (np.linalg.norm(indices @ linear.T, axis=-1) <= 25).astype(np.uint8)
    _, areas = measured(ball, linear)
    assert areas[1] == pytest.approx(4 * np.pi * 25**2, rel=0.015)


def test_there_are_13_directions_none_twice() -> None:
    both = {tuple(direction) for direction in np.concatenate([DIRECTIONS, -DIRECTIONS]).tolist()}
    assert len(both) == 26


def test_needles_for_voxels_are_measured_too() -> None:
    _, areas = measured(np.ones((2, 2, 2), np.uint8), np.diag([1e-3, 1e-3, 1e3]))
    assert np.isfinite(areas[1])
    assert areas[1] > 0


def test_an_image_without_labels_has_no_pieces_and_no_surfaces() -> None:
    assert measured(np.zeros((3, 4, 5), np.uint8), np.eye(3)) == ({}, {})
