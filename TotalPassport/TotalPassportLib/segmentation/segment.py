"""One model, of one or several parts, on one prepared scan: the label volume on the grid of that scan."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from ..base.events import StepCallback
from ..base.memory import resident_bytes
from ..image.preparation import PreparedCT
from ..models.description import ModelDescription, Part
from .confidence import add_part
from .engine_choice import NetworkOpener
from .estimate import Estimate, WindowClock, WindowCost, WindowsLeft, estimate, work_of
from .logits_collection import LogitsCollection
from .part_plan import PartPlan
from .part_run import LogitsKeeper, PartRun, value_type
from .probabilities import ProbabilityCollection


@dataclass(frozen=True, kw_only=True)
class ModelGridLabels:
    """The labels that a model has found, on its own grid.

    Attributes
    ----------
    voxels : numpy.ndarray
        Label values ``[x, y, z]``, uint8, or uint16 where a value needs it.
    affine : numpy.ndarray
        float64 4 x 4, voxel indices to RAS mm.
    provider, arithmetic : str
        What really ran, of all parts.
    network_seconds : float
        Wall time inside the networks.
    confidence : numpy.ndarray, optional
        How sure they are of each voxel, float16 ``[x, y, z]``, if that was asked for; see `confidence`.
    """

    voxels: np.ndarray
    affine: np.ndarray
    provider: str
    arithmetic: str
    network_seconds: float
    confidence: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class RunCallbacks:
    """Who hears of the windows of one model's run.

    Attributes
    ----------
    on_window : callable
        Called with (finished, all) windows before the first and after each one.
    on_estimate : callable
        Called once, when the first window has shown what a window takes.
    on_planned : callable
        Called once, before the first window, with the work of all of them, see `estimate.work_of`.
    on_time_left : callable
        Called after each window.
    """

    on_window: StepCallback
    on_estimate: Callable[[Estimate], None] = lambda estimate: None
    on_planned: Callable[[float], None] = lambda work: None
    on_time_left: Callable[[WindowsLeft], None] = lambda left: None


def segment(
    ct: PreparedCT,
    model: ModelDescription,
    networks: NetworkOpener,
    *,
    callbacks: RunCallbacks,
    wanted: Collection[int] = (),
    smooth: bool = False,
    with_confidence: bool = False,
    probabilities: ProbabilityCollection | LogitsCollection | None = None,
) -> ModelGridLabels:
    """Run the parts of a model; a later part overwrites an earlier one where it finds something.

    Parameters
    ----------
    ct : PreparedCT
        The CT at the model's spacing.
    model : ModelDescription
        The model.
    networks : NetworkOpener
        Opens its networks where they are to run.
    callbacks : RunCallbacks
        Hear of its windows.
    wanted : collection of int
        Label values to keep, all if empty; parts that have none of them do not run.
    smooth : bool
        Of networks that work at another voxel size: bring their labels back by `smooth_labels`.
    with_confidence : bool
        Also keep how sure the networks are of each voxel.
    probabilities : ProbabilityCollection or LogitsCollection, optional
        Receives what the networks that it wants give; nothing is smooth then, as in TotalSegmentator.

    Raises
    ------
    ModelError, OutOfMemory, Cancelled, BadInput
        See `NetworkOpener.open` and the callbacks.
    """
    plans = part_plans(ct, model, networks, wanted)
    progress = WindowProgress(model.name, plans, prod(ct.grid.shape), callbacks)
    labels_zyx = np.zeros(ct.shape_zyx, value_type(model.label_values))
    inside = labels_zyx[ct.box_zyx]
    confidence_zyx = np.full(ct.shape_zyx, np.nan, np.float16) if with_confidence else None
    engines, seconds = [], 0.0
    for index, plan in enumerate(plans):
        run = PartRun(plan, networks, progress.window_done, with_confidence=with_confidence)
        keeper: LogitsKeeper | None = None
        if probabilities is not None and probabilities.wants(index, len(plans)):
            keeper = probabilities.keeper(f"{model.name}.{plan.part.name}", ct, progress.tick)
        found = run.labels(ct.hounsfield_zyx, smooth=smooth and probabilities is None, keep=keeper)
        if confidence_zyx is not None and run.confidence is not None:
            add_part(confidence_zyx[ct.box_zyx], inside, found=found, confidence=run.confidence)
        np.copyto(inside, found, where=found != 0)
        engines += run.engines
        seconds += run.seconds
        del found
    ct.clear_outside(labels_zyx)
    return ModelGridLabels(
        voxels=_kept(labels_zyx, wanted).transpose(2, 1, 0),
        affine=ct.affine,
        provider="+".join(dict.fromkeys(engine.execution_provider for engine in engines)),
        arithmetic="+".join(dict.fromkeys(engine.arithmetic for engine in engines)),
        network_seconds=seconds,
        confidence=None if confidence_zyx is None else confidence_zyx.transpose(2, 1, 0),
    )


def needed_parts(model: ModelDescription, wanted: Collection[int]) -> list[Part]:
    """Return the networks that can find any of the wanted label values; all of them where none is named."""
    return [part for part in model.parts if not wanted or not set(part.label_values).isdisjoint(wanted)]


def part_plans(
    ct: PreparedCT, model: ModelDescription, networks: NetworkOpener, wanted: Collection[int]
) -> list[PartPlan]:
    """Return what each part that has any of the wanted label values comes to, all of them where none is named."""
    needed = set(needed_parts(model, wanted))
    return [
        PartPlan.of(ct.hounsfield_zyx.shape, ct.spacing_mm[::-1], folds, networks.files(folds[0]), networks.precision)
        for folds in model.folds
        if folds[0] in needed
    ]


class WindowProgress:
    """Counts the windows of all parts, and says what all of them will take and how long those that are left."""

    def __init__(self, model: str, plans: Sequence[PartPlan], input_voxels: int, tell: RunCallbacks) -> None:
        self._model, self._plans, self._input_voxels, self._tell = model, plans, input_voxels, tell
        self._resident_before = resident_bytes()
        self._done = 0
        works = [work_of(plan.part) for plan in plans for _window in range(plan.windows)]
        self._total = len(works)
        self._clock = WindowClock(works)
        tell.on_planned(sum(works))
        tell.on_window(0, self._total)

    def tick(self) -> None:
        """Tell again what is done, so that the work can be cancelled where no window runs."""
        self._tell.on_window(self._done, self._total)

    def window_done(self, cost: WindowCost) -> None:
        """Count a window that took this much."""
        self._done += 1
        if self._done == 1:
            self._tell.on_estimate(
                estimate(
                    self._plans,
                    cost,
                    model=self._model,
                    input_voxels=self._input_voxels,
                    resident_before=self._resident_before,
                )
            )
        self._tell.on_time_left(self._clock.left(self._done, cost.seconds))
        self._tell.on_window(self._done, self._total)


def _kept(labels: np.ndarray, wanted: Collection[int]) -> np.ndarray:
    """Return the labels with only the wanted ones, all where none is named.

    That is done after the parts are put together, as in TotalSegmentator: what a later part claims is lost to an
    earlier one.
    """
    if not wanted:
        return labels
    kept = np.zeros(int(labels.max()) + 1 if labels.dtype != np.uint8 else 256, labels.dtype)
    wanted = [value for value in wanted if value < len(kept)]
    kept[list(wanted)] = list(wanted)
    return np.asarray(kept[labels])
