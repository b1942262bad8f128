"""Passports as JSON: one organ a line, under a header; `data/schemas/passport.schema.json` is the format's definition.

The organs' field names are the seed format's; their units stand in the header. In Python the same values carry their
units and frame in their names, see `organ`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..files import atomic_write, read_json, validate
from .organ import OrganPassport, Passport

SCHEMA_VERSION = "totalpassport-passport/1"
DECIMALS = 9
"""Decimals of measured numbers: far below any meaning, far above what differs between machines."""
POINT_DECIMALS = 2
"""Decimals of boundary points in mm: they are voxel centres, and 0.01 mm keeps files small."""
CONVENTIONS = {
    "covariance": "of voxel centres, divided by their number",
    "eigenvalues": "ascending",
    "eigenvectors": "columns, in the order of the eigenvalues; largest component of the first and last positive, "
    "right-handed",
    "boundary_points": "voxel centres with a face neighbour of another label, image faces left out; farthest-point "
    "order, so that any first k are a sample of k",
}
UNITS = {"length": "mm", "area": "mm2", "volume": "mm3", "intensity": "[hnsf'U]"}
"""UCUM codes; eigenvalues and covariance are areas."""


def write_passport(passport: Passport, path: Path) -> None:
    """Write a passport; the file appears whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(passport_text(passport), encoding="utf-8")


def passport_text(passport: Passport) -> str:
    """Return the passport as JSON text: the same passport gives the same text."""
    header = {
        "schema": SCHEMA_VERSION,
        "created": passport.created,
        "frame": "RAS",
        "units": UNITS,
        "conventions": CONVENTIONS,
        "geometry": _geometry(passport),
        "source": dict(passport.source),
        "model": dict(passport.model),
        "software": dict(passport.software),
    }
    lines = [f"{_compact(key)}: {_compact(value)}" for key, value in header.items()]
    organs = [f"{_compact(str(label))}: {_compact(_organ_document(organ))}" for label, organ in passport.organs.items()]
    lines.append('"organs": {\n' + ",\n".join(organs) + "\n}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read_passport(path: Path) -> Passport:
    """Read a passport.

    Raises
    ------
    BadInput : the file is not a passport of a version that is known here.
    """
    document = read_json(path)
    validate(document, "passport", f"'{path}'")
    organs = {int(label): _organ(int(label), entry) for label, entry in document["organs"].items()}
    i, j, k = document["geometry"]["shape"]
    return Passport(
        dict(sorted(organs.items())),
        (i, j, k),
        np.array(document["geometry"]["affine"], np.float64),
        document["created"],
        document["source"],
        document["model"],
        document["software"],
    )


def _geometry(passport: Passport) -> dict[str, Any]:
    spacing_mm = np.linalg.norm(passport.affine[:3, :3], axis=0)
    return {
        "shape": list(passport.shape),
        "affine": _rounded(passport.affine),
        "spacing_mm": _rounded(spacing_mm),
    }


def _organ_document(organ: OrganPassport) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": organ.name,
        "voxel_count": organ.voxel_count,
        "volume_mm3": _rounded(organ.volume_mm3),
        "centroid": _rounded(organ.centroid_ras_mm),
        "covariance": _rounded(organ.covariance_mm2),
        "eigenvalues": _rounded(organ.eigenvalues_mm2),
        "eigenvectors": _rounded(organ.eigenvectors),
        "touches_border": organ.touches_border,
        "checks": list(organ.checks),
    }
    if organ.hu_mean is not None and organ.hu_sd is not None:
        document |= {"hu_mean": _rounded(organ.hu_mean), "hu_sd": _rounded(organ.hu_sd)}
    return document | {"boundary_points": _rounded(organ.boundary_points_ras_mm, POINT_DECIMALS)}


def _rounded(values: np.ndarray | float, decimals: int = DECIMALS) -> Any:
    # Adding 0 turns the negative zeros that rounding leaves into plain ones.
    return (np.round(np.asarray(values, np.float64), decimals) + 0.0).tolist()


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))


def _organ(label: int, entry: Mapping[str, Any]) -> OrganPassport:
    return OrganPassport(
        label,
        entry["name"],
        entry["voxel_count"],
        float(entry["volume_mm3"]),
        np.array(entry["centroid"], np.float64),
        np.array(entry["covariance"], np.float64),
        np.array(entry["eigenvalues"], np.float64),
        np.array(entry["eigenvectors"], np.float64),
        np.array(entry["boundary_points"], np.float64).reshape(-1, 3),
        entry["touches_border"],
        tuple(entry["checks"]),
        entry.get("hu_mean"),
        entry.get("hu_sd"),
    )
