"""PySide6 made to behave like PythonQt, the Qt binding inside Slicer, and stricter.

- A Qt property is an attribute: ``w.text``, ``w.checked = True``. What is none stays a method: ``w.isChecked()``.
- ``w.connect("clicked(bool)", f)`` works beside ``w.clicked.connect(f)``.
- Setting an attribute that does not exist is an error, on every class.
"""

from __future__ import annotations

import contextlib
import ctypes
import enum
import sys
import types
from collections.abc import Iterator
from typing import Any

import shiboken6
from PySide6 import QtCore, QtGui, QtNetwork, QtUiTools, QtWidgets
from PySide6.QtCore import QObject

from . import conversions, signals

QT_MODULES = (QtCore, QtGui, QtWidgets, QtNetwork, QtUiTools)

_ORIGINAL_FIND_CHILD = QObject.findChild
_ORIGINAL_FIND_CHILDREN = QObject.findChildren


def qt_classes() -> dict[str, type]:
    """Every class of the Qt modules that a scripted module may see, by name.

    ``dir`` and ``getattr`` rather than ``vars``: PySide6 creates its classes when they are first asked for.
    """
    found: dict[str, type] = {}
    for module in QT_MODULES:
        for name in dir(module):
            value = getattr(module, name)
            if isinstance(value, type) and (name.startswith("Q") or name == "Qt"):
                found.setdefault(name, value)
    return found


def _lookup(cls: type, name: str) -> Any:
    """The raw class attribute ``name``, not bound; None where there is none."""
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return None


class PropertyBridge:
    """A Qt property on a class: its value on an instance, the original attribute on the class itself."""

    __slots__ = ("name", "original", "setter")

    def __init__(self, name: str, original: Any, setter: str | None) -> None:
        self.name = name
        self.original = original
        self.setter = setter

    def __get__(self, instance: QObject | None, owner: type | None = None) -> Any:
        if instance is None:
            return self if self.original is None else self.original.__get__(None, owner)
        if isinstance(self.original, types.MethodDescriptorType):
            return self.original(instance)  # keeps enum types, which QObject.property turns into numbers
        return instance.property(self.name)

    def __set__(self, instance: QObject, value: Any) -> None:
        if self.setter is None:
            raise AttributeError(f"property {self.name!r} of {type(instance).__name__} is read-only")
        value = conversions.as_text(value)
        setter = getattr(instance, self.setter, None)
        if setter is not None:
            setter(value)
        elif not instance.setProperty(self.name, value):
            raise TypeError(f"property {self.name!r} of {type(instance).__name__} does not accept {value!r}")


def _property_names(cls: type) -> dict[str, bool]:
    """The Qt properties of a class, inherited ones included: {name: can be written}."""
    meta = cls.staticMetaObject
    properties = (meta.property(i) for i in range(meta.propertyCount()))
    return {p.name(): p.isWritable() for p in properties}


def _bridge_properties(cls: type) -> None:
    """Put a bridge for every property that ``cls`` introduces or whose reading method it redefines."""
    inherited = {n for b in cls.__mro__[1:] for n, v in b.__dict__.items() if isinstance(v, PropertyBridge)}
    for name, writable in _property_names(cls).items():
        own = cls.__dict__.get(name)
        if isinstance(own, PropertyBridge) or (own is None and name in inherited):
            continue
        original = own if own is not None else _lookup(cls, name)
        if isinstance(original, PropertyBridge):
            original = original.original
        setter = "set" + name[0].upper() + name[1:] if writable else None
        setattr(cls, name, PropertyBridge(name, original, setter))


def _is_open(cls: type) -> bool:
    """True for classes written by a module under test, which may have attributes of their own."""
    return not cls.__module__.startswith("PySide6") and not getattr(cls, "host_strict", False)


def _strict_setattr(self: Any, name: str, value: Any) -> None:
    descriptor = _lookup(type(self), name)
    if isinstance(descriptor, QtCore.Property):
        if descriptor.fset is None:
            raise AttributeError(f"property {name!r} of {type(self).__name__} is read-only")
        descriptor.fset(self, value)
    elif hasattr(type(descriptor), "__set__"):
        descriptor.__set__(self, value)
    elif isinstance(value, QtCore.SignalInstance):
        self.__dict__[name] = value  # PySide6 itself, keeping a signal that has the name of a virtual method
    elif _is_open(type(self)) or (name.startswith("_") and hasattr(type(self), "host_strict")):
        self.__dict__[name] = value
    elif _children_are_being_named:
        pass
    elif descriptor is None:
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}, and none can be added")
    else:
        raise AttributeError(f"{name!r} of {type(self).__name__} is a method or signal and cannot be overwritten")


_children_are_being_named = False


@contextlib.contextmanager
def children_being_named() -> Iterator[None]:
    """PySide6's .ui loader makes every child an attribute of its root widget; inside this block it may try."""
    global _children_are_being_named
    _children_are_being_named = True
    try:
        yield
    finally:
        _children_are_being_named = False


def _bridged_getattribute(original: Any) -> Any:
    """A ``__getattribute__`` that adds what PythonQt has; ``original`` is the class's own."""

    def bridged(self: QObject, name: str) -> Any:
        if name == "connect":
            return types.MethodType(signals.connect, self)
        if name == "disconnect":
            return types.MethodType(signals.disconnect, self)
        try:
            value = original(self, name)
        except AttributeError:
            value = getattr(type(self), name, None)  # PySide6 offers the short names of enum values on classes only
            if not isinstance(value, enum.Enum):
                raise
        if isinstance(value, QtCore.SignalInstance):
            return signals.BoundSignal(self, name, value)
        return value

    return bridged


def _class_name(self: QObject) -> str:
    return self.metaObject().className()


def _find_children(self: QObject, kind: type | str = QObject, name: str = "") -> list[QObject]:
    """``findChildren(type or class name, object name)``."""
    cls = QObject if isinstance(kind, str) else kind
    children = _ORIGINAL_FIND_CHILDREN(self, cls, name) if name else _ORIGINAL_FIND_CHILDREN(self, cls)
    return [c for c in children if not isinstance(kind, str) or c.inherits(kind)]


def _find_child(self: QObject, kind: type | str = QObject, name: str = "") -> QObject | None:
    """``findChild(type or class name, object name)``."""
    return next(iter(_find_children(self, kind, name)), None)


def _add_pythonqt_methods() -> None:
    QObject.className = _class_name
    QObject.delete = lambda self: shiboken6.delete(self)
    QObject.findChild = _find_child
    QObject.findChildren = _find_children
    QObject.name = property(lambda self: self.objectName, lambda self, value: self.setObjectName(value))
    for cls in (QtWidgets.QDialog, QtWidgets.QApplication, QtWidgets.QMenu):
        cls.exec_ = cls.exec


def _keep_constants_alive() -> None:
    """Calls of PySide6 6.12 that return None, True or False take a reference to it away that is not their own.

    That ends the process after some thousand calls, unless these live for ever, as they do since Python 3.12.
    """
    if sys.version_info < (3, 12):
        for constant in (None, True, False):
            ctypes.c_ssize_t.from_address(id(constant)).value += 2**40  # the count lies first in CPython's objects


def install() -> dict[str, type]:
    """Bridge every class once; returns the classes by name."""
    classes = qt_classes()
    if "className" in vars(QObject):
        return classes
    _keep_constants_alive()
    conversions.install(list(set(classes.values())))
    by_depth = sorted(set(classes.values()), key=lambda cls: len(cls.__mro__))
    for cls in by_depth:
        if issubclass(cls, QObject):
            _bridge_properties(cls)
            if "__getattribute__" in cls.__dict__:
                cls.__getattribute__ = _bridged_getattribute(cls.__getattribute__)
        if "__setattr__" in cls.__dict__:
            cls.__setattr__ = _strict_setattr
    _add_pythonqt_methods()
    return classes
