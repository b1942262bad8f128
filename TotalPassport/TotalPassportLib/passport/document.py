"""Passports as JSON: one organ a line, under a header; `data/schemas/passport.schema.json` is the format's definition.

The organs' field names are the seed format's and those of Slicer's segment statistics; what units they do not name
stand in the header. In Python the same values carry their units and frame in their names, see `organ`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ..base.errors import BadInput
from ..base.files import LARGEST_NUMBER, MAX_JSON_BYTES, read_json, validate
from ..base.outputs import atomic_write
from .fields import organ_document, rounded, values_of_document
from .organ import OrganPassport, Passport
from .rules import SEVERITIES, Finding

SCHEMA_VERSION = "totalpassport-passport/1"
LARGEST_PASSPORT_BYTES = MAX_JSON_BYTES - 2**16
"""Of the organs: the header and the brackets need the rest."""
MOST_POINTS = 10_000
"""Of an organ's boundary, as the schema says."""
PRECISION = {"boundary_points": 0.01, "volume, centroid, covariance, axes, intensity": 1e-9, "all else": 1e-6}
CONVENTIONS = {
    "covariance": "of voxel centres, divided by their number",
    "eigenvalues": "ascending",
    "eigenvectors": "columns, in the order of the eigenvalues; largest component of the first and last positive, "
    "right-handed",
    "boundary_points": "voxel centres with a face neighbour of another label, image faces left out; farthest-point "
    "order, so that any first k are a sample of k; pieces of less than 5 % of the organ come last",
    "surface_area_mm2": "Crofton formula, 13 directions; cuts by the image's faces count",
    "obb": "box along the eigenvectors around the whole voxels, from its origin along their positive directions",
    "elongation, flatness": "sqrt(l3 / l2) and sqrt(l2 / l1), at least 1, as in ITK and Slicer",
    "n_components": "voxels that share a face, an edge or a corner are connected",
}
UNITS = {"length": "mm", "area": "mm2", "volume": "mm3", "intensity": "[hnsf'U]"}
"""UCUM codes; eigenvalues and covariance are areas."""
NO_UNIT = "1"
"""UCUM's code for what has none, such as the intensities of an MR."""


def write_passport(passport: Passport, path: Path) -> None:
    """Write a passport; the file appears whole or not at all."""
    text = passport_text(passport)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def passport_text(passport: Passport) -> str:
    """Return the passport as JSON text: the same passport gives the same text.

    Raises
    ------
    BadInput
        It would be larger than what is read, see `MAX_JSON_BYTES`.
    """
    header = {
        "schema": SCHEMA_VERSION,
        "created": passport.created,
        "frame": "RAS",
        "units": UNITS if passport.source.get("intensity_unit", "HU") == "HU" else {**UNITS, "intensity": NO_UNIT},
        "precision": PRECISION,
        "conventions": CONVENTIONS,
        "geometry": _geometry(passport),
        "source": dict(passport.source),
        "model": dict(passport.model),
        "software": dict(passport.software),
    }
    lines = [f"{_compact(key)}: {_compact(value)}" for key, value in header.items()]
    lines.append(_block("findings", "[]", [_compact(_finding_document(finding)) for finding in passport.findings]))
    _refuse_too_large(passport, sum(map(len, lines)))
    organs: list[str] = []
    size = 0
    for label, organ in passport.organs.items():
        organs.append(f"{_compact(str(label))}: {_compact(organ_document(organ))}")
        size += len(organs[-1].encode("utf-8"))
        _refuse_too_large(passport, size)
    lines.append(_block("organs", "{}", organs))
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _refuse_too_large(passport: Passport, size_bytes: int) -> None:
    if size_bytes > LARGEST_PASSPORT_BYTES:
        raise BadInput(
            f"The passport of {len(passport.organs)} structures would be larger than the "
            f"{MAX_JSON_BYTES // 2**20} MB that can be read again.",
            "Check that the image holds labels of organs and no intensities.",
        )


def read_passport(path: Path) -> Passport:
    """Read a passport.

    Fields that are not known here are ignored, and optional ones may be missing, so that passports of other versions
    can be read as long as the number of their format is the same.

    Raises
    ------
    BadInput
        The file is not a passport of a version that is known here.
    """
    boundless: list[float] = []
    document = read_json(path, boundless=boundless)
    _refuse_other_versions(document, path)
    points = _take_points(document)
    validate(document, "passport", f"'{path}'")
    if boundless:
        _refuse_boundless_numbers(document, path)
    entries = document["organs"]
    for label, array in points.items():
        if np.abs(array).max(initial=0) >= LARGEST_NUMBER:
            _refuse_organ(float(np.abs(array).max()), path)
        entries[label]["boundary_points"] = array
    organs = {int(label): OrganPassport(label=int(label), **values_of_document(entries[label])) for label in entries}
    i, j, k = document["geometry"]["shape"]
    return Passport(
        organs=dict(sorted(organs.items())),
        shape=(i, j, k),
        affine=np.array(document["geometry"]["affine"], np.float64),
        created=document["created"],
        source=document["source"],
        model=document["model"],
        software=document["software"],
        findings=tuple(_finding(entry, organs) for entry in document.get("findings", ())),
        measured_on=document["geometry"].get("measured_on"),
    )


def _take_points(document: Any) -> dict[str, np.ndarray]:
    """Take the boundary points out of a document, as arrays ``[n, 3]`` by label, and leave empty lists.

    They are nearly all of its numbers, which the schema's check would go through one by one. What is not as the schema
    wants it stays where it is, for the schema to say so.
    """
    organs = document.get("organs") if isinstance(document, dict) else None
    taken = {}
    for label, entry in organs.items() if isinstance(organs, dict) else ():
        points = entry.get("boundary_points") if isinstance(entry, dict) else None
        if isinstance(points, list) and len(points) <= MOST_POINTS and _are_vectors(points):
            numbers = chain.from_iterable(points)
            taken[label] = np.fromiter(numbers, np.float64, 3 * len(points)).reshape(-1, 3)
            entry["boundary_points"] = []
    return taken


def _are_vectors(values: list[Any]) -> bool:
    """Whether all are lists of three numbers; a truth value is none."""
    if not set(map(type, values)) <= {list} or not set(map(len, values)) <= {3}:
        return False
    return set(map(type, chain.from_iterable(values))) <= {int, float}


def _refuse_other_versions(document: Any, path: Path) -> None:
    schema = document.get("schema") if isinstance(document, dict) else None
    version = re.fullmatch(r"totalpassport-passport/([0-9]{1,9})", schema) if isinstance(schema, str) else None
    if version and schema != SCHEMA_VERSION:
        known = SCHEMA_VERSION.rpartition("/")[2]
        raise BadInput(
            f"'{path}' is a passport of format {version[1]}, and this version of TotalPassport reads format {known}.",
            "Use the version of TotalPassport that wrote it, or a newer one.",
        )


def _refuse_boundless_numbers(document: Mapping[str, Any], path: Path) -> None:
    """Raise `BadInput` if a number is so large that what is computed of it no JSON and no table could hold."""
    if (number := _boundless_number(document["organs"])) is not None:
        _refuse_organ(number, path)
    if (number := _boundless_number(document["geometry"])) is not None:
        raise BadInput(f"'{path}' has an image grid that no scan has ({number:g}).", "Measure again.")
    if _boundless_number(document) is not None:
        raise BadInput(f"'{path}' has a number that means nothing.", "Measure again.")


def _refuse_organ(number: float, path: Path) -> NoReturn:
    raise BadInput(f"'{path}' says that an organ measures {number:g}, which no organ in a scan does.", "Measure again.")


def _boundless_number(document: Any) -> float | None:
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            waiting.extend(value.values() if isinstance(value, dict) else value)
        elif isinstance(value, int | float) and abs(value) > LARGEST_NUMBER:
            return float(value)
    return None


def _block(name: str, brackets: str, lines: list[str]) -> str:
    inside = "\n" + ",\n".join(lines) + "\n" if lines else ""
    return f'"{name}": {brackets[0]}{inside}{brackets[1]}'


def _geometry(passport: Passport) -> dict[str, Any]:
    spacing_mm = np.linalg.norm(passport.affine[:3, :3], axis=0)
    geometry = {
        "shape": list(passport.shape),
        "affine": rounded(passport.affine),
        "spacing_mm": rounded(spacing_mm),
    }
    return geometry | ({} if passport.measured_on is None else {"measured_on": passport.measured_on})


def _finding_document(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "organs": list(finding.labels),
        "message": finding.message,
    }


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))


def _finding(entry: Mapping[str, Any], organs: Mapping[int, OrganPassport]) -> Finding:
    severity = entry["severity"] if entry["severity"] in SEVERITIES else SEVERITIES[-1]
    labels = tuple(label for label in entry["organs"] if label in organs)
    return Finding(code=entry["code"], severity=severity, labels=labels, message=entry["message"])
