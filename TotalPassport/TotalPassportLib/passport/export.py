"""Passports in the formats of others: the seed's JSON, a table for spreadsheets, markups for 3D Slicer."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..base.errors import BadInput
from ..base.labels import load_label_table
from ..base.outputs import atomic_write
from ..base.text import csv_cell
from .document import passport_text
from .fields import COLUMNS, DERIVED_DECIMALS, organ_document, rounded
from .organ import OrganPassport, Passport

MARKUPS_SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    "markups-schema-v1.0.3.json#"
)
SEED_FIELDS = ("centroid", "covariance", "eigenvalues", "eigenvectors", "boundary_points", "volume_mm3")
"""All that the seed's format has of an organ, in its order."""


def export_passport(passport: Passport, path: Path) -> None:
    """Write a passport in the format that the file's name ends with, see `FORMATS`, whole or not at all.

    Raises
    ------
    BadInput
        The ending is none of them, or the file cannot be written.
    """
    write_text(text_format(path)(passport), path)


def write_text(text: str, path: Path) -> None:
    """Write a text as it is, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def passport_format(path: Path) -> Callable[[Passport], str]:
    """Return what writes a passport under a name: the format that it ends with, see `FORMATS`, else our own JSON."""
    return next((write for ending, write in FORMATS.items() if path.name.lower().endswith(ending)), passport_text)


def text_format(path: Path) -> Callable[[Passport], str]:
    """Return what writes the format that a file's name ends with."""
    write = passport_format(path)
    if write is not passport_text:
        return write
    raise BadInput(
        f"'{path}' does not end with one of {', '.join(FORMATS)}.",
        "The ending of the output's name chooses the format.",
    )


def seed_text(passport: Passport) -> str:
    """Return the seed's format: organs by label, six fields each, no header; positions in RAS mm, one organ a line."""
    lines = [f'"{label}": {json.dumps(_seed_document(organ))}' for label, organ in passport.organs.items()]
    return "{" + ",".join(f"\n{line}" for line in lines) + "\n}\n"


def _seed_document(organ: OrganPassport) -> dict[str, Any]:
    document = organ_document(organ)
    return {name: document[name] for name in SEED_FIELDS}


def csv_text(passport: Passport) -> str:
    """Return a table (RFC 4180) with one organ a row and the units in the columns' names; unknown values are empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([column.name for column in COLUMNS])
    writer.writerows([_cell(column.value(organ)) for column in COLUMNS] for organ in passport.organs.values())
    return text.getvalue()


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    return csv_cell(value) if isinstance(value, str) else rounded(value, DERIVED_DECIMALS)


def markups_text(passport: Passport) -> str:
    """Return the centroids as a Slicer markups file (point list, RAS mm), one point an organ, labelled for people."""
    points = [
        {
            "id": str(number),
            "label": _display_name(organ),
            "description": organ.name,
            "associatedNodeID": "",
            "position": rounded(organ.centroid_ras_mm, DERIVED_DECIMALS),
            "selected": True,
            "locked": True,
            "visibility": True,
            "positionStatus": "defined",
        }
        for number, organ in enumerate(passport.organs.values(), start=1)
    ]
    markups = {
        "type": "Fiducial",
        "name": "Centroids",
        "coordinateSystem": "RAS",
        "coordinateUnits": "mm",
        "locked": True,
        "labelFormat": "%N",
        "lastUsedControlPointNumber": len(points),
        "controlPoints": points,
    }
    return json.dumps({"@schema": MARKUPS_SCHEMA, "markups": [markups]}, indent=1, ensure_ascii=False) + "\n"


def _display_name(organ: OrganPassport) -> str:
    label = load_label_table("total").named(organ.name)
    return label.display_name if label else organ.name


FORMATS: Mapping[str, Callable[[Passport], str]] = {
    ".seed.json": seed_text,
    ".csv": csv_text,
    ".mrk.json": markups_text,
}
"""Ending of a file's name -> what writes it."""
