"""Label tables: what a voxel's value means.

A table is a data file (``data/schemas/labels.schema.json``). The bundled table ``total`` holds the 117 classes of
TotalSegmentator's task of that name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .errors import BadInput, TotalPassportError
from .files import DATA_FOLDER, read_json, validate


@dataclass(frozen=True)
class Code:
    """One coded concept, as DICOM writes it."""

    scheme: str
    code: str
    meaning: str


@dataclass(frozen=True)
class Terminology:
    """What a structure is in SNOMED CT: category, type and, for paired structures, the side."""

    category: Code
    type: Code
    modifier: Code | None = None


@dataclass(frozen=True)
class Label:
    """One structure of a table; ``color_rgb`` has three values of 0..255, ``tissue`` is ``bone`` or unknown."""

    value: int
    name: str
    display_name: str
    color_rgb: tuple[int, int, int]
    terminology: Terminology | None = None
    tissue: str | None = None


class LabelTable(Mapping[int, Label]):
    """Label value -> `Label`, in order of values.

    Raises
    ------
    failure : two labels share a value or a name.
    """

    def __init__(self, name: str, labels: list[Label], failure: type[TotalPassportError] = BadInput) -> None:
        self.name = name
        self._by_value = {label.value: label for label in sorted(labels, key=lambda label: label.value)}
        self._by_name = {label.name: label for label in labels}
        if len(self._by_value) != len(labels) or len(self._by_name) != len(labels):
            raise failure(f"The label table '{name}' uses a value or a name twice.", "Correct the table.")

    def __getitem__(self, value: int) -> Label:
        return self._by_value[value]

    def __iter__(self) -> Iterator[int]:
        return iter(self._by_value)

    def __len__(self) -> int:
        return len(self._by_value)

    def named(self, name: str) -> Label | None:
        """Return the label with this name, or None."""
        return self._by_name.get(name)

    def describe(self, value: int) -> Label:
        """Return the label of a value; one that the table lacks gets a plain name and a grey."""
        return self._by_value.get(value) or Label(value, f"label_{value}", f"Label {value}", (160, 160, 160))


def load_label_table(name_or_path: str) -> LabelTable:
    """Load a bundled table by its name, or any table by the path of its file.

    Raises
    ------
    BadInput : there is no such table, or the file is not one.
    """
    if name_or_path in bundled_tables():
        return _bundled(name_or_path)
    path = Path(name_or_path)
    if not path.suffix and not path.exists():
        known = ", ".join(bundled_tables())
        raise BadInput(f"There is no label table '{name_or_path}'.", f"Use one of {known}, or the path of a JSON file.")
    document = read_json(path)
    validate(document, "labels", f"'{path}'")
    return table_from_document(document)


@cache
def bundled_tables() -> tuple[str, ...]:
    """Return the names of the bundled tables."""
    return tuple(sorted(path.stem for path in (DATA_FOLDER / "labels").glob("*.json")))


@cache
def _bundled(name: str) -> LabelTable:
    # Our own files are checked by the tests, so that colours and names work before anything is installed in Slicer.
    return table_from_document(read_json(DATA_FOLDER / "labels" / f"{name}.json"))


def table_from_document(document: Mapping[str, Any], failure: type[TotalPassportError] = BadInput) -> LabelTable:
    """Build a table from a document that has passed the schema."""
    return LabelTable(document["name"], [_label(entry) for entry in document["labels"]], failure)


def _label(entry: Mapping[str, Any]) -> Label:
    red, green, blue = entry["color_rgb"]
    return Label(
        entry["value"],
        entry["name"],
        entry["display_name"],
        (red, green, blue),
        terminology_from_document(entry.get("terminology")),
        entry.get("tissue"),
    )


def terminology_from_document(entry: Mapping[str, Any] | None) -> Terminology | None:
    """Build a terminology from a document that has passed the schema; fields that are not known are ignored."""
    if entry is None:
        return None
    modifier = entry.get("modifier")
    return Terminology(_code(entry["category"]), _code(entry["type"]), _code(modifier) if modifier else None)


def _code(entry: Mapping[str, Any]) -> Code:
    return Code(entry["scheme"], entry["code"], entry["meaning"])
