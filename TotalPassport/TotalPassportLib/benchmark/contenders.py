"""Who is measured: our program in its precisions and providers, the official package, a plain pass over the volume.

Each one is a process of its own that reads a NIfTI file and writes a NIfTI file with labels.
"""

from __future__ import annotations

import json
import os
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..base.errors import BadInput, TotalPassportError
from ..base.files import parse_json
from ..base.hints import hint_of_event
from ..image.formats import stem_of
from ..options import RunOptions
from .measured_process import ProcessUsage, run_measured

LIBRARY = Path(__file__).resolve().parents[1]
JOB_SCRIPT = LIBRARY / "job.py"
WORKER_SCRIPT = Path(__file__).with_name("worker.py")
OFFICIAL_SCRIPT = Path(__file__).with_name("official_package.py")


class RunFailed(Exception):
    """A child did not finish; the text says why, and holds no path.

    Parameters
    ----------
    message : str
        Why.
    event : Mapping[str, Any] | None
        The error event of a child of ours, with the paths that its user has given.
    """

    def __init__(self, message: str, event: Mapping[str, Any] | None = None) -> None:
        super().__init__(without_paths(message))
        self._message = message
        self._event = event or {}

    def user_error(self) -> TotalPassportError:
        """Return the same as the error that the child met, for where nothing can go on without it."""
        kinds = {kind.code: kind for kind in TotalPassportError.__subclasses__()}
        kind = kinds.get(self._event.get("code", ""), TotalPassportError)
        return kind(self._event.get("message", self._message), hint_of_event(self._event))


@dataclass(frozen=True, kw_only=True)
class Run:
    """One finished run: what it took, what it told of itself, and its labels."""

    usage: ProcessUsage
    labels: Path
    told: Mapping[str, Any] = field(default_factory=dict)
    """The child's own result: ``seconds`` by stage, ``network_seconds``, ``provider``, ``arithmetic``, ``windows``."""


@dataclass(frozen=True, kw_only=True)
class Contender(ABC):
    """One program with one set of options; ``key`` is its name in the results."""

    key: str
    title: str
    kind: str

    @abstractmethod
    def run(self, scan: Path, folder: Path) -> Run:
        """Segment a scan and leave everything in ``folder``, which is empty.

        Raises
        ------
        RunFailed
            It did not finish.
        """


@dataclass(frozen=True, kw_only=True)
class OurProgram(Contender):
    """This program's child process, from NIfTI to NIfTI and passport."""

    model: str
    precision: str
    provider: str

    def run(self, scan: Path, folder: Path) -> Run:
        """See `Contender.run`."""
        job = {
            "schema": "totalpassport-job/1",
            "action": "run",
            "ct": str(scan),
            "output_folder": str(folder),
            **RunOptions.from_entries(vars(self)).entries(),
            "scratch_folder": str(folder),
        }
        job_file = folder / "job.json"
        job_file.write_text(json.dumps(job), encoding="utf-8")
        told, usage = _run_script(JOB_SCRIPT, folder, str(job_file))
        return Run(usage=usage, labels=folder / f"{stem_of(scan)}_segmentation.nii.gz", told=told)


@dataclass(frozen=True, kw_only=True)
class PlainPass(Contender):
    """onnxruntime as it comes, what one would write in an afternoon: once over the whole volume, or in windows.

    ``action`` is the worker's, see `worker`.
    """

    model: str
    action: str = "whole-volume"

    def run(self, scan: Path, folder: Path) -> Run:
        """See `Contender.run`."""
        output = folder / "labels.nii.gz"
        told, usage = run_worker(folder, self.action, self.model, str(scan), str(output))
        return Run(usage=usage, labels=output, told=told)


@dataclass(frozen=True, kw_only=True)
class Official(Contender):
    """The official TotalSegmentator in its own environment, with given weights."""

    python: Path
    weights: Path
    mode: str

    def run(self, scan: Path, folder: Path) -> Run:
        """See `Contender.run`."""
        output = folder / "labels.nii.gz"
        command = [str(self.python), str(OFFICIAL_SCRIPT), self.mode, *map(str, (self.weights, scan, output))]
        usage = run_measured(command, folder, foreign_environment())
        if usage.exit_code != 0 or not output.is_file():
            raise RunFailed(_last_words(usage))
        return Run(usage=usage, labels=output)


def foreign_environment() -> dict[str, str]:
    """Return the environment for another python: what is meant for ours would mislead it."""
    ours = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
    return {name: value for name, value in os.environ.items() if name not in ours}


def run_worker(folder: Path, *arguments: str) -> tuple[dict[str, Any], ProcessUsage]:
    """Run one of our workers, see `worker`, and return its result and what it took.

    Raises
    ------
    RunFailed
        It did not finish.
    """
    return _run_script(WORKER_SCRIPT, folder, *arguments)


def _run_script(script: Path, folder: Path, *arguments: str) -> tuple[dict[str, Any], ProcessUsage]:
    usage = run_measured([sys.executable, "-X", "utf8", str(script), *arguments], folder)
    return told_result(usage), usage


def told_result(usage: ProcessUsage) -> dict[str, Any]:
    """Return the result that a child of ours has told, with the windows that it has announced.

    Raises
    ------
    RunFailed
        The child told of a failure, or nothing.
    """
    windows = None
    for line in usage.output.splitlines():
        event = _event(line)
        if event.get("event") == "error":
            raise RunFailed(f"{event.get('message')} {event.get('hint', '')}".strip(), event)
        if event.get("event") == "estimate":
            windows = event.get("windows")
        if event.get("event") == "result" and usage.exit_code == 0:
            return {"windows": windows, **event}
    raise RunFailed(_last_words(usage))


def _event(line: str) -> dict[str, Any]:
    try:
        event = parse_json(line, "A line of a child")
    except BadInput:
        return {}
    return event if isinstance(event, dict) else {}


def _last_words(usage: ProcessUsage) -> str:
    if usage.exit_code < 0:
        return f"It was ended by signal {-usage.exit_code}; the system does that when memory runs out."
    lines = [line.strip() for line in usage.log.splitlines() if line.strip()]
    return f"It ended with exit code {usage.exit_code}: {lines[-1][:300] if lines else 'without a word'}"


def without_paths(text: str) -> str:
    """Return a text in which of every absolute path only the last name is left: reports are shown to others."""
    quoted = re.sub(r"""(['"])(?:[A-Za-z]:)?[/\\][^'"]*?([^'"/\\]+)[/\\]?\1""", r"\1\2\1", text)
    return re.sub(r"(?<![\w/\\.])(?:[A-Za-z]:)?(?:[/\\][^\s'\"/\\]+)+[/\\]([^\s'\"/\\]+)", r"\1", quoted)
