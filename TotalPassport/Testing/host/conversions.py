"""What PythonQt converts on the way into Qt, and what it does not.

A ``pathlib.Path`` is a text wherever Qt wants one. Constructors know no keyword arguments, and a ``QByteArray`` gives
its bytes by ``data()`` only.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Iterable
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

#: Functions of Qt, beside constructors and properties, that modules hand a path to.
_TAKE_PATHS: tuple[tuple[type, tuple[str, ...]], ...] = (
    (QtCore.QProcess, ("start", "setProgram", "setArguments", "setWorkingDirectory", "setStandardOutputFile")),
    (QtGui.QPixmap, ("load", "save")),
    (QtGui.QImage, ("load", "save")),
    (QtWidgets.QLabel, ("setText",)),
    (QtWidgets.QLineEdit, ("setText",)),
    (QtWidgets.QPlainTextEdit, ("setPlainText", "appendPlainText")),
    (QtWidgets.QComboBox, ("addItem",)),
)


def as_text(value: Any) -> Any:
    """Return paths, also those in a list, as text; everything else as it is."""
    if isinstance(value, pathlib.PurePath):
        return str(value)
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return value


def install(classes: list[type]) -> None:
    """Teach Qt's classes these rules; to be called once."""
    install_constructors(classes)
    for cls, names in _TAKE_PATHS:
        for name in names:
            _convert_method(cls, name)
    QtCore.QByteArray.__bytes__ = _refuse_bytes


def install_constructors(classes: Iterable[type]) -> None:
    """Teach the constructors of these classes the rules; to be called once for each."""
    for cls in classes:
        if "__init__" in cls.__dict__:
            _convert_constructor(cls)


def _convert_constructor(cls: type) -> None:
    original = cls.__init__

    @functools.wraps(original)
    def construct(self: Any, *arguments: Any, **keywords: Any) -> None:
        if keywords:
            raise TypeError(f"the constructor of {cls.__name__} takes no keyword arguments: {', '.join(keywords)}")
        original(self, *[as_text(argument) for argument in arguments])

    cls.__init__ = construct


def _convert_method(cls: type, name: str) -> None:
    original = getattr(cls, name)

    @functools.wraps(original)
    def call(self: Any, *arguments: Any) -> Any:
        return original(self, *[as_text(argument) for argument in arguments])

    setattr(cls, name, call)


def _refuse_bytes(_self: QtCore.QByteArray) -> bytes:
    raise TypeError("bytes() does not take a QByteArray; call its data()")
