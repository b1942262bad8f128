"""Scenes come and go; the panel and the passport follow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from panel_driver import phantom_voxels


def test_closing_the_scene_during_a_run_cancels_it(ready: Any) -> None:
    import slicer

    ready.use_child('emit(event="started", pid=os.getpid())\ntime.sleep(600)')
    ready.apply()
    ready.wait_until(lambda: ready.logic.state.value == "running")
    slicer.mrmlScene.Clear()
    assert not ready.logic.busy
    assert ready.temporary_folders() == []
    assert ready.ui.applyButton.text == "Apply"
    assert ready.ui.inputSelector.currentNode() is None
    assert ready.error_dialogs() == []


class TestAVolumeThatIsChangedDuringARun:
    """Results are never shown where they are not."""

    @pytest.fixture
    def running(self, ready: Any, tmp_path: Path) -> Any:
        """A run that goes on when `go_on` is called."""
        gate = tmp_path / "go on"
        waiting = f"while not os.path.exists({str(gate)!r}): time.sleep(0.02)"
        ready.use_child(f'emit(event="progress", stage="load", fraction=0.25)\n{waiting}\n{ready.phantom_child}')
        ready.apply()
        ready.wait_until(lambda: ready.ui.progressBar.value == 25)
        ready.go_on = lambda: (gate.touch(), ready.wait())[1]
        return ready

    @pytest.mark.parametrize("change", ["spacing", "voxels"])
    def test_another_grid_is_a_sentence_and_leaves_no_node(self, running: Any, change: str) -> None:
        before = running.node_names()
        if change == "spacing":
            running.phantom.SetSpacing(1.0, 1.0, 1.0)
        else:
            running.set_voxels(np.zeros((5, 5, 5), np.int16))
        assert running.go_on().status.value == "failed"
        (sentence,) = running.error_dialogs()
        assert sentence == "The result does not fit the volume 'Phantom', which was changed meanwhile. Run it again."
        assert running.node_names() == before

    def test_other_voxels_on_the_same_grid_are_told(self, running: Any) -> None:
        running.set_voxels(phantom_voxels()[::-1])
        assert running.go_on().status.value == "done"
        assert running.ui.statusLabel.text.startswith(
            "▲ The voxels of 'Phantom' were changed during the run, whose result is of those before. Finished in"
        )


def test_closing_the_scene_clears_the_table(ready: Any) -> None:
    import slicer

    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    slicer.mrmlScene.Clear()
    assert ready.table_texts(0) == []
    assert ready.ui.summaryLabel.text == ""
    assert not ready.ui.exportButton.enabled


def test_the_module_being_unloaded_ends_the_run(ready: Any) -> None:
    ready.use_child("time.sleep(600)")
    ready.apply()
    ready.wait_until(lambda: ready.logic.state.value == "running")
    ready.widget.cleanup()
    assert not ready.logic.busy
    assert ready.temporary_folders() == []


def test_a_saved_scene_comes_back_with_its_passport(ready: Any, tmp_path: Path) -> None:
    import slicer

    ready.use_child(ready.phantom_child)
    ready.ui.showAxesCheckBox.checked = False
    ready.ui.showEllipsoidsCheckBox.checked = True
    ready.ui.showAllOrgansCheckBox.checked = True
    ready.apply_and_wait()
    before = ready.passport()
    labels = ready.expected_labels()
    path = tmp_path / "scene.mrb"
    assert slicer.util.saveScene(str(path))
    slicer.mrmlScene.Clear()
    slicer.util.loadScene(str(path))
    ready.widget.enter()
    parameters = ready.parameters
    assert parameters.inputVolume.GetName() == "Phantom"
    assert parameters.showAxes is False
    assert ready.ui.showAxesCheckBox.checked is False
    assert ready.table_texts(0) == ["Right kidney", "Liver", "Spleen"]
    assert ready.passport().organs.keys() == before.organs.keys()
    nodes = ready.nodes()
    assert nodes.source is parameters.inputVolume
    assert ready.segment_names(nodes.segmentation) == ["Spleen", "Right kidney", "Liver"]
    assert nodes.centroids.GetLocked()
    assert nodes.axes.GetPolyData().GetPointData().GetArray("Axis").GetNumberOfComponents() == 4
    assert nodes.ellipsoids.GetPolyData().GetPointData().GetArray("Organ").GetNumberOfComponents() == 3
    assert nodes.ellipsoids.GetDisplayNode().GetVisibility() == ready.ui.showEllipsoidsCheckBox.checked is True
    assert nodes.table.GetNumberOfRows() == 3
    np.testing.assert_array_equal(ready.exported_labels(nodes.segmentation)[0], labels)
    ready.click_organ("Spleen")
    assert nodes.selected_axes[0].GetDisplayNode().GetVisibility()


def test_a_reloaded_passport_can_be_exported(ready: Any, tmp_path: Path) -> None:
    import slicer
    from TotalPassportLib.passport import read_passport

    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    text = ready.parameters.passport.GetText()
    path = tmp_path / "scene.mrb"
    assert slicer.util.saveScene(str(path))
    slicer.mrmlScene.Clear()
    slicer.util.loadScene(str(path))
    ready.widget.enter()
    exported = tmp_path / "passport.json"
    ready.answer_save_dialog(str(exported))
    ready.ui.exportButton.click()
    assert exported.read_text(encoding="utf-8") == text
    assert len(read_passport(exported).organs) == 3


def test_a_scene_that_is_loaded_while_the_panel_is_open_is_shown_in_it(ready: Any, tmp_path: Path) -> None:
    import slicer

    ready.use_child(ready.phantom_child)
    ready.ui.showAxesCheckBox.checked = False
    ready.apply_and_wait()
    path = tmp_path / "scene.mrb"
    assert slicer.util.saveScene(str(path))
    slicer.mrmlScene.Clear()
    assert ready.table_texts(0) == []
    slicer.util.loadScene(str(path))
    assert ready.table_texts(0) == ["Right kidney", "Liver", "Spleen"]
    assert ready.ui.inputSelector.currentNode().GetName() == "Phantom"
    assert ready.ui.showAxesCheckBox.checked is False
    assert ready.ui.exportButton.enabled


def test_a_run_after_loading_updates_the_loaded_nodes(ready: Any, tmp_path: Path) -> None:
    import slicer

    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    path = tmp_path / "scene.mrb"
    assert slicer.util.saveScene(str(path))
    slicer.mrmlScene.Clear()
    slicer.util.loadScene(str(path))
    ready.widget.enter()
    names = sorted(ready.node_names())
    ready.apply_and_wait()
    assert sorted(ready.node_names()) == names


def test_a_scene_with_a_spoilt_passport_is_a_sentence(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    node = ready.parameters.passport
    ready.parameters.passport = None
    node.SetText('{"schema": "something else"}')
    ready.parameters.passport = node
    (shown,) = ready.error_dialogs()
    assert node.GetName() in shown
    assert ready.table_texts(0) == []
