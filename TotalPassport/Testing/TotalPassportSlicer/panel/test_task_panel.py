"""What to find: tasks in the window, several at once, in the quality that they have, for the scan that is there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

TWO_TASKS = """
import numpy as np
import nibabel
from pathlib import Path
sys.path.insert(0, "{library}")
from TotalPassportLib.models.task import load_task
from TotalPassportLib.passport.document import passport_text
from TotalPassportLib.passport.extraction import extract_passport
from TotalPassportLib.passport.joining import joined_passport
from TotalPassportLib.segmentation.combination import TaskLabels, combined_table

assert job["task"] == ["total", "lung_nodules"] and job["task_labels"] and job["fast"]
emit(event="started", pid=os.getpid(), version="0", stages=["infer"])
folder = Path(job["output_folder"])
image = nibabel.load(job["ct"])
shape = image.shape
found = {{"total": np.zeros(shape, np.uint8), "lung_nodules": np.zeros(shape, np.uint8)}}
found["total"][4:20, 4:20, 4:20] = 10
found["lung_nodules"][4:20, 4:20, 4:12] = 1
found["lung_nodules"][8:12, 8:12, 14:18] = 2
(folder / "ct_tasks").mkdir()
tasks = []
for name, voxels in found.items():
    nibabel.save(nibabel.Nifti1Image(voxels, image.affine), folder / "ct_tasks" / f"{{name}}.nii.gz")
    task = load_task(name)
    tasks.append(TaskLabels(voxels=voxels, table=task.labels, searched=tuple(task.labels), task=task))
passports = [extract_passport(each.voxels, image.affine, each.table) for each in tasks]
joined = joined_passport(passports, [each.numbers for each in tasks], combined_table(tasks), ())
(folder / "p.json").write_text(passport_text(joined), encoding="utf-8")
emit(event="result", segmentation="unused", passport=str(folder / "p.json"), task_labels=str(folder / "ct_tasks"))
"""
"""A child that finds a lung and, in it, the lung again and a nodule, as two tasks do, and measures with the library."""


@pytest.fixture
def installed(panel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All models are there."""
    from TotalPassportLib.models.catalogue_entry import CatalogueEntry

    monkeypatch.setattr(CatalogueEntry, "installed", property(lambda _entry: True))
    panel.widget.enter()


def mark_as(modality: str, volume: Any) -> None:
    """Note at a volume what it was taken with, as Slicer's module DICOM does."""
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    name = slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMSeriesModalityAttributeName()
    hierarchy.SetItemAttribute(hierarchy.GetItemByDataNode(volume), name, modality)


def test_the_list_offers_the_whole_body_and_the_qualities_that_it_has(home: Any, panel: Any) -> None:
    assert panel.offered()[:2] == ["Demo (synthetic phantoms)", "Whole body (CT)"]
    assert "Whole body (MR)" in panel.offered()
    assert "Liver segments (CT)" not in panel.offered()
    box = panel.ui.qualityComboBox
    assert [box.itemText(index) for index in range(box.count)] == ["Normal, 1.5 mm", "Fast, 3 mm", "Fastest, 6 mm"]
    box.currentIndex = 2
    assert panel.parameters.model == "fastest"
    panel.choose_model("demo")
    assert box.isHidden(), "one quality is no choice"


def test_the_tree_groups_all_tasks_by_region_and_says_what_each_takes(home: Any, panel: Any) -> None:
    from TotalPassportLib.models.task import list_tasks, region_titles

    texts = panel.tree_texts(panel.ui.taskTreeView)
    groups = [text.strip("[]") for text in texts if text.startswith("[")]
    assert groups == list(region_titles().values())
    assert len(texts) == len(groups) + len(list_tasks())
    assert texts.index("[Heart]") < texts.index("Heart chambers (CT)") < texts.index("[Abdomen]")
    model = panel.ui.taskTreeView.model()
    whole_body = model.index(0, 0)
    states = {model.index(row, 0, whole_body).data(): model.index(row, 1, whole_body).data() for row in range(8)}
    assert states["Fat and muscle (CT)"] == "needs a licence"
    assert states["Whole body (CT)"] == "~ 150 MB"


def test_search_finds_tasks_by_the_structures_that_they_find(panel: Any) -> None:
    panel.ui.taskSearchLineEdit.text = "nodule"
    assert panel.tree_texts(panel.ui.taskTreeView) == ["[Chest]", "Lung nodules (CT)"]


def test_only_tasks_for_one_kind_of_scan_can_be_listed(panel: Any) -> None:
    box = panel.ui.taskModalityComboBox
    box.currentIndex = box.findData("MR")
    tasks = [text for text in panel.tree_texts(panel.ui.taskTreeView) if not text.startswith("[")]
    assert "Vertebrae (MR)" in tasks
    assert all(text.endswith(")") and "CT" not in text for text in tasks)


def test_a_tooltip_says_which_structures_a_task_finds_before_it_runs(panel: Any) -> None:
    import qt

    panel.ui.taskSearchLineEdit.text = "lung vessels and"
    model = panel.ui.taskTreeView.model()
    tip = model.index(0, 0, model.index(0, 0)).data(qt.Qt.ToolTipRole)
    assert "Finds 4: Airways, Airway walls, Lung arteries, Lung veins." in tip
    assert "Apache-2.0" in tip


def test_checked_tasks_run_together_and_the_last_unchecked_one_stays(home: Any, panel: Any) -> None:
    from TotalPassportSlicer.panel.parameters import run_options

    panel.toggle(panel.ui.taskTreeView, "Lung nodules (CT)")
    assert panel.ui.taskComboBox.currentText == "Whole body (CT) + Lung nodules (CT)"
    options = run_options(panel.parameters)
    assert (options.task, options.fast) == (("total", "lung_nodules"), True)
    assert "download what is missing" in panel.ui.modelNoteLabel.text
    panel.toggle(panel.ui.taskTreeView, "Whole body (CT)")
    assert (panel.parameters.model, panel.parameters.task) == ("lung_nodules", "")
    panel.toggle(panel.ui.taskTreeView, "Lung nodules (CT)")
    assert panel.checked(panel.ui.taskTreeView) == ["Lung nodules (CT)"]


def test_tasks_for_ct_and_for_mr_do_not_go_together(home: Any, ready: Any) -> None:
    ready.choose_model("fast")
    ready.toggle(ready.ui.taskTreeView, "Vertebrae (MR)")
    assert "choose those of one kind" in ready.ui.reasonLabel.text
    assert not ready.ui.applyButton.enabled


def test_a_scan_known_to_be_an_mr_is_not_given_to_a_task_for_ct(home: Any, ready: Any) -> None:
    ready.choose_model("fast")
    mark_as("MR", ready.phantom)
    ready.choose_model("full")
    assert ready.ui.reasonLabel.text == (
        "▲ 'Phantom' is of the modality MR, but 'Whole body (CT)' is for CT. Choose 'Whole body (MR)'."
    )
    ready.choose("task:total_mr")
    assert ready.ui.reasonLabel.text == ""


def test_an_mr_gets_the_task_for_mr_when_it_is_chosen(home: Any, panel: Any, phantom: Any) -> None:
    mark_as("MR", phantom)
    panel.host.enter(panel.widget)
    assert panel.ui.taskComboBox.currentText == "Whole body (MR)"


def test_weights_that_need_a_licence_are_said_to(home: Any, ready: Any) -> None:
    ready.choose_model("fast")
    ready.toggle(ready.ui.taskTreeView, "Heart chambers (CT)")
    assert not ready.ui.applyButton.enabled
    assert "who has a licence" in ready.ui.reasonLabel.text


def test_several_tasks_become_one_segmentation_whose_overlapping_segments_stay_whole(
    installed: None, ready: Any
) -> None:
    from TotalPassportLib.models.task import load_task

    ready.choose_model("fast")
    ready.toggle(ready.ui.taskTreeView, "Lung nodules (CT)")
    library = str(__import__("pathlib").Path(__file__).parents[3])
    ready.use_child(TWO_TASKS.format(library=library))
    outcome = ready.apply_and_wait()
    assert outcome.status.value == "done", outcome.sentence
    segmentation = ready.nodes().segmentation
    assert ready.segment_names(segmentation) == ["Left lung upper lobe", "Lung", "Lung nodules"]
    segments = segmentation.GetSegmentation()
    volumes = {}
    for identifier in segments.GetSegmentIDs():
        import slicer

        mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, identifier, ready.phantom)
        volumes[segments.GetSegment(identifier).GetName()] = int(np.count_nonzero(mask))
    assert volumes == {"Left lung upper lobe": 16**3, "Lung": 16 * 16 * 8, "Lung nodules": 4**3}
    nodules = load_task("lung_nodules")
    organs = ready.passport().organs
    assert sorted(organs) == [10, nodules.number(1), nodules.number(2)]
    assert {organs[label].voxel_count for label in organs} == set(volumes.values())
    assert ready.table_texts(0) == ["Lung", "Lung nodules", "Left lung upper lobe"]


class TestStructures:
    """The list of structures that a run is to find."""

    @pytest.fixture(autouse=True)
    def _fast(self, home: Any, ready: Any) -> None:
        ready.choose_model("fast")

    def roi(self, ready: Any) -> tuple[str, ...]:
        """Return the structures that a run would keep."""
        from TotalPassportSlicer.panel.parameters import run_options

        return tuple(run_options(ready.parameters).roi)

    def test_all_are_found_unless_some_are_chosen(self, ready: Any) -> None:
        assert self.roi(ready) == ()
        assert ready.ui.structuresCollapsibleButton.text == "Structures: all 117"
        ready.toggle(ready.ui.structureTreeView, "Liver")
        assert len(self.roi(ready)) == 116
        assert "liver" not in self.roi(ready)

    def test_none_and_then_two(self, ready: Any) -> None:
        ready.ui.noStructuresButton.click()
        assert ready.ui.reasonLabel.text == "▲ Choose at least one structure."
        assert not ready.ui.applyButton.enabled
        ready.toggle(ready.ui.structureTreeView, "Liver")
        ready.toggle(ready.ui.structureTreeView, "Spleen")
        assert sorted(self.roi(ready)) == ["liver", "spleen"]
        assert ready.ui.applyButton.enabled
        ready.ui.allStructuresButton.click()
        assert self.roi(ready) == ()

    def test_buttons_act_on_what_the_search_finds(self, ready: Any) -> None:
        ready.ui.noStructuresButton.click()
        ready.ui.structureSearchLineEdit.text = "kidney"
        ready.ui.allStructuresButton.click()
        assert sorted(self.roi(ready)) == ["kidney_cyst_left", "kidney_cyst_right", "kidney_left", "kidney_right"]

    def test_groups_are_added_to_each_other(self, ready: Any) -> None:
        box = ready.ui.structureGroupComboBox
        for group in ("kidneys", "hips"):
            box.currentIndex = box.findData(group)
            box.activated.emit(box.currentIndex)
        assert sorted(self.roi(ready)) == ["hip_left", "hip_right", "kidney_left", "kidney_right"]
        assert ready.ui.structuresCollapsibleButton.text == "Structures: 4 of 117"

    def test_another_task_without_them_finds_all_of_its_own(self, ready: Any) -> None:
        ready.ui.noStructuresButton.click()
        ready.toggle(ready.ui.structureTreeView, "Liver")
        ready.toggle(ready.ui.taskTreeView, "Lung nodules (CT)")
        assert self.roi(ready) == ("liver",)
        ready.toggle(ready.ui.taskTreeView, "Whole body (CT)")
        assert self.roi(ready) == ()

    def test_they_are_remembered_for_the_next_scene(self, ready: Any) -> None:
        import slicer

        ready.ui.noStructuresButton.click()
        ready.toggle(ready.ui.structureTreeView, "Liver")
        ready.toggle(ready.ui.taskTreeView, "Lung nodules (CT)")
        ready.press("Cancel")
        ready.apply()
        slicer.mrmlScene.Clear()
        assert ready.ui.taskComboBox.currentText == "Whole body (CT) + Lung nodules (CT)"
        assert self.roi(ready) == ("liver",)
