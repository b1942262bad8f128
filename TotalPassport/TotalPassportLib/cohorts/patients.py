"""Whose scan it is and of which day: passports do not say, so a table or the names of files do.

    scan,patient,date
    s0001,P7,2024-03-05

or a pattern with the groups ``patient`` and ``date`` for the paths of passports, such as
``(?P<patient>[^/_]+)_(?P<date>[0-9]{8})``.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from ..base.errors import BadInput
from ..base.files import open_regular
from ..base.text import shown_name

LARGEST_BYTES = 64 * 2**20
LONGEST_PATIENT = 200
DATE_HINT = "Write dates as 2024-03-05 or 20240305."


@dataclass(frozen=True)
class Visit:
    """A patient, and the day of a scan; what is not known is None."""

    patient: str | None
    date: date | None


Visits = Callable[[str, str], Visit | None]
"""Scan's name and passport's path -> whose and when; None where the mapping says nothing of it."""


def visits_of_table(path: Path) -> Visits:
    """Return the mapping of a CSV table with the columns ``scan``, ``patient`` and ``date`` (which may be left out).

    A scan is named as in the cohort, or by its passport's path.

    Raises
    ------
    BadInput
        It is no such table, names a scan twice, or has a date that is none.
    """
    rows = _read(path)
    visits: dict[str, Visit] = {}
    for number, row in enumerate(rows, start=2):
        scan = (row.get("scan") or "").strip()
        if scan in visits:
            raise BadInput(f"'{path}' names the scan '{shown_name(scan)}' twice (row {number}).", "Correct the table.")
        text = (row.get("date") or "").strip()
        visits[scan] = Visit(_patient(row.get("patient")), _day(text, f"row {number} of '{path}'") if text else None)
    return lambda scan, file: visits.get(scan) or visits.get(file)


def _read(path: Path) -> list[dict[str, str]]:
    with open_regular(path) as file:
        content = file.read(LARGEST_BYTES + 1)
    try:
        text = content.decode("utf-8-sig")
        if len(content) > LARGEST_BYTES or "\0" in text:
            raise ValueError("it is too large or no text")
        reader = csv.DictReader(text.splitlines(), strict=True, restval="")
        rows = list(reader)
    except (ValueError, csv.Error) as error:
        raise BadInput(f"'{path}' is not a CSV table in UTF-8: {error}.", "Save it as CSV UTF-8.") from error
    missing = {"scan", "patient"} - set(reader.fieldnames or ())
    if missing:
        raise BadInput(
            f"'{path}' has no column {' and no column '.join(sorted(missing))}.",
            "Its first line has to be: scan,patient,date",
        )
    return rows


def visits_of_pattern(pattern: str) -> Visits:
    """Return the mapping of a regular expression that is searched in the passports' paths.

    Raises
    ------
    BadInput
        It is none, or has no group ``patient``. Also when it is used: it finds a date that is none.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise BadInput(f"The pattern is no regular expression: {error}.", "Correct it.") from error
    if "patient" not in expression.groupindex:
        raise BadInput("The pattern has no group for the patient.", "Write (?P<patient>...) and (?P<date>...).")

    def visit(scan: str, file: str) -> Visit | None:
        found = expression.search(file)
        if found is None:
            return None
        parts = found.groupdict()
        text = parts.get("date")
        return Visit(_patient(parts["patient"]), _day(text, f"the path '{shown_name(file)}'") if text else None)

    return visit


def _patient(text: str | None) -> str | None:
    stripped = (text or "").strip()[:LONGEST_PATIENT]
    return stripped or None


def _day(text: str, where: str) -> date:
    try:
        return datetime.fromisoformat(text).date()
    except ValueError as error:
        raise BadInput(f"'{shown_name(text)}' in {where} is no date.", DATE_HINT) from error
