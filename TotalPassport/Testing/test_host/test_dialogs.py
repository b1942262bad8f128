"""Dialogs without anybody to click them."""

from __future__ import annotations

from typing import Any

import pytest
from host.errors import HostFailure, UnansweredDialog


def test_a_question_gets_its_prepared_answer(slicer_host: Any) -> None:
    import slicer

    slicer_host.answers.expect("confirm", False, matching="Delete")
    slicer_host.answers.expect("confirm", True, matching="Install")
    assert slicer.util.confirmOkCancelDisplay("Install onnxruntime?") is True
    assert slicer.util.confirmYesNoDisplay("Delete everything?") is False
    assert [shown.answer for shown in slicer_host.answers.take("confirm")] == [True, False]


def test_an_unprepared_question_is_an_error_even_if_the_module_catches_it(slicer_host: Any) -> None:
    import slicer

    with pytest.raises(UnansweredDialog, match="Install"):
        slicer.util.confirmOkCancelDisplay("Install?")
    assert slicer_host.errors.take("Install", kind="dialog")


def test_an_answer_nobody_asked_for_is_an_error(slicer_host: Any) -> None:
    slicer_host.answers.expect("open_file", "/a")
    with pytest.raises(HostFailure, match="never asked for"):
        slicer_host.reset()


def test_an_error_display_has_to_be_taken(slicer_host: Any) -> None:
    import slicer

    slicer.util.errorDisplay("It broke.")
    slicer.util.infoDisplay("By the way.")
    with pytest.raises(HostFailure, match="It broke"):
        slicer_host.reset()
    slicer.util.errorDisplay("It broke again.")
    assert [shown.text for shown in slicer_host.answers.take("error")] == ["It broke again."]


def test_in_testing_mode_questions_answer_themselves(slicer_host: Any) -> None:
    import slicer

    slicer_host.set_testing(True)
    assert slicer.util.confirmOkCancelDisplay("Sure?") is True
    assert slicer.util.confirmRetryCloseDisplay("Again?") is False


def test_file_dialogs_return_one_value(slicer_host: Any) -> None:
    import qt

    slicer_host.answers.expect("open_file", "/in.json", matching="Import")
    slicer_host.answers.expect("open_files", ["/a", "/b"])
    slicer_host.answers.expect("save_file", "")
    slicer_host.answers.expect("directory", "/folder")
    assert qt.QFileDialog.getOpenFileName(None, "Import a model", "", "ONNX (*.onnx)") == "/in.json"
    assert qt.QFileDialog.getOpenFileNames(None, "Choose") == ["/a", "/b"]
    assert qt.QFileDialog.getSaveFileName(None, "Export") == ""
    assert qt.QFileDialog.getExistingDirectory(None, "Folder") == "/folder"


def test_message_boxes(slicer_host: Any) -> None:
    import qt
    import slicer

    slicer_host.answers.expect("message_box", qt.QMessageBox.Yes)
    assert qt.QMessageBox.question(None, "Title", "Replace?") == qt.QMessageBox.Yes
    slicer_host.answers.expect("message_box", qt.QMessageBox.Retry, matching="down")
    assert slicer.util.messageBox("The network is down", standardButtons=qt.QMessageBox.Retry) == qt.QMessageBox.Retry
    qt.QMessageBox.warning(None, "Title", "Careful")
    assert [shown.text for shown in slicer_host.answers.take("warning")] == ["Careful"]


def test_own_dialogs_are_handed_to_the_answer(slicer_host: Any) -> None:
    import qt

    dialog = qt.QDialog()
    dialog.windowTitle = "Options"
    slicer_host.answers.expect("dialog", lambda shown: shown.Accepted if shown is dialog else shown.Rejected)
    assert dialog.exec_() == qt.QDialog.Accepted


def test_an_unknown_kind_of_question_is_an_error(slicer_host: Any) -> None:
    with pytest.raises(ValueError, match="no kind of question"):
        slicer_host.answers.expect("confrm", True)
