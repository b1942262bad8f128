"""``qt.QUiLoader`` for Slicer's .ui files, stricter than the real one.

The real loader turns an unknown property into a dynamic one and an unknown class into a plain QWidget, with a line in
the log at most. Here unknown classes, properties, signals, slots and malformed files are errors.
"""

from __future__ import annotations

import functools
import xml.etree.ElementTree as ElementTree
from typing import Any

from PySide6 import QtCore, QtUiTools, QtWidgets
from PySide6.QtCore import QObject

from . import pythonqt, signals

#: Dynamic properties that a .ui file may set (``stdset="0"``).
KNOWN_DYNAMIC_PROPERTIES = frozenset({"SlicerParameterName"})

#: What was made of the files that were loaded before, and those whose properties all exist: a panel is built anew for
#: every test, and its file says the same.
_prepared: dict[bytes, tuple[ElementTree.Element, bytes, list[dict[str, str]]]] = {}
_sound: set[bytes] = set()


class UiFileError(RuntimeError):
    """The .ui file asks for something that does not exist."""


@functools.cache
def _registered_widgets() -> dict[str, type]:
    """Widget classes that are not Qt's own, by class name."""
    from .widget_registry import widget_classes

    return widget_classes()


@functools.cache
def _classes_of_qt() -> frozenset[str]:
    """Widget classes that Qt's loader makes by itself."""
    return frozenset(QtUiTools.QUiLoader().availableWidgets())


def _meta_property_names(widget: QObject) -> set[str]:
    meta = widget.metaObject()
    return {meta.property(i).name() for i in range(meta.propertyCount())}


class _PlainLoader(QtUiTools.QUiLoader):
    """The Qt loader, creating the host's widgets and refusing classes that nobody knows."""

    host_strict = True

    def createWidget(self, class_name, parent=None, name=""):
        cls = _registered_widgets().get(class_name)
        if cls is not None:
            widget = cls(parent)
            widget.setObjectName(name)
            self._made.append(widget)
            return widget
        if class_name not in _classes_of_qt():
            raise UiFileError(f"unknown widget class {class_name!r} (widget {name!r})")
        return super().createWidget(class_name, parent, name)


class UiLoader(QObject):
    """What ``qt.QUiLoader()`` gives a module: ``load(device, parent=None)``."""

    host_strict = True

    def load(self, device: QtCore.QIODevice, parent: QtWidgets.QWidget | None = None) -> QtWidgets.QWidget:
        """Create the widgets of a .ui file.

        Raises
        ------
        UiFileError
            If the file names anything that does not exist.
        """
        content = bytes(device.readAll().data())
        if content not in _prepared:
            _prepared[content] = self._prepare(content)
        tree, plain, connections = _prepared[content]
        root = self._load_plain(plain, parent)
        if content not in _sound:
            self._check_properties(tree, root)
            _sound.add(content)
        for connection in connections:
            self._connect(root, connection)
        return root

    def _prepare(self, content: bytes) -> tuple[ElementTree.Element, bytes, list[dict[str, str]]]:
        """The file's elements, what Qt's loader reads of them, and the connections."""
        try:
            tree = ElementTree.fromstring(content)
        except ElementTree.ParseError as error:
            raise UiFileError(f"not a .ui file: {error}") from error
        self._check_classes(tree)
        self._translate_enums(tree)
        connections = self._remove_connections(tree)
        return tree, ElementTree.tostring(tree), connections

    def _check_classes(self, tree: ElementTree.Element) -> None:
        """Fail before Qt's loader does: an exception inside its callback would only be printed."""
        known = {*_registered_widgets(), *_classes_of_qt(), "Line", "QMainWindow", "QDialog"}
        for element in tree.iter("widget"):
            if element.get("class") not in known:
                raise UiFileError(f"unknown widget class {element.get('class')!r} (widget {element.get('name')!r})")

    def _translate_enums(self, tree: ElementTree.Element) -> None:
        """Write enum values of the host's widgets as numbers: Qt's loader knows only enums made in C++."""
        for element in tree.iter("widget"):
            cls = _registered_widgets().get(element.get("class"))
            for item in element.findall("property") if cls is not None else []:
                self._translate_enum(cls, item)

    def _translate_enum(self, cls: type, item: ElementTree.Element) -> None:
        value = next((child for child in item if child.tag in ("set", "enum")), None)
        if value is None or not (value.text or "").startswith("ctk"):
            return
        names = [part.split("::")[-1].strip() for part in value.text.split("|")]
        unknown = [name for name in names if not hasattr(cls, name)]
        if unknown:
            raise UiFileError(f"{cls.__name__} has no value {unknown[0]!r} for {item.get('name')!r}")
        value.tag, value.text = "number", str(sum(int(getattr(cls, name)) for name in names))

    def _remove_connections(self, tree: ElementTree.Element) -> list[dict[str, str]]:
        """Take the connections out: Qt cannot make those that name signals with MRML arguments."""
        elements = tree.findall("connections/connection")
        for parent in tree.findall("connections"):
            tree.remove(parent)
        return [{child.tag: child.text or "" for child in element} for element in elements]

    def _load_plain(self, plain: bytes, parent: QtWidgets.QWidget | None) -> QtWidgets.QWidget:
        buffer = QtCore.QBuffer()
        buffer.setData(plain)
        buffer.open(QtCore.QIODevice.ReadOnly)
        loader = _PlainLoader()
        loader._made = []
        with pythonqt.children_being_named():
            root = loader.load(buffer, parent)
        if root is None:
            raise UiFileError(f"Qt could not load the .ui file: {loader.errorString()}")
        for widget in loader._made:
            finish = getattr(widget, "host_ui_loaded", None)
            if finish is not None:
                finish()
        return root

    def _widget(self, root: QtWidgets.QWidget, name: str) -> QObject:
        widget = root if root.objectName == name else root.findChild(QObject, name)
        if widget is None:
            raise UiFileError(f"the .ui file speaks of an object {name!r} that it does not define")
        return widget

    def _check_properties(self, tree: ElementTree.Element, root: QtWidgets.QWidget) -> None:
        for element in (*tree.iter("widget"), *tree.iter("action")):
            if element.get("class") == "Line":  # Designer's name for a QFrame, with a made-up property "orientation"
                continue
            widget = self._widget(root, element.get("name"))
            known = _meta_property_names(widget)
            for item in element.findall("property"):
                if item.get("name") == "buddy" and element.get("class") == "QLabel":
                    self._widget(root, item.findtext("cstring"))  # no property of its own: Designer's readers set it
                else:
                    self._check_property(widget, known, item)

    def _check_property(self, widget: QObject, known: set[str], item: ElementTree.Element) -> None:
        name = item.get("name")
        dynamic = item.get("stdset") == "0"
        if name in known or (dynamic and name in KNOWN_DYNAMIC_PROPERTIES):
            return
        kind = "dynamic property" if dynamic else "property"
        raise UiFileError(f"{type(widget).__name__} {widget.objectName!r} has no {kind} {name!r}")

    def _connect(self, root: QtWidgets.QWidget, connection: dict[str, Any]) -> None:
        sender = self._widget(root, connection["sender"])
        receiver = self._widget(root, connection["receiver"])
        try:
            signals.connect(sender, connection["signal"], receiver, connection["slot"])
        except ValueError as error:
            raise UiFileError(f"a connection of the .ui file is impossible: {error}") from error
