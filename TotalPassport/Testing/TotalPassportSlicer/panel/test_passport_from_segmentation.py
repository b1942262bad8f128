"""Any segmentation in the scene can have its passport."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest


def describe(panel: Any, segmentation: Any, numbered: bool = False) -> Any:
    """Click through "Passport from segmentation" and return the passport."""
    panel.parameters.segmentationToDescribe = segmentation
    panel.ui.numberedCheckBox.checked = numbered
    panel.ui.show3DCheckBox.checked = False  # the surfaces of 61 organs take seconds, and nothing here looks at them
    assert panel.ui.describeButton.enabled
    panel.ui.describeButton.click()
    outcome = panel.wait()
    assert outcome.status.value == "done", outcome.sentence
    return panel.passport()


@pytest.fixture
def torso(panel: Any, shared: Path) -> Any:
    """A real segmentation of 61 organs, loaded as a user loads it."""
    import slicer

    return slicer.util.loadSegmentation(str(shared / "data" / "example_seg_fast_force_split.nii.gz"))


def test_all_61_organs_have_the_volumes_and_centroids_that_simpleitk_computes(
    panel: Any, torso: Any, shared: Path
) -> None:
    import SimpleITK

    passport = describe(panel, torso, numbered=True)
    image = SimpleITK.ReadImage(str(shared / "data" / "example_seg_fast_force_split.nii.gz"))
    statistics = SimpleITK.LabelShapeStatisticsImageFilter()
    statistics.Execute(SimpleITK.Cast(image, SimpleITK.sitkUInt16))
    assert sorted(passport.organs) == sorted(statistics.GetLabels())
    assert len(passport.organs) == 61
    for label, organ in passport.organs.items():
        assert organ.volume_mm3 == pytest.approx(statistics.GetPhysicalSize(label), rel=1e-6, abs=1e-6)
        centroid_ras_mm = np.array(statistics.GetCentroid(label)) * (-1, -1, 1)
        np.testing.assert_allclose(organ.centroid_ras_mm, centroid_ras_mm, atol=1e-6)


def test_the_61_organs_agree_with_scipy_too(panel: Any, torso: Any, shared: Path) -> None:
    import nibabel
    from scipy import ndimage

    passport = describe(panel, torso, numbered=True)
    image = nibabel.load(shared / "data" / "example_seg_fast_force_split.nii.gz")
    labels = np.asarray(image.dataobj)
    for label, organ in passport.organs.items():
        centroid_ijk = ndimage.center_of_mass(labels == label)
        np.testing.assert_allclose(
            organ.centroid_ras_mm, nibabel.affines.apply_affine(image.affine, centroid_ijk), atol=1e-6
        )
        assert organ.volume_mm3 == pytest.approx((labels == label).sum() * 27.0, abs=1e-6)
    assert panel.ui.summaryLabel.text.startswith("61 organs")
    assert len(panel.table_texts(0)) == 61


def test_numbered_segments_get_totalsegmentators_names_when_told_so(panel: Any, torso: Any) -> None:
    passport = describe(panel, torso, numbered=True)
    assert passport.organs[5].name == "liver"
    assert "Liver" in panel.table_texts(0)


def test_what_the_checks_found_is_coloured_and_explained_in_the_table(panel: Any, torso: Any) -> None:
    import qt

    describe(panel, torso, numbered=True)
    model = panel.ui.organTableView.model()
    colors = {}
    for row, name in enumerate(panel.table_texts(0)):
        cell = model.index(row, 6)
        colors[name] = (cell.data(qt.Qt.ForegroundRole), cell.data(qt.Qt.ToolTipRole))
    color, sentence = colors["Pancreas"]
    assert (color.red(), color.green(), color.blue()) == (191, 111, 0)
    assert "Pancreas is in 4 pieces" in sentence
    assert "stray voxels" in sentence
    assert colors["Liver"][0] is None, "a note is not coloured"
    assert "reaches the edge of the image: superior" in colors["Liver"][1]
    assert colors["Duodenum"] == (None, "")


def test_numbers_are_not_taken_for_names_unless_told_so(panel: Any, torso: Any) -> None:
    passport = describe(panel, torso, numbered=False)
    assert len(passport.organs) == 61
    assert "liver" not in {organ.name for organ in passport.organs.values()}
    assert set(panel.table_texts(0)) == set(panel.segment_names(torso))


def test_segments_with_known_names_get_their_labels(panel: Any) -> None:
    node = panel.add_boxes({"liver": 1, "Right kidney": 2, "Spleen ": 3})
    passport = describe(panel, node)
    assert {label: organ.name for label, organ in passport.organs.items()} == {
        1: "spleen",
        2: "kidney_right",
        5: "liver",
    }


def test_segments_with_other_names_keep_them(panel: Any) -> None:
    node = panel.add_boxes({"Tumour é": 1, "liver": 2, "my ROI": 3})
    passport = describe(panel, node)
    names = {organ.name for organ in passport.organs.values()}
    assert names == {"Tumour é", "liver", "my ROI"}
    assert set(panel.table_texts(0)) == {"Tumour é", "Liver", "my ROI"}


def test_two_segments_of_one_name_are_kept_apart(panel: Any) -> None:
    node = panel.add_boxes({"liver": 1, "Liver": 2})
    passport = describe(panel, node)
    assert len(passport.organs) == 2
    assert len({organ.name for organ in passport.organs.values()}) == 2


def test_an_empty_segment_is_left_out(panel: Any) -> None:
    node = panel.add_boxes({"liver": 1})
    node.GetSegmentation().AddEmptySegment("", "Nothing yet")
    assert len(describe(panel, node).organs) == 1


def test_a_segmentation_without_any_voxel_is_a_sentence(panel: Any) -> None:
    import slicer

    node = panel.add_boxes({"liver": 1})
    node.GetSegmentation().RemoveAllSegments()
    node.GetSegmentation().AddEmptySegment("", "Nothing yet")
    panel.parameters.segmentationToDescribe = node
    panel.ui.describeButton.click()
    panel.logic.waitForFinished(60)
    assert len(panel.error_dialogs()) == 1
    assert slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLTextNode") is None


def test_the_button_says_why_it_cannot_be_clicked(panel: Any) -> None:
    import slicer

    assert not panel.ui.describeButton.enabled
    assert "Choose a segmentation" in panel.ui.describeButton.toolTip
    panel.parameters.segmentationToDescribe = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Empty")
    assert not panel.ui.describeButton.enabled
    assert "no segments" in panel.ui.describeButton.toolTip


def test_the_segmentation_itself_is_not_touched(panel: Any) -> None:
    node = panel.add_boxes({"Tumour": 1})
    before = panel.exported_labels(node)[0]
    modified = node.GetSegmentation().GetMTime()
    describe(panel, node)
    assert node.GetSegmentation().GetMTime() == modified
    np.testing.assert_array_equal(panel.exported_labels(node)[0], before)


def test_describing_again_replaces_the_passport(panel: Any) -> None:
    node = panel.add_boxes({"Tumour": 1})
    describe(panel, node)
    names = sorted(panel.node_names())
    describe(panel, node)
    assert sorted(panel.node_names()) == names


def test_the_result_of_a_run_keeps_its_place_when_it_is_described(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    nodes = [node.GetID() for node in ready.nodes().all_nodes()]
    ready.use_real_child()
    passport = describe(ready, ready.nodes().segmentation)
    assert sorted(passport.organs) == [1, 2, 5]
    assert [node.GetID() for node in ready.nodes().all_nodes()] == nodes
    assert ready.nodes().source is ready.phantom


def test_overlapping_segments_are_told_in_the_log(panel: Any) -> None:
    node = panel.add_overlapping_boxes("One", "Two")
    describe(panel, node)
    assert "overlap" in panel.ui.logText.toPlainText()
