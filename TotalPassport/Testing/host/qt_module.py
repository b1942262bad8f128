"""The module ``qt``: bridged PySide6 classes, with timers and processes that the host keeps an eye on."""

from __future__ import annotations

import types
import weakref
from collections.abc import Callable
from typing import Any

import shiboken6
from PySide6 import QtCore

from . import dialogs, pythonqt, ui_loader
from .errors import error_log

_timers: weakref.WeakSet[QtCore.QTimer] = weakref.WeakSet()
_processes: weakref.WeakSet[QtCore.QProcess] = weakref.WeakSet()
_pending_shots: list[QtCore.QTimer] = []


def single_shot(milliseconds: int, function: Callable[[], Any]) -> None:
    """``qt.QTimer.singleShot``: call ``function`` once, after a while."""
    if not callable(function):
        raise TypeError(f"{function!r} cannot be called")
    timer = QtCore.QTimer()
    timer.setSingleShot(True)

    def fire() -> None:
        _pending_shots.remove(timer)
        try:
            function()
        except Exception as exception:
            error_log.add_exception(exception)

    _pending_shots.append(timer)
    timer.timeout.connect(fire)
    timer.start(milliseconds)


def _tracked_classes() -> dict[str, type]:
    """QTimer and QProcess that register themselves; made late, because the bridge has to be in place first."""

    class QTimer(QtCore.QTimer):
        host_strict = True
        # The static function hides the property of the same name: timer.setSingleShot(True), never by assignment.
        singleShot = staticmethod(single_shot)

        def __init__(self, *arguments) -> None:
            super().__init__(*arguments)
            _timers.add(self)

    class QProcess(QtCore.QProcess):
        host_strict = True

        def __init__(self, *arguments) -> None:
            super().__init__(*arguments)
            _processes.add(self)

    return {"QTimer": QTimer, "QProcess": QProcess}


def build() -> types.ModuleType:
    """Make the module ``qt``. Unknown names raise AttributeError, as in the application."""
    classes = pythonqt.install()
    dialogs.install_in_qt()
    module = types.ModuleType("qt", "Qt as PythonQt offers it, on top of PySide6")
    vars(module).update(classes)
    vars(module).update(_tracked_classes())
    for cls in (dialogs.QFileDialog, dialogs.QMessageBox, dialogs.QInputDialog):
        setattr(module, cls.__name__, cls)
    module.QUiLoader = ui_loader.UiLoader
    return module


def running_processes() -> list[QtCore.QProcess]:
    """QProcess objects whose process has not ended."""
    alive = [p for p in _processes if shiboken6.isValid(p)]
    return [p for p in alive if p.state() != QtCore.QProcess.NotRunning]


def active_timers() -> list[QtCore.QTimer]:
    """Timers that are still ticking, pending single shots included."""
    return [t for t in (*_timers, *_pending_shots) if shiboken6.isValid(t) and t.isActive()]


def stop_everything() -> None:
    """Stop timers and end processes that a test left behind."""
    for timer in active_timers():
        timer.stop()
    _pending_shots.clear()
    for process in running_processes():
        process.kill()
        process.waitForFinished(2000)
