"""What is written as .seg.nrrd is opened by Slicer's own library, segments with names, colours, codes and layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.description_run import describe
from TotalPassportLib.exports.label_layer import LabelLayer
from TotalPassportLib.exports.slicer_segmentation import write_slicer_segmentation
from TotalPassportLib.image.itk_reader import affine_of_itk

from .conftest import AORTA, LEFT_KIDNEY, LIVER, RAS_FROM_LPS, Exported, phantom_labels

TOTAL = load_label_table("total")


def opened(path: Path) -> Any:
    slicer = pytest.importorskip("slicer")
    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    node.scene = scene  # which owns it
    return node


def names_of(node: Any) -> list[str]:
    segmentation = node.GetSegmentation()
    return [segmentation.GetNthSegment(place).GetName() for place in range(segmentation.GetNumberOfSegments())]


def voxel_count(node: Any, name: str) -> int:
    segmentation = node.GetSegmentation()
    segment = segmentation.GetSegment(name)
    image = segment.GetRepresentation("Binary labelmap")
    from vtk.util.numpy_support import vtk_to_numpy

    return int((vtk_to_numpy(image.GetPointData().GetScalars()) == segment.GetLabelValue()).sum())


def test_slicer_finds_every_segment_with_its_name_colour_and_code(exported: Exported) -> None:
    import vtk

    node = opened(exported.path("_segmentation.seg.nrrd"))
    assert names_of(node) == ["Left kidney", "Liver", "Aorta"]
    for value, name in ((LIVER, "liver"), (LEFT_KIDNEY, "kidney_left"), (AORTA, "aorta")):
        segment = node.GetSegmentation().GetSegment(name)
        assert np.allclose(np.array(segment.GetColor()) * 255, TOTAL[value].color_rgb, atol=0.5)
        assert voxel_count(node, name) == (exported.labels == value).sum()
        text = vtk.mutable("")
        assert segment.GetTag("TerminologyEntry", text)
        assert f"SCT^{TOTAL[value].terminology.type.code}^" in str(text)


def test_structures_that_overlap_are_in_layers(tmp_path: Path) -> None:
    labels = phantom_labels()
    second = np.where(labels == LIVER, np.uint8(AORTA), np.uint8(0))
    path = tmp_path / "two.seg.nrrd"
    layers = [LabelLayer(voxels=labels, table=TOTAL), LabelLayer(voxels=second, table=TOTAL)]
    write_slicer_segmentation(path, layers, np.diag([1.0, 1, 2, 1]))
    node = opened(path)
    assert names_of(node) == ["Left kidney", "Liver", "Aorta", "Aorta"]
    assert node.GetSegmentation().GetNumberOfLayers() == 2
    assert voxel_count(node, "liver") == (labels == LIVER).sum()


@pytest.mark.parametrize("ending", ["_segmentation.nrrd", "_segmentation.mha", "_segmentation.seg.nrrd"])
def test_the_grid_is_the_scans_and_the_passport_of_it_the_same(ending: str, exported: Exported) -> None:
    path = exported.path(ending)
    image = sitk.ReadImage(str(path))
    assert np.allclose(affine_of_itk(image), RAS_FROM_LPS @ exported.affine_lps, atol=1e-5)
    assert np.array_equal(sitk.GetArrayFromImage(image).transpose(2, 1, 0), exported.labels)
    again = describe(path, labels="total")
    assert again.organs.keys() == exported.passport.organs.keys()
    for label, organ in exported.passport.organs.items():
        assert np.allclose(again[label].centroid_ras_mm, organ.centroid_ras_mm, atol=1e-3)


def test_slicer_knows_the_whole_grid_though_it_cuts_the_images_to_what_they_hold(exported: Exported) -> None:
    slicer = pytest.importorskip("slicer")
    import vtk

    segmentation = opened(exported.path("_segmentation.seg.nrrd")).GetSegmentation()
    name = slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
    matrix, extent = vtk.vtkMatrix4x4(), [0] * 6
    text = segmentation.GetConversionParameter(name)
    assert slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, matrix, extent)
    assert extent == [limit for size in exported.labels.shape for limit in (0, size - 1)]
    affine = [[matrix.GetElement(row, column) for column in range(4)] for row in range(4)]
    assert np.allclose(affine, RAS_FROM_LPS @ exported.affine_lps, atol=1e-9)
