"""Dialogs that nobody can click: a test says beforehand how each is answered, and sees afterwards what was shown.

A question that no answer was prepared for is an error, never a silent "yes".
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6 import QtWidgets

from .errors import UnansweredDialog, error_log

#: Kinds of question that `Answers.expect` knows.
QUESTION_KINDS = (
    *("confirm", "message_box", "dialog", "menu", "input"),
    *("open_file", "open_files", "save_file", "directory"),
)


@dataclass(frozen=True)
class Shown:
    """A dialog that would have been on the screen: its kind, its text and what was answered (None for a message)."""

    kind: str
    text: str
    answer: Any = None


@dataclass(frozen=True)
class _Prepared:
    kind: str
    answer: Any
    pattern: str


class Answers:
    """Prepared answers and the record of what was shown."""

    def __init__(self) -> None:
        self.shown: list[Shown] = []
        self._prepared: list[_Prepared] = []

    def expect(self, kind: str, answer: Any, matching: str = "") -> None:
        """Prepare one answer.

        Parameters
        ----------
        kind : str
            One of `QUESTION_KINDS`. "confirm" answers ``slicer.util.confirm...Display`` with a bool;
            "message_box" answers a ``QMessageBox`` with a button; "open_file", "open_files", "save_file"
            and "directory" answer ``QFileDialog`` with a path or a list of paths ("" for Cancel); "input"
            answers ``QInputDialog``; "dialog" answers ``QDialog.exec_()`` and "menu" ``QMenu.exec_()``.
        answer : Any
            The answer, or a function that gets the dialog (or its text) and returns the answer.
        matching : str
            Regular expression that the dialog's text has to contain.
        """
        if kind not in QUESTION_KINDS:
            raise ValueError(f"no kind of question is called {kind!r}; there are {', '.join(QUESTION_KINDS)}")
        self._prepared.append(_Prepared(kind, answer, matching))

    def ask(self, kind: str, text: str, dialog: Any = None) -> Any:
        """The prepared answer to a question.

        Raises
        ------
        UnansweredDialog
            If there is none.
        """
        for prepared in self._prepared:
            if prepared.kind == kind and re.search(prepared.pattern, text):
                break
        else:
            message = f"nobody prepared an answer to this {kind} question: {text!r}"
            error_log.add("dialog", message)
            raise UnansweredDialog(message)
        self._prepared.remove(prepared)
        answer = prepared.answer
        if callable(answer):
            answer = answer(dialog if dialog is not None else text)
        self.shown.append(Shown(kind, text, answer))
        return answer

    def tell(self, kind: str, text: str) -> None:
        """Record a message that needs no answer: "info", "warning", "error" or "delay"."""
        self.shown.append(Shown(kind, text))

    def take(self, kind: str | None = None, matching: str = "") -> list[Shown]:
        """Remove and return what was shown, of one kind or matching a regular expression."""
        taken = [s for s in self.shown if kind in (None, s.kind) and re.search(matching, s.text)]
        self.shown = [s for s in self.shown if s not in taken]
        return taken

    def check(self) -> None:
        """Report error displays that no test took and answers that nobody asked for, and forget everything."""
        for shown in self.shown:
            if shown.kind == "error":
                error_log.add("dialog", f"an error display was shown that the test did not take: {shown.text!r}")
        for prepared in self._prepared:
            error_log.add("dialog", f"the answer prepared for a {prepared.kind} question was never asked for")
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.shown.clear()
        self._prepared.clear()


answers = Answers()


def _message_display(kind: str, level: int) -> Callable[..., None]:
    def display(text, windowTitle=None, parent=None, standardButtons=None, **kwargs):
        logging.log(level, text)
        answers.tell(kind, text)

    return display


def _confirm_display(testing_value: bool) -> Callable[..., bool]:
    def display(text, windowTitle=None, parent=None, **kwargs):
        import slicer

        logging.info(text)
        if slicer.app.testingEnabled():
            return testing_value
        return bool(answers.ask("confirm", text))

    return display


def _delay_display(message, autoCloseMsec=1000, parent=None, **kwargs):
    import slicer

    logging.info(message)
    answers.tell("delay", message)
    slicer.app.processEvents()


def install_in_slicer_util(util: Any) -> None:
    """Replace the message functions of ``slicer.util``; as in the application they return what the user chose."""
    util.infoDisplay = _message_display("info", logging.INFO)
    util.warningDisplay = _message_display("warning", logging.WARNING)
    util.errorDisplay = _message_display("error", logging.ERROR)
    util.confirmOkCancelDisplay = _confirm_display(True)
    util.confirmYesNoDisplay = _confirm_display(True)
    util.confirmRetryCloseDisplay = _confirm_display(False)
    util.delayDisplay = _delay_display


def _exec_dialog(self: QtWidgets.QDialog) -> Any:
    return answers.ask("dialog", self.windowTitle, self)


def _exec_message_box(self: QtWidgets.QMessageBox) -> Any:
    return answers.ask("message_box", self.text, self)


def _exec_menu(self: QtWidgets.QMenu, *_position) -> Any:
    return answers.ask("menu", self.title, self)


def install_in_qt() -> None:
    """Make every dialog that would wait for the user ask for its prepared answer instead."""
    for cls, function in (
        (QtWidgets.QDialog, _exec_dialog),
        (QtWidgets.QMessageBox, _exec_message_box),
        (QtWidgets.QMenu, _exec_menu),
    ):
        cls.exec_ = function
        cls.exec = function


def _static_question(kind: str, text_position: int) -> staticmethod:
    def ask(*arguments, **kwargs):
        texts = [a for a in arguments[1:] if isinstance(a, str)]
        return answers.ask(kind, texts[text_position] if len(texts) > text_position else "")

    return staticmethod(ask)


def _message_box_question(default_button: str | None) -> staticmethod:
    def ask(parent, title, text, *buttons, **kwargs):
        if default_button:
            answers.tell(default_button, text)
            return QtWidgets.QMessageBox.Ok
        return answers.ask("message_box", text)

    return staticmethod(ask)


class QFileDialog(QtWidgets.QFileDialog):
    """Static functions return one value, as PythonQt's do, and it is the prepared one."""

    host_strict = True
    getOpenFileName = _static_question("open_file", 0)
    getOpenFileNames = _static_question("open_files", 0)
    getSaveFileName = _static_question("save_file", 0)
    getExistingDirectory = _static_question("directory", 0)


class QMessageBox(QtWidgets.QMessageBox):
    """Static functions: the messages are recorded, the question is answered as prepared."""

    host_strict = True
    information = _message_box_question("info")
    warning = _message_box_question("warning")
    critical = _message_box_question("error")
    about = _message_box_question("info")
    question = _message_box_question(None)


class QInputDialog(QtWidgets.QInputDialog):
    """Static functions return the prepared value only, as PythonQt's do."""

    host_strict = True
    getText = _static_question("input", 1)
    getInt = _static_question("input", 1)
    getDouble = _static_question("input", 1)
    getItem = _static_question("input", 1)
