"""A patient over time, asked of a cohort: each organ of each scan as `comparison.over_time` judges it.

The table keeps each organ's standard deviation over all places of its grid, of which the floors are made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..base.errors import BadInput
from ..base.suggestions import did_you_mean
from ..base.text import shown_name
from ..comparison.over_time import COLUMNS, Measurement, follow
from .answers import Answer
from .questions import Selection, check_selection

Query = Callable[[str, Sequence[Any]], Answer]


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
        "SELECT s.date, o.scan, o.name AS organ, o.volume_mm3 / 1000 AS volume_ml, o.volume_sd_percent, o.grid_voxels, "
        "o.touches_border, o.mean_hu, o.sd_hu, s.model FROM organs o JOIN scans s USING (scan) "
        f"WHERE {where} AND s.patient = ? AND s.date IS NOT NULL ORDER BY o.label, o.name, s.date, o.scan",
        [*parameters, patient],
    )
    if not rows.rows:
        raise BadInput(f"No scan of the patient '{shown_name(patient)}' has a date.", "Give dates in the mapping.")
    points = follow(Measurement(**row) for row in rows)
    undated = query("SELECT count(*) AS n FROM scans WHERE patient = ? AND date IS NULL", [patient]).rows[0][0]
    notes = [f"{undated} of the patient's scans have no date and were left out."] if undated else []
    notes.append("Hounsfield units have no measured floor; sd_hu is how they are spread within the organ.")
    return Answer(columns=COLUMNS, rows=tuple(point.cells() for point in points), notes=tuple(notes))


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
