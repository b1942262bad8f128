"""A passport measures the same anatomy alike on every grid, and agrees with independent programs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scans import grid_around, orientations, rasterise, rotation
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.passport.document import passport_text
from TotalPassportLib.passport.extraction import extract_passport

TOTAL = load_label_table("total")
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])


def organ_lines(labels: np.ndarray, affine: np.ndarray) -> list[str]:
    """Return the lines of the passport that tell of organs."""
    text = passport_text(extract_passport(labels, affine, TOTAL))
    return text[text.index('"organs"') :].splitlines()


def test_a_real_segmentation_agrees_with_simpleitk(shared: Path) -> None:
    path = shared / "data" / "example_seg_fast_force_split.nii.gz"
    image = nibabel.load(path)
    passport = extract_passport(np.asarray(image.dataobj).astype(np.uint8), image.affine, TOTAL)
    judge = SimpleITK.LabelShapeStatisticsImageFilter()
    judge.Execute(SimpleITK.Cast(SimpleITK.ReadImage(str(path)), SimpleITK.sitkUInt8))
    assert set(passport.organs) == set(judge.GetLabels())
    assert len(passport.organs) == 61
    for label, organ in passport.organs.items():
        assert organ.voxel_count == judge.GetNumberOfPixels(label)
        assert organ.volume_mm3 == pytest.approx(judge.GetPhysicalSize(label), rel=1e-12)
        assert np.allclose(organ.centroid_ras_mm, RAS_TO_LPS @ judge.GetCentroid(label), rtol=0, atol=1e-9)
        # ITK's matrix is relative to the mean over the voxels as well; its principal moments are the eigenvalues.
        moments = np.array(judge.GetPrincipalMoments(label))
        assert np.allclose(organ.eigenvalues_mm2, moments, rtol=1e-9, atol=1e-9 * moments.max())


def affines(origin: float) -> st.SearchStrategy[np.ndarray]:
    """Return affines of every kind: oblique, left-handed, anisotropic, sheared, far away."""

    def build(angles: tuple, spacing: tuple, flips: tuple, shear: float, at: tuple) -> np.ndarray:
        affine = np.eye(4)
        sheared = np.array([[1, shear, 0], [0, 1, 0], [0, 0, 1]])
        affine[:3, :3] = rotation(angles) @ sheared @ np.diag(np.multiply(spacing, flips))
        affine[:3, 3] = at
        return affine

    return st.builds(
        build,
        st.tuples(*[st.floats(-180, 180)] * 3),
        st.tuples(*[st.floats(0.3, 6)] * 3),
        st.tuples(*[st.sampled_from([-1, 1])] * 3),
        st.floats(-0.4, 0.4),
        st.tuples(*[st.floats(-origin, origin)] * 3),
    )


@settings(max_examples=60, deadline=None)
@given(affine=affines(1e6), seed=st.integers(0, 10**6))
@pytest.mark.slow
def test_any_affine_agrees_with_centred_sums_in_long_doubles(affine: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = (rng.random((9, 8, 7)) < 0.3).astype(np.uint8)
    labels[4, 4, 3] = 1
    organ = extract_passport(labels, affine, TOTAL).organs[1]
    wide = affine.astype(np.longdouble)
    points = np.argwhere(labels == 1).astype(np.longdouble) @ wide[:3, :3].T + wide[:3, 3]
    centred = points - points.mean(axis=0)
    covariance = centred.T @ centred / len(points)
    assert np.abs(organ.centroid_ras_mm - points.mean(axis=0)).max() <= 1e-9
    assert np.abs(organ.covariance_mm2 - covariance).max() <= 1e-9 * np.abs(covariance).max()
    assert organ.volume_mm3 == pytest.approx(len(points) * abs(np.linalg.det(affine[:3, :3])), rel=1e-12)
    assert np.linalg.det(organ.eigenvectors) == pytest.approx(1)


def phantom_labels(directions: np.ndarray, spacing: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return three organs on a grid; binary fractions keep every product exact."""
    shape, affine = grid_around(directions, spacing, (8.0, -16.5, 4.25))
    hounsfield = rasterise(shape, affine, (8.0, -16.5, 4.25))
    labels = np.select([hounsfield == -500, hounsfield == 500, hounsfield == 1500], [5, 2, 1]).astype(np.uint8)
    return labels, affine


def stored_otherwise(labels: np.ndarray, affine: np.ndarray, signed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the same voxels in the same places, with axes permuted and flipped."""
    order = np.abs(signed).argmax(axis=0)
    flips = signed[order, range(3)]
    turned = labels.transpose(order)
    there = np.eye(4)
    there[:3, :3] = signed
    for axis, flip in enumerate(flips):
        if flip < 0:
            turned = np.flip(turned, axis)
            there[order[axis], 3] = labels.shape[order[axis]] - 1
    return np.ascontiguousarray(turned), affine @ there


@pytest.mark.parametrize("directions", [np.eye(3), rotation((0, 0, 90)).round()], ids=["straight", "turned"])
@pytest.mark.slow
def test_the_same_anatomy_gives_the_same_text_in_all_48_orientations(directions: np.ndarray) -> None:
    labels, affine = phantom_labels(directions, (2.0, 2.5, 4.0))
    expected = organ_lines(labels, affine)
    assert len(expected) >= 4
    for signed in orientations():
        assert organ_lines(*stored_otherwise(labels, affine, signed)) == expected


def test_the_layout_of_the_array_in_memory_does_not_matter() -> None:
    labels, affine = phantom_labels(rotation((20, -30, 40)), (2.0, 2.5, 4.0))
    text = passport_text(extract_passport(labels, affine, TOTAL))
    spread = np.zeros([2 * size for size in labels.shape], np.uint8)
    spread[::2, ::2, ::2] = labels
    turned = np.ascontiguousarray(labels[::-1, :, ::-1])
    read_only = labels.copy()
    read_only.flags.writeable = False
    layouts = {
        "Fortran": np.asfortranarray(labels),
        "strided": spread[::2, ::2, ::2],
        "negative strides": turned[::-1, :, ::-1],
        "wider integers": labels.astype(np.uint16),
        "big-endian": labels.astype(">u2"),
        "read only": read_only,
    }
    for name, layout in layouts.items():
        assert passport_text(extract_passport(layout, affine, TOTAL)) == text, name


ONE = np.zeros((5, 6, 7), np.uint8)
ONE[1, 2, 3] = 9
TWO = ONE.copy()
TWO[1, 2, 4] = 9
PLANE = np.zeros((5, 6, 7), np.uint8)
PLANE[:, 3, :] = 9
WHOLE = np.full((5, 6, 7), 9, np.uint8)


@pytest.mark.parametrize(
    ("labels", "extent", "points"),
    [(ONE, (1, 1, 1), 1), (TWO, (1, 1, 2), 2), (PLANE, (5, 1, 7), 35), (WHOLE, (5, 6, 7), 0)],
    ids=["one voxel", "two voxels", "plane", "whole volume"],
)
def test_degenerate_organs_are_measured(labels: np.ndarray, extent: tuple, points: int) -> None:
    spacing = np.array([0.5, 2.0, 4.0])
    affine = np.diag([*spacing, 1.0])
    organ = extract_passport(labels, affine, TOTAL).organs[9]
    assert organ.volume_mm3 == np.prod(extent) * 4.0
    expected = [(count**2 - 1) / 12 * size**2 for count, size in zip(extent, spacing, strict=True)]
    assert np.allclose(organ.covariance_mm2, np.diag(expected))
    assert np.allclose(organ.eigenvalues_mm2, sorted(expected))
    assert organ.boundary_points_ras_mm.shape == (points, 3)
    assert ("few_voxels" in organ.checks) == (organ.voxel_count < 20)


@pytest.mark.parametrize("label", [1, 117, 118, 255, 256, 65535])
def test_every_label_value_can_be_described(label: int) -> None:
    labels = np.zeros((9, 9, 9), np.uint16)
    labels[3:6, 3:6, 3:6] = label
    (organ,) = extract_passport(labels, np.eye(4), TOTAL).organs.values()
    assert (organ.label, organ.voxel_count, organ.touches_border) == (label, 27, False)
    assert organ.name == (TOTAL[label].name if label in TOTAL else f"label {label}")


def test_an_organ_at_the_edge_keeps_its_volume_and_is_marked() -> None:
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[2:8, 2:8, 5:] = 5
    organ = extract_passport(labels, np.eye(4), TOTAL).organs[5]
    assert organ.volume_mm3 == 180
    assert organ.touches_border
    assert "touches_border" in organ.checks
    faces = organ.boundary_points_ras_mm[organ.boundary_points_ras_mm[:, 2] == 9]
    assert ((faces[:, :2] == 2) | (faces[:, :2] == 7)).any(axis=1).all(), "a cut is no surface"


@settings(max_examples=25, deadline=None)
@given(
    angles=st.tuples(*[st.floats(-25, 25)] * 3),
    spacing=st.tuples(*[st.sampled_from([0.5, 1.0, 2.5, 5.0])] * 3),
    shear=st.sampled_from([0.0, 0.25]),
    origin=st.tuples(*[st.integers(-(10**6), 10**6)] * 3),
    flips=st.tuples(*[st.booleans()] * 3),
    order=st.permutations(range(3)),
    seed=st.integers(0, 10**6),
)
@pytest.mark.slow
def test_the_same_voxels_stored_in_any_way_give_the_same_bytes_for_any_affine(
    angles: tuple, spacing: tuple, shear: float, origin: tuple, flips: tuple, order: list, seed: int
) -> None:
    affine = np.eye(4)
    sheared = np.array([[1, shear, 0], [0, 1, 0], [0, 0, 1]])
    # Binary fractions, so that the affine of the turned array says exactly the same.
    affine[:3, :3] = np.round(rotation(angles) @ sheared * 64) / 64 * spacing
    affine[:3, 3] = origin
    rng = np.random.default_rng(seed)
    labels = (rng.integers(1, 4, (9, 8, 7)) * (rng.random((9, 8, 7)) < 0.4)).astype(np.uint8)
    ct = rng.integers(-1000, 1000, labels.shape).astype(np.float32)
    expected = passport_text(extract_passport(labels, affine, TOTAL, ct)).partition('"findings"')[2]
    signed = np.eye(3)[:, order] * np.where(flips, -1, 1)
    turned, there = stored_otherwise(labels, affine, signed)
    turned_ct, _ = stored_otherwise(ct, affine, signed)
    for layout in (np.ascontiguousarray, np.asfortranarray):
        passport = extract_passport(layout(turned), there, TOTAL, layout(turned_ct))
        assert passport_text(passport).partition('"findings"')[2] == expected


def test_intensities_are_means_and_deviations_of_the_ct() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, (9, 8, 7)).astype(np.uint8)
    ct = rng.normal(0, 300, labels.shape)
    for label, organ in extract_passport(labels, np.diag([-1.0, 1, 1, 1]), TOTAL, ct).organs.items():
        assert organ.hu_mean == pytest.approx(ct[labels == label].mean())
        assert organ.hu_sd == pytest.approx(ct[labels == label].std())


@pytest.mark.parametrize("angles", [(0, 0, 0), (25, -40, 60), (-70, 10, 35)])
def test_an_ellipsoid_on_3_mm_voxels_has_its_own_semi_axes_and_directions(angles: tuple) -> None:
    turn, semi_axes = rotation(angles), np.array([20.0, 35.0, 60.0])
    indices = np.stack(np.meshgrid(*[np.arange(45)] * 3, indexing="ij"), axis=-1)
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = (-66.3, -65.1, -66.9)
    world = indices @ affine[:3, :3].T + affine[:3, 3]
    labels = (((world @ turn / semi_axes) ** 2).sum(axis=-1) <= 1).astype(np.uint8)
    organ = extract_passport(labels, affine, TOTAL).organs[1]
    assert np.abs(organ.semi_axes_mm - semi_axes).max() < 0.3
    cosines = np.abs((organ.eigenvectors * turn).sum(axis=0))
    assert np.degrees(np.arccos(np.minimum(cosines, 1))).max() < 0.5
    assert organ.volume_mm3 == pytest.approx(4 / 3 * np.pi * semi_axes.prod(), rel=0.01)


def test_a_solid_ellipsoid_has_its_own_semi_axes() -> None:
    index = np.indices((140, 90, 60)).reshape(3, -1).T - (69.5, 44.5, 29.5)
    labels = ((index / (60, 35, 20)) ** 2).sum(axis=1).reshape(140, 90, 60) <= 1
    organ = extract_passport(labels.astype(np.uint8), np.eye(4), TOTAL).organs[1]
    assert organ.semi_axes_mm == pytest.approx([20, 35, 60], rel=5e-3)
    assert replace(organ, eigenvalues_mm2=np.zeros(3)).semi_axes_mm.tolist() == [0, 0, 0]


@pytest.mark.parametrize("even", [True, False], ids=["farthest", "by chance"])
def test_points_on_stray_voxels_come_last(even: bool) -> None:
    labels = np.zeros((60, 50, 40), np.uint8)
    labels[5:25, 5:25, 5:25] = 5
    labels[55, 45, 35] = labels[56, 46, 36] = labels[2, 45, 2] = 5
    points = extract_passport(labels, np.eye(4), TOTAL, even_points=even).organs[5].boundary_points_ras_mm
    strays = (points > 25).any(axis=1)
    assert not strays[: len(points) - strays.sum()].any()
    if even:
        assert strays.sum() == 3, "farthest points find every stray voxel"


def test_an_organ_in_two_large_pieces_has_points_on_both_from_the_start() -> None:
    labels = np.zeros((60, 30, 30), np.uint8)
    labels[5:15, 5:25, 5:25], labels[40:47, 5:25, 5:25] = 5, 5
    points = extract_passport(labels, np.eye(4), TOTAL).organs[5].boundary_points_ras_mm
    assert 3 <= (points[:10, 0] > 30).sum() <= 7
