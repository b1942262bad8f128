"""JSON schemas checked without any package, for documents that are read before anything is installed.

Slicer brings no package that checks JSON schemas, and a passport is to open in a Slicer that has just been installed.
Only those keywords of draft 7 are known that the passport's schema needs; `files.validate` uses fastjsonschema where it
is there, and a test holds both to the same verdicts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_SAID_ONLY = {"$schema", "$comment", "title", "description", "definitions", "default"}
"""Keywords that demand nothing."""
_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    ),
    "null": lambda value: value is None,
}


def first_violation(document: Any, schema: Mapping[str, Any]) -> str:
    """Say what in a document is not as a schema wants it; an empty text where all is.

    Raises
    ------
    NotImplementedError
        The schema has a keyword that is not known here.
    """
    _require_known(schema)
    return next(_violations(document, schema, schema, "it"), "")


def _require_known(schema: Any) -> None:
    """Look through all of a schema, so that what is refused does not depend on the document."""
    for keyword, value in schema.items():
        if keyword in ("properties", "patternProperties", "definitions"):
            for inner in value.values():
                _require_known(inner)
        elif keyword == "items" and isinstance(value, dict):
            _require_known(value)
        elif not _is_known(keyword, value):
            raise NotImplementedError(keyword)


def _is_known(keyword: str, value: Any) -> bool:
    if keyword == "additionalProperties":
        return value is False
    if keyword == "type":
        return isinstance(value, str)
    return keyword in _SAID_ONLY or (keyword in _CHECKS and keyword != "items")


def _violations(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], where: str) -> Iterator[str]:
    if "$ref" in schema:  # in draft 7 nothing beside it counts
        yield from _violations(value, _referred(schema["$ref"], root), root, where)
        return
    for keyword in schema:
        if keyword in _CHECKS:
            yield from _CHECKS[keyword](value, schema, root, where)


def _referred(pointer: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    if not pointer.startswith("#/"):
        raise NotImplementedError(pointer)
    part: Any = root
    for key in pointer[2:].split("/"):
        part = part[key]
    return part  # type: ignore[no-any-return]


def _type(value: Any, schema: Mapping[str, Any], _root: Any, where: str) -> Iterator[str]:
    if not _TYPES[schema["type"]](value):
        yield f"{where} must be {schema['type']}"


def _const(value: Any, schema: Mapping[str, Any], _root: Any, where: str) -> Iterator[str]:
    if value != schema["const"]:
        yield f"{where} must be same as const definition: {schema['const']}"


def _enum(value: Any, schema: Mapping[str, Any], _root: Any, where: str) -> Iterator[str]:
    if value not in schema["enum"]:
        yield f"{where} must be one of {schema['enum']}"


def _bounds(value: Any, schema: Mapping[str, Any], _root: Any, where: str) -> Iterator[str]:
    if _TYPES["number"](value):
        if "minimum" in schema and value < schema["minimum"]:
            yield f"{where} must be bigger than or equal to {schema['minimum']}"
        if "maximum" in schema and value > schema["maximum"]:
            yield f"{where} must be smaller than or equal to {schema['maximum']}"


def _length(value: Any, schema: Mapping[str, Any], _root: Any, where: str) -> Iterator[str]:
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield f"{where} must contain at least {schema['minItems']} items"
        if "maxItems" in schema and len(value) > schema["maxItems"]:
            yield f"{where} must contain less than or equal to {schema['maxItems']} items"


def _items(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], where: str) -> Iterator[str]:
    for place, item in enumerate(value if isinstance(value, list) else ()):
        yield from _violations(item, schema["items"], root, f"{where}[{place}]")


def _required(value: Any, schema: Mapping[str, Any], _root: Any, where: str) -> Iterator[str]:
    missing = [name for name in schema["required"] if isinstance(value, dict) and name not in value]
    if missing:
        yield f"{where} must contain {missing} properties"


def _properties(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], where: str) -> Iterator[str]:
    for name, inner in schema["properties"].items():
        if isinstance(value, dict) and name in value:
            yield from _violations(value[name], inner, root, f"{where}.{name}")


def _pattern_properties(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], where: str) -> Iterator[str]:
    for pattern, inner in schema["patternProperties"].items():
        for name in value if isinstance(value, dict) else ():
            if re.search(pattern, name):
                yield from _violations(value[name], inner, root, f"{where}.{name}")


def _additional_properties(value: Any, schema: Mapping[str, Any], _root: Any, where: str) -> Iterator[str]:
    patterns = schema.get("patternProperties", {})
    for name in value if isinstance(value, dict) else ():
        if name not in schema.get("properties", {}) and not any(re.search(pattern, name) for pattern in patterns):
            yield f"{where} must not contain {[name]} properties"


_CHECKS: Mapping[str, Callable[..., Iterator[str]]] = {
    "$ref": lambda *_: iter(()),
    "type": _type,
    "const": _const,
    "enum": _enum,
    "minimum": _bounds,
    "maximum": _bounds,
    "minItems": _length,
    "maxItems": _length,
    "items": _items,
    "required": _required,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
}
