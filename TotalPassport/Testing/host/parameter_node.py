"""A thin stand-in for ``slicer.parameterNodeWrapper``, written from the developer documentation.

Values live in a real ``vtkMRMLScriptedModuleNode``: plain values as text, nodes as node references. So they are saved,
loaded and cleared with the scene.
"""

from __future__ import annotations

import inspect
import types
from typing import Any, ClassVar

from . import parameter_gui, parameter_types
from .parameter_types import Field, make_field

#: What a wrapper passes on to its node, so that it can be observed and modified like one; nothing else.
_FORWARDED = frozenset(("AddObserver", "RemoveObserver", "StartModify", "EndModify", "Modified"))
#: Names that the wrapper needs itself.
_RESERVED = _FORWARDED | {
    "allParameters",
    "connectGui",
    "connectParametersToGui",
    "dataType",
    "default",
    "disconnectGui",
    "getValue",
    "isCached",
    "parameterNode",
    "setValue",
}


def _fields_of(cls: type) -> dict[str, Field]:
    hints = inspect.get_annotations(cls)
    if any(isinstance(hint, str) for hint in hints.values()):
        raise TypeError(f"{cls.__name__}: the types are strings; remove 'from __future__ import annotations'")
    reserved = sorted(_RESERVED.intersection(hints))
    if reserved:
        raise ValueError(f"{cls.__name__}: no parameter can have the reserved name {reserved[0]!r}")
    return {name: make_field(name, hint, cls.__dict__.get(name)) for name, hint in hints.items()}


class ParameterNodeWrapper:
    """Typed access to a parameter node. The decorated class is rebuilt on top of this one."""

    _fields: ClassVar[dict[str, Field]] = {}

    def __init__(self, parameterNode: Any, prefix: str | None = None) -> None:
        if parameterNode is None or not parameterNode.IsA("vtkMRMLScriptedModuleNode"):
            raise TypeError(f"a parameter node is needed, not {parameterNode!r}")
        object.__setattr__(self, "parameterNode", parameterNode)
        object.__setattr__(self, "_prefix", prefix or "")
        object.__setattr__(self, "_connections", {})
        for field in self._fields.values():
            if not parameterNode.HasParameter(self._key(field.name)):
                self.setValue(field.name, field.default)

    def _key(self, name: str) -> str:
        return f"{self._prefix}.{name}" if self._prefix else name

    def _field(self, name: str) -> Field:
        if name not in self._fields:
            raise ValueError(f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(self._fields)}")
        return self._fields[name]

    def __getattr__(self, name: str) -> Any:
        if name in _FORWARDED:
            return getattr(self.parameterNode, name)
        if name in self._fields:
            return self.getValue(name)
        raise AttributeError(f"{type(self).__name__} has no parameter {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._fields:
            self.setValue(name, value)
        elif name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            raise AttributeError(f"{type(self).__name__} has no parameter {name!r}")

    def getValue(self, name: str) -> Any:
        """The value of a parameter."""
        field = self._field(name)
        if field.node_classes:
            return self.parameterNode.GetNodeReference(self._key(name))
        if not self.parameterNode.HasParameter(self._key(name)):  # the scene was cleared
            self.setValue(name, field.default)
        return field.from_text(self.parameterNode.GetParameter(self._key(name)))

    def setValue(self, name: str, value: Any) -> None:
        """Set a parameter; raises TypeError or ValueError if it cannot have the value."""
        field = self._field(name)
        field.check(value)
        if field.node_classes:
            self.parameterNode.SetParameter(self._key(name), "")  # says that somebody has set it
            self.parameterNode.SetNodeReferenceID(self._key(name), value.GetID() if value is not None else None)
        else:
            self.parameterNode.SetParameter(self._key(name), field.to_text(value))

    def default(self, name: str) -> Any:
        """Return the value of a parameter that nobody has set, as an annotation."""
        return parameter_types.Default(self._field(name).default)

    def dataType(self, name: str) -> Any:
        """Return the type of a parameter, with its annotations."""
        return self._field(name).annotated_kind

    def isCached(self, name: str) -> bool:
        """Whether the value of a parameter is kept beside its node; none is here."""
        self._field(name)
        return False

    # The panel --------------------------------------------------------------------------------------------------

    def connectGui(self, gui: Any) -> int:
        """Tie the widgets that carry ``SlicerParameterName`` to their parameters, both ways; returns a tag."""
        return self.connectParametersToGui(parameter_gui.widgets_by_parameter(gui))

    def connectParametersToGui(self, mapping: dict[str, Any]) -> int:
        """Tie widgets to parameters by name; returns a tag for `disconnectGui`."""
        connection = parameter_gui.GuiConnection(self, {self._field(n).name: w for n, w in mapping.items()})
        tag = max(self._connections, default=0) + 1
        self._connections[tag] = connection
        return tag

    def disconnectGui(self, tag: int) -> None:
        """Undo a connection."""
        self._connections.pop(tag).disconnect()


def parameterNodeWrapper(cls: type) -> type:
    """Class decorator: annotations become typed parameters of a parameter node."""
    fields = _fields_of(cls)
    members = {name: value for name, value in vars(cls).items() if name not in fields}
    for name in ("__dict__", "__weakref__", "__annotations__"):
        members.pop(name, None)
    members["_fields"] = members["allParameters"] = fields
    return type(cls.__name__, (ParameterNodeWrapper,), members)


def build() -> types.ModuleType:
    """The module ``slicer.parameterNodeWrapper``."""
    module = types.ModuleType("slicer.parameterNodeWrapper", __doc__)
    module.parameterNodeWrapper = parameterNodeWrapper
    module.createGui = parameter_gui.create_gui
    for cls in parameter_types.ANNOTATIONS:
        setattr(module, cls.__name__, cls)
    module.__all__ = [name for name in vars(module) if not name.startswith("_")]
    return module
