"""A cohort's tables, made of a folder of passports and brought up to date: only what is new or has changed is read."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..base.errors import BadInput, as_user_error
from ..base.events import Cancellation, EventCallback, Progress, ignore_event, start
from ..base.files import make_folder, sha256_of
from ..base.locking import exclusive
from ..base.outputs import OutputFiles
from .parquet_files import RowWriter, duckdb_module, tables_are_of, write_tables
from .passport_files import FoundFiles, find_passports, read_all, scan_names
from .patients import Visits, visits_of_pattern, visits_of_table
from .record import (
    ORGANS_FILE,
    RECORD_FILE,
    SCANS_FILE,
    Record,
    SourceFile,
    build_name,
    read_cohort_record,
    record_text,
)
from .table_columns import ORGAN_COLUMNS, SCAN_COLUMNS

BUILD_SHARES = {"load": 0.05, "describe": 0.85, "write": 0.1}
"""Stages of building: finding and recognising files, reading them, writing the tables."""
LOCK_FILE = ".lock"
SCRATCH_PREFIX = ".building-"


@dataclass(frozen=True, kw_only=True)
class BuildSummary:
    """What building has done.

    Attributes
    ----------
    scans : int
        In the tables.
    added, changed, removed, kept : int
        Files against the build before.
    damaged : mapping of str to str
        Path -> what is wrong.
    other_files : int
        JSON files that are no passports.
    """

    scans: int
    added: int
    changed: int
    removed: int
    kept: int
    damaged: Mapping[str, str]
    other_files: int


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """How a cohort is built.

    Attributes
    ----------
    patients : Path | None
        A table of patients and dates, see `patients.visits_of_table`.
    pattern : str | None
        The same by the passports' paths, see `patients.visits_of_pattern`.
    jobs : int
        Processes that read.
    rebuild : bool
        Read all passports again.
    check_content : bool
        Compare files by their content even where size and time are the same.
    """

    patients: Path | None = None
    pattern: str | None = None
    jobs: int = 1
    rebuild: bool = False
    check_content: bool = False


def build_cohort(
    folder: Path | str,
    output: Path | str,
    options: BuildOptions = BuildOptions(),  # it cannot change
    *,
    on_event: EventCallback = ignore_event,
    cancellation: Cancellation | None = None,
) -> BuildSummary:
    """Make or update the tables of a folder's passports.

    Parameters
    ----------
    folder : Path or str
        Is searched for passports, with the folders below it.
    output : Path or str
        The cohort's folder: two Parquet files and a record. They appear together or not at all.
    options : BuildOptions
        How.
    on_event : callable
        Receives the events of ``docs/architecture.md``.
    cancellation : Cancellation, optional
        Lets another thread or process stop it.

    Raises
    ------
    BadInput
        There is no such folder or no passport in it, the output is something else than a cohort, or DuckDB is missing.
    """
    folder, output = Path(folder), Path(output)
    progress = start(BUILD_SHARES, on_event, cancellation)
    with as_user_error():
        duckdb_module()
        _check_folders(folder, output)
        visits = _visits(options)
        make_folder(output)
        lock = exclusive(output / LOCK_FILE, lambda: _tell_waiting(progress), progress.cancellation.check)
        with lock, _scratch_folder(output) as scratch:
            return _build(folder, output, options, visits, Path(scratch), progress)


@contextmanager
def _scratch_folder(output: Path) -> Iterator[str]:
    """Yield a folder for work in progress; what a build that was killed has left is removed. The lock is held."""
    for leftover in output.glob(f"{SCRATCH_PREFIX}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=output, prefix=SCRATCH_PREFIX) as scratch:
        yield scratch


def _tell_waiting(progress: Progress) -> None:
    progress.warn("waiting", "Another process is building this cohort; waiting for it.")


def _check_folders(folder: Path, output: Path) -> None:
    if not folder.is_dir():
        raise BadInput(f"There is no folder '{folder}'.", "Give the folder that holds the passports.")
    if output.resolve() == folder.resolve():
        raise BadInput("The cohort cannot be the folder of its own passports.", "Give another folder with -o.")
    if output.is_dir() and any(output.iterdir()) and not (output / RECORD_FILE).exists():
        names = {path.name for path in output.iterdir() if not path.name.startswith(".")}
        if names - {SCANS_FILE, ORGANS_FILE}:
            raise BadInput(f"'{output}' holds other files and is no cohort.", "Give an empty or new folder.")


def _visits(options: BuildOptions) -> Visits | None:
    if options.patients is not None and options.pattern is not None:
        raise BadInput("Patients are given by a table and by a pattern.", "Give one of them.")
    if options.patients is not None:
        return visits_of_table(options.patients)
    return None if options.pattern is None else visits_of_pattern(options.pattern)


def _build(
    folder: Path, output: Path, options: BuildOptions, visits: Visits | None, scratch: Path, progress: Progress
) -> BuildSummary:
    tables = output / SCANS_FILE, output / ORGANS_FILE
    with progress.stage("load"):
        former = _former(output, tables)
        found = find_passports(folder, output)
        if not found.passports:
            raise BadInput(
                f"'{folder}' holds no passports ({found.others} other JSON files).", "Give the folder that holds them."
            )
        names = scan_names(list(found.passports))
        known = {} if former is None or options.rebuild else dict(former.files)
        kept = _unchanged(folder, found, names, known, options.check_content, progress)
    new = scratch / SCANS_FILE, scratch / ORGANS_FILE
    with progress.stage("describe"):
        read = _read_new(folder, {path: names[path] for path in names if path not in kept}, new, options.jobs, progress)
    files = {path: (kept | read)[path] for path in sorted(names)}
    pattern = options.pattern or (former.pattern if former is not None and options.patients is None else None)
    mapping = _mapping(files, visits, former)
    build = build_name(files, pattern, _mapping_text(mapping))
    with progress.stage("write"):
        _write(output, new, tables, Record(build=build, files=files, pattern=pattern), mapping, set(kept))
    return _summary(former, files, read, found)


def _former(output: Path, tables: tuple[Path, Path]) -> Record | None:
    """Return the record of before if its tables are whole; what was left half is made anew."""
    if not (output / RECORD_FILE).is_file():
        return None
    try:
        record = read_cohort_record(output)
        return record if record is not None and tables_are_of(tables, record.build) else None
    except BadInput:
        return None


def _unchanged(
    folder: Path,
    found: FoundFiles,
    names: Mapping[str, str],
    known: Mapping[str, SourceFile],
    check_content: bool,
    progress: Progress,
) -> dict[str, SourceFile]:
    """Return the files whose rows can stay: by size and time, else by content."""
    kept = {}
    for number, (path, state) in enumerate(found.passports.items()):
        progress.step(number, len(found.passports))
        before = known.get(path)
        if before is None or (before.problem is None and before.scan != names[path]):
            continue
        same_state = (before.size, before.mtime_ns) == (state.st_size, state.st_mtime_ns)
        if not same_state or check_content:
            if before.size != state.st_size or sha256_of(folder / path) != before.sha256:
                continue
            before = replace(before, mtime_ns=state.st_mtime_ns)
        if before.problem is None or same_state:
            kept[path] = before
    return kept


def _read_new(
    folder: Path, scans: dict[str, str], tables: tuple[Path, Path], jobs: int, progress: Progress
) -> dict[str, SourceFile]:
    files = {}
    with RowWriter(tables[0], SCAN_COLUMNS) as scan_writer, RowWriter(tables[1], ORGAN_COLUMNS) as organ_writer:
        for path, read in read_all(folder, scans, jobs):
            files[path] = read.file
            if read.scan is not None and read.organs is not None:
                scan_writer.add([read.scan])
                organ_writer.add(read.organs)
            progress.step(len(files), len(scans))
    return files


def _mapping(
    files: Mapping[str, SourceFile], visits: Visits | None, former: Record | None
) -> dict[str, tuple[str | None, Any]] | None:
    """Return scan -> patient and date of all scans if they are told now; None leaves those of before."""
    if visits is None:
        if former is None or former.pattern is None:
            return None
        visits = visits_of_pattern(former.pattern)
    mapping: dict[str, tuple[str | None, Any]] = {}
    for path, file in files.items():
        visit = None if file.scan is None else visits(file.scan, path)
        if visit is not None and file.scan is not None:
            mapping[file.scan] = (visit.patient, visit.date)
    if not mapping:
        raise BadInput(
            "What was given of patients names none of the scans.",
            "Name scans as the cohort's table of scans does, or by the paths of their passports.",
        )
    return mapping


def _mapping_text(mapping: Mapping[str, tuple[str | None, Any]] | None) -> str:
    return "" if mapping is None else json.dumps(mapping, default=str, sort_keys=True)


def _write(
    output: Path,
    new: tuple[Path, Path],
    tables: tuple[Path, Path],
    record: Record,
    mapping: dict[str, tuple[str | None, Any]] | None,
    kept: set[str],
) -> None:
    scans = [file.scan for path, file in record.files.items() if path in kept and file.scan is not None]
    former = tables if scans else None
    with OutputFiles() as outputs:
        targets = outputs.path(tables[0]), outputs.path(tables[1])
        write_tables(new, former, scans, mapping, targets, record.build)
        outputs.path(output / RECORD_FILE).write_text(record_text(record), encoding="utf-8")


def _summary(
    former: Record | None, files: Mapping[str, SourceFile], read: Mapping[str, SourceFile], found: FoundFiles
) -> BuildSummary:
    before = set() if former is None else set(former.files)
    return BuildSummary(
        scans=sum(file.scan is not None for file in files.values()),
        added=len(read.keys() - before),
        changed=len(read.keys() & before),
        removed=len(before - files.keys()),
        kept=len(files) - len(read),
        damaged={path: file.problem for path, file in files.items() if file.problem is not None},
        other_files=found.others,
    )
