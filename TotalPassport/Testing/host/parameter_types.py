"""Typed fields of a parameter node wrapper: how each type is kept in a ``vtkMRMLScriptedModuleNode``."""

from __future__ import annotations

import enum
import json
import pathlib
import types
import typing
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Default:
    """Annotation: the value before anybody set one."""

    value: Any


@dataclass(frozen=True)
class Minimum:
    """Annotation: values below are an error."""

    minimum: float

    def validate(self, value: Any) -> None:
        if value < self.minimum:
            raise ValueError(f"{value} is below the minimum {self.minimum}")


@dataclass(frozen=True)
class Maximum:
    """Annotation: values above are an error."""

    maximum: float

    def validate(self, value: Any) -> None:
        if value > self.maximum:
            raise ValueError(f"{value} is above the maximum {self.maximum}")


@dataclass(frozen=True)
class WithinRange:
    """Annotation: values outside are an error."""

    minimum: float
    maximum: float

    def validate(self, value: Any) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"{value} is not within {self.minimum} and {self.maximum}")


@dataclass(frozen=True)
class Choice:
    """Annotation: only these values."""

    choices: tuple | list

    def validate(self, value: Any) -> None:
        if value not in self.choices:
            raise ValueError(f"{value!r} is none of {list(self.choices)}")


@dataclass(frozen=True)
class Decimals:
    """Annotation: digits that a spin box shows."""

    value: int


@dataclass(frozen=True)
class SingleStep:
    """Annotation: step of a spin box."""

    value: float


ANNOTATIONS = (Default, Minimum, Maximum, WithinRange, Choice, Decimals, SingleStep)


def node_classes_of(kind: Any) -> tuple[type, ...]:
    """The MRML classes of a type such as ``vtkMRMLModelNode``, ``Optional[...]`` or a union; () for other types."""
    import slicer

    if isinstance(kind, type):
        return (kind,) if issubclass(kind, slicer.vtkMRMLNode) else ()
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        parts = [part for part in typing.get_args(kind) if part is not type(None)]
        classes = tuple(cls for part in parts for cls in node_classes_of(part))
        return classes if len(classes) == len(parts) else ()
    return ()


@dataclass
class Field:
    """One field of a wrapper class."""

    name: str
    kind: Any
    annotations: tuple = ()
    default: Any = None
    node_classes: tuple[type, ...] = field(default=())

    @property
    def annotated_kind(self) -> Any:
        """The type with its annotations, as the wrapper's class has it."""
        return typing.Annotated[self.kind, *self.annotations] if self.annotations else self.kind

    @property
    def container(self) -> type | None:
        """list, tuple or dict for fields that keep several values; otherwise None."""
        origin = typing.get_origin(self.kind) or self.kind
        return origin if origin in (list, tuple, dict) else None

    def annotation(self, kind: type) -> Any:
        """The annotation of a class, or None."""
        return next((a for a in self.annotations if isinstance(a, kind)), None)

    def check(self, value: Any) -> None:
        """Raise TypeError or ValueError for values that the field cannot have."""
        if self.node_classes:
            if value is not None and not isinstance(value, self.node_classes):
                raise TypeError(f"{self.name}: {type(value).__name__} is none of {self.node_classes}")
            return
        self._check_plain(value)
        for annotation in self.annotations:
            if hasattr(annotation, "validate"):
                annotation.validate(value)

    def _check_plain(self, value: Any) -> None:
        expected = self.container or self.kind
        accepted = (int, float) if expected is float else expected
        is_bool_by_mistake = isinstance(value, bool) and expected is not bool
        if not isinstance(value, accepted) or is_bool_by_mistake:
            raise TypeError(f"{self.name}: expected {expected.__name__}, got {value!r}")
        if self.container:
            self._check_elements(value)

    def _check_elements(self, value: Any) -> None:
        """Raise for a list, tuple or dictionary of something else than what its type says."""
        kinds = typing.get_args(self.kind)
        if self.container is tuple and len(value) != len(kinds):
            raise ValueError(f"{self.name}: expected {len(kinds)} values, got {value!r}")
        if self.container is list:
            kinds, rows = kinds[:1], [(element,) for element in value]
        else:
            rows = list(value.items()) if self.container is dict else [value]
        for row in rows:
            for kind, element in zip(kinds, row, strict=False):
                Field(self.name, kind).check(element)

    # Text that goes into the scene ------------------------------------------------------------------------------

    def to_text(self, value: Any) -> str:
        """The text that the parameter node keeps."""
        if self.container:
            return json.dumps(value)
        if isinstance(self.kind, type) and issubclass(self.kind, enum.Enum):
            return value.name
        if self.kind is bool:
            return "True" if value else "False"
        return str(value)

    def from_text(self, text: str) -> Any:
        """The value that a text of `to_text` stands for."""
        if self.container:
            return self.container(json.loads(text))
        if isinstance(self.kind, type) and issubclass(self.kind, enum.Enum):
            return self.kind[text]
        if self.kind is bool:
            return text == "True"
        return self.kind(text)


_EMPTY_VALUES = {int: 0, float: 0.0, str: "", bool: False}


def _default_value(kind: Any, annotations: tuple) -> Any:
    """The value of a field that nobody set and that has no explicit default."""
    choice = next((a for a in annotations if isinstance(a, Choice)), None)
    if choice is not None:
        return choice.choices[0]
    low = next((a.minimum for a in annotations if isinstance(a, (WithinRange, Minimum))), None)
    origin = typing.get_origin(kind) or kind
    if origin is tuple:
        return tuple(_default_value(part, ()) for part in typing.get_args(kind))
    if origin in (list, dict):
        return origin()
    if issubclass(kind, enum.Enum):
        return next(iter(kind))
    if issubclass(kind, pathlib.PurePath):
        return kind()
    value = _EMPTY_VALUES[kind]
    return kind(low) if low is not None and value < low else value


def _check_supported(name: str, kind: Any) -> None:
    origin = typing.get_origin(kind) or kind
    plain = isinstance(kind, type) and issubclass(kind, (int, float, str, enum.Enum, pathlib.PurePath))
    if not plain and origin not in (list, tuple, dict):
        raise TypeError(f"field {name!r}: the host does not know the type {kind!r}")


def make_field(name: str, annotation: Any, explicit_default: Any = None) -> Field:
    """Read one annotation of a wrapper class.

    Raises
    ------
    TypeError
        For types that the host does not know.
    """
    kind, annotations = annotation, ()
    if typing.get_origin(annotation) is typing.Annotated:
        kind, *rest = typing.get_args(annotation)
        annotations = tuple(rest)
    node_classes = node_classes_of(kind)
    if node_classes:
        return Field(name, kind, annotations, None, node_classes)
    _check_supported(name, kind)
    marked = next((a for a in annotations if isinstance(a, Default)), None)
    default = marked.value if marked is not None else explicit_default
    result = Field(name, kind, annotations, default)
    if default is None:
        result.default = _default_value(kind, annotations)
    result.check(result.default)
    return result
