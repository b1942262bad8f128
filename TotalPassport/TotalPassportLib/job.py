"""The child process: a job file in, JSON lines out, an exit code at the end. ``docs/architecture.md`` has the contract.

Started as a script by the Slicer module: ``python -X utf8 .../TotalPassportLib/job.py JOB.json``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    # Run as a script, Python puts this file's folder first, where our `labels` or `files` could hide other modules.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    __package__ = "TotalPassportLib"

from TotalPassportLib.base.errors import BadInput, Cancelled, user_error
from TotalPassportLib.base.events import Cancellation, Event, EventCallback
from TotalPassportLib.base.files import read_json, validate
from TotalPassportLib.base.hints import hint_fields
from TotalPassportLib.base.memory import require_room_for_libraries
from TotalPassportLib.base.outputs import results_written
from TotalPassportLib.base.streams import claim_standard_output, line_writer, open_standard_streams, quiet_libraries
from TotalPassportLib.options import RunOptions

OWNER_FILE = "owner.json"
"""In the private folders of the Slicer module; a folder without it is none of them."""
POLL_SECONDS = 0.5
GRACE_SECONDS = 30.0
"""How long a child whose parent is gone may take to stop by itself before it is ended."""


class ParentWatch:
    """Cancels the run when the parent process is gone: then standard input, which it held open, ends.

    Of a child that was given no standard input, the system tells when it gets another parent (not on Windows).
    """

    def __init__(self, cancellation: Cancellation, scratch_folder: Path | None, stdin_closed: bool) -> None:
        self._stdin_closed = stdin_closed
        self._parent = os.getppid()
        self._cancellation = cancellation
        self._scratch_folder = scratch_folder
        self.parent_gone = False
        threading.Thread(target=self._wait, name="parent-watch", daemon=True).start()

    def _wait(self) -> None:
        if self._stdin_closed:
            while os.getppid() == self._parent:
                time.sleep(POLL_SECONDS)
        else:
            with contextlib.suppress(OSError):
                # Past Python's buffer: its lock, held here for ever, would abort the interpreter at its end.
                while os.read(0, 1):
                    pass
        self.parent_gone = True
        self._cancellation.request()
        timer = threading.Timer(GRACE_SECONDS, self._end_now)
        timer.daemon = True
        timer.start()

    def _end_now(self) -> None:
        self.remove_scratch()
        os._exit(Cancelled.exit_code)

    def remove_scratch(self) -> None:
        """Remove the parent's private folder, which now nobody else would."""
        if self._scratch_folder is not None:
            shutil.rmtree(self._scratch_folder, ignore_errors=True)


def run_job_file(arguments: list[str] | None = None) -> int:
    """Run the job of a job file and return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    closed = open_standard_streams()
    events = claim_standard_output()
    emit = line_writer(events)
    watch: ParentWatch | None = None
    try:
        if len(arguments) != 1:
            raise BadInput("One argument is needed: the job file.", "See docs/architecture.md.")
        require_room_for_libraries()
        job_path = Path(arguments[0]).resolve()
        job = read_json(job_path)
        validate(job, "job", "The job file")
        _refuse_impossible_names(job)
        cancellation = Cancellation(Path(job["cancel_file"]) if "cancel_file" in job else None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *received: cancellation.request())
        watch = ParentWatch(cancellation, _scratch_folder(job, job_path), stdin_closed=0 in closed)
        with quiet_libraries():
            emit(_run(job, emit, cancellation))
        return 0
    except (Exception, KeyboardInterrupt) as error:
        return report_failure(error, emit)
    finally:
        if watch is not None and watch.parent_gone:
            watch.remove_scratch()


def _scratch_folder(job: Mapping[str, Any], job_path: Path) -> Path | None:
    """Return the folder to remove when the parent is gone: only one that was made for this, and for this job.

    It holds the job file itself, and the note of its owner that the Slicer module leaves in its private folders.
    """
    folder = Path(job["scratch_folder"]).resolve() if "scratch_folder" in job else None
    if folder is None or folder != job_path.parent or not (folder / OWNER_FILE).is_file():
        return None
    return folder


def _refuse_impossible_names(job: Mapping[str, Any]) -> None:
    texts = [text for value in job.values() for text in (value if isinstance(value, list) else [value])]
    if any("\0" in text for text in texts if isinstance(text, str)):
        raise BadInput("The job file has a name with a NUL character, which no file has.", "Correct the job file.")


def _run(job: Mapping[str, Any], emit: EventCallback, cancellation: Cancellation) -> Event:
    if job["action"] in ("download_model", "import_models"):
        return _bring_in(job, emit, cancellation)
    from TotalPassportLib import (  # here, so that a missing package is reported like any other failure
        description_run,
        pipeline,
    )

    if job["action"] == "passport":
        passport = description_run.describe(
            job["segmentation"],
            job["output"],
            labels=job.get("labels"),
            ct=job.get("ct"),
            on_event=emit,
            cancellation=cancellation,
        )
        return {"event": "result", "passport": job["output"], "n_organs": len(passport.organs)}
    if job["action"] == "batch":
        return _run_batch(job, emit, cancellation)
    options = RunOptions.from_entries(job)
    result = pipeline.run(job["ct"], job["output_folder"], options, on_event=emit, cancellation=cancellation)
    return {
        "event": "result",
        "segmentation": str(result.paths.segmentation),
        "passport": str(result.paths.passport),
        **({"confidence": str(result.paths.confidence)} if result.paths.confidence is not None else {}),
        **({"task_labels": str(result.paths.task_labels)} if result.paths.task_labels is not None else {}),
        "n_organs": len(result.passport.organs),
        "seconds": {stage: round(seconds, 3) for stage, seconds in result.seconds.items()},
        "network_seconds": round(result.network_seconds, 3),
        "provider": result.provider,
        "precision": result.precision,
        "arithmetic": result.arithmetic,
    }


def _run_batch(job: Mapping[str, Any], emit: EventCallback, cancellation: Cancellation) -> Event:
    """Run many scans, as the command ``batch`` does; scans that fail are told of, and fail no other."""
    from TotalPassportLib.batches.batch_run import batch

    options = RunOptions.from_entries(job)
    done = batch(job["inputs"], job["output_folder"], options, on_event=emit, cancellation=cancellation)
    return {
        "event": "result",
        "results": str(done.results_path),
        "table": str(done.table),
        "scans": len(done.subjects),
        "run": done.n_run,
        "failed": [entry["name"] for entry in done.failed],
    }


def _bring_in(job: Mapping[str, Any], emit: EventCallback, cancellation: Cancellation) -> Event:
    """Bring models into the store, from the network or from files."""
    from TotalPassportLib.models.transfer import intake

    if job["action"] == "download_model":
        names = job.get("models") or [job["model"]]
        folders = intake.download_several(names, emit, cancellation)
    else:
        paths = [Path(path) for path in job.get("paths", ())]
        folders = intake.import_models(paths, on_event=emit, cancellation=cancellation)
    return {"event": "result", "models": {folder.name: str(folder) for folder in folders}}


def report_failure(error: BaseException, emit: EventCallback) -> int:
    """Emit an error event and return the exit code."""
    failure = user_error(error)
    if isinstance(failure, Cancelled) and results_written():
        failure = Cancelled(hint="What was written until then stays.")
    if failure.exit_code == 1:
        traceback.print_exception(error)  # a defect: the log gets what the window does not show
    emit(
        {
            "event": "error",
            "code": failure.code,
            "exit_code": failure.exit_code,
            "message": failure.message,
            **hint_fields(failure.hint),
        }
    )
    return failure.exit_code


if __name__ == "__main__":
    sys.exit(run_job_file())
