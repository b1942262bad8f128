"""Alignments on disk: SimpleITK and Slicer's own readers take them, and take them the right way round."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import SimpleITK
import slicer
from scipy.spatial.transform import Rotation
from support.processes import files_below
from support.scans import rasterise, save_nifti
from TotalPassportLib.alignment import Alignment, OrganResidual
from TotalPassportLib.alignment.deformable import DisplacementField
from TotalPassportLib.alignment.transform_files import write_alignment
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.files import DATA_FOLDER

ITK_FILES = ["t.tfm", "t.h5"]
FLIP = np.array([-1.0, -1.0, 1.0])
SHAPE, SPACING = (70, 71, 72), np.diag([2.0, 2.0, 2.0, 1.0])


def alignment(deformable: bool = False) -> Alignment:
    """Turned by 20 degrees about a slanted axis and shifted: nothing of it is its own inverse."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec([7, -9, 16.3], degrees=True).as_matrix()
    matrix[:3, 3] = (12.0, -7.0, 25.0)
    field = None
    if deformable:
        nodes = np.moveaxis(np.indices((9, 10, 11)), 0, -1) * 20.0
        field = DisplacementField(
            vectors_ras_mm=8 * np.sin(nodes[..., [1, 2, 0]] / 60) + 1,
            origin_ras_mm=np.array([-90.0, -95.0, -100.0]),
            spacing_mm=20.0,
        )
    organs = (
        OrganResidual(name="liver", fixed_label=5, moving_label=5, residual_mm=0.1, weight=0.5, truncated=False),
    ) * 3
    return Alignment(
        kind="deformable" if deformable else "rigid",
        fixed_from_moving_ras_mm=matrix,
        field=field,
        organs=organs,
        surface_distance_mm=0.25,
    )


def phantom_points(count: int = 40) -> np.ndarray:
    return np.random.default_rng(0).uniform(-60, 60, (count, 3))


def centred_affine() -> np.ndarray:
    affine = SPACING.copy()
    affine[:3, 3] = -(np.array(SHAPE) - 1)
    return affine


@pytest.mark.parametrize("name", ITK_FILES)
@pytest.mark.parametrize("deformable", [False, True])
def test_simpleitk_maps_fixed_points_to_moving_ones(name: str, deformable: bool, tmp_path: Path) -> None:
    result = alignment(deformable)
    write_alignment(result, tmp_path / name)
    transform = SimpleITK.ReadTransform(str(tmp_path / name))
    points = phantom_points()
    reached = np.array([transform.TransformPoint((point * FLIP).tolist()) for point in points]) * FLIP
    assert np.allclose(reached, result.moving_from_fixed(points), atol=1e-3 if deformable else 1e-9)


@pytest.mark.parametrize("name", ITK_FILES)
def test_resampling_with_simpleitk_brings_the_moving_image_onto_the_fixed_one(name: str, tmp_path: Path) -> None:
    """Not points but images: the fixed phantom drawn through the true map, resampled back with the file."""
    result = alignment()
    fixed_affine = centred_affine()
    moving_affine = result.moving_from_fixed_ras_mm @ fixed_affine
    voxels = rasterise(SHAPE, fixed_affine)
    fixed = SimpleITK.ReadImage(str(save_nifti(tmp_path / "fixed.nii.gz", voxels, fixed_affine)))
    moving = SimpleITK.ReadImage(str(save_nifti(tmp_path / "moving.nii.gz", voxels, moving_affine)))
    write_alignment(result, tmp_path / name)
    transform = SimpleITK.ReadTransform(str(tmp_path / name))

    def disagreement(transform: SimpleITK.Transform) -> float:
        resampled = SimpleITK.Resample(moving, fixed, transform, SimpleITK.sitkNearestNeighbor, 0)
        return float(np.mean(SimpleITK.GetArrayFromImage(resampled) != SimpleITK.GetArrayFromImage(fixed)))

    assert disagreement(transform) < 1e-4
    assert disagreement(transform.GetInverse()) > 0.02
    assert disagreement(SimpleITK.Transform()) > 0.02


@pytest.mark.parametrize("name", ITK_FILES)
@pytest.mark.parametrize("deformable", [False, True])
def test_in_slicer_the_moving_scan_under_the_transform_lies_on_the_fixed_one(
    name: str, deformable: bool, tmp_path: Path
) -> None:
    result = alignment(deformable)
    write_alignment(result, tmp_path / name)
    scene = slicer.vtkMRMLScene()
    storage = scene.AddNode(slicer.vtkMRMLTransformStorageNode())
    node = scene.AddNode(slicer.vtkMRMLTransformNode())
    storage.SetFileName(str(tmp_path / name))
    assert storage.ReadData(node) == 1
    # Slicer interpolates fields by cubic splines, not linearly: the two differ between the nodes of this coarse grid.
    tolerance_mm = 0.3 if deformable else 1e-9
    fixed_points = phantom_points()
    moving_points = result.moving_from_fixed(fixed_points)
    to_parent = node.GetTransformToParent()
    shown = np.array([to_parent.TransformPoint(point) for point in moving_points])
    assert np.allclose(shown, fixed_points, atol=tolerance_mm)


@pytest.mark.parametrize("deformable", [False, True])
def test_the_json_says_the_same_in_ras(deformable: bool, tmp_path: Path) -> None:
    result = alignment(deformable)
    write_alignment(result, tmp_path / "t.json")
    document = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    schema = json.loads((DATA_FOLDER / "schemas" / "alignment.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(schema).validate(document)
    forth, back = np.array(document["fixed_from_moving"]), np.array(document["moving_from_fixed"])
    assert np.allclose(forth, result.fixed_from_moving_ras_mm)
    assert np.allclose(forth @ back, np.eye(4))
    assert document["organs"][0]["residual_mm"] == 0.1
    if deformable:
        field = document["field"]
        vectors = np.array(field["vectors"]).reshape(*field["shape"], 3)
        assert np.allclose(vectors, result.field.vectors_ras_mm, atol=1e-4)


@pytest.mark.parametrize("name", ["t.txt", "t", "t.nii.gz", "t.mat"])
def test_another_suffix_is_refused_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is no name for a transform") as caught:
        write_alignment(alignment(), tmp_path / name)
    assert ".tfm, .h5, .json" in caught.value.hint
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("name", ["t.tfm", "t.h5", "t.json"])
def test_a_file_that_cannot_be_written_leaves_nothing_and_spoils_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        write_alignment(alignment(), tmp_path / "nowhere" / name)
    (tmp_path / name).mkdir()
    with pytest.raises(BadInput):
        write_alignment(alignment(), tmp_path / name)
    assert files_below(tmp_path) == []


def test_the_same_alignment_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("t.tfm", "t.h5", "t.json"):
        write_alignment(alignment(True), tmp_path / name)
        first = (tmp_path / name).read_bytes()
        write_alignment(alignment(True), tmp_path / name)
        assert (tmp_path / name).read_bytes() == first
