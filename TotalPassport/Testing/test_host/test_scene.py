"""The scene: what is in it, what follows it, and that it survives being saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest


def affine_of(node: Any) -> np.ndarray:
    import slicer
    import vtk

    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def oblique_volume() -> Any:
    """A volume on an oblique, anisotropic grid."""
    import slicer

    turned = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]]) @ np.diag([0.7, 0.9, 2.5])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turned, (12.5, -30.25, 400.0)
    voxels = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7) - 100
    return slicer.util.addVolumeFromArray(voxels, affine, "Oblique")


def test_default_nodes_are_those_of_the_application(slicer_host: Any) -> None:
    import slicer

    for name in ("Red", "Yellow", "Green"):
        assert slicer.mrmlScene.GetNodeByID(f"vtkMRMLSliceNode{name}").GetLayoutName() == name
        assert slicer.mrmlScene.GetNodeByID(f"vtkMRMLSliceCompositeNode{name}") is not None
    assert slicer.mrmlScene.GetNodeByID("vtkMRMLViewNode1") is not None
    assert slicer.app.applicationLogic().GetSelectionNode() is not None
    assert slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode") is not None
    assert slicer.mrmlScene.GetNodeByID("vtkMRMLColorTableNodeGrey") is not None
    assert slicer.app.mrmlScene() is slicer.mrmlScene


def test_the_slicer_namespace_has_no_names_of_slicer_util(slicer_host: Any) -> None:
    import slicer

    assert not hasattr(slicer, "loadVolume")
    assert hasattr(slicer.util, "loadVolume")
    assert not hasattr(slicer.modules, "nosuchmodule")


def test_terminologies_are_loaded(slicer_host: Any) -> None:
    import slicer

    logic = slicer.modules.terminologies.logic()
    name = "Segmentation category and type - 3D Slicer General Anatomy list"
    assert logic.GetNumberOfCategoriesInTerminology(name) > 0


@pytest.mark.parametrize("extension", [".nrrd", ".nii", ".nii.gz"])
def test_volumes_keep_their_exact_grid_and_voxels(slicer_host: Any, tmp_path: Path, extension: str) -> None:
    import slicer

    node = oblique_volume()
    path = tmp_path / f"volume{extension}"
    assert slicer.util.saveNode(node, str(path))
    loaded = slicer.util.loadVolume(path)
    assert loaded.GetName() == "volume"
    np.testing.assert_allclose(affine_of(loaded), affine_of(node), atol=1e-4)
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(loaded), slicer.util.arrayFromVolume(node))
    assert slicer.app.applicationLogic().GetSelectionNode().GetActiveVolumeID() == loaded.GetID()


def test_a_left_handed_grid_is_turned_over_by_slicers_own_reader(slicer_host: Any, tmp_path: Path) -> None:
    """Not the host's doing: the real reader reverses the slices, and every voxel stays where it is in the patient."""
    import slicer

    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    node = slicer.util.addVolumeFromArray(voxels, np.diag([1.0, 1.0, -2.0, 1.0]), "Left-handed")
    slicer.util.saveNode(node, str(tmp_path / "volume.nrrd"))
    loaded = slicer.util.loadVolume(tmp_path / "volume.nrrd")
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(loaded), voxels[::-1])
    np.testing.assert_allclose(affine_of(loaded)[:, 2:], [[0, 0], [0, 0], [2, -2], [0, 1]])


def test_a_missing_file_is_an_error(slicer_host: Any) -> None:
    import slicer

    with pytest.raises(RuntimeError, match="Failed to load"):
        slicer.util.loadVolume("/no/such/file.nii.gz")


def segmentation_on(volume: Any) -> Any:
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Organs")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    voxels = (slicer.util.arrayFromVolume(volume) > 50).astype(np.uint8)
    segment_id = node.GetSegmentation().AddEmptySegment("spleen", "Spleen", [0.6, 0.4, 0.6])
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, node, segment_id, volume)
    return node


def test_segmentations_can_be_saved_and_loaded(slicer_host: Any, volume: Any, tmp_path: Path) -> None:
    import slicer

    node = segmentation_on(volume)
    assert slicer.util.saveNode(node, str(tmp_path / "organs.seg.nrrd"))
    loaded = slicer.util.loadSegmentation(tmp_path / "organs.seg.nrrd")
    expected = slicer.util.arrayFromVolume(volume) > 50
    array = slicer.util.arrayFromSegmentBinaryLabelmap(loaded, "spleen", volume)
    np.testing.assert_array_equal(array > 0, expected)
    assert loaded.GetSegmentation().GetSegment("spleen").GetName() == "Spleen"


def test_nodes_have_one_subject_hierarchy_item_each(slicer_host: Any, volume: Any) -> None:
    import slicer

    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    item = hierarchy.GetItemByDataNode(volume)
    assert hierarchy.GetItemName(item) == "Box"
    assert hierarchy.GetItemParent(item) == hierarchy.GetSceneItemID()
    slicer.mrmlScene.RemoveNode(volume)
    assert slicer.util.getSubjectHierarchyItemChildren() == []


def test_a_scene_survives_saving_and_loading(slicer_host: Any, toy: Any, volume: Any, tmp_path: Path) -> None:
    import slicer

    segmentation = segmentation_on(volume)
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Centroids")
    points.AddControlPoint([1.5, 2.5, 3.5], "spleen")
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "Folder")
    for node in (volume, segmentation, points):
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node), folder)
    toy.parameters.inputVolume = volume
    toy.parameters.repetitions = 8
    expected_affine, expected_voxels = affine_of(volume), slicer.util.arrayFromVolume(volume).copy()
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear()
    assert slicer.util.loadScene(str(tmp_path / "scene.mrb")) is None  # as in the application: no single node

    loaded = slicer.util.getNode("Box")
    np.testing.assert_allclose(affine_of(loaded), expected_affine)
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(loaded), expected_voxels)
    assert slicer.util.getNode("Organs").GetSegmentation().GetSegment("spleen") is not None
    points = slicer.util.arrayFromMarkupsControlPoints(slicer.util.getNode("Centroids"))
    np.testing.assert_allclose(points, [[1.5, 2.5, 3.5]])
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    folder = hierarchy.GetItemByName("Folder")
    children = slicer.util.getSubjectHierarchyItemChildren(folder)
    assert sorted(hierarchy.GetItemName(item) for item in children) == ["Box", "Centroids", "Organs"]
    assert len(slicer.util.getSubjectHierarchyItemChildren(None, True)) == 4
    slicer_host.enter(toy)
    assert toy.parameters.inputVolume is loaded
    assert toy.parameters.repetitions == 8
    assert toy.ui.inputSelector.currentNode() is loaded


def test_views_can_be_told_what_to_show_and_where(slicer_host: Any, volume: Any) -> None:
    import slicer

    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    composite = slicer.mrmlScene.GetNodeByID("vtkMRMLSliceCompositeNodeGreen")
    assert composite.GetBackgroundVolumeID() == volume.GetID()
    slicer.modules.markups.logic().JumpSlicesToLocation(1.0, 2.0, 3.0, True)
    layout = slicer.app.layoutManager()
    offsets = {name: layout.sliceWidget(name).sliceLogic().GetSliceOffset() for name in layout.sliceViewNames()}
    # Sagittal slices are seen from the left, and their offset grows to the left.
    assert offsets == pytest.approx({"Red": 3.0, "Yellow": -1.0, "Green": 2.0})
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, 4.0, 5.0, 6.0, slicer.vtkMRMLSliceNode.OffsetJumpSlice)
    assert layout.sliceWidget("Red").sliceLogic().GetSliceOffset() == pytest.approx(6.0)


def test_a_reset_brings_the_views_back(slicer_host: Any, volume: Any) -> None:
    import slicer

    layout = slicer.app.layoutManager()
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    layout.sliceWidget("Red").mrmlSliceNode().SetOrientation("Coronal")
    layout.sliceWidget("Red").sliceLogic().SetSliceOffset(5.0)
    layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUp3DView)
    slicer_host.reset()
    logic = layout.sliceWidget("Red").sliceLogic()
    assert logic.GetSliceCompositeNode().GetBackgroundVolumeID() is None
    assert logic.GetSliceNode().GetOrientation() == "Axial"
    assert logic.GetSliceOffset() == 0.0
    assert layout.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView


def test_propagating_the_selection_shows_the_volume(slicer_host: Any, volume: Any) -> None:
    import slicer

    logic = slicer.app.applicationLogic()
    logic.GetSelectionNode().SetActiveVolumeID(volume.GetID())
    logic.PropagateVolumeSelection()
    assert slicer.mrmlScene.GetNodeByID("vtkMRMLSliceCompositeNodeRed").GetBackgroundVolumeID() == volume.GetID()
