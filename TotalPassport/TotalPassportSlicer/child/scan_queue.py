"""Several scans of the scene, run one after another: each in a child process of its own, as if it were run alone.

A failure stops no other scan. The queue stands between the runner and its listener: while it is under way, the
listener hears of all scans together, and once how they ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _
from TotalPassportLib.base.errors import TotalPassportError, user_error

from ..panel.wording import error_in_the_window
from .jobs import Finished, Job, Outcome, RunListener, State, Status, another_run
from .lifetime import Lifetime
from .runner import JobRunner
from .scan_list import ScanEntry, ScanList, ScanState


@dataclass(frozen=True, kw_only=True)
class QueuedScan:
    """A scan that waits for its turn.

    Attributes
    ----------
    entry : ScanEntry
        What is shown of it.
    job : Callable[[], Job]
        Makes its job when its turn comes.
    loaded : Callable[[ScanEntry, Any], None]
        Called with the job's value when it is done.
    """

    entry: ScanEntry
    job: Callable[[], Job]
    loaded: Callable[[ScanEntry, Any], None]


class ScanQueue(RunListener):
    """Runs several scans; when it is not under way, it hands on what a single run tells.

    Parameters
    ----------
    runner : JobRunner
        Runs each scan.
    """

    def __init__(self, runner: JobRunner) -> None:
        self._runner = runner
        self.listener = runner.listener
        runner.listener = self
        self.scans = ScanList()
        self.active = False
        self.last_outcome: Outcome | None = None
        self._waiting: list[QueuedScan] = []
        self._current: QueuedScan | None = None
        self._stopping = self._scene_goes = False
        self._engine = ""
        self._begun_at = 0.0
        self._lifetime = Lifetime(self._on_scene_goes)
        # The next scan starts from the event loop and not in the end of the one before.
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.connect("timeout()", self._next)

    @property
    def state(self) -> State:
        """Where all scans together stand, or the single run."""
        if not self.active:
            return self._runner.state
        return State.CANCELLING if self._stopping else State.RUNNING

    def start(
        self, scans: Sequence[QueuedScan], conclude: Callable[[ScanList], Any], finished: Finished | None = None
    ) -> None:
        """Start to run scans; returns at once.

        Parameters
        ----------
        scans : sequence of QueuedScan
            In their order; those whose entries are skipped already are only shown.
        conclude : callable
            Makes the outcome's value when at least one scan is done.
        finished : callable, optional
            Hears the end, too, after the listener.

        Raises
        ------
        TotalPassportError
            Something else is under way.
        """
        if self.active or self._runner.busy:
            raise another_run()
        self._waiting, self._current = [scan for scan in scans if scan.entry.state is ScanState.WAITING], None
        self._conclude, self._finished = conclude, finished
        self._stopping = self._scene_goes = False
        self._engine, self.last_outcome = "", None
        self.active = True
        self.scans.fill(scan.entry for scan in scans)
        self._lifetime.watch()
        self.listener.state_changed(State.STARTING)
        self._timer.start(0)

    def cancel(self) -> None:
        """End the scan that is run, and run no other."""
        if not self.active or self._stopping:
            return
        self._stopping = True
        self.listener.state_changed(State.CANCELLING)
        if self._runner.busy:
            self._runner.cancel()
        else:
            self._end()

    def shutdown(self) -> None:
        """End all now; returns when the process and its folder are gone."""
        self._stopping = self._scene_goes = True
        self._runner.shutdown()
        if self.active and not self._runner.busy:
            self._end()

    def wait(self, timeout_s: float) -> Outcome | None:
        """Keep the window alive until all is over; None if it is not over in time."""
        deadline = time.monotonic() + timeout_s
        while (self.active or self._runner.busy) and time.monotonic() < deadline:
            slicer.app.processEvents()
            time.sleep(0.005)
        return None if self.active or self._runner.busy else self.last_outcome

    # -- what the runner tells ------------------------------------------------------------------------------------

    def state_changed(self, state: State) -> None:
        """Hand on what a single run tells; of several scans only that they run."""
        if not self.active:
            if state is State.STARTING:
                self.last_outcome = None
            self.listener.state_changed(state)
        elif state is State.RUNNING:
            self.listener.state_changed(state)

    def progressed(self, stage: str, fraction: float, seconds_left: float | None = None) -> None:
        """Tell how far all scans are together, and how long they will take if the rest are like this one."""
        if self.active and self._current is not None:
            entry = self._current.entry
            self.scans.progressed(entry, fraction)
            fraction = self.scans.fraction
            if seconds_left is not None:
                seconds_each = (time.monotonic() - self._begun_at + seconds_left) / entry.weight
                seconds_left += seconds_each * sum(scan.entry.weight for scan in self._waiting)
        self.listener.progressed(stage, fraction, seconds_left)

    def surfaces_made(self, done: int, total: int) -> None:
        """Hand on how many surfaces there are."""
        self.listener.surfaces_made(done, total)

    def logged(self, line: str) -> None:
        """Hand on a line of the log, with the scan that it is of: quoted, as all that reports of defects leave out."""
        title = self._current.entry.title if self.active and self._current is not None else ""
        self.listener.logged(f"'{title}': {line}" if title else line)

    def packages_changed(self) -> None:
        """Hand on that packages are being changed, or no longer are."""
        self.listener.packages_changed()

    def finished(self, outcome: Outcome) -> None:
        """Take the end of a scan, and go on to the next one."""
        if not self.active:
            self.last_outcome = outcome
            self.listener.finished(outcome)
            return
        scan, self._current = self._current, None
        assert scan is not None  # the runner runs nothing else meanwhile
        if outcome.status is Status.DONE:
            self._engine = outcome.engine or self._engine
            self._take(scan, outcome)
        elif outcome.status is Status.FAILED:
            self._fail(scan, outcome.sentence)
        else:
            self._stopping = True
            self.scans.set(scan.entry, ScanState.SKIPPED, outcome.message)
        self._go_on()

    # -- one after another ----------------------------------------------------------------------------------------

    def _next(self) -> None:
        if not self._waiting:
            self._end()
            return
        scan = self._current = self._waiting.pop(0)
        self._begun_at = time.monotonic()
        self.progressed("load", 0.0)
        try:
            self._runner.start(scan.job())
        except Exception as error:  # one of ours, or what preparing it has met: no other scan need suffer
            self._current = None
            self._fail(scan, error_in_the_window(user_error(error)))
            self._go_on()

    def _take(self, scan: QueuedScan, outcome: Outcome) -> None:
        try:
            scan.loaded(scan.entry, outcome.value)
        except Exception as error:  # whatever is wrong with what came of it, no other scan need suffer
            self._fail(scan, error_in_the_window(user_error(error)))
            return
        self.scans.set(scan.entry, ScanState.DONE, f"{scan.entry.sentence} {outcome.message}".strip())
        self.listener.logged(_("'{scan}': done.").format(scan=scan.entry.title))

    def _go_on(self) -> None:
        if self._stopping:
            self._end()
        else:
            self._timer.start(0)

    def _fail(self, scan: QueuedScan, sentence: str) -> None:
        self.scans.set(scan.entry, ScanState.FAILED, sentence)
        self.listener.logged(_("'{scan}': failed. {reason}").format(scan=scan.entry.title, reason=sentence))

    def _end(self) -> None:
        self._timer.stop()
        self._lifetime.release()
        self._waiting = []
        self.scans.skip_rest(_("Not run: cancelled."))
        outcome = self._outcome()
        self.active = False
        self.last_outcome = outcome
        finished = self._finished
        self.listener.state_changed(State.IDLE)
        self.listener.finished(outcome)
        if finished is not None:
            finished(outcome)

    def _outcome(self) -> Outcome:
        done = self.scans.count(ScanState.DONE)
        status = Status.CANCELLED if self._stopping else Status.DONE if done else Status.FAILED
        message, heard = self.scans.summary, self._finished is not None
        if status is Status.CANCELLED:
            message = _("Cancelled. {summary}").format(summary=message)
        value = None
        if done and not self._scene_goes:
            try:
                value = self._conclude(self.scans)
            except TotalPassportError as error:
                status, message = Status.FAILED, f"{message} {error_in_the_window(error)}"
        hint = self.scans.first_reason if status is Status.FAILED and not done else ""
        return Outcome(
            status=status,
            message=message,
            hint=hint,
            value=value,
            engine=self._engine,
            heard=heard,
            incomplete=done < len(self.scans.entries),
        )

    def _on_scene_goes(self) -> None:
        """The scene closes or Slicer quits; the run of the moment is ended by its own watch, or here."""
        self.shutdown()
