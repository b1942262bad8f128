"""Runs contenders on scans, in turns, so that a machine's changing mood hits all alike."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .contenders import Contender, Run, RunFailed


@dataclass(frozen=True, kw_only=True)
class BenchmarkScan:
    """A scan to be measured with; ``synthetic`` ones are made to show how time and memory grow."""

    name: str
    path: Path
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    synthetic: bool = False

    @property
    def voxels(self) -> int:
        """How many voxels it has."""
        i, j, k = self.shape
        return i * j * k


@dataclass(kw_only=True)
class Trial:
    """One contender on one scan: its finished runs, or why it did not finish."""

    scan: BenchmarkScan
    contender: Contender
    runs: list[Run] = field(default_factory=list)
    failure: str | None = None

    @property
    def labels(self) -> Path | None:
        """The labels of its first run, which are kept."""
        return self.runs[0].labels if self.runs and self.failure is None else None


def measure(
    contenders: Sequence[Contender],
    scans: Sequence[BenchmarkScan],
    repeats: int,
    work: Path,
    on_run: Callable[[str, int, int], None],
) -> list[Trial]:
    """Run every contender ``repeats`` times on every scan.

    In every round each of them runs once, and every round begins with another one, so that the first one's cold caches
    are not always the same one's. One that fails on a scan is not run again on it.

    Parameters
    ----------
    work : Path
        An empty folder for scratch and labels; the labels of each trial stay there.
    on_run : Callable[[str, int, int], None]
        Receives what runs next, and how many runs of how many are over.
    """
    trials = []
    total = len(scans) * repeats * len(contenders)
    done = 0
    for number, scan in enumerate(scans):
        group = [Trial(scan=scan, contender=contender) for contender in contenders]
        trials += group
        for repeat in range(repeats):
            first = repeat % len(group)
            for trial in group[first:] + group[:first]:
                on_run(f"{trial.contender.title} on {scan.name}", done, total)
                if trial.failure is None:
                    _run_once(trial, work / f"{number}-{trial.contender.key}-{repeat}")
                done += 1
    return trials


def _run_once(trial: Trial, folder: Path) -> None:
    folder.mkdir()
    try:
        trial.runs.append(trial.contender.run(trial.scan.path, folder))
    except RunFailed as error:
        trial.failure = str(error)
    if len(trial.runs) != 1 or trial.failure is not None:
        shutil.rmtree(folder, ignore_errors=True)
