"""Signals as PythonQt offers them: ``w.connect("clicked(bool)", f)`` and ``w.clicked.connect(f)``.

PythonQt drops the arguments that a Python function does not take and holds a strong reference to the function;
PySide6 does neither in the same way. Unknown signals are errors here; PythonQt only returns False.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import shiboken6
from PySide6.QtCore import QMetaMethod, QMetaObject, QObject

from .errors import error_log

_SIGNAL_CODE = "2"  # what the macro SIGNAL() puts before a signature

_qt_connect = QObject.connect
_qt_disconnect = QObject.disconnect


@dataclass
class Connection:
    """One connection made from Python, remembered so that it can be undone by naming the function again."""

    signature: str
    receiver: Callable[..., Any]
    handle: Any


_connections: dict[int, list[Connection]] = {}


def _address(sender: QObject) -> int:
    return shiboken6.getCppPointer(sender)[0]


def accepted_argument_count(function: Callable[..., Any]) -> int | None:
    """How many positional arguments PythonQt would pass to ``function``; None means all of them.

    Parameters
    ----------
    function : Callable[..., Any]
        A Python function or method, or any other callable (which gets every argument).
    """
    if isinstance(function, types.MethodType) and isinstance(function.__func__, types.FunctionType):
        code, bound = function.__func__.__code__, 1
    elif isinstance(function, types.FunctionType):
        code, bound = function.__code__, 0
    else:
        return None
    if code.co_flags & inspect.CO_VARARGS:
        return None
    return code.co_argcount - bound


def _call_builtin(function: Callable[..., Any], arguments: tuple) -> None:
    """Call a Qt slot or other builtin with as many of the arguments as it takes."""
    for count in range(len(arguments), -1, -1):
        try:
            function(*arguments[:count])
            return
        except TypeError:
            if count == 0:
                raise


def _adapter(function: Callable[..., Any]) -> Callable[..., None]:
    count = accepted_argument_count(function)
    is_qt_slot = isinstance(function, types.BuiltinFunctionType)

    def deliver(*arguments) -> None:
        try:
            if is_qt_slot:
                _call_builtin(function, arguments)
            else:
                function(*arguments[:count])
        except Exception as exception:
            error_log.add_exception(exception)

    return deliver


@dataclass(frozen=True)
class _Signal:
    """A signal as Qt knows it."""

    name: str
    signature: str
    parameter_count: int


_signals_by_class: dict[tuple[type, str, int], list[_Signal]] = {}


def _signals_of(sender: QObject) -> list[_Signal]:
    meta = sender.metaObject()
    # PySide6 adds methods to the description of a class while the program runs, and takes none away.
    key = type(sender), meta.className(), meta.methodCount()
    if key not in _signals_by_class:
        methods = [meta.method(i) for i in range(meta.methodCount())]
        _signals_by_class[key] = [
            _Signal(m.name().data().decode(), m.methodSignature().data().decode(), m.parameterCount())
            for m in methods
            if m.methodType() == QMetaMethod.Signal
        ]
    return _signals_by_class[key]


def _declared_signatures(sender: QObject) -> dict[str, str]:
    """C++ signatures of the signals that the host's own widgets declare: {normalised signature: Python name}."""
    found: dict[str, str] = {}
    for cls in reversed(type(sender).__mro__):
        found.update(cls.__dict__.get("host_signals", {}))
    return found


def _signature_for_name(sender: QObject, name: str) -> str:
    """The signature of the signal ``name``; copies of it with fewer arguments are passed over."""
    named = [each for each in _signals_of(sender) if each.name == name]
    if not named:
        raise AttributeError(f"{type(sender).__name__} has no signal {name!r}")
    return max(named, key=lambda each: each.parameter_count).signature


def resolve_signal(sender: QObject, signature: str) -> str:
    """The signature under which Qt knows the signal that a module names in C++.

    Raises
    ------
    ValueError
        If ``sender`` has no such signal.
    """
    normalised = QMetaObject.normalizedSignature(signature).data().decode()
    declared = _declared_signatures(sender)
    if normalised in declared:
        return _signature_for_name(sender, declared[normalised])
    known = [each.signature for each in _signals_of(sender) if each.name not in declared.values()]
    if normalised in known:
        return normalised
    names = sorted({*declared, *known})
    raise ValueError(f"{type(sender).__name__} has no signal {signature!r}; it has {', '.join(names)}")


def _slot_function(receiver: QObject, slot: str) -> Callable[..., Any]:
    name = slot.split("(")[0].strip()
    function = getattr(receiver, name, None)
    if not callable(function):
        raise ValueError(f"{type(receiver).__name__} has no slot {slot!r}")
    return function


def _remember(sender: QObject, connection: Connection) -> None:
    address = _address(sender)
    if address not in _connections:
        _connections[address] = []
        _qt_connect(sender, _SIGNAL_CODE + "destroyed()", lambda: _connections.pop(address, None))
    _connections[address].append(connection)


def connect_signature(sender: QObject, qt_signature: str, function: Callable[..., Any]) -> bool:
    """Connect a signal, given as Qt knows it, to a callable."""
    if not callable(function):
        raise TypeError(f"cannot connect {qt_signature} to {function!r}: it cannot be called")
    handle = _qt_connect(sender, _SIGNAL_CODE + qt_signature, _adapter(function))
    if not handle:
        raise RuntimeError(f"Qt refused to connect {type(sender).__name__}.{qt_signature}")
    _remember(sender, Connection(qt_signature, function, handle))
    return True


def disconnect_signature(sender: QObject, qt_signature: str, function: Callable[..., Any] | None) -> bool:
    """Undo connections of a signal: all of them, or those to ``function``.

    Raises
    ------
    RuntimeError
        If there was no such connection.
    """
    connections = _connections.get(_address(sender), [])
    matching = [c for c in connections if c.signature == qt_signature and (function is None or c.receiver == function)]
    if not matching:
        raise RuntimeError(f"{type(sender).__name__}.{qt_signature} is not connected to {function!r}")
    for connection in matching:
        _qt_disconnect(connection.handle)
        connections.remove(connection)
    return True


def connect_weakly(sender: QObject, name: str, method: Callable[..., Any]) -> None:
    """Connect a signal to a method of a widget of the host without keeping that widget alive."""
    _qt_connect(sender, _SIGNAL_CODE + _signature_for_name(sender, name), method)


def connect(sender: QObject, signal: str, receiver: Any, slot: str | None = None) -> bool:
    """``sender.connect(signal, function)`` or ``sender.connect(signal, receiver, slot)``, with C++ signatures."""
    function = receiver if slot is None else _slot_function(receiver, slot)
    return connect_signature(sender, resolve_signal(sender, signal), function)


def disconnect(sender: QObject, signal: str, receiver: Any = None, slot: str | None = None) -> bool:
    """``sender.disconnect(signal, function)``: the counterpart of `connect`."""
    function = receiver if slot is None else _slot_function(receiver, slot)
    return disconnect_signature(sender, resolve_signal(sender, signal), function)


def disconnect_everything(sender: QObject, name: str) -> None:
    """Undo every connection of a signal, if there are any."""
    signature = _signature_for_name(sender, name)
    if any(c.signature == signature for c in _connections.get(_address(sender), [])):
        disconnect_signature(sender, signature, None)


class BoundSignal:
    """What ``w.clicked`` gives: connect, disconnect, emit; calling it emits as well, as in PythonQt."""

    __slots__ = ("_instance", "_name", "_sender")

    def __init__(self, sender: QObject, name: str, instance: Any) -> None:
        self._sender = sender
        self._name = name
        self._instance = instance

    def connect(self, function: Callable[..., Any]) -> bool:
        """Call ``function`` whenever the signal is emitted."""
        return connect_signature(self._sender, _signature_for_name(self._sender, self._name), function)

    def disconnect(self, function: Callable[..., Any] | None = None) -> bool:
        """Stop calling ``function`` (or any function)."""
        return disconnect_signature(self._sender, _signature_for_name(self._sender, self._name), function)

    def emit(self, *arguments) -> None:
        """Emit the signal."""
        self._instance.emit(*arguments)

    __call__ = emit

    def __repr__(self) -> str:
        return f"<signal {self._name} of {type(self._sender).__name__}>"
