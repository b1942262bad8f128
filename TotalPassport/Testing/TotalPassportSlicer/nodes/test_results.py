"""What a run leaves in the scene: exact, complete, once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

PATHOLOGICAL_GRIDS = {
    "plain": (np.eye(3), (1.0, 1.0, 1.0)),
    "anisotropic": (np.eye(3), (0.7, 0.9, 5.0)),
    "LPS, as DICOM gives it": (np.diag([-1.0, -1.0, 1.0]), (0.9, 0.9, 2.5)),
    "left-handed": (np.diag([1.0, 1.0, -1.0]), (1.0, 1.0, 2.0)),
    "permuted": (np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]), (1.5, 1.0, 0.5)),
    "oblique": ("rotation", (0.873, 0.873, 2.517)),
}


def rotation() -> np.ndarray:
    """Return a rotation about all three axes."""
    (cx, cy, cz), (sx, sy, sz) = np.cos([0.3, -0.5, 0.9]), np.sin([0.3, -0.5, 0.9])
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


@pytest.mark.parametrize("name", PATHOLOGICAL_GRIDS)
def test_the_segmentation_lies_on_the_scans_exact_grid(ready: Any, name: str) -> None:
    directions, spacing = PATHOLOGICAL_GRIDS[name]
    directions = rotation() if isinstance(directions, str) else directions
    affine = np.eye(4)
    affine[:3, :3] = directions * spacing
    affine[:3, 3] = [-123.4567891, 250.0000001, -1012.3]
    ready.set_affine(affine)
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    labels, label_affine = ready.exported_labels(ready.nodes().segmentation)
    np.testing.assert_array_equal(label_affine, ready.affine())
    np.testing.assert_array_equal(labels, ready.expected_labels())
    for label, organ in ready.passport().organs.items():
        center = np.argwhere(ready.expected_labels() == label).mean(axis=0)
        np.testing.assert_allclose(organ.centroid_ras_mm, affine[:3, :3] @ center + affine[:3, 3], atol=1e-6)


def test_segments_have_names_colours_and_codes(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    segmentation = ready.nodes().segmentation.GetSegmentation()
    liver = segmentation.GetSegment("liver")
    assert liver.GetName() == "Liver"
    assert liver.GetLabelValue() == 5
    np.testing.assert_allclose(liver.GetColor(), np.array([221, 130, 101]) / 255, atol=1e-6)
    import slicer
    import vtk

    text = vtk.mutable("")
    liver.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), text)
    entry = slicer.vtkSlicerTerminologyEntry()
    assert slicer.modules.terminologies.logic().DeserializeTerminologyEntry(str(text), entry)
    assert entry.GetTypeObject().GetCodeValue() == "10200004"
    kidney = segmentation.GetSegment("kidney_right")
    kidney.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), text)
    slicer.modules.terminologies.logic().DeserializeTerminologyEntry(str(text), entry)
    assert entry.GetTypeModifierObject().GetCodeMeaning() == "Right"


def test_centroids_are_one_locked_node_with_a_named_point_for_each_organ(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    node = ready.nodes().centroids
    assert ready.count("vtkMRMLMarkupsFiducialNode") == 1
    assert node.GetLocked()
    organs = list(ready.passport().organs.values())
    assert [node.GetNthControlPointLabel(i) for i in range(3)] == ["Spleen", "Right kidney", "Liver"]
    for index, organ in enumerate(organs):
        np.testing.assert_allclose(node.GetNthControlPointPositionWorld(index), organ.centroid_ras_mm, atol=1e-9)


def test_axes_are_one_model_with_a_colour_for_each_axis(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    import slicer
    from TotalPassportSlicer.nodes.organs import AXIS_COLORS
    from vtk.util.numpy_support import vtk_to_numpy

    ready.ui.showAllOrgansCheckBox.checked = True
    model = ready.nodes().axes
    polydata = model.GetPolyData()
    points = vtk_to_numpy(polydata.GetPoints().GetData()).reshape(-1, 3, 2, 3)
    colors = vtk_to_numpy(polydata.GetPointData().GetArray("Axis")).reshape(-1, 3, 2, 4)
    for organ, ends, color in zip(ready.passport().organs.values(), points, colors, strict=True):
        lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
        np.testing.assert_allclose(lengths, 2 * organ.semi_axes_mm[::-1], rtol=1e-9)
        np.testing.assert_allclose(ends.mean(axis=1), np.tile(organ.centroid_ras_mm, (3, 1)), atol=1e-9)
        np.testing.assert_array_equal(color[:, 0, :3], np.round(255 * np.array(AXIS_COLORS)))
    display = model.GetDisplayNode()
    assert display.GetScalarVisibility()
    assert display.GetScalarRangeFlag() == slicer.vtkMRMLDisplayNode.UseDirectMapping


def test_the_table_node_has_every_organ_with_units(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    table = ready.nodes().table.GetTable()
    names = [table.GetColumnName(index) for index in range(table.GetNumberOfColumns())]
    assert names[:3] == ["Organ", "Label", "Volume (ml)"]
    assert [table.GetValueByName(row, "Label").ToInt() for row in range(3)] == [1, 2, 5]
    for row, organ in enumerate(ready.passport().organs.values()):
        assert table.GetValueByName(row, "Volume (ml)").ToDouble() == pytest.approx(organ.volume_mm3 / 1000)
        assert table.GetValueByName(row, "S (mm)").ToDouble() == pytest.approx(organ.centroid_ras_mm[2])


@pytest.mark.parametrize("without", [["document"], ["source"], ["document", "source", "table"]])
def test_nodes_without_an_item_in_the_subject_hierarchy_are_passed_over_in_silence(
    ready: Any, without: list[str]
) -> None:
    """As where no plugin shows text nodes."""
    import slicer

    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    for name in without:
        hierarchy.RemoveItem(hierarchy.GetItemByDataNode(getattr(ready.nodes(), name)), False, False)
    said: list[str] = []
    tag = hierarchy.AddObserver("WarningEvent", lambda *_: said.append("warning"))
    ready.apply_and_wait()
    hierarchy.RemoveObserver(tag)
    assert said == []
    assert ready.folder_count() == 1


def test_everything_is_in_one_folder_of_the_subject_hierarchy(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    assert len({ready.parent_item(node) for node in ready.nodes().all_nodes()}) == 1
    assert ready.parent_item(ready.phantom) != ready.parent_item(ready.nodes().segmentation)


def test_a_second_run_replaces_its_own_nodes_and_makes_no_others(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    ready.click_organ("Spleen")
    before = [node.GetID() for node in ready.nodes().all_nodes()]
    names = ready.node_names()
    ready.parameters.outputSegmentation = None
    ready.use_child(ready.phantom_child.replace("hu == 300", "hu == -1"))  # the liver is gone
    ready.apply_and_wait()
    assert [node.GetID() for node in ready.nodes().all_nodes()] == before
    assert sorted(set(ready.node_names()) - set(names)) == []
    assert ready.segment_names(ready.nodes().segmentation) == ["Spleen", "Right kidney"]
    assert ready.nodes().centroids.GetNumberOfControlPoints() == 2
    assert ready.table_texts(0) == ["Right kidney", "Spleen"]
    assert [line.GetDisplayNode().GetVisibility() for line in ready.nodes().selected_axes] == [0, 0, 0]
    assert ready.folder_count() == 1


def test_nodes_that_the_user_deleted_come_back_with_the_next_run(ready: Any) -> None:
    import slicer

    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    slicer.mrmlScene.RemoveNode(ready.nodes().axes)
    slicer.mrmlScene.RemoveNode(ready.nodes().segmentation)
    ready.apply_and_wait()
    assert ready.nodes().axes is not None
    assert len(ready.segment_names(ready.nodes().segmentation)) == 3


def test_two_scans_have_passports_of_their_own(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    first = ready.parameters.passport
    ready.choose_scan(ready.add_phantom("Second"))
    ready.parameters.outputSegmentation = None
    ready.apply_and_wait()
    assert ready.parameters.passport is not first
    assert ready.count("vtkMRMLSegmentationNode") == 2
    ready.parameters.passport = first
    assert ready.nodes().source is ready.phantom


def test_the_chosen_segmentation_receives_the_organs(ready: Any) -> None:
    import slicer

    mine = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Mine")
    ready.parameters.outputSegmentation = mine
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    assert ready.nodes().segmentation is mine
    assert len(ready.segment_names(mine)) == 3
    assert ready.count("vtkMRMLSegmentationNode") == 1


def test_a_transform_above_the_scan_is_noticed_and_shared(ready: Any) -> None:
    import slicer
    import vtk

    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Table shift")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 100.0)
    transform.SetMatrixTransformToParent(matrix)
    ready.phantom.SetAndObserveTransformNodeID(transform.GetID())
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    nodes = ready.nodes()
    for node in (nodes.segmentation, nodes.centroids, nodes.axes, *nodes.selected_axes):
        assert node.GetParentTransformNode() is transform
    assert "Table shift" in ready.ui.logText.toPlainText()
    moved = ready.passport().organs[1].centroid_ras_mm + np.array([100, 0, 0])
    np.testing.assert_allclose(nodes.centroids.GetNthControlPointPositionWorld(0), moved, atol=1e-9)
    ready.click_organ("Spleen")
    for position in ready.slice_positions():
        np.testing.assert_allclose(position, moved, atol=1e-6)
    ready.apply_and_wait()  # a second run under the same transform ends at the same place
    np.testing.assert_allclose(nodes.centroids.GetNthControlPointPositionWorld(0), moved, atol=1e-9)


def test_a_scan_removed_during_the_run_is_a_sentence(ready: Any) -> None:
    import slicer

    ready.use_child("time.sleep(0.5)\n" + ready.phantom_child)
    ready.apply()
    slicer.mrmlScene.RemoveNode(ready.phantom)
    assert ready.wait().status.value == "failed"
    (shown,) = ready.error_dialogs()
    assert "removed" in shown
