"""What is known of one scan of a batch: how it went, what it was made of, and which files came of it.

A scan counts as finished if its record has the batch's settings and the scan's content, and its files are there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..base.errors import TotalPassportError
from ..base.files import read_json, validate
from .batch_folder import BatchFolder
from .subject_names import Subject, key_of

SCHEMA_VERSION = "totalpassport-scan/1"
BREAKDOWN = {
    "preprocessing": ("load", "prepare"),
    "inference": ("infer",),
    "postprocessing": ("restore", "write"),
    "passport_extraction": ("describe",),
}
"""A part of a scan's latency, as the study calls it -> the stages of a run that it is made of."""


@dataclass(frozen=True, kw_only=True)
class ScanRecord:
    """How it went with a scan.

    Attributes
    ----------
    subject : Subject
        The scan and its name.
    settings_sha256 : str
        Of the settings that it was run with.
    scan_sha256 : str
        Of all bytes of the scan's files, as `Volume` has it; empty if it failed.
    seconds : mapping of str to float
        Wall time of each stage that it came to.
    n_organs : int
        How many structures were found.
    files : mapping of str to Path
        Kind -> file or folder, as `OutputPaths` calls them; none if it failed.
    findings : mapping of str to int
        Code of a check -> how often it has found something.
    passport_bytes : int
        Size of the passport.
    ran : mapping of str to str
        The provider and the arithmetic that really ran.
    error : str, optional
        Why it failed, and what to do next.
    error_code : str, optional
        The failure's class, as `errors` calls it.
    exit_code : int
        What a run of this scan alone would have ended with.
    """

    subject: Subject
    settings_sha256: str
    scan_sha256: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    n_organs: int = 0
    files: Mapping[str, Path] = field(default_factory=dict)
    findings: Mapping[str, int] = field(default_factory=dict)
    passport_bytes: int = 0
    ran: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    error_code: str | None = None
    exit_code: int = 0

    @property
    def failed(self) -> bool:
        """Whether there are no results of it."""
        return self.error is not None

    @property
    def latency_seconds(self) -> float:
        """What its stages took together; it did not wait for other scans meanwhile."""
        return sum(self.seconds.values())

    def text(self, folder: BatchFolder) -> str:
        """Return the text of its file."""
        document = {
            "schema": SCHEMA_VERSION,
            "settings_sha256": self.settings_sha256,
            "source": dict(zip(("path", "series"), key_of(self.subject.source), strict=True)),
            "sizes": {kind: _size(path) for kind, path in self.files.items()},
            "result": self.result(folder),
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    def result(self, folder: BatchFolder) -> dict[str, Any]:
        """Return its entry of ``results.json``; the fields of the study come first, in its order."""
        files = {f"{_FILE_NAMES.get(kind, kind)}_path": folder.relative(path) for kind, path in self.files.items()}
        parts = {
            part: round(sum(self.seconds.get(stage, 0.0) for stage in stages), 3) for part, stages in BREAKDOWN.items()
        }
        entry: dict[str, Any] = {
            "subject": self.subject.title,
            "latency_total_sec": round(float(self.latency_seconds), 3),
            "breakdown": parts,
            "num_organs": self.n_organs,
            "passport_size_kb": round(self.passport_bytes / 1024, 2),
            "mask_path": None,
            "passport_path": None,
            **files,
            "name": self.subject.name,
            "scan_path": str(self.subject.source.path.absolute()),
            "series": self.subject.source.series or None,
            "scan_sha256": self.scan_sha256 or None,
            "stages_sec": {stage: round(seconds, 3) for stage, seconds in self.seconds.items()},
            "findings": dict(self.findings),
            "provider": self.ran.get("provider"),
            "arithmetic": self.ran.get("arithmetic"),
        }
        if self.error is not None:
            entry |= {"error": self.error, "error_code": self.error_code, "exit_code": self.exit_code}
        return entry


_FILE_NAMES = {"segmentation": "mask"}
"""Kind of a file -> what ``results.json`` calls it, where that is something else."""


@dataclass(frozen=True)
class StoredRecord:
    """A record as it was read: enough to tell whether its scan is finished, and its entry of ``results.json``."""

    name: str
    document: Mapping[str, Any]

    @property
    def result(self) -> dict[str, Any]:
        """The entry of ``results.json``."""
        return dict(self.document["result"])

    @property
    def failed(self) -> bool:
        """Whether there are no results."""
        return "error" in self.document["result"]

    @property
    def settings_sha256(self) -> str:
        """Of the settings."""
        return str(self.document["settings_sha256"])

    @property
    def scan_sha256(self) -> str | None:
        """Of the scan's content; None where it could not be read."""
        value = self.document["result"]["scan_sha256"]
        return None if value is None else str(value)

    @property
    def key(self) -> tuple[str, str]:
        """What the scan is remembered by, see `key_of`."""
        source = self.document["source"]
        return source["path"], source["series"]

    def files(self, folder: BatchFolder) -> list[Path]:
        """Return the files and folders that came of it."""
        return [folder.path / self.document["result"][f"{_FILE_NAMES.get(kind, kind)}_path"] for kind in self._kinds]

    def has_its_files(self, folder: BatchFolder) -> bool:
        """Whether they are all there, as large as they were."""
        sizes = (self.document["sizes"][kind] for kind in self._kinds)
        whole = all(_size(path) == size for path, size in zip(self.files(folder), sizes, strict=True))
        return whole and folder.rows(self.name).is_file()

    @property
    def _kinds(self) -> list[str]:
        kinds = self.document["sizes"]
        return [kind for kind in kinds if f"{_FILE_NAMES.get(kind, kind)}_path" in self.document["result"]]


def read_scan_record(folder: BatchFolder, name: str) -> StoredRecord | None:
    """Return the record of a name; None if there is none that can be used, for then its scan is simply run again."""
    path = folder.record(name)
    if not path.is_file():
        return None
    try:
        document = read_json(path)
        validate(document, "scan", f"'{path}'")
    except TotalPassportError:
        return None
    if document["result"]["name"] != name or any(_leaves(text) for text in _paths_in(document["result"])):
        return None
    return StoredRecord(name, document)


def read_records(folder: BatchFolder) -> dict[str, StoredRecord]:
    """Return name -> record of all that are there, sorted by name."""
    names = sorted(path.stem for path in folder.records.glob("*.json"))
    found = ((name, read_scan_record(folder, name)) for name in names)
    return {name: record for name, record in found if record is not None}


def _paths_in(result: Mapping[str, Any]) -> list[str]:
    return [value for name, value in result.items() if name.endswith("_path") and name != "scan_path" and value]


def _leaves(relative: str) -> bool:
    """Whether a path out of a file leads out of the folder that it should be in."""
    path = Path(relative)
    return path.is_absolute() or ".." in path.parts


def _size(path: Path) -> int | None:
    """Return the bytes of a file, or of all files in a folder; None if it is not there."""
    if path.is_dir():
        return sum(entry.stat().st_size for entry in path.iterdir() if entry.is_file())
    return path.stat().st_size if path.is_file() else None
