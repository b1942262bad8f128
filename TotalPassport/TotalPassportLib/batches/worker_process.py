"""A process that runs scans of a batch: lines of JSON in, lines of JSON out.

Started by `local_workers` as a script. The first line of standard input is what `WorkerSetup` holds, each further one a
scan; ``{"end": true}`` ends it when all are done. Where standard input ends without that, the batch was stopped or is
gone, and so is this process within a second.

Standard output: ``{"event": "ready"}``, then for each scan events with its ``name``, the last of which is
``scan_done``, or ``broken`` with an error if nothing more can be done here.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    # Run as a script, Python puts this file's folder first.
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    __package__ = "TotalPassportLib.batches"

from TotalPassportLib.base.errors import Cancelled, TotalPassportError, user_error
from TotalPassportLib.base.events import Cancellation, Event, EventCallback
from TotalPassportLib.base.hints import hint_fields
from TotalPassportLib.base.memory import require_room_for_libraries
from TotalPassportLib.base.streams import claim_standard_output, line_writer, open_standard_streams, quiet_libraries
from TotalPassportLib.base.supervision import end_with_parent
from TotalPassportLib.base.temporaries import forget, in_use
from TotalPassportLib.options import RunOptions

GRACE_SECONDS = 0.6
"""How long scans may take to stop by themselves; a window of a network may take longer."""


@dataclass(frozen=True, kw_only=True)
class WorkerSetup:
    """What a worker is told first: the batch's folder, the options, and how many scans it has at once."""

    folder: str
    options: dict[str, Any]
    in_flight: int

    def line(self) -> str:
        """Return it as a line."""
        return json.dumps(asdict(self)) + "\n"


def work_until_told(arguments: list[str] | None = None) -> int:
    """Run scans as they come and return the exit code."""
    open_standard_streams()
    emit = _shared(line_writer(claim_standard_output()))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the batch gets it too, and tells us
    cancellation = Cancellation()
    signal.signal(signal.SIGTERM, lambda *received: _stop(cancellation, set()))
    end_with_parent()
    try:
        with quiet_libraries():
            require_room_for_libraries()
            return _serve(emit, cancellation)
    except Exception as error:
        emit({"event": "broken", **error_fields(user_error(error))})
        return user_error(error).exit_code


def _serve(emit: EventCallback, cancellation: Cancellation) -> int:
    from TotalPassportLib.batches.batch_folder import BatchFolder
    from TotalPassportLib.batches.scan_work import ScanWork

    lines = _Lines()
    setup = WorkerSetup(**lines.read())
    work = ScanWork(BatchFolder(Path(setup.folder)), RunOptions.from_entries(setup.options), emit, cancellation)
    work.open_first_network()
    emit({"event": "ready"})
    running: set[Future[None]] = set()
    stop = partial(_stop, cancellation, running)
    with ThreadPoolExecutor(setup.in_flight, "scan") as pool:
        while "end" not in (line := lines.read(stop)):
            running.difference_update([future for future in running if future.done()])
            running.add(pool.submit(_run_scan, work, line, emit))
    work.close()
    return 0


def _run_scan(work: Any, line: dict[str, str], emit: EventCallback) -> None:
    from TotalPassportLib.batches.scan_sources import ScanSource
    from TotalPassportLib.batches.scan_work import throttled
    from TotalPassportLib.batches.subject_names import Subject

    name = line["name"]

    def tell(event: Event) -> None:
        if event["event"] in ("progress", "warning"):
            emit({**event, "name": name})

    try:
        work.run(Subject(name, ScanSource(Path(line["path"]), line["series"])), throttled(tell))
        emit({"event": "scan_done", "name": name})
    except BaseException as error:
        failure = user_error(error)
        if not isinstance(failure, Cancelled):
            emit({"event": "broken", "name": name, **error_fields(failure)})


class _Lines:
    """Standard input by lines, past Python's buffer, whose lock, held for ever, would abort the interpreter's end."""

    def __init__(self) -> None:
        self._rest = b""

    def read(self, at_end: Any = None) -> dict[str, Any]:
        """Return the next line; where there is none, end this process, after ``at_end``."""
        while b"\n" not in self._rest:
            part = b""
            with contextlib.suppress(OSError):
                part = os.read(0, 2**16)
            if not part:
                if at_end is not None:
                    at_end()
                os._exit(Cancelled.exit_code)
            self._rest += part
        line, self._rest = self._rest.split(b"\n", 1)
        return dict(json.loads(line))


def _stop(cancellation: Cancellation, running: set[Future[None]]) -> None:
    """End this process, and with it whatever was being written."""
    cancellation.request()
    end = time.monotonic() + GRACE_SECONDS
    while any(not future.done() for future in running) and time.monotonic() < end:
        time.sleep(0.02)
    forget(*list(in_use))
    os._exit(Cancelled.exit_code)


def _shared(emit: EventCallback) -> EventCallback:
    """Return what writes whole lines, whichever threads write at once."""
    lock = threading.Lock()

    def emit_one(event: Event) -> None:
        with lock:
            emit(event)

    return emit_one


def error_fields(error: TotalPassportError) -> dict[str, Any]:
    """Return an error as fields of an event."""
    return {"code": error.code, "message": error.message, **hint_fields(error.hint)}


if __name__ == "__main__":
    sys.exit(work_until_told())
