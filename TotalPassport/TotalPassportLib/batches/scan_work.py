"""Running scans of a batch in one process: models and networks are opened once, and scans overlap.

Several threads call `ScanWork.run`. One of them has the processor for its networks and its measuring; meanwhile the
others read the next scans and write the ones before. So no more scans are in memory than there are threads.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

from ..base.errors import Cancelled, TotalPassportError, as_user_error
from ..base.events import Cancellation, Event, EventCallback, Progress, ignore_event, start
from ..base.files import make_folder
from ..base.memory_limit import MemoryLimit
from ..base.outputs import OutputFiles
from ..destinations import refuse_other_scans_results
from ..options import OutputPaths, RunOptions
from ..passport import Passport
from ..passport.export import csv_text
from ..passport.findings_text import finding_codes
from ..pipeline import RUN_SHARES, describe_scan, write_run
from ..run_exports import require_exports
from ..run_files import require_writable
from ..run_passport import what_ran
from ..segmentation.engine_choice import NetworkOpener
from ..segmentation_run import RunModels, asked_models, bytes_of_foreign, first_network, load_scan, model_finder
from .batch_folder import BatchFolder
from .batch_settings import BatchSettings, settings_of
from .scan_record import ScanRecord, StoredRecord, read_scan_record
from .subject_names import Subject

IN_FLIGHT = 3
"""Scans that a process has at once: one is read, one is computed, one is written."""
BYTES_BESIDE = 4 * 2**30
"""What reading and writing other scans may take while a model runs that nobody has released."""


class ScanWork:
    """What a process needs to run scans of one batch.

    Parameters
    ----------
    folder : BatchFolder
        Where the results go.
    options : RunOptions
        What is asked for; its threads are this process's.
    on_event : callable
        Receives warnings that are of no single scan.
    cancellation : Cancellation
        Stops whatever scan is being run.

    Raises
    ------
    ModelError, BadInput
        A model that the options ask for is not there.
    """

    def __init__(
        self,
        folder: BatchFolder,
        options: RunOptions,
        on_event: EventCallback = ignore_event,
        cancellation: Cancellation | None = None,
    ) -> None:
        self._folder, self._options, self._on_event = folder, options, on_event
        self.cancellation = cancellation or Cancellation()
        find = model_finder(options, on_event, self.cancellation)
        asked = asked_models(options, find)
        self._stack = ExitStack()
        networks = NetworkOpener(options.provider, options.precision, self.warn, options.threads, keep=True)
        self._models = RunModels(asked=asked, find=find, networks=self._stack.enter_context(networks))
        self._foreign_bytes = bytes_of_foreign(asked, options)
        self._computing = threading.Lock()
        self._room = threading.BoundedSemaphore(IN_FLIGHT)

    @cached_property
    def settings(self) -> BatchSettings:
        """What the results will depend on beside the scans."""
        return settings_of(self._options, list(self._models.asked), self._models.find)

    @property
    def modality(self) -> str:
        """What the models are for, CT or MR."""
        return self._models.asked[0].model.modality

    def open_first_network(self) -> None:
        """Begin to open the network that is needed first, while the first scan is read."""
        if self._foreign_bytes is None:  # else it may take no more than is allowed, which is not limited yet
            self._models.networks.prepare(first_network(self._models.asked, self._options, self._models.find))

    def close(self) -> None:
        """Let the networks go."""
        self._stack.close()

    def run(self, subject: Subject, on_event: EventCallback = ignore_event) -> StoredRecord:
        """Run a scan, write its results and its record, and return that: of a failure, too, which is none of the batch.

        A scan that is finished already is left as it is, so that a task may be given to several processes.

        Raises
        ------
        Cancelled
            The batch was stopped; there is no record then.
        TotalPassportError
            The record cannot be written.
        """
        with self._room:
            return self._run_or_record(subject, on_event)

    def _run_or_record(self, subject: Subject, on_event: EventCallback) -> StoredRecord:
        progress = start(RUN_SHARES, on_event, self.cancellation)
        try:
            with as_user_error():
                return self._run(subject, progress)
        except Cancelled:
            raise
        except TotalPassportError as error:
            return self.record_failure(subject, error, progress.seconds)

    def is_finished(self, record: StoredRecord, scan_sha256: str) -> bool:
        """Whether a record is of this very content and of these settings, and its files are there."""
        alike = record.scan_sha256 == scan_sha256 and record.settings_sha256 == self.settings.sha256
        return alike and not record.failed and record.has_its_files(self._folder)

    def record_failure(
        self, subject: Subject, error: TotalPassportError, seconds: dict[str, float] | None = None
    ) -> StoredRecord:
        """Write the record of a scan that failed, and remove results that the folder had of it before."""
        former = read_scan_record(self._folder, subject.name)
        record = ScanRecord(
            subject=subject,
            settings_sha256=self.settings.sha256,
            seconds=dict(seconds or {}),
            error=str(error),
            error_code=error.code,
            exit_code=error.exit_code,
        )
        stored = self._write_record(record, None)
        if former is not None:
            _remove(former.files(self._folder))
        return stored

    def _run(self, subject: Subject, progress: Progress) -> StoredRecord:
        source, options = subject.source, self._options
        former = read_scan_record(self._folder, subject.name)
        with progress.stage("load"):
            scan = load_scan(source.path, self._models.asked, progress, source.series)
            if former is not None and self.is_finished(former, scan.sha256):
                return former
            paths = self._folder.outputs(subject.name, options)
            require_writable(paths, source.path)
            require_exports(options, scan)
            if former is None and not options.overwrite:
                refuse_other_scans_results(source.path, paths.passport, paths.segmentation, sha256=scan.sha256)
        with self._computing, MemoryLimit(self._foreign_bytes, BYTES_BESIDE) as limit:
            progress.cancellation.check()
            described = describe_scan(scan, self._models, options, progress, limit, paths)
        write_run(paths, described, options, progress)
        record = ScanRecord(
            subject=subject,
            scan_sha256=scan.sha256,
            settings_sha256=self.settings.sha256,
            seconds=progress.seconds,
            n_organs=len(described.passport.organs),
            files=paths.written(),
            findings=finding_codes(described.passport),
            passport_bytes=paths.passport.stat().st_size,
            ran=what_ran(described.segmented.found),
        )
        stored = self._write_record(record, described.passport)
        if former is not None:
            _remove([path for path in former.files(self._folder) if path not in _all_files(paths)])
        return stored

    def _write_record(self, record: ScanRecord, passport: Passport | None) -> StoredRecord:
        """Write the record, and the rows of the table first: what has a record is finished."""
        name = record.subject.name
        make_folder(self._folder.records)
        with OutputFiles(internal=True) as files:
            files.path(self._folder.rows(name)).write_text(
                csv_text(passport) if passport is not None else "", encoding="utf-8", newline=""
            )
            text = record.text(self._folder)
            files.path(self._folder.record(name)).write_text(text, encoding="utf-8")
        return StoredRecord(name, json.loads(text))

    def warn(self, code: str, message: str) -> None:
        """Tell of something that is of no single scan."""
        self._on_event({"event": "warning", "code": code, "message": message})


def throttled(on_event: EventCallback, step: float = 0.02) -> EventCallback:
    """Return what hands events on, and progress only where it has grown by a step."""
    last = 0.0

    def show(event: Event) -> None:
        nonlocal last
        if event["event"] == "progress":
            if event["fraction"] < last + step:
                return
            last = event["fraction"]
        on_event(event)

    return show


def _all_files(paths: OutputPaths) -> set[Path]:
    return set(paths.written().values())


def _remove(paths: list[Path]) -> None:
    """Remove results that are no longer true; what cannot be removed is found by the next batch."""
    for path in paths:
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
