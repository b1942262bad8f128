"""Several scans, one after another: what a user checks, sees meanwhile, and has at the end."""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from panel_driver import phantom_voxels

FAILS_ON_999 = """
if b"\\xe7\\x03" in open(job["ct"], "rb").read():
    emit(event="error", code="bad_input", exit_code=2, message="'ct.nii' has metal in it.", hint="Leave it out.")
    sys.exit(2)
"""
WAITS = """
emit(event="started", pid=os.getpid(), version="0", stages=["infer"])
emit(event="progress", stage="infer", done=1, total=4, fraction=0.5, seconds_left=20.0)
wait_for_cancel()
emit(event="error", code="cancelled", exit_code=5, message="Cancelled.", hint="")
sys.exit(5)
"""


@pytest.fixture
def scans(ready: Any) -> Any:
    """The panel with the section open and three scans in the scene, the second of which fails."""
    ready.use_child(FAILS_ON_999 + ready.phantom_child)
    ready.volumes = [ready.phantom, ready.add_phantom("Metal"), ready.add_phantom("Third")]
    import slicer

    slicer.util.arrayFromVolume(ready.volumes[1])[0, 0, 0] = 999
    ready.ui.scansCollapsibleButton.collapsed = False
    return ready


def rows(panel: Any, column: int = 1) -> list[str]:
    """Return a column of the table of scans: 0 names, 1 states, 2 remarks."""
    return panel._column(panel.ui.scansTableView, column)


def run_all(panel: Any, seconds: float = 60) -> Any:
    """Click the button and wait for the end of all."""
    panel.ui.runScansButton.click()
    return panel.wait(seconds)


def check(panel: Any, name: str, checked: bool) -> None:
    """Check or uncheck a scan."""
    import qt

    index = panel.ui.scansTableView.model().index(rows(panel, 0).index(name), 0)
    state = qt.Qt.Checked if checked else qt.Qt.Unchecked
    assert panel.ui.scansTableView.model().setData(index, state.value, qt.Qt.CheckStateRole)


def choose(panel: Any, title: str) -> None:
    """Choose where scans come from."""
    box = panel.ui.scanSourceComboBox
    box.currentIndex = [box.itemText(index) for index in range(box.count)].index(title)


def color(panel: Any, name: str) -> tuple[int, int, int] | None:
    """Return the colour of a scan's state."""
    import qt

    brush = panel.ui.scansTableView.model().index(rows(panel, 0).index(name), 1).data(qt.Qt.ForegroundRole)
    return None if brush is None else (brush.red(), brush.green(), brush.blue())


def table_nodes() -> list[Any]:
    """Return the table nodes of several scans."""
    import slicer
    from TotalPassportSlicer.nodes.scans_table import SCANS_ATTRIBUTE

    nodes = slicer.util.getNodesByClass("vtkMRMLTableNode")
    return [node for node in nodes if node.GetAttribute(SCANS_ATTRIBUTE)]


def passports() -> list[str]:
    """Return the names of the passports in the scene."""
    import slicer
    from TotalPassportSlicer.nodes.scan_nodes import is_passport

    return [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLTextNode") if is_passport(node)]


def test_each_scan_ends_in_words_and_colour_and_a_failure_stops_no_other(scans: Any) -> None:
    assert rows(scans, 0) == ["Phantom", "Metal", "Third"]
    assert rows(scans) == ["", "", ""]
    outcome = run_all(scans)
    assert outcome.status.value == "done"
    assert rows(scans) == ["✔ done", "✖ failed", "✔ done"]
    assert rows(scans, 2) == ["3 organs", "'Metal' has metal in it. Leave it out.", "3 organs"]
    assert len({color(scans, name) for name in ("Phantom", "Metal")}) == 2
    assert scans.ui.scansLabel.text == "▲ 3 scans: 2 done, 1 failed."
    assert scans.ui.statusLabel.text.startswith("▲ 3 scans: 2 done, 1 failed. Finished in")
    assert "191, 111, 0" in scans.ui.statusLabel.styleSheet, "neither all well nor all lost"
    assert scans.ui.statusLabel.styleSheet == scans.ui.scansLabel.styleSheet
    assert scans.error_dialogs() == [], "the table says it"
    assert passports() == ["Phantom passport", "Third passport"]
    assert scans.temporary_folders() == []
    assert scans.ui.applyButton.text == "Apply"
    log = scans.ui.logText.toPlainText()
    assert "'Metal': failed." in log
    from TotalPassportSlicer.panel.bug_report import without_patients

    report = without_patients(log)
    assert not [name for name in ("Phantom", "Metal", "Third") if name in report], "a report tells no scan's name"


def test_one_table_has_the_organs_of_all_scans_and_its_file_is_that_of_a_batch(scans: Any, tmp_path: Path) -> None:
    from TotalPassportLib.batches.batch_results import TABLE_COLUMNS

    assert scans.ui.exportScansButton.isHidden()
    run_all(scans)
    (table,) = table_nodes()
    assert table.GetName() == "Organs of all scans"
    assert table.GetNumberOfRows() == 6
    assert [table.GetColumnName(column) for column in range(table.GetNumberOfColumns())] == list(TABLE_COLUMNS)
    values = table.GetTable()
    third = scans.passport_named("Third passport")
    assert [values.GetValueByName(row, "subject").ToString() for row in (0, 5)] == ["Phantom", "Third"]
    assert values.GetValueByName(5, "volume_mm3").ToDouble() == pytest.approx(third["liver"].volume_mm3, abs=0.01)
    assert values.GetValueByName(5, "label").ToInt() == 5
    assert np.isnan(values.GetValueByName(5, "mean_hu").ToDouble()), "not known is not 0"
    scans.answer_save_dialog(str(tmp_path / "all.csv"))
    scans.ui.exportScansButton.click()
    with (tmp_path / "all.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    assert [(row["subject"], row["name"]) for row in written[::5]] == [("Phantom", "spleen"), ("Third", "liver")]


def test_only_checked_scans_are_run_and_the_others_keep_their_rows(scans: Any) -> None:
    check(scans, "Metal", False)
    check(scans, "Third", False)
    run_all(scans)
    assert rows(scans, 0) == ["Phantom", "Metal", "Third"]
    assert rows(scans) == ["✔ done", "", ""]
    import qt

    model = scans.ui.scansTableView.model()
    boxes = [model.index(row, 0).data(qt.Qt.CheckStateRole) for row in range(3)]
    assert [box is not None and qt.Qt.CheckState(box) == qt.Qt.Checked for box in boxes] == [True, False, False]
    check(scans, "Phantom", False)
    assert not scans.ui.runScansButton.enabled
    assert "check those" in scans.ui.runScansButton.toolTip


def test_progress_is_that_of_all_and_cancel_ends_one_and_skips_the_rest(scans: Any) -> None:
    scans.use_child(WAITS)
    scans.ui.runScansButton.click()
    scans.wait_until(lambda: "▶ 50 %" in rows(scans))
    assert rows(scans) == ["▶ 50 %", "… waiting", "… waiting"]
    assert scans.ui.progressBar.value == 16, "half of one of three that are alike"
    assert re.fullmatch(r"Scan 1 of 3 · Finding organs · about [67]\d s left", scans.ui.statusLabel.text), (
        "three times 20"
    )
    assert scans.ui.runScansButton.text == scans.ui.applyButton.text == "Cancel"
    assert not scans.ui.scanSourceComboBox.enabled
    scans.ui.runScansButton.click()
    assert scans.wait().status.value == "cancelled"
    assert rows(scans) == ["▲ skipped", "▲ skipped", "▲ skipped"]
    assert scans.ui.scansLabel.text == "✖ 3 scans: 3 skipped."
    assert scans.temporary_folders() == []
    assert table_nodes() == []
    assert scans.ui.runScansButton.text == "Run all"


def test_a_child_that_is_killed_fails_its_scan_alone(scans: Any) -> None:
    kill = 'if b"\\xe7\\x03" in open(job["ct"], "rb").read():\n    os.kill(os.getpid(), 9)\n'
    scans.use_child(kill + scans.phantom_child)
    run_all(scans)
    assert rows(scans) == ["✔ done", "✖ failed", "✔ done"]
    assert "ended unexpectedly" in rows(scans, 2)[1]
    assert scans.temporary_folders() == []


def test_the_module_being_unloaded_ends_all(scans: Any) -> None:
    scans.use_child(WAITS)
    scans.ui.runScansButton.click()
    scans.wait_until(lambda: "▶ 50 %" in rows(scans))
    scans.widget.cleanup()
    assert not scans.logic.busy
    assert scans.temporary_folders() == []
    assert scans.child_processes() == {}


def test_the_bar_goes_on_from_scan_to_scan(scans: Any) -> None:
    slow = f'if b"\\xe7\\x03" in open(job["ct"], "rb").read():\n    wait_for_cancel()\n{scans.phantom_child}'
    scans.use_child(slow)
    scans.ui.runScansButton.click()
    scans.wait_until(lambda: rows(scans)[1] == "▶ 0 %")
    assert scans.ui.progressBar.value == 33
    assert scans.ui.statusLabel.text.startswith("Scan 2 of 3")
    scans.logic.cancel()
    scans.wait()


def test_the_button_apply_cancels_all_too(scans: Any) -> None:
    scans.use_child(WAITS)
    scans.ui.runScansButton.click()
    scans.wait_until(lambda: "▶ 50 %" in rows(scans))
    scans.apply()
    assert scans.wait().status.value == "cancelled"
    assert scans.logic.state.value == "idle"


def test_what_was_done_before_cancelling_stays_and_is_in_the_table(scans: Any) -> None:
    waits = "".join(f"    {line}\n" for line in WAITS.splitlines())
    scans.use_child(f'if b"\\xe7\\x03" in open(job["ct"], "rb").read():\n{waits}\n{scans.phantom_child}')
    scans.ui.runScansButton.click()
    scans.wait_until(lambda: rows(scans)[1] == "▶ 50 %")
    scans.ui.runScansButton.click()
    scans.wait()
    assert rows(scans) == ["✔ done", "▲ skipped", "▲ skipped"]
    (table,) = table_nodes()
    assert table.GetNumberOfRows() == 3


def test_all_scans_survive_another_module_and_end_with_the_scene(scans: Any) -> None:
    import slicer

    scans.use_child(WAITS)
    scans.ui.runScansButton.click()
    scans.wait_until(lambda: "▶ 50 %" in rows(scans))
    scans.host.exit(scans.widget)
    scans.host.enter(scans.widget)
    assert scans.logic.runsSeveral
    slicer.mrmlScene.Clear()
    assert not scans.logic.busy
    assert not scans.logic.runsSeveral
    assert scans.temporary_folders() == []
    assert rows(scans) == []
    assert table_nodes() == []
    assert scans.child_processes() == {}


def test_a_scan_of_the_wrong_modality_is_skipped_with_the_reason(scans: Any) -> None:
    import slicer
    from TotalPassportLib.options import RunOptions

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    attribute = slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMSeriesModalityAttributeName()
    hierarchy.SetItemAttribute(hierarchy.GetItemByDataNode(scans.volumes[2]), attribute, "MR")
    scans.use_child("raise SystemExit('it must not be run')")
    outcomes: list[Any] = []
    scans.logic.processScans(scans.volumes[2:], RunOptions(task=("total",)), outcomes.append)
    assert scans.wait().status.value == "failed"
    assert rows(scans) == ["", "", "▲ skipped"]
    assert "It is of the modality MR" in rows(scans, 2)[2]
    assert rows(scans, 2)[2] in outcomes[0].sentence
    assert scans.error_dialogs() == [], "the script that started it hears of it"


def test_a_click_shows_a_scan_with_its_organs_and_hides_the_others(scans: Any) -> None:
    from TotalPassportSlicer.nodes.scan_nodes import ScanNodes

    run_all(scans)
    assert scans.parameters.passport.GetName() == "Phantom passport", "the first one that is done is shown"
    scans._click_row(scans.ui.scansTableView, 2)
    assert scans.parameters.passport.GetName() == "Third passport"
    shown = [ScanNodes.of(volume).segmentation.GetDisplayNode().GetVisibility() for volume in scans.volumes[::2]]
    assert shown == [0, 1]
    assert len(scans.table_texts(0)) == 3
    scans._click_row(scans.ui.scansTableView, 1)
    assert scans.parameters.passport.GetName() == "Third passport", "what failed has nothing to show"


def test_scans_that_come_and_go_are_followed(panel: Any) -> None:
    import slicer

    panel.ui.scansCollapsibleButton.collapsed = False
    assert rows(panel, 0) == []
    assert panel.ui.scansTableView.isHidden()
    node = panel.add_phantom("New")
    assert rows(panel, 0) == ["New"]
    slicer.mrmlScene.RemoveNode(node)
    assert rows(panel, 0) == []
    assert not panel.ui.runScansButton.enabled


def test_a_scan_that_is_removed_before_its_turn_fails_alone(scans: Any) -> None:
    import slicer

    scans.ui.runScansButton.click()
    slicer.mrmlScene.RemoveNode(scans.volumes[1])
    scans.wait()
    states = {entry.title: entry.state.value for entry in scans.logic.scans.entries}
    assert states == {"Phantom": "done", "Metal": "failed", "Third": "done"}
    assert "was removed" in scans.logic.scans.entries[1].sentence


def test_nothing_else_starts_while_scans_are_run(scans: Any) -> None:
    from TotalPassportLib.base.errors import TotalPassportError

    scans.ui.runScansButton.click()
    for _number in range(3):
        with pytest.raises(TotalPassportError, match="still under way"):
            scans.logic.process(scans.phantom)
    scans.wait()


def test_a_second_run_updates_the_same_nodes_and_its_table_is_one_more(scans: Any) -> None:
    run_all(scans)
    names = sorted(scans.node_names())
    run_all(scans)
    new = [name for name in sorted(scans.node_names()) if name not in names]
    assert new == ["vtkMRMLTableNode Organs of all scans_1"]


def sequence_of(panel: Any, count: int = 3) -> Any:
    """Add a sequence of phantoms whose liver shrinks by a slice a frame."""
    import slicer

    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "Heart")
    sequence.SetIndexName("time")
    sequence.SetIndexUnit("s")
    for number in range(count):
        voxels = phantom_voxels()
        if number:
            voxels[18:34, 14:28, 26 - number : 26] = 20
        frame = slicer.vtkMRMLScalarVolumeNode()
        slicer.util.updateVolumeFromArray(frame, np.ascontiguousarray(voxels.transpose(2, 1, 0)))
        frame.SetSpacing(2.0, 2.5, 3.0)
        sequence.SetDataNodeAtValue(frame, str(0.5 * number))
    panel.widget.onNodesChanged(None, None)
    return sequence


def test_frames_of_a_sequence_become_a_sequence_of_segmentations_and_passports(ready: Any) -> None:
    import slicer

    ready.use_child(ready.phantom_child)
    ready.ui.scansCollapsibleButton.collapsed = False
    sequence = sequence_of(ready)
    choose(ready, "Frames of Heart")
    assert rows(ready, 0) == ["Heart (0.0 s)", "Heart (0.5 s)", "Heart (1.0 s)"]
    run_all(ready)
    assert rows(ready) == ["✔ done"] * 3
    (browser,) = slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode")
    (found,) = [node for node in slicer.util.getNodesByClass("vtkMRMLSequenceNode") if node is not sequence]
    assert browser.GetMasterSequenceNode() is sequence
    assert browser.IsSynchronizedSequenceNode(found)
    assert found.GetName() == "Heart segmentations"
    assert [found.GetNthIndexValue(number) for number in range(3)] == [
        sequence.GetNthIndexValue(number) for number in range(3)
    ]
    segmentation = browser.GetProxyNode(found)
    liver = []
    for number in (2, 0, 1):
        ready._click_row(ready.ui.scansTableView, number)
        assert ready.segment_names(segmentation) == ["Spleen", "Right kidney", "Liver"]
        liver.append((number, int((ready.exported_labels(segmentation)[0] == 5).sum())))
    assert [voxels for _number, voxels in sorted(liver)] == [16 * 14 * slices for slices in (11, 10, 9)]
    assert ready.parameters.passport.GetName() == f"{rows(ready, 0)[1]} passport"
    assert [len(ready.passport_named(name)) for name in passports()] == [3, 3, 3]
    ready.click_organ("Liver")
    ready.open_organ("Spleen")
    spleen = ready.passport().organs[1]
    assert ready.nodes().selected_axes[0].GetDisplayNode().GetVisibility()
    assert ready.shown_segments() == ["Spleen", "Right kidney", "Liver"]
    for number in (0, 2):  # what is in space is that of the frame that is shown, and there once
        ready._click_row(ready.ui.scansTableView, number)
        nodes, liver_now = ready.nodes(), ready.passport().organs[5]
        centroids = slicer.util.arrayFromMarkupsControlPoints(nodes.centroids)
        np.testing.assert_allclose(centroids[2], liver_now.centroid_ras_mm, atol=1e-6)
        assert nodes.centroids.GetName() == "Heart centroids"
        assert nodes.table.GetNumberOfRows() == 3
    ready.parameters.passport = slicer.util.getNode(passports()[1])
    assert browser.GetSelectedItemNumber() == 1, "chosen elsewhere than in the list, it is shown as well"
    assert ready.passport().organs[1].centroid_ras_mm == pytest.approx(spleen.centroid_ras_mm)
    assert ready.count("vtkMRMLMarkupsFiducialNode") == 1
    assert ready.count("vtkMRMLMarkupsLineNode") == 3
    role = segmentation.GetReferenceImageGeometryReferenceRole()
    assert segmentation.GetNodeReferenceID(role) is None, "in this scene that is another node's identifier"
    table = slicer.util.getNode("Heart: organs of all scans")
    assert table.GetNumberOfRows() == 9
    names = sorted(ready.node_names())
    run_all(ready)
    assert sorted(name for name in ready.node_names() if name not in names) == [
        "vtkMRMLTableNode Heart: organs of all scans_1"
    ]


@pytest.fixture
def waiting(scans: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is to start when a model has come; it is still coming."""
    starts: list[Any] = []
    monkeypatch.setattr(scans.widget.models, "when_installed", lambda _names, run: starts.append(run))
    return starts


def test_what_was_checked_at_the_click_is_run_whatever_is_chosen_while_a_model_comes(
    scans: Any, waiting: list[Any]
) -> None:
    import slicer

    check(scans, "Metal", False)
    scans.ui.runScansButton.click()
    check(scans, "Metal", True)
    choose(scans, "A folder on the disk")
    slicer.mrmlScene.RemoveNode(scans.volumes[2])
    waiting[0]()
    assert scans.wait().status.value == "done"
    assert [entry.title for entry in scans.logic.scans.entries] == ["Phantom"]


def test_a_sequence_that_goes_while_a_model_comes_is_a_sentence(scans: Any, waiting: list[Any]) -> None:
    import slicer
    from TotalPassportLib.base.errors import BadInput

    sequence = sequence_of(scans)
    choose(scans, "Frames of Heart")
    scans.ui.runScansButton.click()
    slicer.mrmlScene.RemoveNode(sequence)
    with pytest.raises(BadInput, match="There is no scan to run"):  # `Starter` shows it
        waiting[0]()


def test_a_single_volume_may_be_given_as_it_is_and_nothing_is_a_sentence(ready: Any) -> None:
    from TotalPassportLib.base.errors import BadInput

    ready.use_child(ready.phantom_child)
    assert ready.logic.runScans(ready.phantom, model="demo").node.GetNumberOfRows() == 3
    with pytest.raises(BadInput, match="no volume"):
        ready.logic.runScans(None)


def test_a_frame_that_goes_before_its_turn_fails_alone(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    sequence = sequence_of(ready)
    last = sequence.GetNthIndexValue(2)
    from TotalPassportLib.options import RunOptions

    ready.logic.processScans(sequence, RunOptions(model="demo"), lambda outcome: None)
    sequence.RemoveDataNodeAtValue(last)
    assert ready.wait().status.value == "done"
    states = [(entry.state.value, entry.sentence) for entry in ready.logic.scans.entries]
    assert [state for state, _sentence in states] == ["done", "done", "failed"]
    assert "has no frame 3 any more" in states[2][1]
    sequence.RemoveDataNodeAtValue(sequence.GetNthIndexValue(1))
    ready.ui.scansCollapsibleButton.collapsed = False
    choose(ready, "Frames of Heart")
    ready._click_row(ready.ui.scansTableView, 1)
    assert ready.parameters.passport.GetName() == "Heart (0.5 s) passport", "which there still is"


def test_a_sequence_of_something_else_is_a_sentence(ready: Any) -> None:
    import slicer
    from TotalPassportLib.base.errors import BadInput

    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "Motion")
    with pytest.raises(BadInput, match="'Motion' is no sequence of volumes"):
        ready.logic.runScans(sequence)
    sequence.SetDataNodeAtValue(slicer.vtkMRMLLinearTransformNode(), "0")
    with pytest.raises(BadInput, match="'Motion' is no sequence of volumes"):
        ready.logic.runScans(sequence)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scans and a file that is none, on the disk."""
    import nibabel

    path = tmp_path_factory.mktemp("scans") / "Pâtiënt scans"
    (path / "one").mkdir(parents=True)
    for name in ("a.nii.gz", "one/b.nii.gz"):
        voxels = phantom_voxels()[:, :, : 20 if name == "a.nii.gz" else 24]
        nibabel.save(nibabel.Nifti1Image(voxels, np.diag([3.0, 3.0, 3.0, 1.0])), path / name)
    (path / "broken.nii.gz").write_bytes(b"no scan")
    return path


@pytest.mark.slow
def test_a_folder_is_run_as_the_command_batch_does_and_that_finds_it_finished(
    panel: Any, demo_model: None, folder: Path, tmp_path: Path
) -> None:
    from TotalPassportLib.batches.batch_run import batch
    from TotalPassportLib.options import RunOptions

    output = tmp_path / "Résults folder"
    panel.choose_model("demo")
    panel.use_real_child()
    panel.ui.scansCollapsibleButton.collapsed = False
    assert panel.ui.scansFolderEdit.isHidden()
    choose(panel, "A folder on the disk")
    assert not panel.ui.scansFolderEdit.isHidden()
    assert not panel.ui.runScansButton.enabled
    panel.host.answers.expect("directory", str(folder))
    panel.ui.scansFolderEdit.browse()
    panel.ui.scansOutputEdit.currentPath = str(output)
    assert run_all(panel, 300).status.value == "done"
    assert rows(panel, 0) == ["a", "b", "broken"]
    assert rows(panel) == ["✔ done", "✔ done", "✖ failed"]
    assert rows(panel, 2)[0].endswith(" organs")
    assert "broken.nii.gz" in rows(panel, 2)[2]
    assert panel.ui.scansLabel.text == "▲ 3 scans: 2 done, 1 failed."
    assert panel.error_dialogs() == []
    (table,) = table_nodes()
    assert table.GetName() == f"{output.name}: organs of all scans"
    text = (output / "organs.csv").read_text(encoding="utf-8")
    assert table.GetNumberOfRows() == len(list(csv.DictReader(io.StringIO(text))))
    events: list[Any] = []
    panel._click_row(panel.ui.scansTableView, 1)
    assert panel.parameters.passport.GetName() == "b passport"
    assert len(panel.table_texts(0)) == len(panel.passport())
    assert panel.nodes().segmentation is not None
    assert panel.nodes().source.IsA("vtkMRMLScalarVolumeNode")
    panel._click_row(panel.ui.scansTableView, 2)
    assert panel.parameters.passport.GetName() == "b passport", "what failed has nothing to open"
    done = batch(folder, output, RunOptions(model="demo"), on_event=events.append)
    assert done.n_run == 1, "only the one that failed is tried again"
    assert next(event for event in events if event["event"] == "subjects")["finished"] == ["a", "b"]
    assert run_all(panel, 300).status.value == "done"
    assert rows(panel, 2)[0] == "Finished before, with these settings."
    assert panel.temporary_folders() == []


@pytest.mark.slow
def test_a_folder_that_is_cancelled_keeps_what_is_done_and_leaves_no_process(
    panel: Any, demo_model: None, folder: Path, tmp_path: Path
) -> None:
    panel.choose_model("demo")
    panel.use_real_child()
    panel.ui.scansCollapsibleButton.collapsed = False
    choose(panel, "A folder on the disk")
    panel.ui.scansFolderEdit.currentPath = str(folder)
    panel.ui.scansOutputEdit.currentPath = str(tmp_path / "out")
    panel.ui.runScansButton.click()
    panel.wait_until(lambda: "✖ failed" in rows(panel) or "✔ done" in rows(panel), 120)
    panel.ui.runScansButton.click()
    outcome = panel.wait(30)
    assert outcome.status.value == "cancelled"
    assert "stays in" in outcome.sentence
    assert "▲ skipped" in rows(panel)
    panel.wait_until(lambda: panel.child_processes() == {}, 10)
    assert panel.temporary_folders() == []
    unfinished = [name for _place, _folders, names in os.walk(tmp_path / "out") for name in names if ".tmp" in name]
    assert unfinished == []


def test_a_folder_without_scans_is_a_sentence(panel: Any, demo_model: None, tmp_path: Path) -> None:
    panel.choose_model("demo")
    panel.use_real_child()
    panel.ui.scansCollapsibleButton.collapsed = False
    (tmp_path / "empty").mkdir()
    choose(panel, "A folder on the disk")
    panel.ui.scansFolderEdit.currentPath = str(tmp_path / "empty")
    panel.ui.scansOutputEdit.currentPath = str(tmp_path / "out")
    assert run_all(panel).status.value == "failed"
    (sentence,) = panel.error_dialogs()
    assert "no scan" in sentence
    assert rows(panel) == []
