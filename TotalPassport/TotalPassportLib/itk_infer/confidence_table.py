"""The table of confidences beside the results: ``confidences.xlsx`` as itk_infer writes it, and the same as CSV.

Where itk_infer writes it anew with the files of its last run only, the rows of earlier runs stay here. The CSV is
written after every scan, so that a run that is killed loses none; the spreadsheet at the end. Needs the extra
``spreadsheet``.
"""

from __future__ import annotations

import csv
import io
import math
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..base.errors import BadInput
from ..base.hints import Hint, HintCode
from ..base.optional_packages import required_modules
from ..base.outputs import OutputFiles, atomic_write
from ..base.text import LONGEST_CELL, csv_cell, visible

SPREADSHEET_NAME, CSV_NAME = "confidences.xlsx", "confidences.csv"
SHEET, COLUMN = "Confidences", "Confidence"
LARGEST_BYTES = 2**26
"""Of a spreadsheet that is read, unpacked: a million scans."""


def openpyxl_module() -> Any:
    """Return the module openpyxl.

    Raises
    ------
    BadInput
        It is not installed.
    """
    missing = BadInput(
        "Writing confidences as a spreadsheet needs openpyxl, which is not installed.",
        Hint(HintCode.INSTALL_PACKAGE, package="openpyxl"),
    )
    return required_modules("openpyxl", missing=missing)


class ConfidenceTable:
    """The confidences of the scans of one folder, by their names without the last suffix.

    Parameters
    ----------
    folder : Path
        Where the table is, and where earlier rows are read from.

    Raises
    ------
    BadInput
        openpyxl is missing, or what stands there is no such table.
    """

    def __init__(self, folder: Path) -> None:
        openpyxl_module()
        self._spreadsheet, self._csv = folder / SPREADSHEET_NAME, folder / CSV_NAME
        self._lock = threading.Lock()
        self._rows = {**_read_spreadsheet(self._spreadsheet), **_read_csv(self._csv)}

    def __contains__(self, name: str) -> bool:
        return _stored_name(name) in self._rows

    @property
    def rows(self) -> Mapping[str, float]:
        """Name -> confidence, NaN where there is none."""
        return self._rows

    def add(self, name: str, confidence: float) -> None:
        """Add a scan, or put its new confidence in the place of the former one; safe from any thread."""
        with self._lock:
            self._rows[_stored_name(name)] = confidence
            with atomic_write(self._csv) as temporary:
                temporary.write_text(self._csv_text(), encoding="utf-8")

    def write(self) -> None:
        """Write both files."""
        with self._lock, OutputFiles() as files:
            files.path(self._csv).write_text(self._csv_text(), encoding="utf-8")
            self._save_spreadsheet(files.path(self._spreadsheet))

    def _csv_text(self) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["", COLUMN])
        for name, confidence in sorted(self._rows.items()):
            writer.writerow([csv_cell(name), "" if math.isnan(confidence) else repr(confidence)])
        return text.getvalue()

    def _save_spreadsheet(self, path: Path) -> None:
        book = openpyxl_module().Workbook()
        sheet = book.active
        sheet.title = SHEET
        sheet.append([None, COLUMN])
        for number, (name, confidence) in enumerate(sorted(self._rows.items()), start=2):
            cell = sheet.cell(number, 1, name)
            cell.data_type = "s"  # a name that begins like a formula is none
            if not math.isnan(confidence):
                sheet.cell(number, 2, confidence)
        with path.open("wb") as file:
            book.save(file)


def _stored_name(name: str) -> str:
    """Return a name as both tables hold it: a spreadsheet takes no control characters."""
    return visible(name)[:LONGEST_CELL]


def _read_spreadsheet(path: Path) -> dict[str, float]:
    if not path.exists():
        return {}
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST_BYTES:
                raise ValueError("it is too large")
        book = openpyxl_module().load_workbook(path, read_only=True, data_only=True)
        try:
            rows = list(book[SHEET].iter_rows(min_row=2, max_col=2, values_only=True))
        finally:
            book.close()
        return {str(name): _number(value) for name, value in rows if name is not None}
    except Exception as error:  # whatever a damaged archive makes of these libraries
        raise _unfit(path, str(error)) from error


def _read_csv(path: Path) -> dict[str, float]:
    if not path.exists():
        return {}
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ValueError("it is too large")
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
        return {_unquoted(name): _number(value) for name, value in rows[1:]}
    except (ValueError, OSError, csv.Error) as error:
        raise _unfit(path, str(error)) from error


def _unquoted(name: str) -> str:
    """Return a name without the quote that `csv_cell` puts before what looks like a formula."""
    return name[1:] if name.startswith("'") and csv_cell(name[1:]) == name else name


def _number(value: object) -> float:
    if value in (None, ""):
        return math.nan
    return float(str(value))


def _unfit(path: Path, reason: str) -> BadInput:
    return BadInput(
        f"'{path}' is no table of confidences that could be added to ({reason[:200]}).", "Remove or rename it."
    )
