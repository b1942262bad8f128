"""What can be done with the organs that were found: look at some of them, in the table and in the views."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def done(ready: Any) -> Any:
    """The panel after a run that has found three organs."""
    ready.use_child(ready.phantom_child)
    assert ready.apply_and_wait().status.value == "done"
    return ready


def visible_points(panel: Any) -> list[str]:
    """Return the names of the centroids that can be seen."""
    node = panel.nodes().centroids
    numbers = range(node.GetNumberOfControlPoints())
    return [node.GetNthControlPointLabel(number) for number in numbers if node.GetNthControlPointVisibility(number)]


def number_of_axes(panel: Any) -> int:
    """Return how many axes are drawn."""
    return int(panel.nodes().axes.GetPolyData().GetNumberOfLines())


def test_labels_and_axes_are_those_of_the_selected_organs_and_of_all_on_request(done: Any) -> None:
    assert not done.ui.passportCollapsibleButton.collapsed, "the section opens when it has something to show"
    assert (visible_points(done), number_of_axes(done)) == ([], 0)
    done.click_organ("Spleen")
    done.click_organ("Liver", add=True)
    assert (sorted(visible_points(done)), number_of_axes(done)) == (["Liver", "Spleen"], 6)
    done.ui.showAllOrgansCheckBox.checked = True
    assert (len(visible_points(done)), number_of_axes(done)) == (3, 9)
    done.ui.showAllOrgansCheckBox.checked = False
    assert number_of_axes(done) == 6
    done.parameters.passport = None
    assert done.ui.passportCollapsibleButton.collapsed


def test_a_click_turns_the_camera_about_the_organ_and_lets_the_others_fade(done: Any) -> None:
    import slicer

    camera = slicer.app.layoutManager().threeDWidget(0).threeDView().cameraNode()
    before = np.subtract(camera.GetPosition(), camera.GetFocalPoint())
    done.click_organ("Spleen")
    np.testing.assert_allclose(camera.GetFocalPoint(), done.passport().organs[1].centroid_ras_mm, atol=1e-6)
    np.testing.assert_allclose(np.subtract(camera.GetPosition(), camera.GetFocalPoint()), before, atol=1e-6)
    display = done.nodes().segmentation.GetDisplayNode()
    assert [display.GetSegmentOpacity3D(name) for name in ("spleen", "kidney_right", "liver")] == [1.0, 0.3, 0.3]
    done.ui.organTableView.clearSelection()
    assert display.GetSegmentOpacity3D("liver") == 1.0


def test_a_double_click_shows_the_organ_from_near_in_3d(done: Any) -> None:
    import slicer

    done.ui.show3DCheckBox.checked = False
    done.check_organ("Spleen", False)
    done.click_organ("Spleen")
    done.open_organ("Spleen")
    camera = slicer.app.layoutManager().threeDWidget(0).threeDView().cameraNode()
    distance = np.linalg.norm(np.subtract(camera.GetPosition(), camera.GetFocalPoint()))
    assert distance == pytest.approx(max(5 * done.passport().organs[1].semi_axes_mm[2], 60))
    assert done.nodes().segmentation.GetDisplayNode().GetVisibility3D()
    assert "Spleen" in done.shown_segments()


def test_organs_are_shown_and_hidden_by_their_boxes_and_buttons(done: Any) -> None:
    done.ui.showAllOrgansCheckBox.checked = True
    done.check_organ("Liver", False)
    assert sorted(done.shown_segments()) == ["Right kidney", "Spleen"]
    assert "Liver" not in visible_points(done)
    done.click_organ("Liver")
    done.click_organ("Spleen", add=True)
    done.ui.onlyTheseButton.click()
    assert sorted(done.shown_segments()) == ["Liver", "Spleen"]
    done.ui.showAllButton.click()
    assert len(done.shown_segments()) == len(visible_points(done)) == 3


def test_another_colour_is_seen_in_views_and_table(done: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import qt

    monkeypatch.setattr(done.widget.dialogs, "choose_color", lambda _present: (10, 20, 30))
    done.click_organ("Liver")
    done.ui.colorButton.click()
    segment = done.nodes().segmentation.GetSegmentation().GetSegment("liver")
    assert [round(channel * 255) for channel in segment.GetColor()] == [10, 20, 30]
    index = done.ui.organTableView.model().index(done.table_texts(0).index("Liver"), 0)
    color = index.data(qt.Qt.DecorationRole)
    assert (color.red(), color.green(), color.blue()) == (10, 20, 30)


def test_rows_are_copied_for_a_spreadsheet_and_exported_in_the_format_of_the_name(done: Any, tmp_path: Path) -> None:
    import slicer

    done.click_organ("Liver")
    done.ui.copyButton.click()
    lines = slicer.app.clipboard().text().splitlines()
    assert [line.split("\t")[0] for line in lines] == ["Organ", "Liver"]
    assert lines[1].split("\t")[2] == f"{done.passport().organs[5].volume_mm3 / 1000:.1f}"
    for name, mark in (("p.csv", "label,"), ("p.mrk.json", '"@schema"'), ("p.json", "totalpassport")):
        done.answer_save_dialog(str(tmp_path / name))
        done.ui.exportButton.click()
        assert mark in (tmp_path / name).read_text(encoding="utf-8")


def shown_labels(panel: Any) -> list[str]:
    """Return the labels that can be read."""
    import slicer

    nodes = [node for node in slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode") if node.GetHideFromEditors()]
    return [node.GetNthControlPointLabel(index) for node in nodes for index in range(node.GetNumberOfControlPoints())]


def test_labels_that_would_cover_each_other_give_way_and_a_saved_scene_has_all(done: Any, tmp_path: Path) -> None:
    import slicer

    camera = slicer.app.layoutManager().threeDWidget(0).threeDView().cameraNode()
    camera.SetFocalPoint(*done.passport().organs[5].centroid_ras_mm)
    camera.SetPosition(0, 20000, 0)  # from so far away that all labels are in one place
    done.ui.showAllOrgansCheckBox.checked = True
    assert shown_labels(done) == ["Liver"]
    camera.SetPosition(0, 300, 0)
    done.wait_until(lambda: len(shown_labels(done)) > 1)
    camera.SetPosition(0, 20000, 0)
    done.wait_until(lambda: shown_labels(done) == ["Liver"])
    display = done.nodes().centroids.GetDisplayNode()
    assert not display.GetPointLabelsVisibility()
    assert not display.GetOccludedVisibility(), "points with labels shine through the organs, and no others"
    assert sorted(visible_points(done)) == ["Liver", "Right kidney", "Spleen"], "the node itself keeps all names"
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    done.ui.showAllOrgansCheckBox.checked = False
    assert display.GetPointLabelsVisibility()
    assert display.GetOccludedVisibility()
    slicer.mrmlScene.Clear()
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    assert len(shown_labels(done)) > 0, "the loaded scene asks for them again"
    assert done.count("vtkMRMLMarkupsFiducialNode") == 2


@pytest.mark.parametrize("many", [2, 3])
def test_labels_of_many_organs_shine_through_them_only_while_the_camera_stands_still(
    done: Any, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    import slicer
    from TotalPassportSlicer.panel import label_thinning

    monkeypatch.setattr(label_thinning, "MANY", many)
    done.ui.showAllOrgansCheckBox.checked = True
    (labels,) = (
        node for node in slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode") if node.GetHideFromEditors()
    )
    display = labels.GetDisplayNode()
    assert display.GetOccludedVisibility()
    slicer.app.layoutManager().threeDWidget(0).threeDView().cameraNode().SetPosition(0, 300, 0)
    assert display.GetOccludedVisibility() == (many == 3), "three organs are many only if two are"
    done.wait_until(lambda: display.GetOccludedVisibility())


def test_axes_of_the_selected_organ_that_were_deleted_come_back_with_the_next_click(done: Any) -> None:
    import slicer

    slicer.mrmlScene.RemoveNode(done.nodes().selected_axes[1])
    assert len(done.nodes().selected_axes) == 2
    done.click_organ("Liver")
    names = [line.GetName() for line in done.nodes().selected_axes]
    assert names == ["Liver: major axis", "Liver: middle axis", "Liver: least axis"]
    assert [line.GetDisplayNode().GetVisibility() for line in done.nodes().selected_axes] == [1, 1, 1]


def boxes(panel: Any) -> list[bool]:
    """Return which of the boxes before the organs' names are checked, from top to bottom."""
    import qt

    model = panel.ui.organTableView.model()
    states = [model.index(row, 0).data(qt.Qt.CheckStateRole) for row in range(model.rowCount())]
    return [qt.Qt.CheckState(state) == qt.Qt.Checked for state in states]


def test_a_segmentation_that_was_deleted_can_be_neither_shown_nor_exported(done: Any) -> None:
    import slicer

    assert done.ui.exportSegmentsButton.enabled
    assert boxes(done) == [True] * 3
    slicer.mrmlScene.RemoveNode(done.nodes().segmentation)
    assert not done.ui.exportSegmentsButton.enabled
    assert boxes(done) == [False] * 3, "the numbers are still there"
    done.check_organ("Liver", True)
    done.ui.showAllButton.click()
    done.click_organ("Liver")
    done.open_organ("Spleen")
    assert boxes(done) == [False] * 3
