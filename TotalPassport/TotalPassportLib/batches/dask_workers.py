"""The scans of a batch on a Dask cluster: a scan is a task, and a worker that is lost is none of the batch's end.

All machines see the scans and the batch's folder under the same paths, and have the same models: each worker checks
that before it runs anything. Which scans are finished is told by the folder alone, so a task may be run twice.
"""

from __future__ import annotations

import platform
import queue
import secrets
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..base.errors import BadInput, ModelError, OutOfMemory, TotalPassportError, user_error
from ..base.events import Event, EventCallback
from ..base.hints import Hint, HintCode
from ..base.optional_packages import required_modules
from ..base.streams import quiet_libraries
from ..options import RunOptions
from ..segmentation.session import usable_cores
from .batch_folder import BatchFolder
from .batch_settings import read_settings
from .local_workers import ScanOutcome, error_of_event
from .scan_record import StoredRecord
from .scan_sources import ScanSource
from .scan_work import ScanWork
from .subject_names import Subject
from .worker_process import error_fields

CONNECT_SECONDS = 20
POLL_SECONDS = 0.5


class DaskWorkers:
    """Runs scans on the workers of a Dask scheduler.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://host:8786``.
    folder : Path
        The batch's, from the root.
    options : RunOptions
        What is asked for; its ``threads`` are each worker's.
    on_event : callable
        Receives the scans' warnings.
    check : callable
        Called again and again; its exceptions end all.

    Raises
    ------
    BadInput
        Dask is not installed, or no scheduler answers.
    """

    def __init__(
        self,
        address: str,
        folder: Path,
        options: RunOptions,
        *,
        on_event: EventCallback,
        check: Callable[[], None],
    ) -> None:
        self._distributed = _distributed()
        self._folder, self._options = folder, options
        self._on_event, self._check = on_event, check
        try:
            _knock(address)
            self._client = self._distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise BadInput(
                f"No Dask scheduler answers at '{address}'.", "Start one with 'dask scheduler', or check the address."
            ) from error

    def outcomes(self, subjects: Sequence[Subject]) -> Iterator[ScanOutcome]:
        """Run scans and yield how each has ended, in the order in which they do.

        Raises
        ------
        TotalPassportError
            A worker cannot run any, such as one that does not see the folder.
        """
        settings = read_settings(BatchFolder(self._folder).settings)
        assert settings is not None  # the batch has just written it
        with self._client as client:
            if not client.scheduler_info()["workers"]:
                text = "The Dask scheduler has no workers yet; the batch begins when some come."
                self._on_event({"event": "warning", "code": "no_workers", "message": text})
            task = _Task(
                folder=str(self._folder),
                entries=self._options.entries(),
                settings_sha256=settings.sha256,
                workers_of_host=_workers_of_hosts(client),
            )
            # The workers need the package and nothing of this process.
            futures = {
                client.submit(
                    _run_task,
                    task,
                    subject.name,
                    (str(subject.source.path.absolute()), subject.source.series),
                    key=f"totalpassport-{settings.sha256[:8]}-{subject.name}-{secrets.token_hex(4)}",
                    pure=False,
                ): subject
                for subject in subjects
            }
            try:
                yield from self._collected(futures)
            finally:
                with suppress(OSError, self._distributed.comm.CommClosedError):
                    client.cancel(list(futures), force=True)

    def _collected(self, futures: dict[Any, Subject]) -> Iterator[ScanOutcome]:
        """Yield the ends of tasks as they come."""
        ended: queue.Queue[Any] = queue.Queue()
        for future in futures:
            future.add_done_callback(ended.put)
        waiting = set(futures)
        while waiting:
            with suppress(queue.Empty):
                future = ended.get(timeout=POLL_SECONDS)
                waiting.discard(future)
                yield self._outcome(future, futures[future])
            if self._client.status in ("closing", "closed"):
                raise _lost_scheduler()
            self._check()

    def _outcome(self, future: Any, subject: Subject) -> ScanOutcome:
        if future.status in ("cancelled", "lost"):
            raise _lost_scheduler()
        if future.status == "error":
            error = future.exception()
            if isinstance(error, self._distributed.scheduler.KilledWorker):
                return ScanOutcome(subject, crash=_killed())
            raise user_error(error)
        answer = future.result()
        for warning in answer["warnings"]:
            self._on_event({**warning, "name": subject.name})
        if answer["error"] is not None:
            raise error_of_event(answer["error"])
        return ScanOutcome(subject, record=StoredRecord(subject.name, answer["record"]))


def _distributed() -> Any:
    missing = BadInput(
        "A batch on a cluster needs Dask, which is not installed.",
        Hint(HintCode.INSTALL_PACKAGE, package='"dask[distributed]"'),
    )
    return required_modules("distributed", "distributed.scheduler", missing=missing)


def _knock(address: str) -> None:
    """Raise `OSError` or `ValueError` if nobody listens at an address: a client of Dask's tries in vain for long."""
    scheme, _, place = address.rpartition("://")
    if scheme in ("", "tcp", "tls"):
        host, _, port = place.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    elif scheme not in ("ucx", "ucxx", "ws", "wss", "inproc"):
        raise ValueError(f"no address of Dask: {scheme}")


def _lost_scheduler() -> TotalPassportError:
    return BadInput("The Dask scheduler has ended.", "Start it, and the same command again: it continues.")


def _killed() -> TotalPassportError:
    return OutOfMemory(
        "Several workers of the cluster were lost while they ran it, most likely because there was no more memory.",
        "Use workers with more memory, or run this scan alone.",
    )


def _workers_of_hosts(client: Any) -> dict[str, int]:
    """Return host -> how many workers of the cluster it has."""
    return dict(Counter(worker["host"] for worker in client.scheduler_info(n_workers=-1)["workers"].values()))


@dataclass(frozen=True, kw_only=True)
class _Task:
    """What a worker is told of the batch."""

    folder: str
    entries: dict[str, Any]
    settings_sha256: str
    workers_of_host: dict[str, int]


def _run_task(task: _Task, name: str, scan: tuple[str, str]) -> dict[str, Any]:
    """Run a scan in a worker; return its record and warnings, or an error if this worker can run none of the scans."""
    warnings: list[Event] = []

    def note(event: Event) -> None:
        if event["event"] == "warning":
            warnings.append(event)

    try:
        with quiet_libraries():
            record = _work_of_this_process(task).run(Subject(name, ScanSource(Path(scan[0]), scan[1])), note)
    except Exception as error:
        return {"warnings": warnings, "error": error_fields(user_error(error)), "record": None}
    return {"warnings": warnings, "error": None, "record": dict(record.document)}


_making = threading.Lock()
_works: dict[tuple[str, str], ScanWork] = {}
"""What this worker has open: of the batch that it is at, and no other."""


def _work_of_this_process(task: _Task) -> ScanWork:
    """Return what this process runs the batch's scans with, its networks kept.

    Raises
    ------
    TotalPassportError
        This machine does not see the batch's folder, or has another version of the program or of a model.
    """
    key = task.folder, task.settings_sha256
    with _making:
        if key not in _works:
            for other in list(_works):
                _works.pop(other).close()
            _works[key] = _made(task)
        return _works[key]


def _made(task: _Task) -> ScanWork:
    folder = BatchFolder(Path(task.folder))
    host = platform.node()
    settings = read_settings(folder.settings)
    if settings is None or settings.sha256 != task.settings_sha256:
        raise BadInput(
            f"The worker on '{host}' does not see the folder '{task.folder}' as this machine does.",
            "Choose a folder on a disk that all machines share, under one path.",
        )
    options = RunOptions.from_entries(task.entries)
    threads = options.threads or max(1, usable_cores() // task.workers_of_host.get(_own_host(), 1))
    work = ScanWork(folder, replace(options, threads=threads))
    if work.settings.sha256 != task.settings_sha256:
        raise ModelError(
            f"The worker on '{host}' has another version of TotalPassport or of a model.",
            "Install the same version and models on all machines.",
        )
    work.open_first_network()
    return work


def _own_host() -> str:
    """Return this worker's host as the scheduler calls it."""
    from distributed import get_worker

    return str(get_worker().address).rpartition("/")[2].rpartition(":")[0]
