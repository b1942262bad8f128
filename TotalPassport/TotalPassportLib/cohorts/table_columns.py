"""The columns of a cohort's two tables, ``scans`` and ``organs``: their names, kinds and values, declared once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from ..comparison.over_time import found_by
from ..comparison.repeatability import label_affine, volume_repeatability
from ..passport.fields import COLUMNS, DERIVED_DECIMALS
from ..passport.organ import OrganPassport, Passport

Kind = Literal["text", "whole", "number", "truth", "date"]
Row = tuple[Any, ...]

_TEXTS = {"name", "snomed_code", "snomed_modifier", "border_faces", "checks"}
_WHOLES = {"label", "voxel_count", "n_components"}
_TRUTHS = {"touches_border", "near_border"}


@dataclass(frozen=True, kw_only=True)
class TableColumn:
    """One column of a table."""

    name: str
    kind: Kind


def _kind(name: str) -> Kind:
    if name in _TEXTS:
        return "text"
    return "whole" if name in _WHOLES else "truth" if name in _TRUTHS else "number"


ORGAN_COLUMNS: Final = (
    TableColumn(name="scan", kind="text"),
    *(TableColumn(name=column.name, kind=_kind(column.name)) for column in COLUMNS),
    TableColumn(name="volume_sd_percent", kind="number"),
    TableColumn(name="grid_voxels", kind="whole"),
)
"""One row an organ: the scan, the columns of a passport's CSV table, and what the voxel grid does to the volume: its
standard deviation in per cent and how many voxels it has on the grid that the labels were found on, see
`comparison.repeatability`."""

_LONGEST = 500
"""Characters of a text that is kept: the header of a passport may hold anything."""

_ScanValue = Callable[[Passport], Any]


def _at(name: str, *path: str) -> _ScanValue:
    """Return what finds a text in a passport's free-form header; what is no text is not known."""

    def value(passport: Passport) -> str | None:
        found: Any = getattr(passport, name)
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found[:_LONGEST] if isinstance(found, str) else None

    return value


def _shape(axis: int) -> _ScanValue:
    return lambda passport: int(passport.shape[axis])


def _spacing(axis: int) -> _ScanValue:
    return lambda passport: round(float(passport.spacing_mm[axis]), DERIVED_DECIMALS)


def _task(passport: Passport) -> str | None:
    tasks = passport.model.get("tasks")
    if isinstance(tasks, list):
        names = [task.get("task") for task in tasks if isinstance(task, Mapping)]
        return "+".join(name for name in names if isinstance(name, str))[:_LONGEST] or None
    task = passport.model.get("task")
    return task[:_LONGEST] if isinstance(task, str) else None


def _intensity_unit(passport: Passport) -> str | None:
    """Return HU, arbitrary, or None where no scan was measured along with the labels."""
    if any(organ.hu_mean is not None for organ in passport):
        return "HU"
    return "arbitrary" if any(organ.intensity_mean is not None for organ in passport) else None


def _severity(severity: str) -> _ScanValue:
    return lambda passport: sum(finding.severity == severity for finding in passport.findings)


_SCAN_VALUES: dict[str, tuple[Kind, _ScanValue]] = {
    "source_sha256": ("text", _at("source", "sha256")),
    "created": ("text", _at("created")),
    "modality": ("text", _at("source", "modality")),
    "intensity_unit": ("text", _intensity_unit),
    "model": ("text", lambda passport: found_by(passport)[:_LONGEST]),
    "task": ("text", _task),
    "model_version": ("text", _at("model", "version")),
    "software_version": ("text", _at("software", "version")),
    "provider": ("text", _at("software", "provider")),
    "precision": ("text", _at("software", "precision")),
    "measured_on": ("text", _at("measured_on")),
    **{f"shape_{axis}": ("whole", _shape(number)) for number, axis in enumerate("ijk")},
    **{f"spacing_{axis}_mm": ("number", _spacing(number)) for number, axis in enumerate("ijk")},
    "n_organs": ("whole", len),
    "n_errors": ("whole", _severity("error")),
    "n_warnings": ("whole", _severity("warning")),
    "findings": ("text", lambda passport: " ".join(dict.fromkeys(finding.code for finding in passport.findings))),
}

SCAN_COLUMNS: Final = (
    TableColumn(name="scan", kind="text"),
    TableColumn(name="passport", kind="text"),
    TableColumn(name="patient", kind="text"),
    TableColumn(name="date", kind="date"),
    *(TableColumn(name=name, kind=kind) for name, (kind, _) in _SCAN_VALUES.items()),
)
"""One row a scan; ``passport`` is its file, below the folder that was read."""

NUMBERS: Final = tuple(column.name for column in ORGAN_COLUMNS if column.kind in ("number", "whole"))
"""Columns of the organs that can be asked for as a field."""


def row_of_scan(scan: str, file: str, passport: Passport) -> Row:
    """Return a row of the scans, without patient and date."""
    return (scan, file, None, None, *(value(passport) for _, value in _SCAN_VALUES.values()))


def rows_of_organs(scan: str, passport: Passport) -> list[Row]:
    """Return the rows of a scan's organs."""
    affine = label_affine(passport)
    return [(scan, *_cells(organ), *_repeatability(organ, affine)) for organ in passport]


def _cells(organ: OrganPassport) -> list[Any]:
    return [_cell(column.value(organ)) for column in COLUMNS]


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return value[:_LONGEST]
    return round(value, DERIVED_DECIMALS) + 0.0 if isinstance(value, float) else value


def _repeatability(organ: OrganPassport, affine: Any) -> tuple[float | None, int]:
    percent, voxels = volume_repeatability(organ, affine)
    return (None if percent is None else round(percent, DERIVED_DECIMALS)), voxels
