"""Ties widgets to the parameters of a parameter node wrapper: which widget goes with which type, and how."""

from __future__ import annotations

import enum
import pathlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import shiboken6
from PySide6 import QtWidgets
from PySide6.QtCore import QObject

from .ctk_inputs import (
    ctkCheckBox,
    ctkComboBox,
    ctkDirectoryButton,
    ctkDoubleSpinBox,
    ctkPathLineEdit,
    ctkSliderWidget,
)
from .node_combo_box import qMRMLNodeComboBox
from .parameter_types import Choice, Decimals, Field, Maximum, Minimum, SingleStep, WithinRange


@dataclass(frozen=True)
class Binding:
    """How to read, write and watch one kind of widget; ``signal`` is None where the widget only shows."""

    signal: str | None
    read: Callable[[Any, Field], Any]
    write: Callable[[Any, Field, Any], None]
    prepare: Callable[[Any, Field], None] = lambda widget, field: None


def _choices(field: Field) -> list[tuple[str, Any]]:
    """What a combo box offers: (text, value)."""
    if isinstance(field.kind, type) and issubclass(field.kind, enum.Enum):
        return [(m.label() if hasattr(m, "label") else m.name, m) for m in field.kind]
    choice = field.annotation(Choice)
    if choice is None:
        raise ValueError(f"parameter {field.name!r} needs the annotation Choice to go with a combo box")
    return [(str(value), value) for value in choice.choices]


def _fill_combo(widget: Any, field: Field) -> None:
    widget.clear()
    for text, _value in _choices(field):
        widget.addItem(text)


def _write_combo(widget: Any, field: Field, value: Any) -> None:
    widget.setCurrentIndex([v for _text, v in _choices(field)].index(value))


def _read_combo(widget: Any, field: Field) -> Any:
    index = widget.currentIndex
    return _choices(field)[index][1] if index >= 0 else field.default


def _prepare_number(widget: Any, field: Field) -> None:
    if isinstance(widget, (QtWidgets.QSlider, ctkSliderWidget)) and not _is_bounded(field):
        raise ValueError(f"a slider needs bounds, and the parameter {field.name!r} has none")
    for annotation in field.annotations:
        if isinstance(annotation, (Minimum, WithinRange)):
            widget.setMinimum(annotation.minimum)
        if isinstance(annotation, (Maximum, WithinRange)):
            widget.setMaximum(annotation.maximum)
        if isinstance(annotation, Decimals):
            widget.setDecimals(annotation.value)
        if isinstance(annotation, SingleStep):
            widget.setSingleStep(annotation.value)


def _is_bounded(field: Field) -> bool:
    both = field.annotation(Minimum) is not None and field.annotation(Maximum) is not None
    return both or field.annotation(WithinRange) is not None


def _set_if_different(current: Any, value: Any, setter: Callable[[Any], None]) -> None:
    """Writing the text that is already there would move the cursor of a line edit."""
    if current != value:
        setter(value)


_CHECKED = Binding("toggled(bool)", lambda w, f: w.isChecked(), lambda w, f, v: w.setChecked(v))
_NUMBER = {"read": lambda w, f: f.kind(w.value), "write": lambda w, f, v: w.setValue(v), "prepare": _prepare_number}
_INTEGER = Binding("valueChanged(int)", **_NUMBER)
_DOUBLE = Binding("valueChanged(double)", **_NUMBER)
_COMBO = Binding("currentIndexChanged(int)", _read_combo, _write_combo, _fill_combo)
_LINE = Binding("textChanged(QString)", lambda w, f: w.text, lambda w, f, v: _set_if_different(w.text, v, w.setText))
_TEXT = Binding(
    "textChanged()", lambda w, f: w.toPlainText(), lambda w, f, v: _set_if_different(w.toPlainText(), v, w.setPlainText)
)
_LABEL = Binding(None, lambda w, f: w.text, lambda w, f, v: w.setText(v))
_PATH = Binding(
    "currentPathChanged(QString)", lambda w, f: f.kind(w.currentPath), lambda w, f, v: w.setCurrentPath(str(v))
)
_FOLDER = Binding("directoryChanged(QString)", lambda w, f: f.kind(w.directory), lambda w, f, v: w.setDirectory(str(v)))
_NODE = Binding(
    "currentNodeChanged(vtkMRMLNode*)",
    read=lambda w, f: w.currentNode(),
    write=lambda w, f, v: w.setCurrentNode(v),
    prepare=lambda w, f: w.setNodeTypes([cls.__name__ for cls in f.node_classes]),
)

#: (widget classes, parameter types, binding); as in the application these very classes, not what derives from them.
_BINDINGS: tuple[tuple[tuple[type, ...], tuple[type, ...], Binding], ...] = (
    ((QtWidgets.QCheckBox, ctkCheckBox, QtWidgets.QPushButton), (bool,), _CHECKED),
    ((QtWidgets.QSlider, QtWidgets.QSpinBox), (int,), _INTEGER),
    ((QtWidgets.QDoubleSpinBox, ctkDoubleSpinBox, ctkSliderWidget), (float, int), _DOUBLE),
    ((QtWidgets.QComboBox, ctkComboBox), (enum.Enum, int, float, str, bool), _COMBO),
    ((QtWidgets.QLineEdit,), (str,), _LINE),
    ((QtWidgets.QTextEdit,), (str,), _TEXT),
    ((QtWidgets.QLabel,), (str,), _LABEL),
    ((ctkPathLineEdit,), (pathlib.PurePath,), _PATH),
    ((ctkDirectoryButton,), (pathlib.PurePath,), _FOLDER),
)
_OPEN_TYPES = (enum.Enum, pathlib.PurePath)


def _is_of(kind: type, kinds: tuple[type, ...]) -> bool:
    """Whether a parameter's type is one of these; a bool, which Python counts among the numbers, is none."""
    return kind in kinds or any(known in _OPEN_TYPES and issubclass(kind, known) for known in kinds)


def binding_for(widget: Any, field: Field) -> Binding:
    """The binding of a widget to a parameter.

    Raises
    ------
    ValueError
        If this kind of widget cannot show this type of parameter.
    """
    if field.node_classes:
        if type(widget) is qMRMLNodeComboBox:
            return _NODE
    elif isinstance(field.kind, type):
        for widget_classes, kinds, binding in _BINDINGS:
            if type(widget) in widget_classes and _is_of(field.kind, kinds):
                if binding is _CHECKED and not widget.isCheckable():
                    break
                return binding
    name = widget.objectName
    raise ValueError(f"{type(widget).__name__} {name!r} cannot show the parameter {field.name!r} of type {field.kind}")


def widgets_by_parameter(gui: Any) -> dict[str, Any]:
    """The widgets that carry the dynamic property ``SlicerParameterName``: {parameter: widget}.

    Parameters
    ----------
    gui : Any
        A widget, or what ``slicer.util.childWidgetVariables`` gives.
    """
    if isinstance(gui, QObject):
        widgets = [gui, *gui.findChildren(QtWidgets.QWidget)]
    else:
        widgets = [w for w in vars(gui).values() if isinstance(w, QtWidgets.QWidget)]
    named = [(w.property("SlicerParameterName"), w) for w in widgets]
    found: dict[str, Any] = {}
    for name, widget in named:
        if name and found.setdefault(name, widget) is not widget:
            raise ValueError(f"two widgets are tied to the parameter {name!r}")
    return found


class GuiConnection:
    """Widgets tied to parameters, until `disconnect`."""

    def __init__(self, wrapper: Any, widgets: dict[str, Any]) -> None:
        import vtk

        self._wrapper = wrapper
        self._updating = False
        self._ties = []
        for name, widget in widgets.items():
            field = wrapper._field(name)
            binding = binding_for(widget, field)
            self._ties.append((field, widget, binding, self._watcher(field, widget, binding)))
        for field, widget, binding, _ in self._ties:
            binding.prepare(widget, field)
        self._show_all()
        for _field, widget, binding, watcher in self._ties:
            if binding.signal:
                widget.connect(binding.signal, watcher)
        node = wrapper.parameterNode
        self._tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._show_all())

    def _watcher(self, field: Field, widget: Any, binding: Binding) -> Callable[[], None]:
        def on_widget_changed() -> None:
            if not self._updating:
                self._wrapper.setValue(field.name, binding.read(widget, field))

        return on_widget_changed

    def _show_all(self) -> None:
        """Bring every widget up to date with the parameter node."""
        if self._updating:
            return
        self._updating = True
        try:
            for field, widget, binding, _ in self._ties:
                if shiboken6.isValid(widget):
                    binding.write(widget, field, self._wrapper.getValue(field.name))
        finally:
            self._updating = False

    def disconnect(self) -> None:
        """End the tie."""
        self._wrapper.parameterNode.RemoveObserver(self._tag)
        for _field, widget, binding, watcher in self._ties:
            if binding.signal and shiboken6.isValid(widget):
                widget.disconnect(binding.signal, watcher)
        self._ties = []


def create_gui(kind: Any) -> Any:
    """``createGui``: a widget for one type; of the simple types only."""
    widgets = {bool: QtWidgets.QCheckBox, int: QtWidgets.QSpinBox, float: QtWidgets.QDoubleSpinBox}
    widgets[str] = QtWidgets.QLineEdit
    if kind not in widgets:
        raise NotImplementedError(f"the host cannot make a widget for {kind!r}")
    return widgets[kind]()
