"""Any segmentation in the scene can have its passport."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest


def describe(panel: Any, segmentation: Any, numbered: bool = False) -> Any:
    """Click through "Passport from segmentation or file" and return the passport."""
    panel.parameters.segmentationToDescribe = segmentation
    button = panel.ui.numbersButton if numbered else panel.ui.describeButton
    panel.ui.show3DCheckBox.checked = False  # the surfaces of 61 organs take seconds, and nothing here looks at them
    assert button.enabled
    button.click()
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
        cell = model.index(row, 1)
        colors[name] = (cell.data(qt.Qt.ForegroundRole), cell.data(qt.Qt.ToolTipRole))
    color, sentence = colors["Pancreas"]
    assert (color.red(), color.green(), color.blue()) == (191, 111, 0)
    assert "Pancreas is in 4 pieces" in sentence
    assert "stray voxels" in sentence
    assert colors["Liver"][0] is None, "a note is not coloured"
    assert "reaches the edge of the image: superior" in colors["Liver"][1]
    assert colors["Duodenum"] == (None, "")


def test_numbers_that_plausibly_are_totalsegmentators_are_named_so_and_the_note_says_so(panel: Any, torso: Any) -> None:
    passport = describe(panel, torso, numbered=False)
    assert len(passport.organs) == 61
    assert passport.organs[5].name == "liver"
    assert passport.model["names_from"] == "assumed"
    shown = panel.ui.findingsLabel.text
    assert "Names assumed: The file does not name its labels" in shown
    assert "give the segments their names in Slicer's module Segmentations, and click 'Make passport'" in shown
    logged = panel.ui.logText.toPlainText()
    assert "give the segments their names in Slicer's module Segmentations, and click 'Make passport'" in logged
    for spoken in (shown, logged, panel.ui.findingsLabel.toolTip):
        assert "label table" not in spoken, "that is the command line's"


def terminology(segment: Any) -> str:
    import slicer
    import vtk

    text = vtk.reference("")
    segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), text)
    return str(text)


class TestNumberedSegments:
    """Segments that Slicer has numbered are recognised without being told, and the user has the last word."""

    def test_they_are_named_and_coloured_and_it_is_said_where_they_are_looked_at(self, panel: Any, torso: Any) -> None:
        segment = torso.GetSegmentation().GetSegment("Segment_5")
        color = segment.GetColor()
        panel.parameters.segmentationToDescribe = torso
        assert panel.ui.numbersLabel.text.startswith("Its segments have only numbers.")
        describe(panel, torso)
        assert segment.GetName() == "Liver"
        np.testing.assert_allclose(segment.GetColor(), np.array([221, 130, 101]) / 255, atol=1e-6)
        assert "SCT^10200004^Liver" in terminology(segment)
        assert panel.ui.numbersLabel.text == (
            "Its segments had only numbers, which were taken for TotalSegmentator's labels."
        )
        panel.check_organ("Liver", False)
        assert "Liver" not in panel.shown_segments()
        assert panel.ui.numbersButton.text == "They are not: only numbers again"
        passport = describe(panel, torso, numbered=True)
        assert (segment.GetName(), segment.GetColor(), terminology(segment)) == ("Segment_5", color, "")
        assert {organ.name for organ in passport.organs.values()} == {f"Segment_{n}" for n in self.numbers(torso)}
        panel.check_organ("Segment_5", False)
        assert "Segment_5" not in panel.shown_segments()
        assert panel.ui.numbersButton.text == "They are TotalSegmentator's labels"

    def numbers(self, node: Any) -> list[str]:
        return [name.removeprefix("Segment_") for name in node.GetSegmentation().GetSegmentIDs()]

    def test_names_and_colours_of_the_users_own_are_kept_when_the_others_are_taken_back(self, panel: Any) -> None:
        node = panel.add_boxes({"Segment_1": 1, "Segment_5": 2, "Segment_7": 3})
        describe(panel, node, numbered=True)
        segmentation = node.GetSegmentation()
        segmentation.GetNthSegment(0).SetName("Mine")
        segmentation.GetNthSegment(1).SetColor(0.0, 1.0, 0.0)
        describe(panel, node, numbered=True)
        assert panel.segment_names(node) == ["Mine", "Segment_5", "Segment_7"]
        assert segmentation.GetNthSegment(1).GetColor() == (0.0, 1.0, 0.0)

    def test_who_declines_what_has_to_be_installed_keeps_the_names(
        self, panel: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from TotalPassportSlicer.install import installation

        node = panel.add_boxes({"Segment_1": 1, "Segment_5": 2})
        before = describe(panel, node, numbered=True)
        monkeypatch.setattr(installation, "missing_requirements", lambda *_file: ["onnxruntime>=1.23.2"])
        panel.answer_question(False, "onnxruntime")
        panel.ui.numbersButton.click()
        assert panel.segment_names(node) == ["Spleen", "Liver"]
        assert panel.ui.numbersButton.text == "They are not: only numbers again"
        assert panel.passport().organs.keys() == before.organs.keys()

    @pytest.mark.parametrize("form", ["{}", "Label {}", "segment{}", "LABEL_{}"])
    def test_however_slicer_or_another_program_numbers_them(self, panel: Any, form: str) -> None:
        node = panel.add_boxes({form.format(1): 1, form.format(5): 2})
        passport = describe(panel, node, numbered=True)
        assert sorted(passport.organs) == [1, 5]
        assert panel.segment_names(node) == ["Spleen", "Liver"]

    def test_a_number_that_the_table_lacks_stays_one(self, panel: Any) -> None:
        node = panel.add_boxes({"Segment_5": 1, "Segment_700": 2})
        describe(panel, node, numbered=True)
        assert panel.segment_names(node) == ["Liver", "Segment_700"]
        describe(panel, node, numbered=True)
        assert panel.segment_names(node) == ["Segment_5", "Segment_700"]

    def test_segments_with_names_are_asked_nothing(self, panel: Any) -> None:
        panel.ui.describeCollapsibleButton.collapsed = False
        panel.parameters.segmentationToDescribe = panel.add_boxes({"Segment_5": 1, "Tumour": 2})
        assert panel.ui.numbersLabel.isHidden()
        assert panel.ui.numbersButton.isHidden()


def test_numbers_that_may_be_anybodys_stay_numbers(panel: Any) -> None:
    passport = describe(panel, panel.add_boxes({"Segment_1": 1, "Segment_2": 2, "Segment_5": 3}))
    assert {organ.name for organ in passport.organs.values()} == {"Segment_1", "Segment_2", "Segment_5"}


def test_one_named_segment_is_enough_for_all_to_keep_their_names(panel: Any, torso: Any) -> None:
    torso.GetSegmentation().GetNthSegment(0).SetName("Tumour")
    passport = describe(panel, torso)
    assert {"Tumour", "Segment_5"} <= {organ.name for organ in passport.organs.values()}
    assert "liver" not in {organ.name for organ in passport.organs.values()}


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


@pytest.mark.parametrize("change", ["a name", "voxels", "nothing"])
def test_segments_that_are_changed_while_they_are_measured_are_told(panel: Any, change: str) -> None:
    node = panel.add_boxes({"liver": 1, "spleen": 2})
    panel.parameters.segmentationToDescribe = node
    panel.ui.describeButton.click()
    segment = node.GetSegmentation().GetNthSegment(0)
    if change == "a name":
        segment.SetName("Other")
    elif change == "voxels":
        segment.GetRepresentation("Binary labelmap").GetPointData().GetScalars().Fill(0)
        segment.GetRepresentation("Binary labelmap").Modified()
    assert panel.wait().status.value == "done"
    told = "▲ The segments of 'Boxes' were changed during the run, whose result is of those before." in (
        panel.ui.statusLabel.text
    )
    assert told == (change != "nothing")


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


def segment_statistics_mm3(node: Any) -> dict[str, float]:
    """Return the volume of each segment as Slicer's Segment Statistics measures label images: voxels times size."""
    import slicer
    import vtk

    volumes = {}
    for identifier in node.GetSegmentation().GetSegmentIDs():
        image = slicer.vtkOrientedImageData()
        assert node.GetBinaryLabelmapRepresentation(identifier, image)
        inside = vtk.vtkImageThreshold()
        inside.SetInputData(image)
        inside.ThresholdByUpper(1)
        inside.SetInValue(1)
        inside.SetOutValue(0)
        counted = vtk.vtkImageAccumulate()
        counted.SetInputConnection(inside.GetOutputPort())
        counted.IgnoreZeroOn()
        counted.Update()
        name = node.GetSegmentation().GetSegment(identifier).GetName()
        volumes[name] = counted.GetVoxelCount() * float(np.prod(image.GetSpacing()))
    return volumes


def test_slicers_segment_statistics_gives_the_same_volumes_for_all_61_organs(panel: Any, torso: Any) -> None:
    passport = describe(panel, torso, numbered=True)
    from TotalPassportSlicer.nodes.organs import name_and_color

    by_name = {name_and_color(organ)[0]: organ.volume_mm3 for organ in passport.organs.values()}
    assert by_name == pytest.approx(segment_statistics_mm3(torso), rel=1e-6)


@pytest.mark.parametrize("overlapping", [False, True], ids=["apart", "overlapping"])
def test_slicers_segment_statistics_agrees_whether_segments_overlap_or_not(panel: Any, overlapping: bool) -> None:
    names = ("Tumour", "Vessel", "Node")
    node = panel.add_overlapping_boxes(*names) if overlapping else panel.add_boxes(dict.fromkeys(names, 1))
    volumes = {organ.name: organ.volume_mm3 for organ in describe(panel, node).organs.values()}
    assert volumes == pytest.approx(segment_statistics_mm3(node), rel=1e-6)


def test_slicers_segment_statistics_agrees_with_the_passport_that_is_shown_after_a_run_is_described(
    ready: Any,
) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    ready.use_real_child()
    segmentation = ready.nodes().segmentation
    describe(ready, segmentation)
    shown = dict(zip(ready.table_texts(0), map(float, ready.table_texts(2)), strict=True))
    expected = {name: round(volume / 1000, 1) for name, volume in segment_statistics_mm3(segmentation).items()}
    assert shown == expected


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


def test_overlapping_segments_are_measured_whole_and_that_is_told(panel: Any) -> None:
    names = ("Liver", "my mask", "Tumour é/1")
    node = panel.add_overlapping_boxes(*names)
    passport = describe(panel, node)
    alone = [8 * (start % 7 + 3) * 5 * 2.0 for start in (2, 5, 8)]  # as the driver makes them, voxels of 2 mm3
    measured = {organ.name: organ.volume_mm3 for organ in passport.organs.values()}
    assert measured == dict(zip(("liver", *names[1:]), alone, strict=True))
    assert "Some segments overlap; each is measured whole." in panel.ui.logText.toPlainText()


class TestFolderOfMasks:
    """TotalSegmentator's usual output, a folder with one mask a structure, comes in by a click."""

    @pytest.fixture
    def masks(self, tmp_path: Path) -> Path:
        """A folder of an oblique grid whose liver and tumour overlap, with an empty spleen and the scan itself."""
        import nibabel
        from support.pairs import motion

        folder = tmp_path / "patient 7"
        folder.mkdir()
        affine = motion() @ np.diag([-1.5, -1.5, 3.0, 1.0])
        rng = np.random.default_rng(0)

        def save(name: str, voxels: np.ndarray) -> None:
            nibabel.save(nibabel.Nifti1Image(voxels, affine), folder / name)

        for name, region in {
            "liver.nii.gz": np.s_[5:20, 4:16, 6:14],
            "kidney_right.nii.gz": np.s_[0:4, 2:9, 0:5],
            "tumour.nii.gz": np.s_[10:14, 8:12, 8:12],
            "spleen.nii.gz": np.s_[0:0],
        }.items():
            voxels = np.zeros((24, 20, 16), np.uint8)
            voxels[region] = 1
            save(name, voxels)
        save("ct.nii.gz", rng.integers(-1000, 1000, (24, 20, 16)).astype(np.int16))
        return folder

    def load(self, panel: Any, folder: Path) -> Any:
        panel.host.answers.expect("directory", str(folder))
        panel.ui.loadMasksButton.click()
        return panel.parameters.segmentationToDescribe

    def test_the_window_gives_the_passport_that_the_shell_gives(self, panel: Any, masks: Path, tmp_path: Path) -> None:
        from TotalPassportLib.description_run import describe as describe_folder

        node = self.load(panel, masks)
        assert panel.ui.statusLabel.text.startswith("3 structures loaded.")
        assert node.GetName() == "patient 7"
        assert sorted(panel.segment_names(node)) == ["Liver", "Right kidney", "tumour"]
        log = panel.ui.logText.toPlainText()
        assert "no masks: ct.nii.gz" in log
        assert "hold nothing: 1 of the masks" in log
        expected = describe_folder(masks, tmp_path / "passport.json")
        shown = describe(panel, node)
        assert sorted(organ.name for organ in shown.organs.values()) == ["kidney_right", "liver", "tumour"]
        by_name = {organ.name: organ for organ in shown.organs.values()}
        for organ in expected.organs.values():
            found = by_name[organ.name]
            assert found.voxel_count == organ.voxel_count, "the liver whole, with the tumour's voxels"
            np.testing.assert_allclose(found.centroid_ras_mm, organ.centroid_ras_mm, atol=1e-4)
            assert found.touches_border == organ.touches_border, "the image ends where the masks' image does"

    def test_changing_ones_mind_loads_nothing(self, panel: Any) -> None:
        panel.host.answers.expect("directory", "")
        panel.ui.loadMasksButton.click()
        assert panel.count("vtkMRMLSegmentationNode") == 0

    def test_a_folder_without_masks_is_one_sentence(self, panel: Any, tmp_path: Path) -> None:
        self.load(panel, tmp_path)
        (sentence,) = panel.error_dialogs()
        assert "has no image files" in sentence
        assert panel.count("vtkMRMLSegmentationNode") == 0

    def test_masks_that_are_all_empty_are_one_sentence(self, panel: Any, masks: Path) -> None:
        for name in ("liver", "kidney_right", "tumour"):
            (masks / f"{name}.nii.gz").unlink()
        self.load(panel, masks)
        (sentence,) = panel.error_dialogs()
        assert sentence.startswith("No mask in ")
        assert panel.count("vtkMRMLSegmentationNode") == 0


class TestOpenPassports:
    """A button opens what was made elsewhere."""

    def test_several_at_once_and_what_is_wrong_with_one_does_not_stop_the_others(
        self, panel: Any, tmp_path: Path
    ) -> None:
        from support.passports import body
        from TotalPassportLib.passport import write_passport

        paths = [tmp_path / f"{name}_passport.json" for name in ("a", "b", "c")]
        for number, path in enumerate(paths):
            write_passport(body((1, 2, 5), seed=number), path)
        paths[1].write_text("{}", encoding="utf-8")
        panel.host.answers.expect("open_files", [str(path) for path in paths], matching="Open passports")
        panel.ui.openPassportButton.click()
        (error,) = panel.error_dialogs()
        assert "b_passport.json' is not a valid passport" in error
        assert panel.parameters.passport.GetName() == "c passport"
        assert panel.table_texts(0) == ["Right kidney", "Liver", "Spleen"]
        assert panel.ui.statusLabel.text.startswith("Opened 2 passports. No segmentation of 'a' lies beside")
        assert "No segmentation of 'c' lies beside the passport" in panel.ui.logText.toPlainText()

    def test_changing_ones_mind_opens_nothing(self, panel: Any) -> None:
        panel.host.answers.expect("open_files", [])
        panel.ui.openPassportButton.click()
        assert panel.parameters.passport is None
