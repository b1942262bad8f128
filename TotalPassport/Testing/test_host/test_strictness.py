"""What the application lets pass, or only prints, is an error in the host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from host.errors import HostFailure

UI = """<ui version="4.0"><class>Form</class><widget class="qMRMLWidget" name="Form">
<layout class="QVBoxLayout" name="formLayout"><item>
{widget}
</item></layout></widget>{connections}</ui>"""


def load_ui(folder: Path, widget: str, connections: str = "") -> Any:
    import slicer

    path = folder / "form.ui"
    path.write_text(UI.format(widget=widget, connections=connections), encoding="utf-8")
    return slicer.util.childWidgetVariables(slicer.util.loadUI(str(path)))


def connection(sender: str, signal: str, receiver: str, slot: str) -> str:
    return (
        f"<connections><connection><sender>{sender}</sender><signal>{signal}</signal>"
        f"<receiver>{receiver}</receiver><slot>{slot}</slot></connection></connections>"
    )


class TestUiFiles:
    """A .ui file that names what does not exist."""

    def test_an_unknown_widget_class(self, slicer_host: Any, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError, match="unknown widget class 'qMRMLNoSuchWidget'"):
            load_ui(tmp_path, '<widget class="qMRMLNoSuchWidget" name="w"/>')

    def test_an_unknown_property(self, slicer_host: Any, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError, match="has no property 'noneEnable'"):
            load_ui(
                tmp_path,
                '<widget class="qMRMLNodeComboBox" name="w">'
                '<property name="noneEnable"><bool>true</bool></property></widget>',
            )

    def test_a_misspelt_dynamic_property(self, slicer_host: Any, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError, match="no dynamic property 'SlicerParameterNme'"):
            load_ui(
                tmp_path,
                '<widget class="QCheckBox" name="w"><property name="SlicerParameterNme" stdset="0">'
                "<string>x</string></property></widget>",
            )

    def test_an_unknown_signal(self, slicer_host: Any, tmp_path: Path) -> None:
        wrong = connection("w", "clickd()", "Form", "update()")
        with pytest.raises(RuntimeError, match="has no signal 'clickd"):
            load_ui(tmp_path, '<widget class="QPushButton" name="w"/>', wrong)

    def test_an_unknown_slot(self, slicer_host: Any, tmp_path: Path) -> None:
        wrong = connection("w", "clicked()", "Form", "setMRMLScen(vtkMRMLScene*)")
        with pytest.raises(RuntimeError, match="has no slot 'setMRMLScen"):
            load_ui(tmp_path, '<widget class="QPushButton" name="w"/>', wrong)

    def test_a_connection_to_an_object_that_is_not_there(self, slicer_host: Any, tmp_path: Path) -> None:
        wrong = connection("other", "clicked()", "Form", "update()")
        with pytest.raises(RuntimeError, match="'other' that it does not define"):
            load_ui(tmp_path, '<widget class="QPushButton" name="w"/>', wrong)

    def test_an_unknown_node_class(self, slicer_host: Any, tmp_path: Path) -> None:
        widget = (
            '<widget class="qMRMLNodeComboBox" name="w"><property name="nodeTypes"><stringlist>'
            "<string>vtkMRMLVolumNode</string></stringlist></property></widget>"
        )
        load_ui(tmp_path, widget)
        assert slicer_host.errors.take("no node class 'vtkMRMLVolumNode'")

    def test_a_file_that_is_not_there(self, slicer_host: Any) -> None:
        import slicer

        with pytest.raises(RuntimeError, match="file not found"):
            slicer.util.loadUI("/no/such/file.ui")


class TestParameterNames:
    """Widgets and parameters that do not fit together."""

    def test_a_name_that_the_parameter_node_does_not_have(self, toy: Any) -> None:
        import qt

        box = qt.QCheckBox()
        box.setProperty("SlicerParameterName", "invrt")
        with pytest.raises(ValueError, match="has no parameter 'invrt'"):
            toy.parameters.connectGui(box)

    def test_a_widget_that_cannot_show_the_type(self, toy: Any) -> None:
        import qt

        with pytest.raises(ValueError, match="cannot show the parameter"):
            toy.parameters.connectParametersToGui({"repetitions": qt.QLineEdit()})

    def test_a_button_that_is_not_checkable(self, toy: Any) -> None:
        import qt

        with pytest.raises(ValueError, match="cannot show the parameter"):
            toy.parameters.connectParametersToGui({"invert": qt.QPushButton()})

    def test_a_radio_button_for_a_yes_or_no(self, toy: Any) -> None:
        import qt

        with pytest.raises(ValueError, match="cannot show the parameter"):
            toy.parameters.connectParametersToGui({"invert": qt.QRadioButton()})

    def test_a_class_derived_from_one_that_can_show_the_type(self, toy: Any) -> None:
        import qt

        class OwnBox(qt.QCheckBox):
            pass

        with pytest.raises(ValueError, match="cannot show the parameter"):
            toy.parameters.connectParametersToGui({"invert": OwnBox()})

    def test_a_number_box_for_a_yes_or_no(self, toy: Any) -> None:
        import qt

        with pytest.raises(ValueError, match="cannot show the parameter"):
            toy.parameters.connectParametersToGui({"invert": qt.QSpinBox()})

    def test_a_slider_without_bounds(self, toy: Any) -> None:
        import qt

        with pytest.raises(ValueError, match="a slider needs bounds"):
            toy.parameters.connectParametersToGui({"repetitions": qt.QSlider()})

    @pytest.mark.parametrize("name", ["default", "isCached", "Modified", "parameterNode"])
    def test_a_name_that_the_wrapper_needs_itself(self, slicer_host: Any, name: str) -> None:
        from slicer.parameterNodeWrapper import parameterNodeWrapper

        with pytest.raises(ValueError, match=f"reserved name '{name}'"):
            parameterNodeWrapper(type("Wrong", (), {"__annotations__": {name: int}}))

    @pytest.mark.parametrize("name", ["GetID", "GetName", "HasObserver"])
    def test_what_the_wrapper_does_not_pass_on_to_its_node(self, toy: Any, name: str) -> None:
        with pytest.raises(AttributeError, match="has no parameter"):
            getattr(toy.parameters, name)

    def test_a_misspelt_parameter(self, toy: Any) -> None:
        with pytest.raises(AttributeError, match="has no parameter 'repetition'"):
            toy.parameters.repetition = 4
        with pytest.raises(AttributeError, match="has no parameter 'repetition'"):
            _ = toy.parameters.repetition


class TestNodeSelectors:
    """Attributes that the application ignores, or forgets."""

    def test_an_attribute_of_a_class_that_is_not_listed_yet(self, slicer_host: Any) -> None:
        import slicer

        with pytest.raises(ValueError, match="set its node types first"):
            slicer.qMRMLNodeComboBox().addAttribute("vtkMRMLTextNode", "Passport", "1")

    def test_two_attributes_of_one_class(self, slicer_host: Any) -> None:
        import slicer

        selector = slicer.qMRMLNodeComboBox()
        selector.nodeTypes = ["vtkMRMLTextNode"]
        selector.addAttribute("vtkMRMLTextNode", "Passport", "1")
        with pytest.raises(ValueError, match="the last one would win"):
            selector.addAttribute("vtkMRMLTextNode", "Scan", "1")


class TestErrorsThatAreOnlyPrinted:
    """Exceptions and messages that a user of the application never sees."""

    def test_an_exception_in_a_slot(self, slicer_host: Any) -> None:
        import qt

        button = qt.QPushButton()
        button.clicked.connect(lambda: 1 / 0)
        with slicer_host.errors.expected("ZeroDivisionError"):
            button.click()

    def test_an_exception_in_an_observer(self, slicer_host: Any) -> None:
        import slicer
        import vtk

        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode")
        node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: 1 / 0)
        with slicer_host.errors.expected("ZeroDivisionError"):
            node.SetText("changed")

    def test_an_exception_in_a_single_shot(self, slicer_host: Any) -> None:
        import qt

        qt.QTimer.singleShot(0, lambda: 1 / 0)
        with slicer_host.errors.expected("ZeroDivisionError"):
            slicer_host.process_events()

    def test_an_exception_in_a_thread(self, slicer_host: Any) -> None:
        import threading

        thread = threading.Thread(target=lambda: 1 / 0)
        with slicer_host.errors.expected("ZeroDivisionError"):
            thread.start()
            thread.join()

    def test_a_vtk_error(self, slicer_host: Any) -> None:
        import vtk

        with slicer_host.errors.expected("vtkSTLReader", kind="vtk"):
            vtk.vtkSTLReader().Update()

    def test_the_reset_fails_for_an_error_nobody_expected(self, slicer_host: Any) -> None:
        import qt

        qt.QTimer.singleShot(0, lambda: 1 / 0)
        with pytest.raises(HostFailure, match="ZeroDivisionError"):
            slicer_host.reset()
        slicer_host.reset()

    def test_an_expected_error_that_does_not_come(self, slicer_host: Any) -> None:
        with pytest.raises(HostFailure, match="expected an error"), slicer_host.errors.expected("anything"):
            pass


class TestLeftovers:
    """What a module leaves behind."""

    def test_a_timer(self, slicer_host: Any) -> None:
        import qt

        timer = qt.QTimer()
        timer.start(1000)
        with pytest.raises(HostFailure, match="a timer is still ticking"):
            slicer_host.reset()
        assert not timer.active

    def test_a_single_shot_that_has_not_fired(self, slicer_host: Any) -> None:
        import qt

        fired = []
        qt.QTimer.singleShot(20, lambda: fired.append(1))
        with pytest.raises(HostFailure, match="a timer is still ticking"):
            slicer_host.reset()

    def test_an_observer_of_the_scene(self, slicer_host: Any) -> None:
        import slicer

        tag = slicer.mrmlScene.AddObserver(slicer.mrmlScene.StartCloseEvent, lambda *_: None)
        with pytest.raises(HostFailure, match="1 observers of the scene"):
            slicer_host.reset()
        slicer.mrmlScene.RemoveObserver(tag)

    def test_an_observation_of_the_panel(self, slicer_host: Any, toy: Any) -> None:
        import slicer
        import vtk
        from host.slicer_host import scene_observer_count

        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode")
        toy.cleanup = lambda: None
        toy.addObserver(node, vtk.vtkCommand.ModifiedEvent, toy.onModified)
        with pytest.raises(HostFailure, match="still observes"):
            slicer_host.reset()
        toy.removeObservers()
        slicer_host._lasting_observers = scene_observer_count(slicer.mrmlScene)

    def test_a_running_process(self, slicer_host: Any) -> None:
        import sys

        import qt

        process = qt.QProcess()
        process.start(sys.executable, ["-c", "import time; time.sleep(60)"])
        process.waitForStarted()
        with pytest.raises(HostFailure, match="a QProcess is still running"):
            slicer_host.reset()
        assert process.state() == qt.QProcess.NotRunning

    def test_paused_rendering(self, slicer_host: Any) -> None:
        import slicer

        slicer.app.pauseRender()
        with pytest.raises(HostFailure, match="rendering is still paused"):
            slicer_host.reset()
