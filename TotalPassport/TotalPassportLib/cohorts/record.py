"""What a cohort's tables were made of: each file with its size, time and content, and what was wrong with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ..base.errors import BadInput
from ..base.files import read_json, validate

SCHEMA_VERSION = "totalpassport-cohort/1"
RECORD_FILE, SCANS_FILE, ORGANS_FILE = "cohort.json", "scans.parquet", "organs.parquet"
TABLES_VERSION = 1
"""Raised when the tables' columns change, so that older ones are made anew."""


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """One file as it was when it was read.

    Attributes
    ----------
    sha256 : str
        Of its bytes.
    size, mtime_ns : int
        What tells without reading it that it is the same still.
    scan : str | None
        Its name in the tables; None of a damaged one.
    problem : str | None
        Why it could not be read.
    """

    sha256: str
    size: int
    mtime_ns: int
    scan: str | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Record:
    """What the tables were made of.

    Attributes
    ----------
    build : str
        Stands in the tables too: tables of another build are not those of this record.
    files : mapping of str to SourceFile
        By path below the folder that was read, with slashes.
    pattern : str | None
        For patient and date of files that will come.
    """

    build: str
    files: Mapping[str, SourceFile]
    pattern: str | None = None

    @property
    def damaged(self) -> dict[str, str]:
        """Path -> problem of those that could not be read."""
        return {path: file.problem for path, file in self.files.items() if file.problem is not None}


def build_name(files: Mapping[str, SourceFile], pattern: str | None, visits: str) -> str:
    """Return a name for tables of these files, the same for the same content."""
    content = [[path, file.sha256, file.scan] for path, file in sorted(files.items())]
    return hashlib.sha256(json.dumps([TABLES_VERSION, content, pattern, visits]).encode()).hexdigest()[:32]


def record_text(record: Record) -> str:
    """Return a record as JSON, one file a line."""
    files = [f"{json.dumps(path)}: {json.dumps(_entry(file))}" for path, file in sorted(record.files.items())]
    head = {"schema": SCHEMA_VERSION, "tables": TABLES_VERSION, "build": record.build, "pattern": record.pattern}
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    body = "\n" + ",\n".join(files) + "\n" if files else ""
    return "{\n" + ",\n".join([*lines, f'"files": {{{body}}}']) + "\n}\n"


def _entry(file: SourceFile) -> dict[str, object]:
    return {name: value for name, value in asdict(file).items() if value is not None}


def read_cohort_record(folder: Path) -> Record | None:
    """Return the record of a cohort; None where its tables are of an older kind, or of another build than it.

    Raises
    ------
    BadInput
        The folder has no cohort, or the record is damaged.
    """
    path = folder / RECORD_FILE
    if not path.is_file():
        raise BadInput(
            f"'{folder}' is no cohort: it has no {RECORD_FILE}.",
            "Make one of a folder of passports, or check the path.",
        )
    document = read_json(path)
    validate(document, "cohort", f"'{path}'")
    if document["tables"] != TABLES_VERSION:
        return None
    files = {name: SourceFile(**entry) for name, entry in document["files"].items()}
    return Record(build=document["build"], files=files, pattern=document.get("pattern"))
