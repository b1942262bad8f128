"""Everything that went wrong while Qt or VTK was calling into Python, kept until a test has seen it.

Slicer prints an exception in a slot or observer and carries on, so a broken panel looks fine. Here it fails the test.
"""

from __future__ import annotations

import re
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class HostError:
    """One thing that went wrong: ``kind`` is "exception", "vtk", "qt", "dialog" or "leftover"."""

    kind: str
    text: str
    details: str = ""

    def __str__(self) -> str:
        return f"[{self.kind}] {self.text}" + (f"\n{self.details}" if self.details else "")


class HostFailure(AssertionError):
    """Raised when errors were collected that no test expected."""


class UnansweredDialog(RuntimeError):
    """The module asked something that the test had prepared no answer for."""


class ErrorLog:
    """The list of errors of the current test."""

    def __init__(self) -> None:
        self.records: list[HostError] = []

    def add(self, kind: str, text: str, details: str = "") -> None:
        """Remember an error."""
        self.records.append(HostError(kind, text, details))

    def add_exception(self, exception: BaseException) -> None:
        """Remember an exception, with its traceback."""
        details = "".join(traceback.format_exception(type(exception), exception, exception.__traceback__))
        self.add("exception", f"{type(exception).__name__}: {exception}", details)

    def clear(self) -> None:
        """Forget everything."""
        self.records.clear()

    def take(self, pattern: str = "", kind: str | None = None) -> list[HostError]:
        """Remove and return the errors whose text matches the regular expression ``pattern``."""
        taken = [e for e in self.records if re.search(pattern, e.text) and kind in (None, e.kind)]
        self.records = [e for e in self.records if e not in taken]
        return taken

    @contextmanager
    def expected(self, pattern: str, kind: str | None = None) -> Iterator[None]:
        """Expect at least one matching error inside the block, and forgive all that match.

        Raises
        ------
        HostFailure
            If there was none.
        """
        yield
        if not self.take(pattern, kind):
            raise HostFailure(f"expected an error matching {pattern!r}, there was none\n{self.report()}")

    @contextmanager
    def forgiven(self, pattern: str) -> Iterator[None]:
        """Forget matching errors that come up inside the block, however many."""
        before, self.records = self.records, []
        try:
            yield
        finally:
            self.take(pattern)
            self.records = before + self.records

    def report(self) -> str:
        """All errors as text."""
        return "\n".join(str(record) for record in self.records)

    def check(self) -> None:
        """Raise if anything was collected, and start afresh.

        Raises
        ------
        HostFailure
            With every collected error in its message.
        """
        if self.records:
            report = self.report()
            self.clear()
            raise HostFailure(f"errors that Slicer would only have printed:\n{report}")


error_log = ErrorLog()


def _on_exception(kind, exception, trace) -> None:
    sys.__excepthook__(kind, exception, trace)  # seen as well: it may be the script's own end, not a callback's
    if not isinstance(exception, (KeyboardInterrupt, SystemExit)):
        error_log.add_exception(exception.with_traceback(trace))


def _on_unraisable(unraisable) -> None:
    if unraisable.exc_value is not None:
        error_log.add_exception(unraisable.exc_value)


def install_exception_hooks() -> None:
    """Collect what PySide6 and VTK would print: both report exceptions of callbacks through these hooks."""
    sys.excepthook = _on_exception
    sys.unraisablehook = _on_unraisable
    threading.excepthook = lambda args: error_log.add_exception(args.exc_value)


def install_vtk_error_observer() -> None:
    """Collect VTK's error messages and keep its warnings quiet unless they are asked for."""
    import vtk

    @vtk.calldata_type(vtk.VTK_STRING)
    def on_vtk_error(_caller, _event, message) -> None:
        error_log.add("vtk", message.strip())

    vtk.vtkLogger.SetStderrVerbosity(vtk.vtkLogger.VERBOSITY_OFF)
    window = vtk.vtkOutputWindow()
    window.SetDisplayModeToNever()
    vtk.vtkOutputWindow.SetInstance(window)
    window.AddObserver(vtk.vtkCommand.ErrorEvent, on_vtk_error)


def install_qt_message_handler() -> None:
    """Collect Qt's own complaints that mean a broken panel, such as a connection to an unknown slot."""
    from PySide6 import QtCore

    serious = re.compile(r"No such (slot|signal|property)|Cannot (connect|queue|assign)|layout .* already has a parent")

    def on_qt_message(kind, _context, message) -> None:
        if kind in (QtCore.QtMsgType.QtCriticalMsg, QtCore.QtMsgType.QtFatalMsg) or serious.search(message):
            error_log.add("qt", message)

    QtCore.qInstallMessageHandler(on_qt_message)
