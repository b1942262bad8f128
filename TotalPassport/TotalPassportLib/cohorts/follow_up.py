"""A patient over time: each organ of each scan against the first one, and against what the voxel grids can do.

The floors are those of a comparison of two passports (`comparison.repeatability`): the table keeps each organ's
standard deviation over all places of its grid. Hounsfield units have no such floor; what is told beside their mean is
how they are spread within the organ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..base.errors import BadInput
from ..base.suggestions import did_you_mean
from ..base.text import shown_name
from ..comparison.repeatability import factors_of, most_volume_percent
from .answers import Answer
from .questions import Selection, check_selection

Query = Callable[[str, Sequence[Any]], Answer]
COLUMNS = (
    "date", "scan", "organ", "volume_ml", "volume_error_ml", "change_percent", "floor_percent", "beyond_floor",
    "mean_hu", "sd_hu", "hu_change", "remark",
)  # fmt: skip


def follow_up(query: Query, patient: str, selection: Selection) -> Answer:
    """Return the organs of a patient, by organ and date.

    ``change_percent`` is against the first date at which the organ is whole, and ``floor_percent`` what the two grids
    alone may do, in 95 % of cases; ``volume_error_ml`` is a single scan's share of it, for error bars: two volumes
    differ by more than the grids can do where they are apart by more than the root of the sum of the errors' squares.

    Parameters
    ----------
    query : callable
        Answers SQL.
    patient : str
        As the mapping calls them.
    selection : Selection
        Which organs and models.

    Raises
    ------
    BadInput
        The cohort does not know the patient, or has no date of them.
    """
    check_selection(query, selection)
    _require_patient(query, patient)
    where, parameters = replace(selection, with_cut=True).where()
    rows = query(
        "SELECT s.date, o.scan, o.name, o.volume_mm3 / 1000 AS volume_ml, o.volume_sd_percent, o.grid_voxels, "
        "o.touches_border, o.mean_hu, o.sd_hu, s.model FROM organs o JOIN scans s USING (scan) "
        f"WHERE {where} AND s.patient = ? AND s.date IS NOT NULL ORDER BY o.label, o.name, s.date, o.scan",
        [*parameters, patient],
    )
    if not rows.rows:
        raise BadInput(f"No scan of the patient '{shown_name(patient)}' has a date.", "Give dates in the mapping.")
    firsts: dict[str, dict[str, Any]] = {}
    told = []
    for row in rows:
        whole = not row["touches_border"] and row["volume_ml"] > 0
        first = firsts.setdefault(row["name"], row) if whole else firsts.get(row["name"])
        told.append(_line(row, first, whole))
    undated = query("SELECT count(*) AS n FROM scans WHERE patient = ? AND date IS NULL", [patient]).rows[0][0]
    notes = [f"{undated} of the patient's scans have no date and were left out."] if undated else []
    notes.append("Hounsfield units have no measured floor; sd_hu is how they are spread within the organ.")
    return Answer(columns=COLUMNS, rows=tuple(told), notes=tuple(notes))


def _require_patient(query: Query, patient: str) -> None:
    patients = query("SELECT DISTINCT patient FROM scans WHERE patient IS NOT NULL ORDER BY patient", ())
    if not patients.rows:
        raise BadInput(
            "The cohort does not know whose scans these are: passports do not say.",
            "Make it again with a table of patients (--patients FILE.csv) or a pattern (--pattern).",
        )
    known = patients.column("patient")
    if patient not in known:
        raise BadInput(f"The cohort has no patient '{shown_name(patient)}'.", did_you_mean(patient, known, "It has"))


def _line(row: dict[str, Any], first: dict[str, Any] | None, whole: bool) -> tuple[Any, ...]:
    error = _error_ml(row) if whole else None
    change = floor = beyond = hu_change = None
    remark = "" if whole else "cut by the image's edge"
    if whole and first is not None and first is not row:
        change = 100 * (row["volume_ml"] / first["volume_ml"] - 1)
        floor = _floor_percent(first, row)
        beyond = None if floor is None else abs(change) > floor
        if floor is None:
            remark = "too small or too coarse to tell"
        if first["model"] != row["model"]:
            remark = "found by another model than the first one"
    if whole and first is not None and None not in (row["mean_hu"], first["mean_hu"]) and first is not row:
        hu_change = row["mean_hu"] - first["mean_hu"]
    measured = (row["volume_ml"], error, change, floor, beyond, row["mean_hu"], row["sd_hu"], hu_change)
    return (row["date"], row["scan"], row["name"], *measured, remark)


def _error_ml(row: dict[str, Any]) -> float | None:
    factors = factors_of(row["grid_voxels"])
    if factors is None or row["volume_sd_percent"] is None:
        return None
    return float(row["volume_ml"] * factors.volume_factor * row["volume_sd_percent"] / 100)


def _floor_percent(first: dict[str, Any], second: dict[str, Any]) -> float | None:
    """Return what `repeatability.floor_of` gives for the volume, from what the table keeps."""
    factors = factors_of(min(first["grid_voxels"], second["grid_voxels"]))
    spreads = first["volume_sd_percent"], second["volume_sd_percent"]
    if factors is None or None in spreads:
        return None
    floor = factors.volume_factor * math.hypot(*spreads)
    return floor if floor <= most_volume_percent() else None
