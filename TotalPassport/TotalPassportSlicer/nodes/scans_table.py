"""The organs of several scans as one table: a node of the scene, and a CSV file as the command ``batch`` writes it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.outputs import atomic_write

from .columns import Column, fill_table_node

if TYPE_CHECKING:
    from TotalPassportLib.passport import Passport

SCANS_ATTRIBUTE = "TotalPassport.Scans"
_WHOLES = ("label", "voxel_count")
"""Numbers that every organ has; other whole ones may be missing, for which such columns have no value."""


@dataclass(frozen=True)
class ScansTable:
    """All organs of several scans, one a row.

    Attributes
    ----------
    node : vtkMRMLTableNode
        Its columns are called as in the file: units and frame are in their names.
    text : str
        The content of the CSV file.
    """

    node: Any
    text: str

    @classmethod
    def of_file(cls, path: Path, title: str) -> ScansTable:
        """Return the table of a batch's ``organs.csv``, with a new node."""
        return cls._made(_text_of(path), title)

    @classmethod
    def of_passports(cls, passports: Iterable[tuple[str, Passport]], title: str) -> ScansTable:
        """Return the table of some passports with what their scans are called, with a new node."""
        # Lazily, all three: see the package's note.
        from TotalPassportLib.batches.batch_results import write_organ_rows
        from TotalPassportLib.passport.export import csv_text

        text = io.StringIO(newline="")
        write_organ_rows(text, ((name, io.StringIO(csv_text(passport), newline="")) for name, passport in passports))
        return cls._made(text.getvalue(), title)

    @classmethod
    def _made(cls, text: str, title: str) -> ScansTable:
        name = _("{name}: organs of all scans").format(name=title) if title else _("Organs of all scans")
        unique = slicer.mrmlScene.GenerateUniqueName(name)
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", unique)
        node.SetAttribute(SCANS_ATTRIBUTE, "1")
        fill_table_node(node, _columns(), list(csv.DictReader(io.StringIO(text, newline=""))))
        return cls(node, text)

    def write(self, path: Path) -> None:
        """Write the CSV file, whole or not at all.

        Raises
        ------
        BadInput
            It cannot be written.
        """
        with atomic_write(path) as temporary:
            temporary.write_text(self.text, encoding="utf-8", newline="")


def _text_of(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def _columns() -> list[Column]:
    from TotalPassportLib.batches.batch_results import SUBJECT_COLUMN
    from TotalPassportLib.cohorts.table_columns import ORGAN_COLUMNS
    from TotalPassportLib.passport.fields import COLUMNS

    kinds = {column.name: column.kind for column in ORGAN_COLUMNS}
    names = [column.name for column in COLUMNS]
    return [_column(SUBJECT_COLUMN, "text"), *(_column(name, kinds[name]) for name in names)]


def _column(name: str, kind: str) -> Column:
    def value(row: dict[str, str]) -> Any:
        text = row.get(name) or ""
        if kind in ("text", "truth"):
            return text
        try:
            return float(text) if text else None
        except ValueError as error:
            raise BadInput(
                _("The table of all organs has '{text}' where a number should be.").format(text=text[:60]),
                _("Run the scans again, into another folder."),
            ) from error

    is_number = kind in ("number", "whole")
    return Column(node_title=name, value=value, is_number=is_number, is_whole=name in _WHOLES)
