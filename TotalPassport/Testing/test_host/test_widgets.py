"""The small stand-ins for Slicer's and CTK's widgets."""

from __future__ import annotations

from typing import Any

import pytest


def node_selector(**properties: Any) -> Any:
    import slicer

    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    for name, value in properties.items():
        setattr(selector, name, value)
    selector.setMRMLScene(slicer.mrmlScene)
    return selector


def add_volume(name: str) -> Any:
    import slicer

    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)


class TestNodeComboBox:
    """qMRMLNodeComboBox."""

    def test_without_a_scene_it_is_empty_and_disabled(self, slicer_host: Any) -> None:
        import slicer

        selector = slicer.qMRMLNodeComboBox()
        selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        add_volume("CT")
        assert selector.nodeCount() == 0
        assert not selector.enabled

    def test_without_none_the_first_node_is_chosen(self, slicer_host: Any) -> None:
        selector, heard = node_selector(), []
        selector.connect("currentNodeChanged(vtkMRMLNode*)", heard.append)
        node = add_volume("CT")
        add_volume("Other")
        assert selector.currentNode() is node
        assert selector.currentNodeID == node.GetID()
        assert heard == [node]

    def test_with_none_nothing_is_chosen_until_somebody_chooses(self, slicer_host: Any) -> None:
        selector, heard = node_selector(noneEnabled=True), []
        selector.currentNodeChanged.connect(heard.append)
        node = add_volume("CT")
        assert selector.currentNode() is None
        selector.setCurrentNode(node)
        selector.setCurrentNode(None)
        assert heard == [node, None]

    def test_it_follows_the_scene(self, slicer_host: Any) -> None:
        import slicer

        selector = node_selector(noneEnabled=True)
        node = add_volume("CT")
        selector.setCurrentNodeID(node.GetID())
        slicer.mrmlScene.RemoveNode(node)
        assert selector.currentNode() is None
        assert selector.nodeCount() == 0

    def test_it_lists_what_its_properties_say(self, slicer_host: Any) -> None:
        import slicer

        selector = node_selector()
        node = add_volume("CT")
        labelmap = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Labels")
        assert selector.nodes() == [node, labelmap]  # a label map is a scalar volume
        selector.showChildNodeTypes = False
        assert selector.nodes() == [node]
        node.SetHideFromEditors(True)
        selector.showHidden = True
        assert selector.nodes() == [node]
        selector.addAttribute("vtkMRMLScalarVolumeNode", "Kind", "CT")
        assert selector.nodes() == []
        node.SetAttribute("Kind", "CT")
        selector.removeAttribute("vtkMRMLScalarVolumeNode", "Kind")
        assert selector.nodes() == [node]

    def test_renaming_a_node_renames_its_entry(self, slicer_host: Any) -> None:
        selector = node_selector()
        node = add_volume("CT")
        node.SetName("Renamed")
        assert selector._combo.currentText == "Renamed"

    def test_the_user_can_create_and_delete_nodes(self, slicer_host: Any) -> None:
        selector, heard = node_selector(noneEnabled=True, baseName="Result"), []
        selector.nodeAddedByUser.connect(heard.append)
        node = selector.addNode()
        assert node.GetName() == "Result"
        assert selector.currentNode() is node
        assert heard == [node]
        selector.removeCurrentNode()
        assert selector.currentNode() is None

    def test_a_selector_that_is_gone_hears_nothing(self, slicer_host: Any) -> None:
        selector = node_selector()
        selector.delete()
        add_volume("CT")

    def test_a_misspelt_property_is_an_error(self, slicer_host: Any) -> None:
        with pytest.raises(AttributeError, match="no attribute 'noneEnable'"):
            node_selector().noneEnable = True


def test_show_3d_button_makes_and_hides_surfaces(slicer_host: Any, volume: Any) -> None:
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    button = slicer.qMRMLSegmentationShow3DButton()
    button.setSegmentationNode(node)
    assert not button.enabled
    voxels = (slicer.util.arrayFromVolume(volume) > 50).astype("uint8")
    segment_id = node.GetSegmentation().AddEmptySegment("box")
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, node, segment_id, volume)
    assert button.enabled
    assert not button.checked
    button.checked = True
    surface = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
    assert node.GetSegmentation().ContainsRepresentation(surface)
    assert node.GetDisplayNode().GetVisibility3D()
    button.checked = False
    assert not node.GetDisplayNode().GetVisibility3D()


def test_collapsible_button_hides_its_contents(slicer_host: Any) -> None:
    import ctk
    import qt

    section, heard = ctk.ctkCollapsibleButton(), []
    section.text = "Section"
    section.connect("contentsCollapsed(bool)", heard.append)
    layout = qt.QVBoxLayout(section)
    label = qt.QLabel("inside")
    layout.addWidget(label)
    section.show()
    assert label.visible
    section.collapsed = True
    assert not label.visible
    assert not section.checked
    section.checked = True
    assert label.visible
    assert heard == [True, False]
    section.close()


def test_a_section_collapsed_in_the_ui_file_opens_with_its_contents(slicer_host: Any, toy: Any) -> None:
    toy.parent.show()
    assert toy.ui.advancedButton.collapsed
    assert not toy.ui.folderEdit.visible
    toy.ui.advancedButton.collapsed = False
    assert toy.ui.folderEdit.visible


def test_collapsible_group_box(slicer_host: Any) -> None:
    import ctk
    import qt

    box = ctk.ctkCollapsibleGroupBox()
    label = qt.QLabel("inside", box)
    box.show()
    box.collapsed = True
    assert not label.visible
    box.collapsed = False
    assert label.visible
    box.close()


def test_path_edit_browses_with_a_prepared_answer(slicer_host: Any, toy: Any) -> None:
    heard = []
    toy.ui.folderEdit.currentPathChanged.connect(heard.append)
    slicer_host.answers.expect("directory", "/data/weights")
    toy.ui.folderEdit.browse()
    assert toy.ui.folderEdit.currentPath == "/data/weights"
    assert heard[-1] == "/data/weights"
    assert toy.ui.folderEdit.filters & toy.ui.folderEdit.Dirs


def test_slider_widget(slicer_host: Any) -> None:
    import ctk

    slider, heard = ctk.ctkSliderWidget(), []
    slider.setRange(-1.0, 1.0)
    slider.decimals = 3
    slider.connect("valueChanged(double)", heard.append)
    slider.value = 0.125
    assert slider.value == 0.125
    assert heard == [0.125]


def test_checkable_combo_box(slicer_host: Any) -> None:
    import ctk
    import qt

    combo, heard = ctk.ctkCheckableComboBox(), []
    for text in ("a", "b"):
        combo.addItem(text)
    combo.checkedIndexesChanged.connect(lambda: heard.append(1))
    combo.setCheckState(combo.model().index(1, 0), qt.Qt.Checked)
    assert [index.row() for index in combo.checkedIndexes()] == [1]
    assert heard


def test_table_view_shows_a_table_node(slicer_host: Any) -> None:
    import numpy as np
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode")
    slicer.util.updateTableFromArray(node, [np.array([1, 2, 3])], ["value"])
    view = slicer.qMRMLTableView()
    view.setMRMLTableNode(node)
    assert (view.rowCount, view.columnCount) == (3, 1)
    assert view.item(2, 0).text() == "3"


def test_segments_table_selects_segments(slicer_host: Any) -> None:
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    view = slicer.qMRMLSegmentsTableView()
    view.setSegmentationNode(node)
    for name in ("spleen", "liver"):
        node.GetSegmentation().AddEmptySegment(name, name)
    view.setSelectedSegmentIDs(["liver"])
    assert view.segmentCount == 2
    assert view.selectedSegmentIDs() == ["liver"]
