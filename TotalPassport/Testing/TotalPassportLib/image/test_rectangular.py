"""Scans of a tilted gantry: what networks see of them lies where it is in the patient, and labels come back to it."""

from __future__ import annotations

import itertools
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bad_scans import plausible, sheared
from support.networks import write_model
from support.scans import centroid_in_file, grid_around, rasterise, rotation, save_nifti, true_centroids
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.image.rectangular import ShearedGrid, is_sheared, shear_deg
from TotalPassportLib.image.volume import load_ct
from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run

MODEL_MM = 3.0
AIR_HU = -1000


@pytest.fixture(scope="module")
def air_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The threshold model for the phantom in air instead of water."""
    normalisation = {
        "scheme": "ct",
        "clip_low_hu": -2000.0,
        "clip_high_hu": 1000.0,
        "mean_hu": -1000.0,
        "std_hu": 500.0,
    }
    return write_model(tmp_path_factory.mktemp("models") / "air", part={"normalisation": normalisation})


def in_air(shape: tuple[int, int, int], affine: np.ndarray) -> np.ndarray:
    return rasterise(shape, affine) + np.int16(AIR_HU)


def tilted(angle_deg: float, spacing_mm: tuple[float, float, float], directions: np.ndarray) -> np.ndarray:
    """Return the linear part of a tilted grid: slices along the last of three directions, shifted along the second."""
    shear = np.eye(3)
    shear[1, 2] = np.tan(np.radians(angle_deg))
    return directions @ shear @ np.diag(spacing_mm)


def grid_of(linear: np.ndarray) -> tuple[tuple[int, int, int], np.ndarray]:
    """Return shape and affine of a grid of such axes that holds the whole phantom about the origin."""
    corners = np.array(list(itertools.product((-64.0, 64.0), repeat=3))) @ np.linalg.inv(linear).T
    i, j, k = (int(size) for size in np.ceil(np.ptp(corners, axis=0)) + 1)
    affine = np.eye(4)
    affine[:3, :3] = linear
    affine[:3, 3] = -linear @ ((np.array([i, j, k]) - 1) / 2)
    return (i, j, k), affine


@pytest.mark.slow
@pytest.mark.parametrize("angle_deg", [-30.0, 1.0, 12.0, 30.0, 45.0])
@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0)], ids=["slices last", "first", "second"])
@pytest.mark.parametrize("oblique", [False, True], ids=["straight", "oblique"])
def test_organs_lie_where_they_are_in_the_patient_however_far_the_gantry_was_tilted(
    angle_deg: float, axes: tuple[int, int, int], oblique: bool, air_model: Path, tmp_path: Path
) -> None:
    directions = rotation((10.0, -15.0, 20.0)) * [-1, -1, 1] if oblique else np.eye(3)
    linear = tilted(angle_deg, (2.0, 2.0, 3.0), directions)[:, list(axes)]
    shape, affine = grid_of(linear)
    ct = save_nifti(tmp_path / "ct.nii", in_air(shape, affine), affine, qform=False)
    result = run(ct, tmp_path / "out", RunOptions(model=str(air_model)))
    for label, centroid in true_centroids().items():
        assert np.linalg.norm(result.passport.organs[label].centroid_ras_mm - centroid) <= 0.5 * MODEL_MM, label
        stored = centroid_in_file(result.paths.segmentation, label)
        assert np.linalg.norm(stored - centroid) <= 0.5 * MODEL_MM, label
    before, after = nibabel.load(ct), nibabel.load(result.paths.segmentation)
    assert before.shape == after.shape
    assert np.array_equal(before.affine, after.affine)
    (finding,) = [finding for finding in result.passport.findings if finding.code == "tilted_gantry"]
    assert f"sheared by {abs(angle_deg):.1f} degrees" in finding.message


def test_labels_of_a_tilted_scan_are_as_good_as_those_of_a_straight_one(air_model: Path, tmp_path: Path) -> None:
    right = {}
    for angle_deg in (0.0, 20.0):
        shape, affine = grid_of(tilted(angle_deg, (2.0, 2.0, 3.0), np.eye(3)))
        truth = rasterise(shape, affine)
        ct = save_nifti(tmp_path / f"{angle_deg:.0f}.nii", in_air(shape, affine), affine, qform=False)
        labels = nibabel.load(run(ct, tmp_path, RunOptions(model=str(air_model))).paths.segmentation).dataobj
        expected = np.select([truth == -500, truth == 500, truth == 1500], [5, 2, 1])
        organs = (expected > 0) | (np.asarray(labels) > 0)
        right[angle_deg] = float((np.asarray(labels) == expected)[organs].mean())
    assert right[0.0] > 0.85
    assert right[20.0] > right[0.0] - 0.05


@pytest.mark.slow
def test_nothing_is_measured_where_a_tilted_scan_shows_nothing(threshold_model: Path, tmp_path: Path) -> None:
    # In water: this model takes the air around the scan for liver.
    shape, affine = grid_of(tilted(20.0, (2.0, 2.0, 3.0), np.eye(3)))
    ct = save_nifti(tmp_path / "ct.nii", rasterise(shape, affine), affine, qform=False)
    result = run(ct, tmp_path / "out", RunOptions(model=str(threshold_model)))
    labels = np.asarray(nibabel.load(result.paths.segmentation).dataobj)
    stored_mm3 = float((labels == 5).sum() * np.linalg.det(affine[:3, :3]))
    # Along the scan's faces there is a layer of its own, a voxel thick; the air around it has twenty times as much.
    assert result.passport.organs[5].volume_mm3 == pytest.approx(stored_mm3, rel=0.25)


def test_labels_outside_of_the_scan_are_cleared_and_no_others() -> None:
    affine = sheared(30)
    grid = ShearedGrid.of(affine, (9, 10, 11))
    labels = np.ones((20, 25, 22), np.uint8)
    other = np.diag([1.3, 1.4, 1.5, 1.0])
    grid.clear_outside(labels, other)
    places = np.indices(labels.shape).reshape(3, -1).T @ other[:3, :3].T @ np.linalg.inv(affine[:3, :3]).T
    inside = ((places >= -0.5) & (places <= np.array([9, 10, 11]) - 0.5)).all(axis=1)
    assert np.array_equal(labels.ravel(), inside)
    assert 0.1 < inside.mean() < 0.9


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shears=st.tuples(*[st.floats(-0.9, 0.9)] * 3),
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    spacing=st.tuples(*[st.floats(0.5, 5)] * 3),
)
def test_the_rectangular_grid_is_rectangular_and_holds_every_voxel_where_it_was(
    seed: int, shears: tuple, angles: tuple, spacing: tuple
) -> None:
    shear = np.eye(3)
    shear[0, 1], shear[0, 2], shear[1, 2] = shears
    order = np.random.default_rng(seed).permutation(3)
    affine = np.eye(4)
    affine[:3, :3] = (rotation(angles) @ shear @ np.diag(spacing))[:, order]
    affine[:3, 3] = (5.0, -70.0, 300.0)
    shape = (5, 6, 7)
    grid = ShearedGrid.of(affine, shape)
    assert not is_sheared(grid.rectangular_affine)
    assert np.linalg.det(grid.rectangular_affine[:3, :3]) == pytest.approx(np.linalg.det(affine[:3, :3]), rel=1e-9)
    indices = np.array(list(itertools.product(*map(range, shape))))
    there = indices @ grid.to_rectangular[:3, :3].T + grid.to_rectangular[:3, 3]
    assert (there > -1e-5).all()
    assert (there < np.array(grid.rectangular_shape) - 1 + 1e-5).all()
    assert np.allclose(
        there @ grid.rectangular_affine[:3, :3].T + grid.rectangular_affine[:3, 3],
        indices @ affine[:3, :3].T + affine[:3, 3],
    )


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_what_changes_evenly_in_space_is_straightened_exactly(order: tuple[int, int, int]) -> None:
    shear = np.eye(3)
    shear[1, 2] = 0.4
    affine = np.eye(4)
    affine[:3, :3] = (rotation((10, 20, 30)) @ shear @ np.diag([1.0, 1.2, 3.0]))[:, list(order)]
    grid = ShearedGrid.of(affine, (12, 13, 14))

    def ramp(of: np.ndarray, shape: tuple) -> np.ndarray:
        return np.indices(shape).transpose(1, 2, 3, 0) @ (of[:3, :3].T @ [3.0, -2.0, 5.0]) + of[:3, 3] @ [3, -2, 5]

    straight = grid.straightened(ramp(affine, grid.shape), outside=-9999)
    inside = straight > -1000
    assert np.allclose(straight[inside], ramp(grid.rectangular_affine, grid.rectangular_shape)[inside], atol=1e-3)
    assert 0.4 < inside.mean() < 1


def test_labels_go_there_and_come_back_the_same(shared: Path) -> None:
    labels = np.asarray(nibabel.load(shared / "data" / "example_seg_fast_force_split.nii.gz").dataobj)
    affine = sheared(20)
    grid = ShearedGrid.of(affine, labels.shape)
    # Where each voxel of the rectangular grid gets the label of the nearest of the sheared one.
    places = np.indices(grid.rectangular_shape).reshape(3, -1).T - grid.to_rectangular[:3, 3]
    nearest = np.rint(places @ np.linalg.inv(grid.to_rectangular[:3, :3]).T).astype(int)
    inside = ((nearest >= 0) & (nearest < labels.shape)).all(axis=1)
    straight = np.zeros(len(places), labels.dtype)
    straight[inside] = labels[tuple(nearest[inside].T)]
    back = grid.labels_back(straight.reshape(grid.rectangular_shape))
    assert back.flags.f_contiguous
    assert (back == labels).mean() > 0.999


def test_the_published_tilted_scan_is_loaded_with_a_note(shared: Path) -> None:
    warnings: dict[str, str] = {}
    volume = load_ct(shared / "odd" / "tilt.nii.gz", warnings.__setitem__)
    assert shear_deg(volume.affine) == pytest.approx(13.5, abs=0.5)
    assert warnings.keys() == {"tilted_gantry"}
    assert "rectangular grid" in warnings["tilted_gantry"]


def test_a_shear_that_no_gantry_makes_is_refused_without_a_word_of_hardening(tmp_path: Path) -> None:
    path = save_nifti(tmp_path / "ct.nii.gz", plausible(), sheared(60), qform=False)
    with pytest.raises(BadInput, match="sheared by 60 degrees; no gantry tilts by more than 45") as refusal:
        load_ct(path)
    assert "harden" not in refusal.value.hint


@pytest.mark.parametrize("stated", ["between corners", "between slices"])
def test_the_distance_of_tilted_slices_may_be_stated_in_either_way(stated: str, tmp_path: Path) -> None:
    shape, affine = grid_around(np.eye(3), (2.0, 2.0, 3.0), (0.0, 0.0, 0.0))
    affine[1, 2] = 3.0 * np.tan(np.radians(20))
    image = nibabel.Nifti1Image(rasterise(shape, affine), affine)
    image.header.set_zooms((2.0, 2.0, 3.0 if stated == "between slices" else 3.0 / np.cos(np.radians(20))))
    nibabel.save(image, tmp_path / "ct.nii")
    assert np.allclose(load_ct(tmp_path / "ct.nii").affine, affine)
