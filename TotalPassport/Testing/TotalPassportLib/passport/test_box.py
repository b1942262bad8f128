"""Boxes around organs, and where they reach the image's border."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scans import rotation
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.passport import OrganPassport
from TotalPassportLib.passport.box import label_extents
from TotalPassportLib.passport.extraction import extract_passport
from TotalPassportLib.passport.runs import label_runs

TOTAL = load_label_table("total")
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])


def corners(organ: OrganPassport) -> np.ndarray:
    """Return the eight corners of the oriented box in RAS mm."""
    steps = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(8, 3)
    return organ.obb_origin_ras_mm + (steps * organ.obb_size_mm) @ organ.eigenvectors.T


def test_oriented_boxes_of_61_real_organs_are_those_of_itk(shared: Path) -> None:
    path = str(shared / "data" / "example_seg_fast_force_split.nii.gz")
    image = nibabel.load(path)
    passport = extract_passport(np.asarray(image.dataobj).astype(np.uint8), image.affine, TOTAL)
    judge = SimpleITK.LabelShapeStatisticsImageFilter()
    judge.ComputeOrientedBoundingBoxOn()
    judge.ComputePerimeterOn()
    judge.Execute(SimpleITK.Cast(SimpleITK.ReadImage(path), SimpleITK.sitkUInt8))
    for label, organ in passport.organs.items():
        assert np.allclose(organ.obb_size_mm, judge.GetOrientedBoundingBoxSize(label), rtol=1e-6)
        theirs = np.array(judge.GetOrientedBoundingBoxVertices(label)).reshape(8, 3) @ RAS_TO_LPS
        # Their axes point either way, so that their corners come in another order.
        distances = np.linalg.norm(corners(organ)[:, None] - theirs[None], axis=2)
        assert distances.min(axis=1).max() < 1e-6
        assert organ.elongation == pytest.approx(judge.GetElongation(label), rel=1e-9)
        assert organ.flatness == pytest.approx(judge.GetFlatness(label), rel=1e-9)
        assert organ.roundness == pytest.approx(judge.GetRoundness(label), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 5)] * 3),
    shear=st.floats(-0.4, 0.4),
    seed=st.integers(0, 10**6),
)
def test_boxes_hold_all_corners_of_all_voxels_and_are_tight(
    angles: tuple, spacing: tuple, shear: float, seed: int
) -> None:
    affine = np.eye(4)
    affine[:3, :3] = rotation(angles) @ np.array([[1, shear, 0], [0, 1, 0], [0, 0, 1]]) @ np.diag(spacing)
    affine[:3, 3] = (1e4, -20.0, 3.0)
    labels = (np.random.default_rng(seed).random((6, 5, 4)) < 0.3).astype(np.uint8)
    labels[2, 2, 2] = 1
    organ = extract_passport(labels, affine, TOTAL).organs[1]
    steps = np.stack(np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5], indexing="ij"), axis=-1).reshape(8, 3)
    everything = (np.argwhere(labels)[:, None] + steps[None]).reshape(-1, 3) @ affine[:3, :3].T + affine[:3, 3]
    expected = np.stack([everything.min(axis=0), everything.max(axis=0)])
    assert np.allclose(organ.bounding_box_ras_mm, expected, rtol=0, atol=1e-8)
    along = (everything - organ.obb_origin_ras_mm) @ organ.eigenvectors
    assert np.allclose(along.min(axis=0), 0, atol=1e-7)
    assert np.allclose(along.max(axis=0), organ.obb_size_mm, rtol=0, atol=1e-7)


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_extents_are_the_same_in_one_piece_and_in_many(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, (5, 6, 7)).astype(np.uint8)
    runs = label_runs(labels)
    directions = rng.normal(size=(3, 3, 3))
    directions[:, 2, [0, 2]] = 0  # along an axis of the image
    pieces = type(runs).chunks
    monkeypatch.setattr(type(runs), "chunks", lambda self: pieces(self, chunk))
    low, high = label_extents(runs, directions)
    for row, label in enumerate((1, 2, 3)):
        values = np.argwhere(labels == label) @ directions[row].T
        assert np.allclose(low[row], values.min(axis=0))
        assert np.allclose(high[row], values.max(axis=0))


FACES = {
    "left": (slice(0, 2), slice(4, 6), slice(4, 6)),
    "right": (slice(8, 10), slice(4, 6), slice(4, 6)),
    "posterior": (slice(4, 6), slice(0, 2), slice(4, 6)),
    "anterior": (slice(4, 6), slice(8, 10), slice(4, 6)),
    "inferior": (slice(4, 6), slice(4, 6), slice(0, 2)),
    "superior": (slice(4, 6), slice(4, 6), slice(8, 10)),
}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("flip", [False, True], ids=["RAS", "LPI"])
def test_the_face_where_an_organ_is_cut_is_named(face: str, flip: bool) -> None:
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[FACES[face]] = 5
    stored, affine = (labels[::-1, ::-1, ::-1], np.diag([-1.0, -1, -1, 1])) if flip else (labels, np.eye(4))
    organ = extract_passport(stored, affine, TOTAL).organs[5]
    assert organ.border_faces == (face,)
    assert organ.touches_border
    assert organ.near_border


@pytest.mark.parametrize(("distance", "near"), [(2, True), (3, False)])
def test_three_voxels_from_the_border_are_near(distance: int, near: bool) -> None:
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[5:7, 5:7, distance : distance + 2] = 5
    organ = extract_passport(labels, np.eye(4), TOTAL).organs[5]
    assert not organ.touches_border
    assert organ.near_border == near
