"""The files of all scans of a batch, made of the records of each: how it went, and all organs as one table."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from ..base.errors import BadInput
from ..base.files import read_json, validate
from ..base.outputs import atomic_write
from ..base.text import csv_cell
from ..passport.fields import COLUMNS
from .batch_folder import BatchFolder
from .scan_record import StoredRecord

SUBJECT_COLUMN = "subject"
TABLE_COLUMNS = (SUBJECT_COLUMN, *(column.name for column in COLUMNS))


def write_results(folder: BatchFolder, records: Mapping[str, StoredRecord]) -> None:
    """Write ``results.json``: one entry a scan, sorted by name; the same records give the same bytes."""
    entries = [records[name].result for name in sorted(records)]
    with atomic_write(folder.results) as temporary:
        temporary.write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_results(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a ``results.json``, or of the one in a folder.

    Raises
    ------
    BadInput
        There is none, or it is of another kind.
    """
    path = path / "results.json" if path.is_dir() else path
    if not path.is_file():
        raise BadInput(f"There is no '{path}'.", "Give the folder of a batch, or its results.json.")
    document = read_json(path)
    validate(document, "results", f"'{path}'")
    return list(document)


def write_table(folder: BatchFolder, records: Mapping[str, StoredRecord]) -> None:
    """Write ``organs.csv``: the columns of a passport's table behind that of the subject, one organ a row."""
    finished = [records[name] for name in sorted(records) if not records[name].failed]
    with atomic_write(folder.table) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        write_organ_rows(file, ((str(record.result["subject"]), _lines_of(folder, record)) for record in finished))


def write_organ_rows(file: TextIO, scans: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Write the table of several scans: the columns of a passport's CSV table behind that of the subject.

    Parameters
    ----------
    file : text file
        Opened with ``newline=""``.
    scans : iterable of (str, iterable of str)
        What each scan is called, and the lines of its own table.
    """
    writer = csv.DictWriter(file, TABLE_COLUMNS, restval="", extrasaction="ignore")
    writer.writeheader()
    for subject, lines in scans:
        writer.writerows({SUBJECT_COLUMN: csv_cell(subject), **row} for row in csv.DictReader(lines))


def _lines_of(folder: BatchFolder, record: StoredRecord) -> Iterator[str]:
    with folder.rows(record.name).open(encoding="utf-8", newline="") as rows:
        yield from rows
