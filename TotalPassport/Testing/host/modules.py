"""``slicer.modules``: the built-in modules that have a logic here, and scripted modules loaded by the host."""

from __future__ import annotations

from typing import Any

from PySide6 import QtWidgets
from PySide6.QtCore import Property, QObject

from .qmrml_widgets import qMRMLWidget


class LoadableModule:
    """A built-in module: its name and its C++ logic."""

    def __init__(self, name: str, logic: Any) -> None:
        self.name = name
        self.title = name
        self.path = ""
        self._logic = logic

    def logic(self) -> Any:
        return self._logic

    def widgetRepresentation(self) -> Any:
        raise NotImplementedError(f"the host has no panel for the built-in module {self.name}")


def _plain(kind: type | str, name: str, default: Any) -> Property:
    attribute = f"_{name}"

    def read(self):
        return self.__dict__.get(attribute, default)

    def write(self, value) -> None:
        self.__dict__[attribute] = value

    return Property(kind, read, write)


class qSlicerScriptedLoadableModule(QObject):
    """The ``parent`` of a module class: title, categories, help and so on."""

    host_strict = True
    name = _plain(str, "name", "")
    title = _plain(str, "title", "")
    path = _plain(str, "path", "")
    helpText = _plain(str, "helpText", "")
    acknowledgementText = _plain(str, "acknowledgementText", "")
    icon = _plain("QVariant", "icon", None)
    categories = _plain("QVariant", "categories", [])
    dependencies = _plain("QVariant", "dependencies", [])
    contributors = _plain("QVariant", "contributors", [])
    associatedNodeTypes = _plain("QVariant", "associatedNodeTypes", [])
    index = _plain(int, "index", -1)
    hidden = _plain(bool, "hidden", False)
    widgetRepresentationCreationEnabled = _plain(bool, "widgetRepresentationCreationEnabled", True)

    def __init__(self, name: str, path: str) -> None:
        super().__init__()
        self.name = name
        self.path = path
        self._widget_representation = None

    def logic(self) -> None:
        """A scripted module's logic belongs to its widget."""

    def widgetRepresentation(self) -> Any:
        return self._widget_representation


class qSlicerScriptedLoadableModuleWidget(qMRMLWidget):
    """The widget that a module's panel is put into; ``self()`` gives the Python class."""

    host_strict = True

    def __init__(self, module: qSlicerScriptedLoadableModule) -> None:
        super().__init__()
        self._module = module
        self._python_self = None
        self._is_entered = False
        self.setLayout(QtWidgets.QVBoxLayout())

    isEntered = Property(bool, lambda self: self._is_entered)

    def self(self) -> Any:
        return self._python_self

    def module(self) -> qSlicerScriptedLoadableModule:
        return self._module


class Modules:
    """``slicer.modules``; unknown names raise AttributeError."""

    def __init__(self, logics: dict[str, Any], logic_names: dict[str, tuple[str, str]]) -> None:
        self._by_name: dict[str, Any] = {}
        for attribute, logic in logics.items():
            self._add(attribute, LoadableModule(logic_names[attribute][0], logic))

    def _add(self, attribute: str, module: Any) -> None:
        self._by_name[module.name] = module
        setattr(self, attribute, module)

    def names(self) -> list[str]:
        """Names of all modules."""
        return list(self._by_name)

    def find(self, name: str) -> Any:
        """A module by its name, or None."""
        return self._by_name.get(name)

    def add_scripted(self, module: qSlicerScriptedLoadableModule, instance: Any) -> None:
        """Make a scripted module known as ``<name in lower case>`` and ``<name>Instance``."""
        self._add(module.name.lower(), module)
        setattr(self, f"{module.name}Instance", instance)

    def remove_scripted(self, name: str) -> None:
        """Forget a scripted module and its panel."""
        self._by_name.pop(name, None)
        for attribute in (name.lower(), f"{name}Instance", f"{name}Widget"):
            self.__dict__.pop(attribute, None)
