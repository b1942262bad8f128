"""One click lays the second scan onto the first one, and one click takes it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from support.pairs import add_transform, centroids_world_mm, motion, run, two_scans, world_from_node
from support.pictures import pixels


def scan(node: Any) -> Any:
    """Return the nodes that belong to a passport's text node."""
    from TotalPassportSlicer.nodes.scan_nodes import ScanNodes

    return ScanNodes(node)


def apart_mm(one: Any, other: Any) -> np.ndarray:
    """Return how far apart the organs of two scans of the same organs are to be seen."""
    return np.linalg.norm(centroids_world_mm(one) - centroids_world_mm(other), axis=1)


@pytest.fixture
def pair(ready: Any) -> tuple[Any, Any]:
    """The passports of two scans of the phantom, the second one turned about three axes and shifted."""
    return two_scans(ready)


class TestDirection:
    @pytest.mark.parametrize("surfaces", [True, False])
    @pytest.mark.parametrize("kind", ["rigid", "similarity"])
    @pytest.mark.parametrize("swapped", [False, True])
    def test_the_second_scans_organs_come_to_lie_on_the_firsts_and_did_not_before(
        self, ready: Any, pair: tuple[Any, Any], kind: str, surfaces: bool, swapped: bool
    ) -> None:
        fixed, moving = pair[::-1] if swapped else pair
        ready.choose_pair(fixed, moving)
        ready.ui.alignmentKindComboBox.currentIndex = ready.ui.alignmentKindComboBox.findData(kind)
        ready.ui.alignSurfacesCheckBox.checked = surfaces
        staying = centroids_world_mm(fixed)
        assert apart_mm(fixed, moving).min() > 30
        ready.ui.alignButton.click()
        assert apart_mm(fixed, moving).max() < 0.5
        np.testing.assert_array_equal(centroids_world_mm(fixed), staying)
        assert ready.ui.alignmentLabel.text.startswith("Good: ")

    def test_the_transform_is_the_inverse_of_how_the_scan_was_moved(self, ready: Any, pair: tuple[Any, Any]) -> None:
        ready.choose_pair(*pair)
        ready.ui.alignSurfacesCheckBox.checked = False
        ready.ui.alignButton.click()
        transform = scan(pair[1]).alignment
        np.testing.assert_allclose(world_from_node(scan(pair[1]).source), np.linalg.inv(motion()), atol=1e-3)
        assert transform.IsA("vtkMRMLLinearTransformNode")
        assert ready.parent_item(transform) == ready.parent_item(scan(pair[1]).centroids)

    def test_61_real_organs_of_a_segmentation_that_was_moved_and_loaded_again(
        self, panel: Any, shared: Path, tmp_path: Path
    ) -> None:
        import slicer

        source = shared / "data" / "example_seg_fast_force_split.nii.gz"
        image = nibabel.load(source)
        nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj), motion() @ image.affine), tmp_path / "moved.nii.gz")
        passports = []
        for path in (source, tmp_path / "moved.nii.gz"):
            panel.parameters.segmentationToDescribe = slicer.util.loadSegmentation(str(path))
            panel.ui.numbersButton.click()
            assert panel.wait().status.value == "done"
            passports.append(panel.parameters.passport)
        for fixed, moving in (passports, passports[::-1]):
            panel.choose_pair(fixed, moving)
            panel.ui.alignmentKindComboBox.currentIndex = panel.ui.alignmentKindComboBox.findData("affine")
            before = apart_mm(fixed, moving)
            assert before.shape == (61,)
            assert before.min() > 30
            panel.ui.alignButton.click()
            assert apart_mm(fixed, moving).max() < 0.5
            panel.ui.undoAlignmentButton.click()
            np.testing.assert_array_equal(apart_mm(fixed, moving), before)


class TestTheNodes:
    def test_everything_of_the_second_scan_moves_and_nothing_of_the_first(
        self, ready: Any, pair: tuple[Any, Any]
    ) -> None:
        ready.choose_pair(*pair)
        ready.ui.alignButton.click()
        first, second = scan(pair[0]), scan(pair[1])
        moved = [second.source, second.segmentation, second.centroids, second.axes, second.ellipsoids]
        for node in (*moved, *second.selected_axes):
            assert node.GetParentTransformNode() is second.alignment
        for node in first.nodes_in_space():
            assert node.GetParentTransformNode() is None

    def test_undo_puts_each_of_them_back_under_what_it_was_under(self, ready: Any, pair: tuple[Any, Any]) -> None:
        second = scan(pair[1])
        bed, own = add_transform("Bed", motion((0.0, 0.1, 0.0))), add_transform("Own", np.eye(4))
        for node in second.nodes_in_space():
            node.SetAndObserveTransformNodeID(bed.GetID())
        second.axes.SetAndObserveTransformNodeID(own.GetID())
        ready.choose_pair(*pair)
        assert not ready.ui.undoAlignmentButton.enabled
        for _ in range(2):  # the second click finds the scan aligned already
            ready.ui.alignButton.click()
            assert apart_mm(*pair).max() < 0.5
        ready.ui.undoAlignmentButton.click()
        for node in second.nodes_in_space():
            assert node.GetParentTransformNode() is (own if node is second.axes else bed)
        assert not ready.ui.undoAlignmentButton.enabled
        assert ready.ui.alignmentLabel.text == ""

    def test_a_transform_above_the_first_scan_is_taken_along(self, ready: Any, pair: tuple[Any, Any]) -> None:
        first = scan(pair[0])
        bed = add_transform("Bed", motion((0.1, 0.2, -0.1)))
        for node in first.nodes_in_space():
            node.SetAndObserveTransformNodeID(bed.GetID())
        ready.choose_pair(*pair)
        ready.ui.alignButton.click()
        assert apart_mm(*pair).max() < 0.5

    def test_aligning_again_uses_the_same_transform_node(self, ready: Any, pair: tuple[Any, Any]) -> None:
        ready.choose_pair(*pair)
        before = ready.count("vtkMRMLLinearTransformNode")
        for _ in range(3):
            ready.ui.alignButton.click()
            ready.ui.undoAlignmentButton.click()
        assert ready.count("vtkMRMLLinearTransformNode") == before + 1

    def test_each_scan_onto_the_other_in_turn_never_ends_in_a_circle(self, ready: Any, pair: tuple[Any, Any]) -> None:
        for fixed, moving in (pair, pair[::-1], pair, pair[::-1]):
            ready.choose_pair(fixed, moving)
            ready.ui.alignButton.click()
            assert apart_mm(*pair).max() < 0.5

    def test_a_circle_of_the_users_own_making_is_a_sentence(self, ready: Any, pair: tuple[Any, Any]) -> None:
        ready.choose_pair(*pair)
        ready.ui.alignButton.click()
        ready.ui.undoAlignmentButton.click()
        transform = scan(pair[1]).alignment
        for node in scan(pair[0]).nodes_in_space():
            node.SetAndObserveTransformNodeID(transform.GetID())
        ready.ui.alignButton.click()
        (sentence,) = ready.error_dialogs()
        assert "'Second alignment'" in sentence
        assert not ready.ui.undoAlignmentButton.enabled

    def test_a_new_run_of_an_aligned_scan_stays_aligned(self, ready: Any, pair: tuple[Any, Any]) -> None:
        ready.choose_pair(*pair)
        ready.ui.alignButton.click()
        assert run(ready, scan(pair[1]).source) is pair[1]
        assert apart_mm(*pair).max() < 0.5
        ready.ui.undoAlignmentButton.click()
        assert all(node.GetParentTransformNode() is None for node in scan(pair[1]).nodes_in_space())

    def test_a_volume_that_both_were_made_of_stays(self, ready: Any) -> None:
        import slicer

        first = run(ready, ready.phantom)
        own = scan(first).segmentation
        copy = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Copy")
        copy.GetSegmentation().DeepCopy(own.GetSegmentation())
        copy.SetReferenceImageGeometryParameterFromVolumeNode(ready.phantom)
        ready.use_real_child()
        ready.parameters.segmentationToDescribe = copy
        ready.ui.describeButton.click()
        assert ready.wait().status.value == "done"
        ready.choose_pair(first, ready.parameters.passport)
        ready.ui.alignButton.click()
        assert ready.phantom.GetParentTransformNode() is None
        assert copy.GetParentTransformNode() is scan(ready.parameters.passport).alignment

    def test_a_saved_scene_comes_back_aligned_and_can_be_undone(
        self, ready: Any, pair: tuple[Any, Any], tmp_path: Path
    ) -> None:
        import slicer

        ready.choose_pair(*pair)
        apart_before = apart_mm(*pair)
        ready.ui.alignmentKindComboBox.currentIndex = ready.ui.alignmentKindComboBox.findData("similarity")
        ready.ui.alignButton.click()
        verdict = ready.ui.alignmentLabel.text
        assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
        slicer.mrmlScene.Clear()
        assert ready.ui.alignmentLabel.text == ""
        slicer.util.loadScene(str(tmp_path / "scene.mrb"))
        ready.widget.enter()
        loaded = ready.parameters.firstPassport, ready.parameters.secondPassport
        assert apart_mm(*loaded).max() < 0.5
        assert ready.ui.alignmentKindComboBox.currentText == "Similarity"
        assert ready.ui.alignmentLabel.text == verdict != ""
        ready.ui.undoAlignmentButton.click()
        np.testing.assert_allclose(apart_mm(*loaded), apart_before, atol=1e-6)


class TestRefusals:
    def test_too_few_organs_for_an_affine_map_are_a_sentence_and_nothing_moves(
        self, ready: Any, pair: tuple[Any, Any]
    ) -> None:
        ready.choose_pair(*pair)
        ready.ui.alignmentKindComboBox.currentIndex = ready.ui.alignmentKindComboBox.findData("affine")
        ready.ui.alignButton.click()
        (sentence,) = ready.error_dialogs()
        assert "an affine alignment needs" in sentence
        assert scan(pair[1]).alignment is None
        assert apart_mm(*pair).min() > 30
        assert ready.ui.statusLabel.text == f"✖ {sentence}"

    def test_a_transform_that_was_deleted_is_no_alignment(self, ready: Any, pair: tuple[Any, Any]) -> None:
        import slicer

        ready.choose_pair(*pair)
        ready.ui.alignButton.click()
        assert ready.ui.undoAlignmentButton.enabled
        slicer.mrmlScene.RemoveNode(scan(pair[1]).alignment)
        assert not ready.ui.undoAlignmentButton.enabled
        assert ready.ui.alignmentLabel.text == ""

    def test_the_buttons_say_what_is_missing(self, ready: Any, pair: tuple[Any, Any]) -> None:
        ready.choose_pair(pair[0], None)
        for button in (ready.ui.compareButton, ready.ui.alignButton):
            assert not button.enabled
            assert "two scans" in button.toolTip
        ready.choose_pair(pair[0], pair[0])
        assert not ready.ui.alignButton.enabled
        assert "different" in ready.ui.alignButton.toolTip
        ready.choose_pair(*pair)
        assert ready.ui.alignButton.enabled

    def test_a_script_that_names_one_scan_twice_is_told_so(self, ready: Any, pair: tuple[Any, Any]) -> None:
        from TotalPassportLib.base.errors import BadInput

        with pytest.raises(BadInput, match="onto itself"):
            ready.logic.align(pair[0], pair[0])

    def test_a_scan_without_a_source_any_more_can_still_be_aligned(self, ready: Any, pair: tuple[Any, Any]) -> None:
        import slicer

        slicer.mrmlScene.RemoveNode(scan(pair[1]).source)
        ready.choose_pair(*pair)
        ready.ui.alignButton.click()
        assert apart_mm(*pair).max() < 0.5
        slicer.mrmlScene.RemoveNode(scan(pair[1]).alignment)
        ready.choose_pair(*pair[::-1])
        ready.choose_pair(*pair)
        assert not ready.ui.undoAlignmentButton.enabled


def test_before_and_after_are_seen_to_differ(rendering: Any, ready: Any, pair: tuple[Any, Any], tmp_path: Path) -> None:
    """Seen from the same place, two scans apart cover more of the picture than one on the other."""
    for node in pair:
        ready.logic.show(scan(node), surfaces=True, centroids=False, axes=False)
        scan(node).segmentation.GetDisplayNode().SetOpacity3D(1.0)
    camera = ((60.0, 600.0, 80.0), (60.0, 0.0, 80.0), (0.0, 0.0, 1.0))
    covered = []
    ready.choose_pair(*pair)
    for click in (None, ready.ui.alignButton.click, ready.ui.undoAlignmentButton.click):
        if click is not None:
            click()
        for _ in range(2):  # the view comes to rest with the second picture
            ready.host.render_3d_view(tmp_path / "view.png", (400, 400), camera)
        picture = pixels(tmp_path / "view.png")
        covered.append(
            int((picture[..., 0] - picture[..., 2] > 20).sum())
        )  # liver and kidney are reddish, the sky blue
    before, after, undone = covered
    assert 0.4 * before < after < 0.75 * before
    assert undone == before
