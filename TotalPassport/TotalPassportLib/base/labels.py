"""Label tables: what a voxel's value means.

A table is a data file (``data/schemas/labels.schema.json``). Bundled are ``total``, the 117 structures of
TotalSegmentator's task of that name, ``total_v1``, the 104 of its version 1 with numbers of their own, and
``monai_wholebody``, those of MONAI's bundle wholeBody_ct_segmentation. Names are the same in all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from .dataset_labels import is_dataset_document, names_in_dataset
from .errors import BadInput, TotalPassportError
from .files import DATA_FOLDER, read_json, validate
from .suggestions import did_you_mean

GREY_RGB = (160, 160, 160)
"""Colour of a structure that no bundled table knows."""


@dataclass(frozen=True, kw_only=True)
class Code:
    """One coded concept, as DICOM writes it."""

    scheme: str
    code: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Terminology:
    """What a structure is in SNOMED CT: category, type and, for paired structures, the side."""

    category: Code
    type: Code
    modifier: Code | None = None


ANATOMY = Terminology(
    category=Code(scheme="SCT", code="123037004", meaning="Anatomical Structure"),
    type=Code(scheme="SCT", code="91723000", meaning="Anatomical structure"),
)
"""What a structure is, for those who demand a code, that has none of its own."""


@dataclass(frozen=True, kw_only=True)
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
    failure
        Two labels share a value or a name.
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
        return self._by_value.get(value) or numbered_label(value)


def numbered_label(value: int) -> Label:
    """Return the label of a value that nothing is known of."""
    return Label(value=value, name=f"label {value}", display_name=f"Label {value}", color_rgb=GREY_RGB)


def load_label_table(name_or_path: str) -> LabelTable:
    """Load a bundled table by its name, or any table by the path of its file.

    Parameters
    ----------
    name_or_path : str
        One of `bundled_tables`, or a JSON file: a label table, or nnU-Net's ``dataset.json``.

    Raises
    ------
    BadInput
        There is no such table, or the file is not one.
    """
    if name_or_path in bundled_tables():
        return _bundled(name_or_path)
    path = Path(name_or_path)
    if not path.suffix and not path.exists():
        raise BadInput(
            f"There is no label table '{name_or_path}'.",
            f"{did_you_mean(name_or_path, bundled_tables())} Or give the path of a JSON file.",
        )
    document = read_json(path)
    if is_dataset_document(document):
        return table_from_names(names_in_dataset(document, f"'{path}'"), path.name)
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
        value=entry["value"],
        name=entry["name"],
        display_name=entry["display_name"],
        color_rgb=(red, green, blue),
        terminology=terminology_from_document(entry.get("terminology")),
        tissue=entry.get("tissue"),
    )


def terminology_from_document(entry: Mapping[str, Any] | None) -> Terminology | None:
    """Build a terminology from a document that has passed the schema; fields that are not known are ignored."""
    if entry is None:
        return None
    modifier = entry.get("modifier")
    return Terminology(
        category=_code(entry["category"]), type=_code(entry["type"]), modifier=_code(modifier) if modifier else None
    )


def _code(entry: Mapping[str, Any]) -> Code:
    return Code(scheme=entry["scheme"], code=entry["code"], meaning=entry["meaning"])


def table_from_names(names: Mapping[int, str], title: str) -> LabelTable:
    """Return the table of labels that are known by value and name.

    A structure of a bundled table gets the name, colour and codes that it has there, so that it is checked and compared
    as what it is; an empty name becomes ``label N``; a name that comes again is told apart by its value. Where all of
    it is in a bundled table, under the same values, the table is called as that one.
    """
    labels: dict[str, Label] = {}
    for value, name in sorted(names.items()):
        known = structure_named(name)
        if known is None or known.name in labels:
            known = _own_label(value, name, labels)
        labels[known.name] = replace(known, value=value)
    found = {label.value: label.name for label in labels.values()}
    same = (table for table in tables_by_preference() if _has_all(table, found))
    return LabelTable(next((table.name for table in same), title), list(labels.values()))


def _has_all(table: LabelTable, names: Mapping[int, str]) -> bool:
    return all(value in table and table[value].name == name for value, name in names.items())


def _own_label(value: int, name: str, taken: Mapping[str, Label]) -> Label:
    plain = " ".join(name.split())
    if not plain:
        return numbered_label(value)
    unique = plain if plain not in taken else f"{plain} ({value})"
    return Label(value=value, name=unique, display_name=unique, color_rgb=GREY_RGB)


def structure_named(name: str) -> Label | None:
    """Return the structure of the bundled tables that a name means, with its value in the first table that has it.

    Case, the order of words and what stands between them do not matter; names for people and a few usual names of
    other programs are known too (``data/structure_aliases.json``).

    >>> structure_named("Left Kidney").name
    'kidney_left'
    """
    return _structures().get(name_words(name))


def name_words(name: str) -> tuple[str, ...]:
    """Return the words of a name, in an order and in letters that do not depend on who wrote it."""
    return tuple(sorted(re.findall(r"\w+", name.replace("_", " ").casefold())))


@cache
def _structures() -> Mapping[tuple[str, ...], Label]:
    structures: dict[tuple[str, ...], Label] = {}
    for table in tables_by_preference():
        for label in table.values():
            known = structures.setdefault(name_words(label.name), label)
            structures.setdefault(name_words(label.display_name), known)
    aliases = read_json(DATA_FOLDER / "structure_aliases.json")["aliases"]
    return {name_words(alias): structures[name_words(name)] for alias, name in aliases.items()} | structures


def tables_by_preference() -> list[LabelTable]:
    """Return the bundled tables, TotalSegmentator's present one first: what several have is called as there."""
    names = sorted(bundled_tables(), key=lambda name: (name != "total", name != "total_v1"))
    return [_bundled(name) for name in names]
