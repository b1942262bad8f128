"""Runs one job at a time in a child process, without ever blocking the window.

The child is ``PythonSlicer -X utf8 TotalPassportLib/job.py JOB.json`` (see docs/architecture.md, "The child process").
A run goes idle -> starting -> running -> (cancelling) -> finishing -> idle, and whatever happens on the way, its
private folder is removed and its listener hears exactly one `Outcome`.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import qt
import slicer
import TotalPassportLib
from slicer.i18n import tr as _
from TotalPassportLib.base.errors import TotalPassportError, user_error
from TotalPassportLib.base.hints import hint_of_event
from TotalPassportLib.base.text import visible

from ..panel.engine_titles import engine_text
from ..panel.time_left import duration_text
from ..panel.wording import hint_in_the_window
from . import process_table as processes
from .jobs import Event, Finished, Job, Outcome, RunListener, State, Status, another_run
from .lifetime import Lifetime
from .protocol import LineReader, parse_event
from .workspace import Workspace


class JobRunner:
    """Owns the child process of one run.

    Parameters
    ----------
    listener : RunListener | None
        Hears what happens.
    temporary_root : Path | None
        Where private folders are made; Slicer's temporary folder if None.
    script : Path | None
        The job script; TotalPassportLib's own if None.
    """

    def __init__(
        self, listener: RunListener | None = None, temporary_root: Path | None = None, script: Path | None = None
    ) -> None:
        self.listener = listener or RunListener()
        self.cancel_grace_ms: int | None = None
        """How long a child may take to stop by itself, if not as long as its job says."""
        self.state = State.IDLE
        self.last_outcome: Outcome | None = None
        self._root = temporary_root
        self.script = script or Path(TotalPassportLib.__file__).with_name("job.py")
        self._process: Any = None
        self._ended_processes: deque[Any] = deque(maxlen=3)
        """A process object outlives its own signal, in which a script may start the next run, and that one fail."""
        self._workspace: Workspace | None = None
        self._lifetime = Lifetime(self.shutdown)
        self._grace_timer = qt.QTimer()
        self._grace_timer.setSingleShot(True)
        self._grace_timer.connect("timeout()", self._kill)

    @property
    def temporary_root(self) -> Path:
        """The folder in which the private folders are made."""
        return self._root or Path(slicer.app.temporaryPath)

    @property
    def busy(self) -> bool:
        """Whether a run is under way."""
        return self.state is not State.IDLE

    def start(self, job: Job, finished: Finished | None = None, heard: bool | None = None) -> None:
        """Prepare the private folder and start the child; everything after that is told to the listener.

        Parameters
        ----------
        job : Job
            What to run.
        finished : callable, optional
            Hears the end, too, after the listener.
        heard : bool, optional
            Whether it tells a script or a user, so that no dialog need; by default it does.

        Raises
        ------
        TotalPassportError
            The job cannot be prepared, or no Python is found. Nothing is left behind.
        """
        if self.busy:
            raise another_run()
        self._reset(job)
        self._finished = finished
        self._heard = finished is not None if heard is None else heard
        self._set_state(State.STARTING)
        try:
            self._workspace = Workspace(self.temporary_root)
            job_file = self._write_job(job)
            # UTF-8 everywhere, so that file names survive on any Windows.
            self._launch(python_program(), ["-X", "utf8", str(self.script), str(job_file)])
        except BaseException as error:
            self._clean_up()
            self._set_state(State.IDLE)
            raise user_error(error) from error

    def cancel(self) -> None:
        """Ask the child to stop; after a period of grace it is ended by force."""
        if self.state not in (State.STARTING, State.RUNNING) or self._workspace is None:
            return
        self._set_state(State.CANCELLING)
        try:
            self._workspace.cancel_file.touch()
        except OSError:
            self._kill()
            return
        grace_ms = self._job.cancel_grace_ms if self.cancel_grace_ms is None else self.cancel_grace_ms
        self._grace_timer.start(grace_ms)

    def shutdown(self) -> None:
        """End the run now, because the scene closes or Slicer quits; returns when process and folder are gone."""
        if not self.busy or self.state is State.FINISHING:
            return
        self._set_state(State.CANCELLING)
        self._kill()
        if self._process is not None and not self._process.waitForFinished(5000):
            self._conclude()

    def wait(self, timeout_s: float = 3600.0) -> Outcome | None:
        """Keep the window alive until the run is over (for scripts and tests); None if it is not over in time."""
        deadline = time.monotonic() + timeout_s
        while self.busy and time.monotonic() < deadline:
            slicer.app.processEvents()
            time.sleep(0.005)
        return None if self.busy else self.last_outcome

    # -- the child ------------------------------------------------------------------------------------------------

    def _reset(self, job: Job) -> None:
        self._job = job
        self._output = LineReader()
        self._errors = LineReader()
        self._log_tail: deque[str] = deque(maxlen=50)
        self._child_pid = 0
        self._result: Event | None = None
        self._error: Event | None = None
        self._start_failure = ""
        self.last_outcome = None

    def _write_job(self, job: Job) -> Path:
        assert self._workspace is not None
        document = job.prepare(self._workspace.folder)
        document["cancel_file"] = str(self._workspace.cancel_file)
        document["scratch_folder"] = str(self._workspace.folder)
        job_file = self._workspace.folder / "job.json"
        job_file.write_text(json.dumps(document), encoding="utf-8")
        return job_file

    def _launch(self, program: str, arguments: list[str]) -> None:
        # Standard input stays open for as long as this process lives: its end tells the child that we are gone.
        self._process = process = qt.QProcess()
        process.connect("started()", self._on_started)
        process.connect("readyReadStandardOutput()", self._read_output)
        process.connect("readyReadStandardError()", self._read_errors)
        process.connect("errorOccurred(QProcess::ProcessError)", self._on_process_error)
        process.connect("finished(int,QProcess::ExitStatus)", self._on_finished)
        self._lifetime.watch(self._job.of_scene)
        process.setProcessEnvironment(self._environment())
        process.start(program, arguments)

    def _environment(self) -> Any:
        """Return the child's environment: what it makes for the scene is in the private folder, and goes with that."""
        environment = qt.QProcessEnvironment.systemEnvironment()
        if self._job.of_scene and self._workspace is not None:
            for name in ("TMPDIR", "TEMP", "TMP"):
                environment.insert(name, str(self._workspace.folder))
        return environment

    def _on_started(self) -> None:
        if self.state is State.STARTING:
            self._set_state(State.RUNNING)

    def _read_output(self) -> None:
        for line in self._output.feed(_to_bytes(self._process.readAllStandardOutput())):
            self._take_line(line)

    def _read_errors(self) -> None:
        for line in self._errors.feed(_to_bytes(self._process.readAllStandardError())):
            self._log(line)

    def _take_line(self, line: str) -> None:
        event = parse_event(line)
        if event is None:
            self._log(line)
            return
        kind = event["event"]
        if self._job.hear is not None:
            self._job.hear(event)
        if kind == "started":
            self._child_pid = _as_int(event.get("pid"))
        elif kind == "progress":
            seconds_left = _as_seconds(event.get("seconds_left"))
            self.listener.progressed(str(event.get("stage", "")), _as_fraction(event.get("fraction")), seconds_left)
        elif kind == "warning":
            told = f"{event.get('message', '')} {hint_in_the_window(hint_of_event(event))}".strip()
            message = self._job.in_users_words(told)
            of_scan = f"'{event['name']}': " if "name" in event else ""  # one of many
            self._tell(_("Note: {message}").format(message=of_scan + message))
        elif kind == "estimate":
            self._tell(_estimate_text(event))
        elif kind == "result":
            self._result = event
        elif kind == "error":
            self._error = event

    def _log(self, line: str) -> None:
        """Log what may be the cause if the child ends unexpectedly."""
        self._log_tail.append(self._tell(line))

    def _tell(self, line: str) -> str:
        line = visible(line.rstrip(), keep="\t")  # libraries print what files hold
        if line:
            self.listener.logged(line)
        return line

    def _kill(self) -> None:
        """End the real child first: PythonSlicer is only a launcher, and killing it leaves the child running."""
        if self._process is None:
            return
        if self._child_pid:
            processes.kill_tree(self._child_pid)
        processes.kill_tree(_as_int(self._process.processId()))
        self._process.kill()

    # -- the end --------------------------------------------------------------------------------------------------

    def _on_process_error(self, error: Any) -> None:
        # Only this error comes without "finished"; the others are followed by it.
        if error == qt.QProcess.FailedToStart:
            self._start_failure = self._process.errorString()
            self._conclude()

    def _on_finished(self, *_exit: Any) -> None:
        self._read_output()
        self._read_errors()
        for line in self._output.close():
            self._take_line(line)
        for line in self._errors.close():
            self._log(line)
        self._conclude()

    def _conclude(self) -> None:
        if self.state in (State.IDLE, State.FINISHING):
            return
        cancelled = self.state is State.CANCELLING
        self._grace_timer.stop()
        self._set_state(State.FINISHING)
        finished = self._finished
        outcome = replace(self._cancelled() if cancelled else self._checked_outcome(), heard=self._heard)
        self._clean_up()
        self.last_outcome = outcome
        self._set_state(State.IDLE)
        self.listener.finished(outcome)
        if finished is not None:
            finished(outcome)

    def _checked_outcome(self) -> Outcome:
        outcome = self._outcome()
        if outcome.status is not Status.FAILED or self._workspace is None or self._workspace.is_whole:
            return outcome
        self._log(outcome.sentence)  # which names a temporary file at best
        return _failed(
            _("The temporary folder of this run was removed while it was under way."),
            _(
                "Run it again. If that repeats, a program cleans up Slicer's temporary folder; another one can be "
                "chosen in Slicer's Application Settings."
            ),
        )

    def _outcome(self) -> Outcome:
        if self._start_failure:
            return self._failed_start()
        if self._error is not None:
            return self._reported_error(self._error)
        if self._result is None or self._exit_code() != 0:
            return self._unexpected_end()
        try:
            value = self._job.load(self._result)
            message, incomplete = self._job.summary() if self._job.summary is not None else ("", False)
            engine = engine_text(self._result)
            return Outcome(status=Status.DONE, message=message, value=value, engine=engine, incomplete=incomplete)
        except Exception as error:
            self._log(f"{type(error).__name__}: {error}")
            shown = user_error(error)
            message, hint = shown.message, hint_in_the_window(shown.hint)
            return _failed(self._job.in_users_words(message), self._job.in_users_words(hint))

    def _exit_code(self) -> int:
        crashed = self._process.exitStatus() == qt.QProcess.CrashExit
        return -1 if crashed else int(self._process.exitCode())

    def _cancelled(self) -> Outcome:
        return Outcome(status=Status.CANCELLED, message=_("Cancelled."), hint=self._job.cancelled_hint)

    def _failed_start(self) -> Outcome:
        return _failed(
            _("Slicer's Python could not be started: {reason}.").format(reason=self._start_failure.rstrip(".")),
            _("Check that no security software blocks it, or install Slicer again."),
        )

    def _reported_error(self, event: Event) -> Outcome:
        if event.get("code") == "cancelled":
            return self._cancelled()
        message = str(event.get("message") or _("The computation failed."))
        hint = hint_in_the_window(hint_of_event(event))
        return _failed(self._job.in_users_words(message), self._job.in_users_words(hint))

    def _unexpected_end(self) -> Outcome:
        last = next((line for line in reversed(self._log_tail) if line), "")
        reason = f": {last.rstrip('.')}" if last else ""
        return _failed(
            _("The computation ended unexpectedly{reason} (exit code {code}).").format(
                reason=reason, code=self._process.exitCode()
            ),
            _("Close other programs if memory is short, and see the log below."),
        )

    def _clean_up(self) -> None:
        self._lifetime.release()
        # The process object outlives its own signal: deleting it inside would crash, so later runs drop it.
        ended, self._process = self._process, None
        if ended is not None:
            ended.closeWriteChannel()
            self._ended_processes.append(ended)
        workspace, self._workspace = self._workspace, None
        if workspace is not None and not workspace.remove():
            self._log(_("The temporary folder {path} could not be removed.").format(path=workspace.folder))

    def _set_state(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self.listener.state_changed(state)


def python_program() -> str:
    """Return the Python that runs the child: PythonSlicer, or outside Slicer the Python that runs this.

    Raises
    ------
    TotalPassportError
        There is none.
    """
    found = shutil.which("PythonSlicer")
    if found:
        return found
    if Path(sys.executable or "").stem.lower().startswith("python"):
        return sys.executable
    raise TotalPassportError(
        _("PythonSlicer, the program that runs the computation, was not found."), _("Install Slicer again.")
    )


def _failed(message: str, hint: str) -> Outcome:
    return Outcome(status=Status.FAILED, message=message, hint=hint)


def _to_bytes(data: Any) -> bytes:
    content = data.data()
    return content if isinstance(content, bytes) else bytes(content)


def _estimate_text(event: Event) -> str:
    """Return what the child expects its run to take; empty if it does not say."""
    try:
        seconds, gigabytes = float(event["seconds"]), float(event["memory_bytes"]) / 1e9
    except (KeyError, TypeError, ValueError):
        return ""
    text = _("{model} will take about {duration}, and at most {size} GB of memory.")
    name = str(event.get("model") or _("The network"))
    return str(text.format(model=name, duration=duration_text(seconds), size=f"{gigabytes:.1f}"))


def _as_int(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _as_seconds(value: Any) -> float | None:
    return max(float(value), 0.0) if isinstance(value, int | float) and math.isfinite(value) else None


def _as_fraction(value: Any) -> float:
    return min(max(float(value), 0.0), 1.0) if isinstance(value, int | float) else 0.0
