"""The panel: what a researcher clicks, sees and gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SLOW_CHILD = """
emit(event="started", pid=os.getpid(), version="0", stages=["infer"])
emit(event="progress", stage="infer", done=1, total=4, fraction=0.25)
wait_for_cancel()
emit(event="error", code="cancelled", exit_code=5, message="Cancelled.", hint="")
sys.exit(5)
"""


def test_without_a_scan_the_panel_says_what_to_do(panel: Any) -> None:
    assert not panel.ui.applyButton.enabled
    assert "Sample Data" in panel.ui.reasonLabel.text
    assert panel.ui.applyButton.toolTip == panel.ui.reasonLabel.text.removeprefix("▲ ")


def test_the_first_scan_of_the_scene_is_chosen(panel: Any, phantom: Any) -> None:
    panel.widget.enter()
    assert panel.ui.inputSelector.currentNode() is phantom
    assert panel.ui.applyButton.enabled
    assert panel.ui.reasonLabel.text == ""


def test_a_click_gives_segmentation_passport_and_table(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    parameters = ready.parameters
    names = ready.segment_names(parameters.outputSegmentation)
    assert names == ["Spleen", "Right kidney", "Liver"]
    assert ready.table_texts(0) == ["Right kidney", "Liver", "Spleen"]
    assert ready.ui.summaryLabel.text.startswith("3 organs")
    assert "Finished" in ready.ui.statusLabel.text
    assert ready.ui.applyButton.text == "Apply"


def test_apply_turns_into_cancel_and_progress_is_shown(ready: Any) -> None:
    ready.use_child(SLOW_CHILD)
    ready.apply()
    ready.wait_until(lambda: ready.ui.progressBar.value == 25)
    assert ready.ui.applyButton.text == "Cancel"
    assert not ready.ui.progressBar.isHidden()
    assert "Finding organs" in ready.ui.statusLabel.text
    ready.apply()
    assert ready.ui.applyButton.text == "Cancelling…"
    assert not ready.ui.applyButton.enabled
    ready.wait()


def test_a_run_survives_switching_modules(ready: Any, tmp_path: Path) -> None:
    gate = tmp_path / "go on"
    waiting = f"while not os.path.exists({str(gate)!r}): time.sleep(0.02)"
    ready.use_child(f'emit(event="progress", stage="load", fraction=0.25)\n{waiting}\n{ready.phantom_child}')
    ready.apply()
    ready.wait_until(lambda: ready.ui.progressBar.value == 25)
    ready.host.exit(ready.widget)  # the user opens another module
    ready.host.process_events()
    assert ready.logic.busy
    ready.host.enter(ready.widget)  # and looks in
    assert ready.ui.progressBar.value == 25
    assert not ready.ui.progressBar.isHidden()
    assert ready.ui.applyButton.text == "Cancel"
    ready.host.exit(ready.widget)
    gate.touch()
    assert ready.wait().status.value == "done"
    ready.host.enter(ready.widget)
    assert ready.table_texts(0) == ["Right kidney", "Liver", "Spleen"]
    assert ready.segment_names(ready.parameters.outputSegmentation) == ["Spleen", "Right kidney", "Liver"]
    assert ready.ui.statusLabel.text.startswith("✔ Finished")
    assert ready.ui.applyButton.text == "Apply"


def test_cancelling_leaves_no_process_no_file_and_the_button_back(ready: Any) -> None:
    ready.use_child(SLOW_CHILD)
    ready.apply()
    ready.wait_until(lambda: ready.ui.progressBar.value == 25)
    ready.apply()
    assert ready.wait().status.value == "cancelled"
    assert ready.ui.applyButton.text == "Apply"
    assert ready.ui.applyButton.enabled
    assert ready.ui.progressBar.isHidden()
    assert ready.ui.statusLabel.text == "Cancelled."
    assert ready.temporary_folders() == []
    assert ready.parameters.passport is None


def test_a_failure_is_one_sentence_in_one_dialog_with_details_in_the_log(ready: Any) -> None:
    ready.use_child('print("the long story", file=sys.stderr); raise RuntimeError("no luck")')
    ready.apply_and_wait()
    (shown,) = ready.error_dialogs()
    assert "no luck" in shown
    assert f"✖ {shown}" == ready.ui.statusLabel.text
    assert "the long story" in ready.ui.logText.toPlainText()
    assert ready.ui.applyButton.text == "Apply"
    assert ready.temporary_folders() == []


def test_log_lines_have_the_time_of_day(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    import re

    lines = ready.ui.logText.toPlainText().splitlines()
    assert len(lines) >= 2
    assert all(re.match(r"\d\d:\d\d:\d\d  \S", line) for line in lines)


def test_clicking_an_organ_centers_the_slices_on_it_and_shows_its_axes(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    ready.click_organ("Spleen")
    spleen = ready.passport().organs[1]
    for position in ready.slice_positions():
        np.testing.assert_allclose(position, spleen.centroid_ras_mm, atol=1e-6)
    lines = ready.nodes().selected_axes
    assert [line.GetDisplayNode().GetVisibility() for line in lines] == [1, 1, 1]
    for line, semi_axis in zip(lines, spleen.semi_axes_mm[::-1], strict=True):
        assert line.GetMeasurement("length").GetValue() == pytest.approx(2 * semi_axis)
        assert "Spleen" in line.GetName()


def test_the_three_line_nodes_are_reused_for_the_next_organ(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    ready.click_organ("Spleen")
    before = [line.GetID() for line in ready.nodes().selected_axes]
    ready.click_organ("Liver")
    assert [line.GetID() for line in ready.nodes().selected_axes] == before
    assert ready.count("vtkMRMLMarkupsLineNode") == 3


def test_the_table_is_sorted_by_numbers_not_by_text(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    import qt

    ready.ui.organTableView.sortByColumn(2, qt.Qt.AscendingOrder)
    volumes = [float(text) for text in ready.table_texts(2)]
    assert volumes == sorted(volumes)
    assert len(volumes) == 3


def test_searching_leaves_the_organs_that_match(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    ready.ui.searchLineEdit.text = "KID"
    assert ready.table_texts(0) == ["Right kidney"]
    ready.ui.searchLineEdit.text = ""
    assert len(ready.table_texts(0)) == 3


def test_showing_and_hiding_centroids_axes_ellipsoids_and_surfaces(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    nodes = ready.nodes()
    assert not nodes.ellipsoids.GetDisplayNode().GetVisibility(), "they cover the organs: only when asked for"
    ready.ui.showEllipsoidsCheckBox.checked = True
    boxes = {
        ready.ui.showCentroidsCheckBox: nodes.centroids,
        ready.ui.showAxesCheckBox: nodes.axes,
        ready.ui.showEllipsoidsCheckBox: nodes.ellipsoids,
    }
    for box, node in boxes.items():
        assert node.GetDisplayNode().GetVisibility()
        box.checked = False
        assert not node.GetDisplayNode().GetVisibility()
        box.checked = True
        assert node.GetDisplayNode().GetVisibility()
    ready.ui.show3DCheckBox.checked = False
    assert not nodes.segmentation.GetDisplayNode().GetVisibility3D()


def test_surfaces_are_made_only_when_they_are_to_be_shown(ready: Any) -> None:
    ready.ui.show3DCheckBox.checked = False
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    segmentation = ready.nodes().segmentation.GetSegmentation()
    assert not segmentation.ContainsRepresentation("Closed surface")
    ready.ui.show3DCheckBox.checked = True
    assert segmentation.ContainsRepresentation("Closed surface")


def test_exporting_writes_the_whole_passport(ready: Any, tmp_path: Path) -> None:
    assert not ready.ui.exportButton.enabled
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    path = tmp_path / "my passport.json"
    ready.answer_save_dialog(str(path))
    ready.ui.exportButton.click()
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["schema"] == "totalpassport-passport/1"
    assert list(document["organs"]) == ["1", "2", "5"]
    from TotalPassportLib.passport import read_passport

    assert read_passport(path).organs[5].voxel_count == ready.passport().organs[5].voxel_count


def test_an_export_that_cannot_be_written_says_why(ready: Any, tmp_path: Path) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    ready.answer_save_dialog(str(tmp_path / "no such folder" / "passport.json"))
    ready.ui.exportButton.click()
    (shown,) = ready.error_dialogs()
    assert "no such folder" in shown


def test_changing_ones_mind_in_the_save_dialog_does_nothing(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    ready.answer_save_dialog("")
    ready.ui.exportButton.click()
    assert ready.error_dialogs() == []


class TestMissingPackages:
    """The user is asked before anything is installed."""

    @pytest.fixture
    def missing(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        from TotalPassportSlicer.install import installation

        packages = ["onnxruntime>=1.23.2"]
        monkeypatch.setattr(installation, "missing_requirements", lambda *_file: list(packages))
        return packages

    def test_refusing_starts_nothing_and_says_how_to_go_on(self, ready: Any, missing: list[str]) -> None:
        ready.answer_question(False, "onnxruntime")
        ready.apply()
        assert not ready.logic.busy
        assert "Nothing was installed" in ready.ui.statusLabel.text
        assert ready.error_dialogs() == []

    def test_agreeing_installs_and_runs(self, ready: Any, missing: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        from TotalPassportSlicer.install import installation

        installed: list[str] = []

        def install(packages: list[str], *_file: Any) -> None:
            installed.extend(packages)
            missing.clear()

        monkeypatch.setattr(installation, "install_missing", install)
        ready.use_child(ready.phantom_child)
        ready.answer_question(True, "onnxruntime")
        ready.apply_and_wait()
        assert installed == ["onnxruntime>=1.23.2"]
        assert ready.ui.summaryLabel.text.startswith("3 organs")
        assert "Installed onnxruntime" in ready.ui.logText.toPlainText()

    def test_a_failed_installation_is_one_sentence(
        self, ready: Any, missing: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from TotalPassportSlicer.install import installation

        def install(packages: list[str], *_file: Any) -> None:
            raise installation.InstallationError("Installing failed: no network.", "Check the connection.")

        monkeypatch.setattr(installation, "install_missing", install)
        ready.answer_question(True)
        ready.apply()
        assert ready.error_dialogs() == ["Installing failed: no network. Check the connection."]
        assert not ready.logic.busy

    def test_a_script_is_told_instead_of_asked(self, ready: Any, missing: list[str], phantom: Any) -> None:
        from TotalPassportLib.base.errors import TotalPassportError

        with pytest.raises(TotalPassportError, match="onnxruntime"):
            ready.logic.process(phantom)
