"""A real model is the panel's own choice; the demo model is it for its sample alone."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def sample(panel: Any) -> Any:
    """The sample CT, as Sample Data brings it in."""
    import SampleData

    return SampleData.downloadSample("TotalPassportDemoCT")


def test_a_scan_gets_a_real_model_although_it_has_to_be_downloaded_first(home: Any, panel: Any, phantom: Any) -> None:
    panel.host.enter(panel.widget)
    assert panel.parameters.inputVolume is phantom
    assert panel.parameters.model == "fast"
    assert "Not installed: Apply offers to download it" in panel.ui.modelNoteLabel.text
    assert panel.ui.applyButton.enabled


def test_the_sample_gets_the_demo_model_and_the_next_scan_a_real_one_again(panel: Any, sample: Any) -> None:
    panel.host.enter(panel.widget)
    assert panel.parameters.inputVolume is sample
    assert panel.parameters.model == "demo"
    assert panel.ui.taskComboBox.itemData(panel.ui.taskComboBox.currentIndex) == "model:demo"
    assert "Of any other scan than its sample" in panel.ui.modelNoteLabel.text
    panel.parameters.inputVolume = panel.add_phantom()
    assert panel.parameters.model == "fast"


def test_a_changed_sample_is_another_scan(panel: Any, sample: Any) -> None:
    import slicer

    voxels = slicer.util.arrayFromVolume(sample)
    voxels[100, 100, 100] += 1
    panel.host.enter(panel.widget)
    assert panel.parameters.inputVolume is sample
    assert panel.parameters.model == "fast"


def test_the_demo_model_can_be_chosen_by_name(ready: Any) -> None:
    ready.choose_model("demo")
    ready.ui.show3DCheckBox.checked = False
    assert ready.parameters.model == "demo", "other changes leave the choice alone"


def test_the_last_real_model_and_its_settings_are_there_in_the_next_scene(ready: Any) -> None:
    import slicer

    for model in ("full", "demo"):
        ready.choose_model(model)
        ready.parameters.precision, ready.parameters.provider = "turbo", "cpu"
        ready.press("Cancel") if model == "full" else ready.use_child(ready.phantom_child)
        ready.apply_and_wait() if model == "demo" else ready.apply()
    slicer.mrmlScene.Clear()
    assert (ready.parameters.model, ready.parameters.precision, ready.parameters.provider) == ("full", "turbo", "cpu")


def test_a_scene_keeps_the_model_that_it_was_saved_with(ready: Any, tmp_path: Any) -> None:
    import slicer

    ready.choose_model("fastest")
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    slicer.mrmlScene.Clear()
    assert ready.parameters.model == "fast"
    slicer.util.loadScene(path)
    assert ready.parameters.model == "fastest"


def test_closing_the_scene_chooses_no_other_model_on_the_way(ready: Any) -> None:
    import slicer
    import vtk

    ready.choose_model("fast")
    node, chosen = ready.parameters.parameterNode, []
    tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: chosen.append(node.GetParameter("model")))
    slicer.mrmlScene.Clear()
    node.RemoveObserver(tag)
    assert chosen
    assert set(chosen) <= {"", "fast"}
    assert ready.parameters.model == "fast"
