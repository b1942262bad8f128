"""A batch's folder: ``results.json``, and the masks and passports that it names. All of it may be somebody else's.

Files are taken from the folder only, wherever the document says that they are: a path that leads elsewhere, such as
one of another machine, stands for the file of the same name in ``masks/`` or ``passports/``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any

from ..base.errors import BadInput
from ..base.files import read_json, validate

RESULT_FILES = ("results.json", "benchmark_results.json")
"""Names of the document, ours first."""


@dataclass(frozen=True)
class RecordedScan:
    """A scan where the batch found it; it may have moved, or the batch ran on another machine.

    Attributes
    ----------
    path : Path
        Its file or folder.
    series : str
        Which series of the folder.
    sha256 : str
        Of all bytes of its files, as an image that is read has it. Nothing else than what the batch has seen is to be
        shown from a path that is told.
    """

    path: Path
    series: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class BatchEntry:
    """One scan of a batch.

    Attributes
    ----------
    subject : str
        The scan's file name.
    error : str, optional
        Why it was not segmented; None if it was.
    seconds : float, optional
        From its file to its results.
    breakdown : mapping of str to float
        Stage -> seconds.
    organs : int, optional
        How many structures were found.
    passport_kb : float, optional
        Size of the passport's file.
    mask, passport : Path, optional
        The files, where they are there.
    scan : RecordedScan, optional
        Where the batch says that it read the scan.
    """

    subject: str
    error: str | None
    seconds: float | None
    breakdown: Mapping[str, float] = field(default_factory=dict)
    organs: int | None = None
    passport_kb: float | None = None
    mask: Path | None = None
    passport: Path | None = None
    scan: RecordedScan | None = None


def read_batch_results(folder: Path) -> list[BatchEntry]:
    """Return the scans of a batch's folder, in their order.

    Raises
    ------
    BadInput
        There is no such folder, no document in it, or it is none of a batch.
    """
    if not folder.is_dir():
        raise BadInput(f"There is no folder '{folder}'.", "Give the folder that a batch has written.")
    path = next((folder / name for name in RESULT_FILES if (folder / name).is_file()), None)
    if path is None:
        raise BadInput(
            f"The folder '{folder}' has no {RESULT_FILES[0]}.",
            "Give the folder that a batch has written.",
        )
    document = read_json(path)
    validate(document, "report_input", f"'{path}'")
    if not document:
        raise BadInput(f"'{path}' lists no scan.", "Run a batch on some scans.")
    return [_result(entry, folder) for entry in document]


def _result(entry: Mapping[str, Any], folder: Path) -> BatchEntry:
    return BatchEntry(
        subject=entry["subject"],
        error=entry.get("error"),
        seconds=entry.get("latency_total_sec"),
        breakdown=entry.get("breakdown") or {},
        organs=entry.get("num_organs"),
        passport_kb=entry.get("passport_size_kb"),
        mask=_file_in(folder, "masks", entry.get("mask_path")),
        passport=_file_in(folder, "passports", entry.get("passport_path")),
        scan=_recorded(entry),
    )


def _recorded(entry: Mapping[str, Any]) -> RecordedScan | None:
    path, digest = entry.get("scan_path"), entry.get("scan_sha256")
    return RecordedScan(Path(path), entry.get("series") or "", digest) if path and digest else None


def _file_in(folder: Path, kind: str, told: str | None) -> Path | None:
    """Return the file that an entry names, if it is in the batch's folder."""
    if not told or "\0" in told:
        return None
    inside = folder.resolve()
    name = PureWindowsPath(told).name  # splits at both kinds of slashes
    for path in (folder / told, folder / kind / name, folder / name):
        try:
            if path.is_file() and path.resolve().is_relative_to(inside):
                return path
        except OSError:  # such as a name that is too long
            continue
    return None
