"""Several scans that are run one after another: where each of them stands."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from .jobs import Event


class ScanState(enum.Enum):
    """Where one of several scans stands."""

    NEW = "new"
    """In no run yet."""
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


ENDED = (ScanState.DONE, ScanState.FAILED, ScanState.SKIPPED)


@dataclass(kw_only=True, eq=False)
class ScanEntry:
    """One of several scans.

    Attributes
    ----------
    title : str
        What the user knows it by.
    state : ScanState
        Where it stands.
    fraction : float
        How much of it is done, 0 to 1.
    sentence : str
        Why it has failed, or was skipped; of a scan that is done, what is to be said of it.
    weight : float
        Its share of all work, in whatever unit the others have.
    source : Any
        What it is in the scene: a volume node, or a `Frame` of a sequence; None on a disk.
    document : Any
        The text node of its passport in the scene; None without one.
    """

    title: str
    state: ScanState = ScanState.WAITING
    fraction: float = 0.0
    sentence: str = ""
    weight: float = 1.0
    source: Any = None
    document: Any = None


def _ignore(_entry: ScanEntry | None) -> None:
    """Hear of a change and do nothing."""


class ScanList:
    """Several scans in their order.

    Attributes
    ----------
    changed : callable
        Called with an entry that has changed, or with None when the list itself has.
    folder : Path, optional
        Where the results are, of scans on a disk.
    """

    def __init__(self, entries: Iterable[ScanEntry] = ()) -> None:
        self.entries: list[ScanEntry] = list(entries)
        self.changed: Callable[[ScanEntry | None], None] = _ignore
        self.folder: Path | None = None

    def fill(self, entries: Iterable[ScanEntry], folder: Path | None = None) -> None:
        """Hold these scans in place of those before."""
        self.entries, self.folder = list(entries), folder
        self.changed(None)

    def set(self, entry: ScanEntry, state: ScanState, sentence: str = "") -> None:
        """Put a scan into another state."""
        entry.state, entry.sentence = state, sentence
        entry.fraction = 1.0 if state is ScanState.DONE else 0.0
        self.changed(entry)

    def progressed(self, entry: ScanEntry, fraction: float) -> None:
        """Note how far a scan is."""
        entry.state, entry.fraction = ScanState.RUNNING, fraction
        self.changed(entry)

    def skip_rest(self, sentence: str) -> None:
        """Skip all that have not ended."""
        for entry in self.entries:
            if entry.state not in ENDED:
                self.set(entry, ScanState.SKIPPED, sentence)

    @property
    def fraction(self) -> float:
        """What part of all work is done."""
        whole = sum(entry.weight for entry in self.entries)
        done = sum(entry.weight * (1.0 if entry.state in ENDED else entry.fraction) for entry in self.entries)
        return done / whole if whole else 1.0

    def count(self, state: ScanState) -> int:
        """Return how many scans are in a state."""
        return sum(entry.state is state for entry in self.entries)

    @property
    def first_reason(self) -> str:
        """Why the first scan that is not done is not; empty if all are."""
        return next((entry.sentence for entry in self.entries if entry.state is not ScanState.DONE), "")

    @property
    def summary(self) -> str:
        """How many scans there are, and how they ended, in a sentence; empty without any."""
        total = len(self.entries)
        if not total:
            return ""
        words = {
            ScanState.DONE: _("{n} done"),
            ScanState.FAILED: _("{n} failed"),
            ScanState.SKIPPED: _("{n} skipped"),
            ScanState.RUNNING: _("{n} running"),
            ScanState.WAITING: _("{n} waiting"),
        }
        parts = [text.format(n=self.count(state)) for state, text in words.items() if self.count(state)]
        scans = _("1 scan") if total == 1 else _("{n} scans").format(n=total)
        return f"{scans}: {', '.join(parts)}."

    def passport_file(self, entry: ScanEntry) -> Path | None:
        """Return the passport on the disk of a scan that is done; None without one."""
        if self.folder is None or entry.state is not ScanState.DONE:
            return None
        from TotalPassportLib.batches.batch_results import read_results  # lazily: see the package's note

        paths = {result["name"]: result["passport_path"] for result in read_results(self.folder)}
        return self.folder / paths[entry.title] if paths.get(entry.title) else None

    def hear(self, event: Event) -> None:
        """Follow the events of a batch in the child process, see docs/formats.md."""
        known = {entry.title: entry for entry in self.entries}
        if event["event"] == "subjects":
            finished = set(event["finished"])
            already = _("Finished before, with these settings.")
            for name in event["names"]:
                entry = ScanEntry(title=name)
                if name in finished:
                    entry.state, entry.fraction, entry.sentence = ScanState.DONE, 1.0, already
                self.entries.append(entry)
            self.changed(None)
        elif event["event"] == "progress":
            for name, fraction in event.get("running", {}).items():
                if name in known and known[name].state not in ENDED:
                    self.progressed(known[name], float(fraction))
        elif event["event"] == "scan":
            result = event["result"]
            if result["name"] in known:
                error = result.get("error")
                state = ScanState.FAILED if error else ScanState.DONE
                self.set(known[result["name"]], state, error or organs_text(int(result["num_organs"])))


def organs_text(number: int) -> str:
    """Return how many organs were found, in words."""
    return str(_("1 organ") if number == 1 else _("{n} organs").format(n=number))
