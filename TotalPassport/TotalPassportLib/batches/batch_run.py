"""A whole batch: from folders, patterns and lists to results of all scans, however often it is interrupted.

from TotalPassportLib import batch, RunOptions

done = batch("scans", "results", RunOptions(model="fast"), jobs=2)
print(done.table, len(done.failed))
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..base.errors import BadInput, TotalPassportError, as_user_error
from ..base.events import Cancellation, Event, EventCallback, ignore_event
from ..base.files import make_folder
from ..base.outputs import atomic_write
from ..options import DEFAULT_OPTIONS, RunOptions
from ..segmentation.session import usable_cores
from .batch_folder import BatchFolder
from .batch_progress import BatchProgress
from .batch_results import write_results, write_table
from .local_workers import LocalWorkers, ScanOutcome, setup_of
from .scan_record import StoredRecord, read_records, read_scan_record
from .scan_sources import ScanSource, find_sources
from .scan_work import ScanWork
from .subject_names import Subject, key_of, name_subjects

WRITE_AGAIN_SECONDS = 10.0
"""How often ``results.json`` is brought up to date while a batch runs, if that itself takes little of the time."""
MOST_JOBS = 256
SUBJECTS_AN_EVENT = 1000


@dataclass(frozen=True, kw_only=True)
class BatchResult:
    """How a batch went.

    Attributes
    ----------
    folder : Path
        Where everything is.
    results_path, table : Path
        ``results.json`` and ``organs.csv``.
    results : sequence of mapping
        The entries of ``results.json``, of all scans that the folder has results of.
    subjects : sequence of str
        The names of the scans of this call.
    n_run : int
        How many of them were run now; the others were finished before.
    """

    folder: Path
    results_path: Path
    table: Path
    results: Sequence[Mapping[str, Any]]
    subjects: Sequence[str]
    n_run: int

    @property
    def failed(self) -> list[Mapping[str, Any]]:
        """The entries of the scans of this call that have no results."""
        names = set(self.subjects)
        return [entry for entry in self.results if "error" in entry and entry["name"] in names]


class Workers(Protocol):
    """What runs scans: processes of this machine, or a cluster."""

    def outcomes(self, subjects: Sequence[Subject]) -> Iterator[ScanOutcome]:
        """Run scans and yield how each has ended."""


def batch(
    inputs: Path | str | Sequence[Path | str],
    output: Path | str,
    options: RunOptions = DEFAULT_OPTIONS,
    *,
    jobs: int = 1,
    max_samples: int | None = None,
    scheduler: str | None = None,
    on_event: EventCallback = ignore_event,
    cancellation: Cancellation | None = None,
) -> BatchResult:
    """Segment any number of scans and write their labels and passports, and one table of all organs.

    A scan that fails is recorded and the others go on. What was finished by an earlier call with the same settings is
    not done again.

    Parameters
    ----------
    inputs : Path, str, or sequence of them
        Scans, folders of scans, patterns, or lists; see `find_sources`.
    output : Path or str
        The folder for everything, see `batch_folder`; is made if it does not exist.
    options : RunOptions
        As of a single run. ``overwrite`` also lets results of other settings be replaced.
    jobs : int
        How many processes run scans on this machine, each with its share of the processor's threads.
    max_samples : int, optional
        Run no more than this many scans: the first ones by name.
    scheduler : str, optional
        Address of a Dask scheduler whose workers run the scans instead of this machine.
    on_event : callable
        Receives ``started``, ``subjects``, ``progress``, ``warning`` and ``scan`` events, see ``docs/formats.md``.
    cancellation : Cancellation, optional
        Lets another thread stop the batch; what is finished stays, and the next call continues.

    Raises
    ------
    BadInput
        There is no scan, or the folder holds results of other settings.
    ModelError
        A model that is asked for is not there.
    Cancelled
        The batch was stopped.
    """
    given = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    cancellation = cancellation or Cancellation()
    _check_numbers(jobs, max_samples)
    with as_user_error():
        folder = BatchFolder(Path(output))
        work = ScanWork(folder, options, on_event, cancellation)  # a model that is missing is told of at once
        sources = find_sources(given, folder.path, series=options.series, modality=work.modality, warn=work.warn)
        make_folder(folder.records)
        with folder.held() as lock:
            run = _BatchRun(folder, options, work, on_event, cancellation)
            subjects = run.begin(sources, max_samples)
            if scheduler is not None:
                from .dask_workers import DaskWorkers  # an extra

                workers: Workers = DaskWorkers(
                    scheduler, folder.path.absolute(), options, on_event=run.hear, check=run.check
                )
            else:
                workers = run.local_workers(jobs, lock)
            return run.finish(subjects, workers)


def _check_numbers(jobs: int, max_samples: int | None) -> None:
    if not 1 <= jobs <= MOST_JOBS:
        raise BadInput(f"There can be 1 to {MOST_JOBS} processes, not {jobs}.", "Give another number.")
    if max_samples is not None and max_samples < 1:
        raise BadInput(f"{max_samples} is no number of scans to run.", "Give a number of at least 1.")


class _BatchRun:
    """One call: what is there already, what is to be run, and what is said of all."""

    def __init__(
        self,
        folder: BatchFolder,
        options: RunOptions,
        work: ScanWork,
        on_event: EventCallback,
        cancellation: Cancellation,
    ) -> None:
        self._folder, self._options, self._work = folder, options, work
        self._on_event, self._cancellation = on_event, cancellation
        self._records: dict[str, StoredRecord] = {}
        self._progress = BatchProgress(on_event)
        self._written_at, self._write_seconds = time.monotonic(), 0.0

    def begin(self, sources: Sequence[ScanSource], max_samples: int | None) -> list[Subject]:
        """Name the scans, and refuse results of other settings in the folder unless they are to be replaced."""
        former = read_records(self._folder)
        settings = self._work.settings
        others = [record for record in former.values() if record.settings_sha256 != settings.sha256]
        if others and not self._options.overwrite:
            settings.refuse_others(self._folder.settings)
        subjects = name_subjects(sources, _known_names(former, sources))[:max_samples]
        self._records = {name: record for name, record in former.items() if record.settings_sha256 == settings.sha256}
        self._tell_of_others(former, subjects)
        if _text_of(self._folder.settings) != settings.text():
            with atomic_write(self._folder.settings, internal=True) as temporary:
                temporary.write_text(settings.text(), encoding="utf-8")
        return subjects

    def _tell_of_others(self, former: Mapping[str, StoredRecord], subjects: Sequence[Subject]) -> None:
        """Say that results of other settings stay in the folder."""
        names = {subject.name for subject in subjects}
        others = [name for name in former if name not in self._records and name not in names]
        if others:
            self._on_event(
                {
                    "event": "warning",
                    "code": "other_settings",
                    "message": f"{len(others)} results of other settings stay in '{self._folder.path}', such as "
                    f"'{others[0]}': their scans are none of this batch. They are in no table.",
                }
            )

    def local_workers(self, jobs: int, lock: int) -> LocalWorkers:
        """Return the processes of this machine."""
        threads = max(1, (self._options.threads or usable_cores()) // jobs)
        setup = setup_of(self._folder.path, self._options.entries(), threads)
        return LocalWorkers(setup, jobs=jobs, threads=threads, on_event=self.hear, check=self.check, inherited=[lock])

    def finish(self, subjects: Sequence[Subject], workers: Workers) -> BatchResult:
        """Run what is not finished, and write what is said of all scans, also if it is stopped."""
        self._on_event({"event": "started", "pid": os.getpid(), "stages": ["check", "scans"], "scans": len(subjects)})
        todo = self._unfinished(subjects)
        self._tell_what_is_finished(subjects, todo)
        weights = {subject.name: float(max(subject.source.bytes, 1)) for subject in todo}
        self._progress.begin(weights, len(subjects))
        try:
            for outcome in workers.outcomes(todo) if todo else ():
                self._take(outcome)
            self._try_again_alone(todo)
        finally:
            # Also of a batch that is stopped: what is finished until then.
            self._write_all()
        return BatchResult(
            folder=self._folder.path,
            results_path=self._folder.results,
            table=self._folder.table,
            results=[record.result for _, record in sorted(self._records.items())],
            subjects=[subject.name for subject in subjects],
            n_run=len(todo),
        )

    def _unfinished(self, subjects: Sequence[Subject]) -> list[Subject]:
        """Return the scans that have no results of their content and these settings."""

        def is_finished(subject: Subject) -> bool:
            record = self._records.get(subject.name)
            if record is None or record.failed:
                return False
            with suppress(TotalPassportError):
                self._cancellation.check()
                return self._work.is_finished(record, subject.source.sha256)
            return False

        with ThreadPoolExecutor(min(4, usable_cores())) as pool:
            finished = []
            for number, each in enumerate(pool.map(is_finished, subjects), 1):
                finished.append(each)
                self._on_event(
                    {"event": "progress", "stage": "check", "done": number, "total": len(subjects), "fraction": 0.0}
                )
                self._cancellation.check()
        todo = [subject for subject, done in zip(subjects, finished, strict=True) if not done]
        for subject in todo:  # its former results are none of its present content or settings
            self._records.pop(subject.name, None)
        return todo

    def _tell_what_is_finished(self, subjects: Sequence[Subject], todo: Sequence[Subject]) -> None:
        """Tell the names of all scans, and which of them need not be run."""
        names = {subject.name for subject in todo}
        for begin in range(0, len(subjects), SUBJECTS_AN_EVENT):
            part = [subject.name for subject in subjects[begin : begin + SUBJECTS_AN_EVENT]]
            finished = [name for name in part if name not in names]
            self._on_event({"event": "subjects", "names": part, "finished": finished})

    def _try_again_alone(self, todo: Sequence[Subject]) -> None:
        """Run those again for which there was not enough memory beside others, one at a time."""
        names = {name for name, record in self._records.items() if record.result.get("error_code") == "out_of_memory"}
        again = [subject for subject in todo if subject.name in names]
        if again and len(todo) > 1:
            threads = self._options.threads or usable_cores()
            setup = setup_of(self._folder.path, self._options.entries(), threads, in_flight=1)
            workers = LocalWorkers(setup, jobs=1, threads=threads, on_event=self.hear, check=self.check)
            for outcome in workers.outcomes(again):
                self._take(outcome)

    def _take(self, outcome: ScanOutcome) -> None:
        """Note how a scan has ended."""
        name = outcome.subject.name
        if outcome.crash is not None:
            self._work.record_failure(outcome.subject, outcome.crash)
        record = outcome.record or read_scan_record(self._folder, name)
        if record is None:
            raise BadInput(
                f"There is no record of '{name}' in '{self._folder.records}', though it was run.",
                "Is it the same folder for all processes? Check the disk.",
            )
        self._records[name] = record
        self._progress.done(name, record.result)
        if time.monotonic() - self._written_at > max(WRITE_AGAIN_SECONDS, 20 * self._write_seconds):
            self._write_results()

    def _write_results(self) -> None:
        begin = time.monotonic()
        write_results(self._folder, self._records)
        self._written_at = time.monotonic()
        self._write_seconds = self._written_at - begin

    def _write_all(self) -> None:
        self._write_results()
        write_table(self._folder, self._records)

    def hear(self, event: Event) -> None:
        """Take an event of a worker: progress of a scan, or a warning."""
        self._progress.hear(event)

    def check(self) -> None:
        """Raise `Cancelled` if the batch was stopped."""
        self._cancellation.check()


def _known_names(records: Mapping[str, StoredRecord], sources: Sequence[ScanSource]) -> dict[tuple[str, str], str]:
    """Return the names that scans have had in this folder, also of those that were moved since."""
    known = {record.key: name for name, record in records.items()}
    present = {key_of(source) for source in sources}
    moved = {
        record.scan_sha256: record
        for record in records.values()
        if record.key not in present and record.scan_sha256 is not None and not Path(record.key[0]).exists()
    }
    for source in sources:
        if moved and key_of(source) not in known:
            with suppress(TotalPassportError):
                record = moved.pop(source.sha256, None)
                if record is not None:
                    del known[record.key]
                    known[key_of(source)] = record.name
    return known


def _text_of(path: Path) -> str | None:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8")
    return None
