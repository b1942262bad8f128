"""A scripted module's life in the host: loaded, opened, used, closed."""

from __future__ import annotations

from typing import Any

import pytest
from host.errors import HostFailure

from .conftest import TOY_MODULE


def test_loading_a_module_makes_it_known_and_completes_the_start(slicer_host: Any) -> None:
    import slicer

    widget = slicer_host.load_module(TOY_MODULE)
    assert slicer.modules.toy.title == "Toy"
    assert slicer.modules.ToyInstance.started >= 1
    assert slicer.modules.ToyWidget is widget
    assert slicer.util.getModuleWidget("Toy") is widget
    assert widget.parent.isEntered


def test_the_scene_reaches_selectors_through_the_connections_of_the_ui_file(toy: Any, volume: Any) -> None:
    toy.ui.inputSelector.setCurrentNode(volume)
    assert toy.ui.inputSelector.currentNode() is volume
    assert toy.parameters.inputVolume is volume
    assert toy.ui.runButton.enabled


def test_widgets_and_parameters_follow_each_other(toy: Any) -> None:
    ui, parameters = toy.ui, toy.parameters
    assert (ui.thresholdSlider.value, ui.thresholdSlider.minimum, ui.thresholdSlider.maximum) == (50.0, -10.0, 200.0)
    assert ui.repetitionsBox.value == 3
    assert ui.flavourComboBox.currentText == "Sour"
    ui.repetitionsBox.value = 7
    ui.invertCheckBox.checked = True
    ui.titleEdit.text = "other"
    ui.flavourComboBox.currentIndex = 0
    assert (parameters.repetitions, parameters.invert, parameters.title) == (7, True, "other")
    assert parameters.flavour.name == "SWEET"
    parameters.threshold = 60.5
    parameters.title = "third"
    assert (ui.thresholdSlider.value, ui.titleEdit.text) == (60.5, "third")


def test_the_base_class_of_a_panel_has_no_enter_and_no_exit(toy: Any) -> None:
    from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget

    assert not hasattr(ScriptedLoadableModuleWidget, "enter")
    assert not hasattr(ScriptedLoadableModuleWidget, "exit")


def test_a_panel_may_do_without_either(slicer_host: Any, toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.setParameterNode(None)
    monkeypatch.delattr(type(toy), "enter")
    monkeypatch.delattr(type(toy), "exit")
    slicer_host.enter(toy)
    assert toy.parent.isEntered
    slicer_host.exit(toy)
    assert not toy.parent.isEntered


def test_connections_between_widgets_of_the_ui_file_work(toy: Any) -> None:
    toy.ui.invertCheckBox.checked = True
    assert not toy.ui.titleEdit.enabled


def test_a_real_child_process_runs_through_the_launcher(slicer_host: Any, toy: Any, volume: Any) -> None:
    toy.parameters.inputVolume = volume
    toy.ui.runButton.click()
    slicer_host.wait_until(lambda: toy.ui.statusLabel.text != "", 60)
    assert toy.ui.statusLabel.text == "0 5 characters"
    assert toy.process.state() == toy.process.NotRunning


def test_killing_the_launcher_leaves_its_child_and_the_reset_notices(slicer_host: Any) -> None:
    import os
    import shutil
    import signal

    import qt
    from host import environment

    process = qt.QProcess()
    process.start(shutil.which("PythonSlicer"), ["-c", "import time; time.sleep(60)"])
    process.waitForStarted()
    slicer_host.wait_until(lambda: any("sleep(60)" in c and "sh" not in c for c in _commands(environment)), 30)
    process.kill()
    process.waitForFinished()
    orphans = [pid for pid, command in environment.session_processes().items() if "sleep(60)" in command]
    with pytest.raises(HostFailure, match="is still running"):
        slicer_host.reset()
    for pid in orphans:
        os.kill(pid, signal.SIGKILL)
    assert len(orphans) == 1
    slicer_host.wait_until(lambda: not environment.session_processes(), 10)


def _commands(environment: Any) -> list[str]:
    return list(environment.session_processes().values())


def test_closing_the_scene_tells_the_module_and_empties_the_parameters(toy: Any, volume: Any) -> None:
    import slicer

    toy.parameters.inputVolume = volume
    toy.parameters.repetitions = 9
    slicer.mrmlScene.Clear()
    assert toy.closings == ["start", "end"]
    assert toy.parameters.inputVolume is None
    assert toy.parameters.repetitions == 3
    assert toy.ui.repetitionsBox.value == 3


def test_a_module_can_run_its_own_test(slicer_host: Any) -> None:
    slicer_host.load_module(TOY_MODULE)
    before = slicer_host._import(TOY_MODULE).ToyTest.runs
    slicer_host.run_module_test(TOY_MODULE)
    assert slicer_host._import(TOY_MODULE).ToyTest.runs == before + 1


def test_a_modules_test_runs_all_its_tests_each_with_its_preparation(slicer_host: Any) -> None:
    from slicer.ScriptedLoadableModule import ScriptedLoadableModuleTest

    ran: list[str] = []
    steps = {name: (lambda _self, name=name: ran.append(name)) for name in ("setUp", "tearDown", "test_a", "test_b")}
    type("OwnTest", (ScriptedLoadableModuleTest,), steps)().runTest()
    assert ran == ["setUp", "test_a", "tearDown", "setUp", "test_b", "tearDown"]


def test_a_parameter_node_is_made_outside_the_scene_and_survives_its_closing(slicer_host: Any) -> None:
    import slicer
    from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

    logic = type("OwnLogic", (ScriptedLoadableModuleLogic,), {})()
    assert logic.createParameterNode().GetScene() is None
    node = logic.getParameterNode()
    slicer.mrmlScene.Clear(False)
    assert logic.getParameterNode() is node
    assert node.GetAttribute("ModuleName") == "Own"


def test_a_panel_without_a_parent_builds_and_shows_itself(slicer_host: Any) -> None:
    from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget

    built: list[Any] = []
    panel = type("OwnWidget", (ScriptedLoadableModuleWidget,), {"setup": lambda self: built.append(self)})()
    assert built == [panel]
    assert panel.parent.visible
    panel.parent.close()


def test_each_test_begins_with_an_empty_scene_and_default_parameters(toy: Any) -> None:
    import slicer

    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []
    assert toy.parameters.repetitions == 3
