"""Segments go out in the formats of other programs, by Slicer's own exporter, under names that say what they are."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def segmented(panel: Any) -> Any:
    """The panel with the passport of two overlapping structures and one whose name no disk can hold."""
    import slicer
    from TotalPassportLib.base.labels import Label, load_label_table
    from TotalPassportLib.description_run import describe
    from TotalPassportLib.image.image_objects import ImageArray
    from TotalPassportLib.passport import Passport
    from TotalPassportLib.passport.document import passport_text
    from TotalPassportSlicer.nodes import presentation, segmentations
    from TotalPassportSlicer.nodes.scan_nodes import ScanNodes

    total = load_label_table("total")
    labels = {1: total[1], 5: total[5], 300: Label(value=300, name="Tumör/左", display_name="T", color_rgb=(9, 9, 9))}
    voxels = np.zeros((20, 18, 16), np.uint16)
    voxels[2:8, 3:9, 4:10], voxels[10:18, 3:15, 2:12], voxels[3:6, 12:16, 11:14] = 1, 5, 300
    volume = slicer.util.addVolumeFromArray(np.zeros((16, 18, 20), np.int16))
    volume.SetName("Patient/7 ü")
    volume.SetSpacing(1.5, 1.5, 3.0)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Seg/7 ü")
    layer = segmentations.SegmentLayer(voxels=voxels, labels=labels, found_by="fast")
    segmentations.fill_segmentation(node, [layer], volume)
    passport: Passport = describe(ImageArray(voxels, np.diag([1.5, 1.5, 3.0, 1.0])), labels="total")
    nodes = ScanNodes.for_source(volume)
    nodes.segmentation = node
    text = passport_text(passport).replace('"label 300"', '"Tumör/左"')
    nodes.document.SetText(text)
    presentation.present(nodes, panel.logic.passportOf(nodes.document))
    panel.widget.showPassport(nodes)
    return panel


def choose(panel: Any, entry: int) -> None:
    """Click the button and an entry of its menu."""
    panel.ui.exportSegmentsButton.menu().actions()[entry].trigger()


def export(panel: Any, entry: int, folder: Path) -> list[str]:
    panel.host.answers.expect("directory", str(folder))
    choose(panel, entry)
    return sorted(path.name for path in folder.iterdir())


def test_stl_is_a_surface_for_each_organ_where_it_is_in_the_scan(segmented: Any, tmp_path: Path) -> None:
    import vtk

    nodes = sorted(segmented.node_names())
    found = export(segmented, 0, tmp_path / "ü")
    assert found == ["Seg_7_Tum_r.stl", "Seg_7_liver.stl", "Seg_7_spleen.stl"]
    assert segmented.ui.statusLabel.text.startswith("Exported 3 files to ")
    reader = vtk.vtkSTLReader()
    reader.SetFileName(str(tmp_path / "ü" / "Seg_7_liver.stl"))
    reader.Update()
    middle_lps = np.array(reader.GetOutput().GetBounds()).reshape(3, 2).mean(axis=1)
    centroid = segmented.passport().organs[5].centroid_ras_mm
    np.testing.assert_allclose(middle_lps * (-1, -1, 1), centroid, atol=0.1)
    assert sorted(segmented.node_names()) == nodes, "the exporter's own nodes are gone"
    assert segmented.segment_names(segmented.nodes().segmentation) == ["Spleen", "Liver", "T"]


def test_obj_is_one_file_with_colours(segmented: Any, tmp_path: Path) -> None:
    assert export(segmented, 1, tmp_path) == ["Seg_7.mtl", "Seg_7.obj"]
    text = (tmp_path / "Seg_7.obj").read_text(encoding="utf-8")
    assert "mtllib Seg_7.mtl" in text
    points = np.array([line.split()[1:4] for line in text.splitlines() if line.startswith("v ")], float)
    assert np.sign(points.mean(axis=0)).tolist() == [-1, -1, 1], "in LPS"


def test_nifti_is_a_label_image_on_the_scans_grid_with_the_passports_numbers(segmented: Any, tmp_path: Path) -> None:
    import nibabel

    found = export(segmented, 2, tmp_path)
    assert found == ["Seg_7.labels.csv", "Seg_7.nii.gz"]
    with (tmp_path / "Seg_7.labels.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["Name"]: row for row in csv.DictReader(file)}
    assert {name: row["LabelValue"] for name, row in rows.items()} == {"spleen": "1", "liver": "5", "Tum_r": "300"}
    liver = rows["liver"]
    assert [int(liver[f"Color_{channel}"]) for channel in "RGBA"] == [221, 130, 101, 255]
    assert (liver["Type_CodingScheme"], liver["Type_CodeValue"]) == ("SCT", "10200004")
    image = nibabel.load(tmp_path / "Seg_7.nii.gz")
    labels = np.asarray(image.dataobj)
    assert image.shape == (20, 18, 16)
    counts = {label: int((labels == label).sum()) for label in np.unique(labels) if label}
    assert counts == {label: organ.voxel_count for label, organ in segmented.passport().organs.items()}
    np.testing.assert_allclose(image.affine, np.diag([1.5, 1.5, 3.0, 1.0]), atol=1e-6)


def test_only_the_selected_organs_go_out(segmented: Any, tmp_path: Path) -> None:
    segmented.click_organ("Liver")
    assert export(segmented, 0, tmp_path) == ["Seg_7_liver.stl"]


def test_files_that_are_there_are_asked_about_and_else_left(segmented: Any, tmp_path: Path) -> None:
    (tmp_path / "Seg_7_liver.stl").write_text("mine", encoding="utf-8")
    segmented.host.answers.expect("message_box", 0x00400000, matching="1 of the files are there already")
    assert export(segmented, 0, tmp_path) == ["Seg_7_liver.stl"]
    assert (tmp_path / "Seg_7_liver.stl").read_text(encoding="utf-8") == "mine"
    assert segmented.ui.statusLabel.text == "Nothing was exported."
    segmented.host.answers.expect("message_box", 0x00000400)
    assert len(export(segmented, 0, tmp_path)) == 3
    assert (tmp_path / "Seg_7_liver.stl").stat().st_size > 1000


def test_what_cannot_be_written_is_one_sentence(segmented: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    segmented.host.answers.expect("directory", str(tmp_path / "file"))
    choose(segmented, 0)
    (sentence,) = segmented.error_dialogs()
    assert "is a file, not a folder" in sentence


def test_an_organ_that_lost_its_voxels_is_told_by_name(segmented: Any, tmp_path: Path) -> None:
    segmentation = segmented.nodes().segmentation.GetSegmentation()
    segmentation.SeparateSegmentLabelmap("liver")
    segmentation.GetSegment("liver").GetRepresentation("Binary labelmap").GetPointData().GetScalars().Fill(0)
    segmentation.RemoveRepresentation("Closed surface")
    segmented.host.answers.expect("directory", str(tmp_path))
    choose(segmented, 0)
    (sentence,) = segmented.error_dialogs()
    assert "could not export the segments: liver. They may be empty" in sentence
    assert list(tmp_path.iterdir()) == []


def test_without_segments_the_button_waits(panel: Any, tmp_path: Path) -> None:
    from support.passports import body
    from TotalPassportLib.passport import write_passport

    assert not panel.ui.exportSegmentsButton.enabled
    write_passport(body((1, 2)), tmp_path / "a_passport.json")
    panel.widget.showPassport(panel.logic.openPassport(tmp_path / "a_passport.json").nodes)
    assert not panel.ui.exportSegmentsButton.enabled


def dicom_attributes(segment: Any) -> dict[str, Any]:
    """Return what Slicer's DICOM export makes of a segment, by the tags and objects that it reads."""
    import slicer
    import vtk

    text, entry = vtk.reference(""), slicer.vtkSlicerTerminologyEntry()
    assert segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), text)
    assert slicer.modules.terminologies.logic().DeserializeTerminologyEntry(str(text), entry)
    attributes: dict[str, Any] = {"SegmentLabel": segment.GetName()}
    for keyword, code in {
        "SegmentedPropertyCategoryCodeSequence": entry.GetCategoryObject(),
        "SegmentedPropertyTypeCodeSequence": entry.GetTypeObject(),
        "SegmentedPropertyTypeModifierCodeSequence": entry.GetTypeModifierObject(),
    }.items():
        values = (code.GetCodeValue(), code.GetCodingSchemeDesignator(), code.GetCodeMeaning())
        if None not in values:
            attributes[keyword] = dict(zip(("CodeValue", "CodingSchemeDesignator", "CodeMeaning"), values, strict=True))
    for tag in ("SegmentAlgorithmType", "SegmentAlgorithmName"):
        if segment.GetTag(f"DICOM.{tag}", text):
            attributes[tag] = str(text)
    return attributes


CODE = {
    "type": "object",
    "required": ["CodeValue", "CodingSchemeDesignator", "CodeMeaning"],
    "properties": {
        "CodeValue": {"type": "string", "minLength": 1, "maxLength": 16},
        "CodingSchemeDesignator": {"type": "string", "minLength": 1, "maxLength": 16},
        "CodeMeaning": {"type": "string", "minLength": 1, "maxLength": 64},
    },
}
"""What DICOM's value representations SH and LO, and so dcmqi, allow."""
SEGMENT = {
    "type": "object",
    "required": [
        "SegmentLabel",
        "SegmentAlgorithmType",
        "SegmentAlgorithmName",
        "SegmentedPropertyCategoryCodeSequence",
        "SegmentedPropertyTypeCodeSequence",
    ],
    "properties": {
        "SegmentLabel": {"type": "string", "minLength": 1, "maxLength": 64},
        "SegmentAlgorithmType": {"const": "AUTOMATIC"},
        "SegmentAlgorithmName": {"type": "string", "minLength": 1, "maxLength": 64},
        "SegmentedPropertyCategoryCodeSequence": CODE,
        "SegmentedPropertyTypeCodeSequence": CODE,
        "SegmentedPropertyTypeModifierCodeSequence": CODE,
    },
    "additionalProperties": False,
}


def slicers_categories() -> set[str]:
    """Return the codes of the categories that Slicer's own terminology of DICOM has."""
    import slicer

    (path,) = Path(slicer.app.slicerHome).rglob("SegmentationCategoryTypeModifier-DICOM-Master.term.json")
    document = json.loads(path.read_text(encoding="utf-8"))
    return {category["CodeValue"] for category in document["SegmentationCodes"]["Category"]}


class TestDicom:
    """Slicer's DICOM export accepts the segments: codes, and who has found them."""

    def test_every_segment_of_a_run_has_what_a_dicom_segmentation_needs(self, segmented: Any) -> None:
        import fastjsonschema
        from highdicom.seg import SegmentAlgorithmTypeValues, SegmentDescription
        from pydicom.sr.coding import Code

        check = fastjsonschema.compile(SEGMENT)
        segmentation = segmented.nodes().segmentation.GetSegmentation()
        categories = slicers_categories()
        for number, identifier in enumerate(segmentation.GetSegmentIDs(), 1):
            attributes = dicom_attributes(segmentation.GetSegment(identifier))
            check(attributes)
            codes = {
                key: Code(value["CodeValue"], value["CodingSchemeDesignator"], value["CodeMeaning"])
                for key, value in attributes.items()
                if isinstance(value, dict)
            }
            assert codes["SegmentedPropertyCategoryCodeSequence"].value in categories
            SegmentDescription(
                segment_number=number,
                segment_label=attributes["SegmentLabel"],
                segmented_property_category=codes["SegmentedPropertyCategoryCodeSequence"],
                segmented_property_type=codes["SegmentedPropertyTypeCodeSequence"],
                algorithm_type=SegmentAlgorithmTypeValues.MANUAL,
            )
        reference = segmented.nodes().segmentation.GetNodeReference(
            segmented.nodes().segmentation.GetReferenceImageGeometryReferenceRole()
        )
        assert reference is segmented.nodes().source, "Slicer's export asks which series they are of"

    def test_every_structure_of_every_task_has_codes_that_fit(self, panel: Any) -> None:
        import fastjsonschema
        import slicer
        from TotalPassportLib.base.labels import load_label_table
        from TotalPassportLib.models.task import task_structures
        from TotalPassportSlicer.nodes.segmentations import dress

        check = fastjsonschema.compile({**SEGMENT, "required": SEGMENT["required"][3:]})
        categories = slicers_categories()
        every = [*load_label_table("total").values(), *task_structures().values()]
        assert len(every) > 1000
        for label in every:
            segment = slicer.vtkSegment()
            dress(segment, label)
            attributes = dicom_attributes(segment)
            check(attributes)
            assert attributes["SegmentedPropertyCategoryCodeSequence"]["CodeValue"] in categories

    def test_the_dialog_of_slicer_opens_for_a_scan_from_dicom_and_else_a_sentence_says_why_not(
        self, segmented: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import slicer

        opened: list[tuple[Any, int]] = []

        class Dialog:
            def setMRMLScene(self, scene: Any) -> None:
                self.scene = scene

            def execDialog(self, item: int) -> bool:
                opened.append((self.scene, item))
                return True

        monkeypatch.setattr(slicer, "qSlicerDICOMExportDialog", Dialog, raising=False)
        choose(segmented, 3)
        (sentence,) = segmented.error_dialogs()
        assert "Install the extension QuantitativeReporting" in sentence
        monkeypatch.setattr(slicer.modules, "dicomPlugins", {"DICOMSegmentationPlugin": object}, raising=False)
        choose(segmented, 3)
        (sentence,) = segmented.error_dialogs()
        assert "this scan was not loaded from one" in sentence
        assert opened == []
        nodes = segmented.nodes()
        nodes.source.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
        choose(segmented, 3)
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        assert opened == [(slicer.mrmlScene, hierarchy.GetItemByDataNode(nodes.segmentation))]
