"""Passports in the formats of others: the seed's JSON, a table for spreadsheets, markups for 3D Slicer."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import BadInput
from ..base.labels import load_label_table
from ..base.outputs import atomic_write
from ..base.text import csv_cell
from .document import DERIVED_DECIMALS, POINT_DECIMALS, moments_document, rounded
from .intensity import PERCENTILES
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
    BadInput : the ending is none of them, or the file cannot be written.
    """
    text = text_format(path)(passport)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def text_format(path: Path) -> Callable[[Passport], str]:
    """Return what writes the format that a file's name ends with."""
    for ending, write in FORMATS.items():
        if path.name.lower().endswith(ending):
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
    document = moments_document(organ)
    document["boundary_points"] = rounded(organ.boundary_points_ras_mm, POINT_DECIMALS)
    return {name: document[name] for name in SEED_FIELDS}


def csv_text(passport: Passport) -> str:
    """Return a table (RFC 4180) with one organ a row and the units in the columns' names; unknown values are empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([name for name, _ in _COLUMNS])
    writer.writerows([_cell(value(organ)) for _, value in _COLUMNS] for organ in passport.organs.values())
    return text.getvalue()


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    return csv_cell(value) if isinstance(value, str) else rounded(value, DERIVED_DECIMALS)


def _columns() -> Iterator[tuple[str, Callable[[OrganPassport], Any]]]:
    """Yield the table's columns: name and value."""
    for name in ("label", "name"):
        yield name, _attribute(name)
    yield "snomed_code", lambda organ: organ.terminology and organ.terminology.type.code
    yield (
        "snomed_modifier",
        lambda organ: organ.terminology and organ.terminology.modifier and organ.terminology.modifier.code,
    )
    for name in ("confidence", "voxel_count", "volume_mm3"):
        yield name, _attribute(name)
    yield from _vector("centroid_{}_mm", "ras", lambda organ: organ.centroid_ras_mm)
    yield from _vector("semi_axis_{}_mm", ("least", "middle", "major"), lambda organ: organ.semi_axes_mm)
    for number, axis in enumerate(("least", "middle", "major")):
        yield from _vector(f"{axis}_axis_{{}}", "ras", _column_of_axes(number))
    yield from _vector("axis_separation_{}", ("major", "middle"), lambda organ: organ.axis_separation)
    for name in ("elongation", "flatness", "roundness", "surface_area_mm2"):
        yield name, _attribute(name)
    for number, end in enumerate(("low", "high")):
        yield from _vector(f"bounding_box_{end}_{{}}_mm", "ras", _box_corner(number))
    yield from _vector("obb_{}_mm", ("least", "middle", "major"), lambda organ: organ.obb_size_mm)
    for name in ("n_components", "largest_component_fraction", "touches_border", "near_border"):
        yield name, _attribute(name)
    yield "border_faces", lambda organ: " ".join(organ.border_faces)
    yield "checks", lambda organ: " ".join(organ.checks)
    yield "mean_hu", _attribute("hu_mean")
    yield "sd_hu", _attribute("hu_sd")
    for percent in PERCENTILES:
        yield f"percentile_{percent}_hu", _percentile(percent)


def _attribute(name: str) -> Callable[[OrganPassport], Any]:
    return lambda organ: getattr(organ, name)


def _vector(
    name: str, parts: str | tuple[str, ...], value: Callable[[OrganPassport], Any]
) -> Iterator[tuple[str, Callable[[OrganPassport], Any]]]:
    for number, part in enumerate(parts):
        yield name.format(part), _part(value, number)


def _part(value: Callable[[OrganPassport], Any], number: int) -> Callable[[OrganPassport], Any]:
    def of(organ: OrganPassport) -> Any:
        whole = value(organ)
        return None if whole is None else float(whole[number])

    return of


def _column_of_axes(number: int) -> Callable[[OrganPassport], np.ndarray]:
    return lambda organ: np.asarray(organ.eigenvectors[:, number])


def _box_corner(number: int) -> Callable[[OrganPassport], np.ndarray | None]:
    return lambda organ: None if organ.bounding_box_ras_mm is None else np.asarray(organ.bounding_box_ras_mm[number])


def _percentile(percent: int) -> Callable[[OrganPassport], float | None]:
    return lambda organ: (organ.hu_percentiles or {}).get(percent)


_COLUMNS = tuple(_columns())


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
