"""The part of the panel that follows a run: progress bar, stage, time left, sentence and log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _
from TotalPassportLib.base.errors import TotalPassportError

from ..child.jobs import Outcome, RunListener, State, Status
from ..nodes.marks import ERROR, GOOD, WARNING, Mark
from ..nodes.organs import Found
from .marked_label import show_marked
from .time_left import TimeLeft
from .wording import error_in_the_window

_MAX_LOG_LINES = 2000
_OF_ENDS = {Status.DONE: GOOD, Status.FAILED: ERROR}


class RunPanel(RunListener):
    """Shows a run in the panel's widgets.

    Parameters
    ----------
    ui : Any
        The panel's widgets by name.
    on_state : Callable[[], None]
        Called after the state changed.
    on_finished : Callable[[Outcome], None]
        Called with the outcome.
    """

    def __init__(self, ui: Any, on_state: Callable[[], None], on_finished: Callable[[Outcome], None]) -> None:
        self._ui = ui
        self._on_state = on_state
        self._on_finished = on_finished
        self._time_left = TimeLeft()
        self._note = ""
        self._before = ("", "")
        self.which_scan = ""
        """Which of several scans is run, in words; empty for a single one."""
        ui.logText.maximumBlockCount = _MAX_LOG_LINES
        self._show_progress(False)
        self.show_found(None)
        self.say("")

    def state_changed(self, state: State) -> None:
        """Show where the run stands."""
        if state is State.STARTING:
            self.show_found(None)
            self._time_left = TimeLeft()
            self._set_percentage(0)
            self.say(_("Starting…"))
            self.logged(_("Started."))
        elif state is State.CANCELLING:
            self.say(_("Cancelling…"))
        elif state is State.FINISHING:
            self.say(_("Showing the results…"))
        self._show_progress(state is not State.IDLE)
        self._on_state()

    def packages_changed(self) -> None:
        """Packages begin to be changed, or are so no longer."""
        self._on_state()

    def progressed(self, stage: str, fraction: float, seconds_left: float | None = None) -> None:
        """Show how far the run has come."""
        self._set_percentage(int(100 * fraction))
        parts = [self.which_scan, stage_text(stage), self._time_left.text(fraction, seconds_left)]
        self.say(" · ".join(part for part in parts if part))

    def logged(self, line: str) -> None:
        """Add a line with the time of day to the log."""
        self._ui.logText.appendPlainText(f"{time.strftime('%H:%M:%S')}  {line}")

    def finished(self, outcome: Outcome) -> None:
        """Say how the run ended."""
        if outcome.status is Status.DONE:
            sentence = f"{outcome.message} {_done_text(self._time_left.elapsed_s, outcome.engine)}".strip()
        else:
            sentence = outcome.sentence
        note, self._note = self._note, ""
        self.say(f"{sentence} {note}".strip(), _mark_of(outcome))
        self.logged(sentence)
        self._on_finished(outcome)

    def surfaces_made(self, done: int, total: int) -> None:
        """Say how many surfaces there are, drawn at once: no event is delivered until there are all."""
        label = self._ui.statusLabel
        if done == 0:
            self._before = (label.text, label.styleSheet)
        self.say(_("Making surfaces: {done} of {total}").format(done=done, total=total))
        label.repaint()
        if done == total:
            text, style = self._before
            self.say(text)
            label.styleSheet = style

    def show_found(self, found: Found | None) -> None:
        """Show below the end of a run, with its mark, what the checks found in what it made; None shows nothing."""
        if found is None:
            show_marked(self._ui.foundLabel, "", None)
        else:
            show_marked(self._ui.foundLabel, found.text, found.mark)
            self.logged(found.text)

    def remember(self, note: str) -> None:
        """Log a sentence that should not be missed, and show it again at the end of the run that is about to start."""
        self._note = note
        if note:
            self.logged(note)

    def say(self, sentence: str, mark: Mark | None = None) -> None:
        """Show one sentence below the Apply button; with a sign and in a colour if it went well or ill."""
        show_marked(self._ui.statusLabel, sentence, mark)

    def _set_percentage(self, percentage: int) -> None:
        self._ui.progressBar.value = percentage

    def _show_progress(self, shown: bool) -> None:
        self._ui.progressBar.visible = shown


def _mark_of(outcome: Outcome) -> Mark | None:
    if outcome.status is Status.DONE and outcome.incomplete:
        return WARNING
    return _OF_ENDS.get(outcome.status)


def _done_text(seconds: float, engine: str) -> str:
    if not engine:
        return str(_("Finished in {seconds:.0f} s.").format(seconds=seconds))
    return str(_("Finished in {seconds:.0f} s with {engine}.").format(seconds=seconds, engine=engine))


def stage_text(stage: str) -> str:
    """Return what a stage of the child does, in words."""
    texts = {
        "load": _("Reading the scan"),
        "prepare": _("Preparing the scan"),
        "infer": _("Finding organs"),
        "restore": _("Putting labels on the scan's grid"),
        "describe": _("Measuring organs"),
        "write": _("Writing the results"),
        "scans": _("Running all scans"),
        "download": _("Downloading"),
        "unpack": _("Unpacking"),
        "check": _("Checking"),
        "convert": _("Making the network"),
    }
    return str(texts.get(stage, stage))


class ErrorsShown:
    """A context in which an error of ours ends up as one sentence in the panel, its log and one dialog.

    Parameters
    ----------
    panel : RunPanel
        Says and logs the sentence.
    display : Callable[[str], None]
        Opens the dialog; not called for what Slicer has already shown.
    """

    def __init__(self, panel: RunPanel, display: Callable[[str], None]) -> None:
        self._panel = panel
        self._display = display

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: Any, error: BaseException | None, _traceback: Any) -> bool:
        if not isinstance(error, TotalPassportError):
            return False  # a defect: Slicer's console shows it with its traceback
        sentence = error_in_the_window(error)
        self._panel.say(sentence, ERROR)
        self._panel.logged(sentence)
        if not getattr(error, "shown", False):
            self._display(sentence)
        return True
