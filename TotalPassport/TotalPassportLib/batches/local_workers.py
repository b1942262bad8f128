"""Processes on this machine that run the scans of a batch; one that dies is replaced, and what it was at is told apart.

A scan that a network's library crashes on takes all scans with it that its process has at once. These are tried again
alone, one after the other; the one that crashes again is the culprit.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..base.errors import BadInput, ModelError, OutOfMemory, TotalPassportError
from ..base.events import Event, EventCallback
from ..base.hints import hint_of_event
from ..base.supervision import crash_error
from . import worker_process
from .scan_record import StoredRecord
from .scan_work import IN_FLIGHT
from .subject_names import Subject
from .worker_process import WorkerSetup

POLL_SECONDS = 0.1
PATIENCE_SECONDS = 1.5
"""How long workers may take to end when they are told to, or are told that they have nothing more to do."""
END_SECONDS = 20.0
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables by which libraries of linear algebra know how many threads to use."""
ERRORS: Mapping[str, type[TotalPassportError]] = {
    error.code: error for error in (BadInput, OutOfMemory, ModelError, TotalPassportError)
}


@dataclass(frozen=True)
class ScanOutcome:
    """The end of a scan: its record is written, or the process that ran it has died, and how."""

    subject: Subject
    crash: TotalPassportError | None = None
    record: StoredRecord | None = None
    """The record, if it came from another machine, whose files may not be seen here yet."""


@dataclass(eq=False, kw_only=True)
class _Worker:
    """One process, and the scans that it has."""

    process: subprocess.Popen[bytes]
    scans: dict[str, Subject] = field(default_factory=dict)
    alone: bool = False
    ready: bool = False


class LocalWorkers:
    """Runs scans in processes of this machine.

    Parameters
    ----------
    setup : WorkerSetup
        What each of them is told.
    jobs : int
        How many there are.
    threads : int
        Processor threads of each.
    on_event : callable
        Receives their progress and warnings, with the scans' ``name``.
    check : callable
        Called again and again; its exceptions end all.
    inherited : sequence of int
        Open files that they inherit, such as that of the lock of the batch's folder.
    """

    def __init__(
        self,
        setup: WorkerSetup,
        *,
        jobs: int,
        threads: int,
        on_event: EventCallback,
        check: Callable[[], None],
        inherited: Sequence[int] = (),
    ) -> None:
        self._setup, self._jobs, self._threads = setup, jobs, threads
        self._on_event, self._check, self._inherited = on_event, check, inherited
        self._workers: list[_Worker] = []
        self._messages: queue.Queue[tuple[_Worker, Event | None]] = queue.Queue()
        self._waiting: deque[Subject] = deque()
        self._suspects: deque[Subject] = deque()

    def outcomes(self, subjects: Sequence[Subject]) -> Iterator[ScanOutcome]:
        """Run scans and yield how each has ended, in the order in which they do.

        Raises
        ------
        TotalPassportError
            No process can run any, or results cannot be written.
        """
        self._waiting, self._suspects = deque(subjects), deque()
        try:
            while self._waiting or self._suspects or any(worker.scans for worker in self._workers):
                self._hand_out()
                try:
                    worker, event = self._messages.get(timeout=POLL_SECONDS)
                except queue.Empty:
                    self._check()
                    continue
                if event is None:
                    yield from self._outcomes_of_dead(worker)
                elif event["event"] == "scan_done":
                    yield ScanOutcome(worker.scans.pop(event["name"]))
                else:
                    self._hear(worker, event)
                self._check()
            self._end()
        finally:
            self._stop()

    def _hand_out(self) -> None:
        """Give every process as many scans as it may have at once; suspects one at a time when all others are done."""
        busy = any(worker.scans for worker in self._workers)
        if self._suspects and not self._waiting and not busy:
            worker = self._workers[0] if self._workers else self._started()
            worker.alone = True
            self._send(worker, self._suspects.popleft())
            return
        while len(self._workers) < min(self._jobs, len(self._waiting) + len(self._workers)):
            self._started()
        for _ in range(self._setup.in_flight):  # one for each before a second one for any
            for worker in [worker for worker in self._workers if len(worker.scans) < self._setup.in_flight]:
                if self._waiting and not worker.alone:
                    self._send(worker, self._waiting.popleft())

    def _started(self) -> _Worker:
        script = str(Path(worker_process.__file__).resolve())
        limits = {name: str(self._threads) for name in THREAD_VARIABLES if name not in os.environ}
        worker = _Worker(
            process=subprocess.Popen(
                [sys.executable, "-X", "utf8", script],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **limits},
                pass_fds=() if sys.platform == "win32" else tuple(self._inherited),
            )
        )
        self._workers.append(worker)
        threading.Thread(target=self._read, args=(worker,), name="batch-worker", daemon=True).start()
        self._write(worker, self._setup.line())
        return worker

    def _read(self, worker: _Worker) -> None:
        assert worker.process.stdout is not None
        for line in worker.process.stdout:
            with contextlib.suppress(ValueError):
                self._messages.put((worker, json.loads(line)))
        self._messages.put((worker, None))

    def _send(self, worker: _Worker, subject: Subject) -> None:
        worker.scans[subject.name] = subject
        source = subject.source
        line = {"name": subject.name, "path": str(source.path), "series": source.series}
        self._write(worker, json.dumps(line) + "\n")

    @staticmethod
    def _write(worker: _Worker, line: str) -> None:
        assert worker.process.stdin is not None
        with contextlib.suppress(OSError):  # it has died, which its output tells
            worker.process.stdin.write(line.encode())
            worker.process.stdin.flush()

    def _hear(self, worker: _Worker, event: Event) -> None:
        if event["event"] == "broken":
            raise error_of_event(event)
        if event["event"] == "ready":
            worker.ready = True
        else:
            self._on_event(event)

    def _outcomes_of_dead(self, worker: _Worker) -> Iterator[ScanOutcome]:
        """Yield the end of a scan that has surely killed its process; put others aside, to be tried alone."""
        code = worker.process.wait()
        self._workers.remove(worker)
        failure = _death(code)
        if not worker.ready:
            raise failure
        if worker.alone:
            for subject in worker.scans.values():
                yield ScanOutcome(subject, failure)
        else:
            self._suspects.extend(worker.scans.values())

    def _end(self) -> None:
        """Let all processes end by themselves, which have nothing more to do."""
        for worker in self._workers:
            self._write(worker, '{"end": true}\n')
        for worker in self._workers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.process.wait(END_SECONDS)

    def _stop(self) -> None:
        """End all processes now, whatever they are doing."""
        for worker in self._workers:
            assert worker.process.stdin is not None
            with contextlib.suppress(OSError):
                worker.process.stdin.close()
        for worker in self._workers:
            try:
                worker.process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
        self._workers.clear()


def _death(code: int) -> TotalPassportError:
    """Return what the exit code of a process means that has died at work."""
    if code < 0:
        return crash_error(-code)
    return TotalPassportError(
        f"The process that ran it has ended by itself (exit code {code}).", "Try again; please report it if it repeats."
    )


def error_of_event(event: Event) -> TotalPassportError:
    """Return the error that a worker has told of."""
    return ERRORS.get(event["code"], TotalPassportError)(event["message"], hint_of_event(event))


def setup_of(folder: Path, options: dict[str, Any], threads: int, in_flight: int = IN_FLIGHT) -> WorkerSetup:
    """Return what a worker is told that has so many threads, and so many scans at once."""
    return WorkerSetup(folder=str(folder.absolute()), options={**options, "threads": threads}, in_flight=in_flight)
