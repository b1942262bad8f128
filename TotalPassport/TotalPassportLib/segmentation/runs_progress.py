"""One progress over all networks that a run of one or several tasks needs: rough models, tasks, after-work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..base.events import StepCallback
from ..image.volume import Volume
from ..models.description import ModelDescription
from .estimate import Estimate, WindowsLeft, work_of
from .segment import RunCallbacks
from .task_options import TaskOptions
from .task_segmentation import crop_of, models_needed

CROPPED_PART = 0.3
"""What is guessed of a scan to remain when it is cut, for the progress alone."""
THOUSAND = 1000


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One model that will run, and its work in billions of operations, roughly."""

    name: str
    work: float


def planned_runs(
    scan: Volume,
    models: Sequence[tuple[ModelDescription, Sequence[int]]],
    options: TaskOptions,
    find: Callable[[str], ModelDescription],
) -> list[PlannedRun]:
    """Return every model that will run for some models and their wanted labels, in the order in which they will.

    Raises
    ------
    ModelError
        One of them is not installed.
    """
    runs: dict[str, PlannedRun] = {}

    def add(model: ModelDescription, wanted: Sequence[int], options: TaskOptions) -> None:
        for name in models_needed(model, wanted, options):
            if name not in runs:
                add(find(name), (), TaskOptions())
        part = 1.0 if crop_of(model, wanted, options) is None else CROPPED_PART
        runs[model.name] = PlannedRun(name=model.name, work=part * _work(scan, model))

    for model, wanted in models:
        add(model, wanted, options)
    return list(runs.values())


def _work(scan: Volume, model: ModelDescription) -> float:
    """Return about how much work a model is on a whole scan."""
    extent_mm3 = float(np.prod(np.array(scan.voxels.shape) * scan.spacing_mm))
    work = 0.0
    for part in model.parts:
        spacing_mm = part.spacing_mm or model.spacing_mm or tuple(scan.spacing_mm)
        window_mm3 = float(np.prod(part.patch_size_zyx) * np.prod(spacing_mm)) * part.step**3
        work += max(extent_mm3 / window_mm3, 1.0) * work_of(part)
    return work


class RunsProgress:
    """Makes one progress of those of all runs.

    Parameters
    ----------
    runs : sequence of PlannedRun
        What will run; their work is their share.
    step : callable
        Receives thousandths done and the thousand.
    on_estimate : callable
        Receives what each run will take.
    on_seconds_left : callable
        Receives, after each window, the seconds that those of all runs still take.
    """

    def __init__(
        self,
        runs: Sequence[PlannedRun],
        step: StepCallback,
        on_estimate: Callable[[Estimate], None],
        on_seconds_left: Callable[[float], None],
    ) -> None:
        self._left = {run.name: run.work for run in runs}
        self._step, self._on_estimate, self._on_seconds_left = step, on_estimate, on_seconds_left
        self._before, self._share = 0.0, 0.0

    def callbacks(self, name: str) -> RunCallbacks:
        """Return where a model reports to that is about to run."""
        self._before += self._share
        self._share_of(self._left.pop(name, 0.0))
        return RunCallbacks(
            on_window=self._on_window,
            on_estimate=self._on_estimate,
            on_planned=self._share_of,
            on_time_left=self._on_time_left,
        )

    def _share_of(self, work: float) -> None:
        """Give the present run its part of what remains, so that the progress never goes back."""
        whole = work + sum(self._left.values())
        self._share = (1 - self._before) * (work / whole if whole else 0.0)

    def _on_window(self, done: int, total: int) -> None:
        self._step(round(THOUSAND * (self._before + self._share * done / max(total, 1))), THOUSAND)

    def _on_time_left(self, left: WindowsLeft) -> None:
        self._on_seconds_left(left.seconds + left.seconds_per_gigaflop * sum(self._left.values()))
