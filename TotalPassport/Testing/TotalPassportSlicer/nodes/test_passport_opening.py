"""A passport that was made anywhere opens in Slicer as if the run had been made there."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.missing_packages import without_package

NEEDED_FOR_RUNS = ("fastjsonschema", "nibabel", "onnxruntime", "onnx", "pydicom", "highdicom", "pandas")


def labels() -> np.ndarray:
    voxels = np.zeros((40, 36, 30), np.uint8)
    voxels[5:11, 20:30, 10:14], voxels[26:31, 6:12, 5:13], voxels[18:34, 14:28, 15:26] = 1, 2, 5
    return voxels


def affine() -> np.ndarray:
    from support.pairs import motion

    return motion() @ np.diag([-0.9, -0.9, 2.5, 1.0])


def save(voxels: np.ndarray, path: Path, grid: np.ndarray | None = None) -> None:
    import nibabel

    nibabel.save(nibabel.Nifti1Image(voxels, affine() if grid is None else grid), path)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the library makes of a segmentation of three organs on an oblique grid."""
    from TotalPassportLib.description_run import describe

    folder = tmp_path_factory.mktemp("original")
    save(labels(), folder / "ct_segmentation.nii.gz")
    describe(folder / "ct_segmentation.nii.gz", folder / "x_passport.json", labels="total", formats=["seg.nrrd"])
    return folder


@pytest.fixture
def made(original: Path, tmp_path: Path) -> Path:
    """A folder as a run leaves it: passport and segmentation under the scan's name."""
    folder = tmp_path / "server é ü" / "results of 7"
    folder.mkdir(parents=True)
    shutil.copy(original / "ct_segmentation.nii.gz", folder)
    shutil.copy(original / "x_passport.json", folder / "ct_passport.json")
    return folder


def drop(panel: Any, *paths: Path) -> list[str]:
    """Drop files onto Slicer, and return what it told the user about them."""
    assert panel.host.drop_files(*paths)
    return [shown.text for shown in panel.host.answers.take("warning")]


def of_run(passport: Path, scan: Path, **model: Any) -> None:
    """Let a passport say that it comes from a run on a scan."""
    from TotalPassportLib.base.files import sha256_of

    document = json.loads(passport.read_text(encoding="utf-8"))
    document["model"] = {"name": "fast", "version": "1", **model}
    document["source"]["sha256"] = sha256_of(scan)
    passport.write_text(json.dumps(document), encoding="utf-8")


def test_a_dropped_passport_gives_all_nodes_of_a_run(panel: Any, made: Path, original: Path) -> None:
    assert drop(panel, made / "ct_passport.json") == []
    assert panel.table_texts(0) == ["Right kidney", "Liver", "Spleen"]
    nodes = panel.nodes()
    assert panel.segment_names(nodes.segmentation) == ["Spleen", "Right kidney", "Liver"]
    found, grid = panel.exported_labels(nodes.segmentation)
    np.testing.assert_array_equal(found, labels())
    np.testing.assert_allclose(grid, affine(), atol=1e-4)
    assert nodes.centroids.GetNumberOfControlPoints() == 3
    assert [node.GetName() for node in (nodes.axes, nodes.ellipsoids, nodes.table)] == [
        f"ct {what}" for what in ("axes", "ellipsoids", "organs")
    ]
    assert panel.folder_count() == 1
    assert nodes.document.GetText() == (original / "x_passport.json").read_text(encoding="utf-8")
    liver = nodes.segmentation.GetSegmentation().GetSegment("liver")
    np.testing.assert_allclose(liver.GetColor(), np.array([221, 130, 101]) / 255, atol=1e-6)
    panel.check_organ("Liver", False)
    assert panel.shown_segments() == ["Spleen", "Right kidney"]


def test_it_needs_nothing_that_slicer_does_not_bring(panel: Any, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NEEDED_FOR_RUNS:
        without_package(monkeypatch, name)
    assert drop(panel, made / "ct_passport.json") == []
    assert panel.table_texts(0) == ["Right kidney", "Liver", "Spleen"]
    assert len(panel.segment_names(panel.nodes().segmentation)) == 3
    monkeypatch.undo()


def test_opening_it_again_makes_no_second_nodes(panel: Any, made: Path) -> None:
    drop(panel, made / "ct_passport.json")
    names = sorted(panel.node_names())
    shutil.copy(made / "ct_passport.json", made.parent / "a copy.json")
    drop(panel, made / "ct_passport.json")
    panel.host.drop_files(made.parent / "a copy.json")
    assert panel.host.answers.take() == []
    assert sorted(panel.node_names()) == names


def test_several_passports_dropped_at_once_have_nodes_of_their_own(panel: Any, made: Path) -> None:
    for number, scan in enumerate("ab"):
        text = (made / "ct_passport.json").read_text(encoding="utf-8")
        (made / f"{scan}_passport.json").write_text(text.replace('"created": "', f'"created": "{number}'), "utf-8")
        shutil.copy(made / "ct_segmentation.nii.gz", made / f"{scan}_segmentation.nii.gz")
    assert drop(panel, *(made / f"{scan}_passport.json" for scan in ("a", "b", "ct"))) == []
    assert panel.count("vtkMRMLSegmentationNode") == 3
    assert panel.count("vtkMRMLMarkupsFiducialNode") == 3
    assert panel.folder_count() == 3
    assert panel.parameters.passport.GetName() == "ct passport"


def test_without_its_segmentation_it_opens_with_markups_and_says_so_until_that_is_there(
    panel: Any, made: Path, tmp_path: Path
) -> None:
    (made / "ct_segmentation.nii.gz").rename(tmp_path / "elsewhere.nii.gz")
    (told,) = drop(panel, made / "ct_passport.json")
    assert "No segmentation of 'ct' lies beside the passport" in told
    assert "No segmentation of 'ct' lies beside the passport" in panel.ui.logText.toPlainText()
    assert panel.nodes().segmentation is None
    assert panel.nodes().centroids.GetNumberOfControlPoints() == 3
    panel.click_organ("Liver")
    liver = panel.passport().organs[5].centroid_ras_mm
    np.testing.assert_allclose(panel.slice_positions(), np.tile(liver, (3, 1)), atol=1e-6)
    (tmp_path / "elsewhere.nii.gz").rename(made / "ct_segmentation.nii.gz")
    assert drop(panel, made / "ct_passport.json") == []
    assert len(panel.segment_names(panel.nodes().segmentation)) == 3
    assert panel.count("vtkMRMLMarkupsFiducialNode") == 1


def one_voxel_more() -> np.ndarray:
    voxels = labels()
    voxels[0, 0, 0] = 5
    return voxels


def shifted() -> np.ndarray:
    return np.roll(labels(), 1, axis=0)


OTHERS = {
    "one voxel more": (one_voxel_more, None, "liver has 2465 voxels in it and 2464 in the passport"),
    "moved by a voxel": (shifted, None, "spleen lies elsewhere"),
    "another grid": (labels, np.diag([1.0, 1.0, 3.0, 1.0]), "its voxels lie in other directions"),
    "another size": (lambda: labels()[1:], None, "it has 39 x 36 x 30 voxels, the passport's has 40 x 36 x 30"),
    "a foreign label": (lambda: np.where(labels() == 5, 6, labels()), None, "labels that the passport does not have"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_segmentation_that_is_not_the_passports_is_not_taken(panel: Any, made: Path, name: str) -> None:
    change, grid, reason = OTHERS[name]
    save(change().astype(np.uint8), made / "ct_segmentation.nii.gz", grid)
    (told,) = drop(panel, made / "ct_passport.json")
    assert "is not the segmentation that the passport was made of" in told
    assert reason in told
    assert panel.count("vtkMRMLSegmentationNode") == 0
    assert panel.nodes().centroids.GetNumberOfControlPoints() == 3


def test_a_damaged_segmentation_is_told_and_the_next_one_taken(panel: Any, made: Path, original: Path) -> None:
    whole = (made / "ct_segmentation.nii.gz").read_bytes()
    (made / "ct_segmentation.nii.gz").write_bytes(gzip.compress(gzip.decompress(whole)[:-20_000]))
    (made / "ct_segmentation.nrrd").write_bytes(whole)
    shutil.copy(original / "ct_segmentation.nii.gz", made / "ct.nii.gz")
    (told,) = drop(panel, made / "ct_passport.json")
    assert "liver has 224 voxels in it and 2464" in told, "ITK fills what is missing with zeros"
    assert "ct_segmentation.nrrd' cannot be read as an image" in told
    assert len(panel.segment_names(panel.nodes().segmentation)) == 3


def test_slicers_own_format_comes_first_and_the_grid_stays(panel: Any, made: Path, original: Path) -> None:
    shutil.copy(original / "ct_segmentation_segmentation.seg.nrrd", made / "ct_segmentation.seg.nrrd")
    assert drop(panel, made / "ct_passport.json") == []
    found, grid = panel.exported_labels(panel.nodes().segmentation)
    np.testing.assert_array_equal(found, labels())
    np.testing.assert_allclose(grid, affine(), atol=1e-4)
    panel.check_organ("Liver", False)
    assert panel.shown_segments() == ["Spleen", "Right kidney"]


@pytest.mark.parametrize("kept", [0.9, 0.3])
def test_a_cut_file_of_slicers_own_format_is_a_sentence_and_not_the_end_of_slicer(
    panel: Any, made: Path, original: Path, kept: float
) -> None:
    content = (original / "ct_segmentation_segmentation.seg.nrrd").read_bytes()
    (made / "ct_segmentation.seg.nrrd").write_bytes(content[: int(kept * len(content))])
    (told,) = drop(panel, made / "ct_passport.json")
    assert "ct_segmentation.seg.nrrd' cannot be read as an image" in told
    assert len(panel.segment_names(panel.nodes().segmentation)) == 3


@pytest.mark.parametrize(
    "field", [b"Segment0_Extent:=0 999999 0 999999 0 9", b"Segment0_Extent:=x", b"Segment0_Layer:=9"]
)
def test_segments_beyond_the_image_are_a_sentence_and_not_the_end_of_slicer(
    panel: Any, made: Path, original: Path, field: bytes
) -> None:
    content = (original / "ct_segmentation_segmentation.seg.nrrd").read_bytes()
    changed = re.sub(field.partition(b":=")[0] + rb":=[^\n]*", field, content, count=1)
    (made / "ct_segmentation.seg.nrrd").write_bytes(changed)
    (told,) = drop(panel, made / "ct_passport.json")
    assert "ct_segmentation.seg.nrrd' cannot be read as an image" in told


def test_slicers_own_format_from_before_it_stated_its_grid_is_the_passports_too(
    panel: Any, made: Path, original: Path
) -> None:
    content = (original / "ct_segmentation_segmentation.seg.nrrd").read_bytes()
    assert b"Segmentation_ConversionParameters" in content
    (made / "ct_segmentation.seg.nrrd").write_bytes(content.replace(b"_ConversionParameters", b"_AnythingElseAtAll"))
    assert drop(panel, made / "ct_passport.json") == []
    found, grid = panel.exported_labels(panel.nodes().segmentation)
    np.testing.assert_array_equal(found, labels())
    np.testing.assert_allclose(grid, affine(), atol=1e-4)


def test_what_slicer_saved_anew_is_still_the_passports_and_what_was_edited_is_not(panel: Any, made: Path) -> None:
    import slicer

    drop(panel, made / "ct_passport.json")
    saved = str(made / "ct_segmentation.seg.nrrd")
    node = panel.nodes().segmentation
    assert slicer.util.saveNode(node, saved)
    slicer.mrmlScene.Clear()
    assert drop(panel, made / "ct_passport.json") == []
    node = panel.nodes().segmentation
    assert node.GetStorageNode().GetFileName() == saved
    node.GetSegmentation().RemoveSegment("spleen")
    assert slicer.util.saveNode(node, saved)
    slicer.mrmlScene.Clear()
    (told,) = drop(panel, made / "ct_passport.json")
    assert "ct_segmentation.seg.nrrd' is not the segmentation" in told
    assert "spleen has 0 voxels" in told
    assert len(panel.segment_names(panel.nodes().segmentation)) == 3


@pytest.fixture
def overlapping(tmp_path: Path) -> Path:
    """A folder of masks of which two overlap, with its passport beside it."""
    from TotalPassportLib.description_run import describe

    masks = tmp_path / "patient"
    masks.mkdir()
    tumour = np.zeros((40, 36, 30), np.uint8)
    tumour[20:24, 16:20, 17:22] = 1
    for name, voxels in {"liver": labels() == 5, "spleen": labels() == 1, "tumour": tumour}.items():
        save(voxels.astype(np.uint8), masks / f"{name}.nii.gz")
    describe(masks, tmp_path / "patient_passport.json")
    return tmp_path / "patient_passport.json"


def test_a_folder_of_masks_beside_its_passport_is_its_segmentation(panel: Any, overlapping: Path) -> None:
    assert drop(panel, overlapping) == []
    node = panel.nodes().segmentation
    assert node.GetName() == "patient segmentation"
    assert sorted(panel.segment_names(node)) == ["Liver", "Spleen", "tumour"]
    panel.check_organ("tumour", False)
    assert sorted(panel.shown_segments()) == ["Liver", "Spleen"]


def test_a_changed_mask_is_noticed(panel: Any, overlapping: Path) -> None:
    save((shifted() == 5).astype(np.uint8), overlapping.parent / "patient" / "liver.nii.gz")
    (told,) = drop(panel, overlapping)
    assert "liver lies elsewhere" in told
    assert panel.count("vtkMRMLSegmentationNode") == 0


def test_masks_need_a_package_and_say_so(panel: Any, overlapping: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_package(monkeypatch, "nibabel")
    for name in [name for name in sys.modules if name.startswith("TotalPassportLib.image.")]:
        monkeypatch.delitem(sys.modules, name)
    (told,) = drop(panel, overlapping)
    assert "the Python package 'nibabel' is missing" in told
    assert panel.nodes().centroids.GetNumberOfControlPoints() == 3


def test_segments_that_overlap_are_whole_in_slicers_own_format(panel: Any, overlapping: Path) -> None:
    from TotalPassportLib.base.labels import LabelTable, numbered_label
    from TotalPassportLib.exports.label_layer import LabelLayer
    from TotalPassportLib.exports.slicer_segmentation import write_slicer_segmentation
    from TotalPassportLib.passport import read_passport

    organs = read_passport(overlapping)
    table = LabelTable("x", [replace(numbered_label(organ.label), name=organ.name) for organ in organs])
    tumour = np.zeros((40, 36, 30), np.uint8)
    tumour[20:24, 16:20, 17:22] = organs["tumour"].label
    layers = [
        LabelLayer(voxels=np.where(labels() == 2, 0, labels()), table=table),
        LabelLayer(voxels=tumour, table=table),
    ]
    write_slicer_segmentation(overlapping.parent / "patient_segmentation.seg.nrrd", layers, affine())
    assert drop(panel, overlapping) == []
    node = panel.nodes().segmentation
    assert node.GetStorageNode().GetFileName().endswith(".seg.nrrd")
    assert node.GetSegmentation().GetNumberOfLayers() == 2


def test_the_layout_of_a_batch_is_known(panel: Any, made: Path) -> None:
    for kind in ("masks", "passports"):
        (made / kind).mkdir()
    (made / "ct_segmentation.nii.gz").rename(made / "masks" / "ct_mask.nii.gz")
    (made / "ct_passport.json").rename(made / "passports" / "ct_passport.json")
    assert drop(panel, made / "passports" / "ct_passport.json") == []
    assert len(panel.segment_names(panel.nodes().segmentation)) == 3


def test_the_scan_is_found_by_its_hash_and_taken_once(panel: Any, made: Path) -> None:
    scan = made.parent / "ct.nii.gz"
    save(labels().astype(np.int16) * 100, scan)
    of_run(made / "ct_passport.json", scan)
    assert drop(panel, made / "ct_passport.json") == []
    source = panel.nodes().source
    assert source.GetClassName() == "vtkMRMLScalarVolumeNode"
    assert panel.parent_item(panel.nodes().segmentation) != panel.parent_item(source)
    import slicer

    assert slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode").GetBackgroundVolumeID() == source.GetID()
    (made / "ct_passport.json").write_text(
        (made / "ct_passport.json").read_text(encoding="utf-8").replace('"created": "', '"created": "x'), "utf-8"
    )
    drop(panel, made / "ct_passport.json")
    assert panel.nodes().source is source
    assert panel.count("vtkMRMLScalarVolumeNode") == 1


def test_another_scan_of_the_same_name_is_left_alone(panel: Any, made: Path) -> None:
    scan = made / "ct.nii.gz"
    save(labels().astype(np.int16) * 100, scan)
    of_run(made / "ct_passport.json", scan)
    save(labels().astype(np.int16) * 99, scan)
    assert drop(panel, made / "ct_passport.json") == []
    assert panel.count("vtkMRMLScalarVolumeNode") == 0
    assert panel.nodes().source is panel.nodes().segmentation


def test_of_several_tasks_in_one_label_image_the_cut_structures_are_told(panel: Any, made: Path) -> None:
    save(np.where(np.arange(30) < 20, labels(), np.where(labels() == 5, 0, labels())).astype(np.uint8), made / "s.nii")
    (made / "ct_segmentation.nii.gz").unlink()
    of_run(made / "ct_passport.json", made / "s.nii", tasks=[{"name": "total"}, {"name": "other"}])
    (made / "s.nii").rename(made / "ct_segmentation.nii.gz")
    save(
        np.where(np.arange(30) < 20, labels(), np.where(labels() == 5, 0, labels())).astype(np.uint8),
        made / "ct_segmentation.nii.gz",
    )
    (told,) = drop(panel, made / "ct_passport.json")
    assert "1 of the organs are cut where others overlap them" in told


def test_a_passport_of_the_networks_grid_is_compared_as_far_as_it_goes(panel: Any, made: Path) -> None:
    passport = made / "ct_passport.json"
    of_run(passport, passport)
    document = json.loads(passport.read_text(encoding="utf-8"))
    document["geometry"] |= {"measured_on": "model", "shape": [20, 18, 30]}
    document["organs"]["5"]["voxel_count"] -= 7
    passport.write_text(json.dumps(document), encoding="utf-8")
    (told,) = drop(panel, passport)
    assert "can only be told roughly" in told
    document["organs"]["5"]["volume_mm3"] *= 3
    passport.write_text(json.dumps(document), encoding="utf-8")
    (told,) = drop(panel, passport)
    assert "liver has" in told


class TestHostileFiles:
    """What only looks like a passport is one sentence, and the scene stays as it was."""

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda text: text.replace("passport/1", "passport/7"), "is a passport of format 7"),
            (lambda text: text[:-100], "is not valid JSON"),
            (lambda text: text.replace('"voxel_count": 2', '"voxel_count": -2'), "not a valid passport document"),
            (lambda text: text.replace('"frame": "RAS"', '"frame": ' + "[" * 100_000), "nested too deeply"),
            (lambda text: text.replace('"organs": {', '"organs": {"1": 5, '), "a key stands twice"),
        ],
    )
    def test_a_broken_passport_is_one_sentence(self, panel: Any, made: Path, change: Any, reason: str) -> None:
        passport = made / "ct_passport.json"
        passport.write_text(change(passport.read_text(encoding="utf-8")), encoding="utf-8")
        before = panel.node_names()
        assert not panel.host.drop_files(passport)
        (shown,) = panel.host.answers.take("error")
        assert reason in shown.text
        assert "Traceback" not in shown.text
        assert panel.node_names() == before

    def test_a_passport_that_names_a_nearby_file_in_hostile_ways_opens_without_it(self, panel: Any, made: Path) -> None:
        text = (made / "ct_passport.json").read_text(encoding="utf-8").replace('"spleen"', '"../../etc/passwd\\u0000"')
        (made / "ct_passport.json").write_text(text, encoding="utf-8")
        drop(panel, made / "ct_passport.json")
        assert len(panel.table_texts(0)) == 3


def test_a_panel_that_is_opened_later_shows_what_was_dropped_before(slicer_host: Any, made: Path) -> None:
    import slicer

    widget = slicer_host.load_module(Path(__file__).parents[3] / "TotalPassport.py", enter=False)
    panel_attribute = slicer.modules.TotalPassportWidget
    del slicer.modules.TotalPassportWidget
    assert slicer_host.drop_files(made / "ct_passport.json")
    slicer.modules.TotalPassportWidget = panel_attribute
    slicer_host.enter(widget)
    assert widget.passport.organ_count == 3


def test_scripts_open_passports_too(panel: Any, made: Path) -> None:
    import slicer
    from TotalPassportLib.base.errors import BadInput

    opened = panel.logic.openPassport(made / "ct_passport.json")
    assert opened.remarks == ()
    again = slicer.util.loadNodeFromFile(str(made / "ct_passport.json"))
    assert again is opened.nodes.document
    with pytest.raises(BadInput, match="There is no file"):
        panel.logic.openPassport(made / "none.json")
