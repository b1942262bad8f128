"""Qt as PythonQt offers it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest


def test_properties_are_attributes_and_methods_are_called(slicer_host: Any) -> None:
    import qt

    button = qt.QPushButton("Go")
    assert (button.text, button.enabled, button.isEnabled(), button.checkable) == ("Go", True, True, False)
    button.checkable = True
    button.checked = True
    assert button.isChecked()
    combo = qt.QComboBox()
    combo.addItem("one", 1)
    assert (combo.count, combo.currentText, combo.currentIndex, combo.itemData(0)) == (1, "one", 0, 1)
    table = qt.QTableWidget(2, 3)
    assert (table.rowCount, table.columnCount) == (2, 3)
    table.setItem(0, 0, qt.QTableWidgetItem("cell"))
    assert table.item(0, 0).text() == "cell"
    bar = qt.QProgressBar()
    bar.maximum, bar.value = 10, 4
    assert bar.value == 4
    assert slicer_host.app.applicationName == "Slicer"


def test_calling_a_property_is_an_error(slicer_host: Any) -> None:
    import qt

    with pytest.raises(TypeError, match="not callable"):
        qt.QLabel("text").text()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("txt", "a", "no attribute 'txt'"), ("click", 1, "cannot be overwritten"), ("width", 3, "read-only")],
)
def test_attributes_that_cannot_be_set(slicer_host: Any, name: str, value: Any, message: str) -> None:
    import qt

    with pytest.raises(AttributeError, match=message):
        setattr(qt.QPushButton(), name, value)


def test_values_of_a_wrong_type_are_refused(slicer_host: Any) -> None:
    import qt

    with pytest.raises(TypeError):
        qt.QPushButton().text = 5


def test_both_ways_to_connect_and_disconnect(slicer_host: Any) -> None:
    import qt

    button, heard = qt.QPushButton(), []
    button.checkable = True

    def with_argument(checked: bool) -> None:
        heard.append(checked)

    def without_argument() -> None:
        heard.append("none")

    button.connect("clicked(bool)", with_argument)
    button.clicked.connect(without_argument)
    button.click()
    assert heard == [True, "none"]
    button.disconnect("clicked(bool)", with_argument)
    button.clicked.disconnect(without_argument)
    button.click()
    assert heard == [True, "none"]


def test_a_signal_can_be_connected_to_the_slot_of_another_object(slicer_host: Any) -> None:
    import qt

    box, label, edit = qt.QCheckBox(), qt.QLabel(), qt.QLineEdit()
    box.connect("toggled(bool)", label, "setDisabled(bool)")
    edit.textChanged.connect(label.setText)
    box.checked = True
    edit.text = "typed"
    assert not label.enabled
    assert label.text == "typed"


def test_connected_functions_are_kept_alive(slicer_host: Any) -> None:
    import gc

    import qt

    class Listener:
        def __init__(self, heard: list) -> None:
            self.heard = heard

        def hear(self) -> None:
            self.heard.append(1)

    button, heard = qt.QPushButton(), []
    button.clicked.connect(Listener(heard).hear)
    gc.collect()
    button.click()
    assert heard == [1]


@pytest.mark.parametrize("signal", ["clickd()", "clicked(int)", "currentNodeChanged(vtkMRMLNode*)"])
def test_unknown_signals_are_errors(slicer_host: Any, signal: str) -> None:
    import qt

    with pytest.raises(ValueError, match="has no signal"):
        qt.QPushButton().connect(signal, print)


def test_disconnecting_what_is_not_connected_is_an_error(slicer_host: Any) -> None:
    import qt

    with pytest.raises(RuntimeError, match="is not connected"):
        qt.QPushButton().clicked.disconnect(print)


def test_enum_values_are_integers_with_short_names(slicer_host: Any) -> None:
    import qt

    assert qt.Qt.AlignLeft | qt.Qt.AlignTop == 33
    assert qt.QMessageBox.Ok | qt.QMessageBox.Cancel
    assert qt.QProcess().state() == qt.QProcess.NotRunning == 0
    table = qt.QTableWidget()
    table.selectionBehavior = table.SelectRows
    assert table.selectionBehavior == qt.QAbstractItemView.SelectRows


def test_classes_of_a_module_may_have_attributes_of_their_own(slicer_host: Any) -> None:
    import qt

    class Row(qt.QWidget):
        def __init__(self) -> None:
            super().__init__()
            self.organ = "spleen"

    assert Row().organ == "spleen"


def test_the_static_function_of_a_timer_hides_its_property(slicer_host: Any) -> None:
    import qt

    fired = []
    timer = qt.QTimer()
    with pytest.raises(AttributeError, match="cannot be overwritten"):
        timer.singleShot = True
    timer.setSingleShot(True)
    timer.timeout.connect(lambda: fired.append("timer"))
    timer.start(0)
    qt.QTimer.singleShot(0, lambda: fired.append("static"))
    slicer_host.wait_until(lambda: len(fired) == 2, 10)
    assert not timer.active


def test_a_process_is_written_to_and_read_from(slicer_host: Any) -> None:
    import qt

    process, output, ended = qt.QProcess(), [], []
    process.readyReadStandardOutput.connect(lambda: output.append(process.readAllStandardOutput().data()))
    process.finished.connect(lambda code, status: ended.append((code, status)))
    process.start(sys.executable, ["-c", "import sys; print(sys.stdin.read().upper()); sys.exit(3)"])
    process.write(b"abc")
    process.closeWriteChannel()
    slicer_host.wait_until(lambda: bool(ended), 60)
    assert b"".join(output).strip() == b"ABC"
    assert ended == [(3, qt.QProcess.NormalExit)]


def test_constructors_take_no_keyword_arguments(slicer_host: Any) -> None:
    import ctk
    import qt
    import slicer

    for make, keywords in ((qt.QLabel, {"text": "x"}), (qt.QSize, {"w": 1}), (ctk.ctkSliderWidget, {"parent": None})):
        with pytest.raises(TypeError, match="no keyword arguments"):
            make(**keywords)
    with pytest.raises(TypeError, match="no keyword arguments"):
        slicer.qMRMLNodeComboBox(parent=None)


def test_bytes_come_out_of_a_byte_array_by_its_data(slicer_host: Any) -> None:
    import qt

    array = qt.QByteArray(b"abc")
    with pytest.raises(TypeError, match="call its data"):
        bytes(array)
    assert array.data() == b"abc"


def test_a_path_is_a_text_wherever_one_is_wanted(slicer_host: Any, tmp_path: Path) -> None:
    import qt

    label, edit, process = qt.QLabel(tmp_path), qt.QLineEdit(), qt.QProcess()
    edit.text = tmp_path / "a"
    process.setWorkingDirectory(tmp_path)
    process.start(Path(sys.executable), ["-c", "import os, sys; print(os.getcwd(), sys.argv[1])", tmp_path / "b"])
    assert process.waitForFinished(60_000)
    assert (label.text, edit.text) == (str(tmp_path), str(tmp_path / "a"))
    assert process.readAllStandardOutput().data().decode().split() == [str(tmp_path.resolve()), str(tmp_path / "b")]


def test_a_program_that_does_not_exist_fails_to_start(slicer_host: Any) -> None:
    import qt

    process, errors = qt.QProcess(), []
    process.connect("errorOccurred(QProcess::ProcessError)", errors.append)
    process.start("/no/such/program", [])
    slicer_host.wait_until(lambda: bool(errors), 10)
    assert errors == [qt.QProcess.FailedToStart]


def test_settings_are_private_and_do_not_outlive_a_test(slicer_host: Any) -> None:
    import qt
    import slicer

    qt.QSettings().setValue("TotalPassport/x", 5)
    assert int(slicer.app.userSettings().value("TotalPassport/x")) == 5
    assert qt.QSettings().fileName().startswith(str(slicer_host.home))
    slicer_host.reset()
    assert qt.QSettings().value("TotalPassport/x") is None


def test_children_are_found_by_class_name_and_object_name(slicer_host: Any) -> None:
    import qt

    parent = qt.QWidget()
    button = qt.QPushButton(parent)
    button.objectName = "go"
    assert parent.findChild("QPushButton", "go") is button
    assert parent.findChildren(qt.QPushButton) == [button]
    assert button.name == "go"
    assert button.className() == "QPushButton"
