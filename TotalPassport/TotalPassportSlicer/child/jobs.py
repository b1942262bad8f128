"""What the child process is to do, and what is heard of it while it works and at its end."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _
from TotalPassportLib.base.errors import BadInput, Cancelled, TotalPassportError

from .workspace import PREFIX

Event = dict[str, Any]

_FILE_OF_NODE = re.compile(r"'[^']*\b(?:(?:ct|segmentation)\.nii|segments)'")
_TEMPORARY_FILE = re.compile(rf"'[^']*{re.escape(PREFIX)}[^']*'")


class State(enum.Enum):
    """Where a run stands, or why none can start."""

    IDLE = "idle"
    INSTALLING = "installing"
    """Packages are being changed; no run is under way."""
    STARTING = "starting"
    RUNNING = "running"
    CANCELLING = "cancelling"
    FINISHING = "finishing"


class Status(enum.Enum):
    """How a run ended."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of a run: what happened in one sentence, and what to do next."""

    status: Status
    message: str = ""
    hint: str = ""
    value: Any = None
    """What the job's ``load`` made of the result, such as the nodes of a scan."""
    engine: str = ""
    """What ran the network, in words; empty if none ran."""
    incomplete: bool = False
    """Whether it is done, but not all of it, such as some of several scans."""
    heard: bool = False
    """Whether a script hears of it, so that no dialog need tell of a failure."""

    @property
    def sentence(self) -> str:
        """Message and hint together, as shown to the user."""
        return f"{self.message} {self.hint}".strip()

    def result(self) -> Any:
        """Return the value of a run that is done.

        Raises
        ------
        Cancelled
            The run was cancelled.
        TotalPassportError
            It has failed; the text says why and what to do next.
        """
        if self.status is Status.CANCELLED:
            raise Cancelled(self.message, self.hint)
        if self.status is Status.FAILED:
            raise TotalPassportError(self.message, self.hint)
        return self.value


def another_run() -> TotalPassportError:
    """Return the error of a run that was to start while another one is under way."""
    return BadInput(_("Another run is still under way."), _("Wait for it or cancel it."))


Finished = Callable[[Outcome], None]
"""Called with the end of a run."""


class RunListener:
    """Hears what a run does. Every method may be left as it is."""

    def state_changed(self, state: State) -> None:
        """The run went into another state."""

    def progressed(self, stage: str, fraction: float, seconds_left: float | None = None) -> None:
        """The run is at this fraction (0..1) of the whole, and expects to end in so many seconds if it knows that."""

    def logged(self, line: str) -> None:
        """Something for the log."""

    def packages_changed(self) -> None:
        """Packages begin to be changed, or are so no longer."""

    def surfaces_made(self, done: int, total: int) -> None:
        """So many of the surfaces are made for the 3D view; nothing else happens until all are."""

    def finished(self, outcome: Outcome) -> None:
        """The run is over: its process is gone and its folder removed."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to run: ``prepare`` fills the private folder and returns the job file's content, ``load`` takes the result.

    ``load`` gets the ``result`` event while the folder still exists. ``subject`` is the name of the node that is worked
    on: the child knows it only as a temporary file, which would tell the user nothing.
    """

    prepare: Callable[[Path], dict[str, Any]]
    load: Callable[[Event], Any]
    hear: Callable[[Event], None] | None = None
    """Gets the events that only this kind of job has, and its progress."""
    summary: Callable[[], tuple[str, bool]] | None = None
    """Returns how it ended when it is done, and whether a part has failed; None where there is nothing more to say."""
    subject: str = ""
    cancelled_hint: str = ""
    """What a user who cancelled should know."""
    of_scene: bool = True
    """Whether it works for the scene, and so ends with it."""
    cancel_grace_ms: int = 700
    """How long it may take to stop by itself. Between two windows of a network it looks for the request, which can be
    many seconds away; all that it has written is in its private folder."""

    def in_users_words(self, sentence: str) -> str:
        """Return a sentence of the child with the node's name in the place of its temporary file's, and no other's."""
        if self.subject:
            sentence = _FILE_OF_NODE.sub(lambda _match: f"'{self.subject}'", sentence)
        return _TEMPORARY_FILE.sub(lambda _match: str(_("a temporary file")), sentence)
