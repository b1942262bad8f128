"""From a scan and what is asked for to labels: which models, on which scan, one after the other.

The way through one model is `segmentation.task_segmentation`; here are the several of a run, and what they share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from .base.errors import BadInput, ModelError
from .base.events import Cancellation, EventCallback, Progress
from .base.memory import available_bytes
from .base.memory_limit import MemoryLimit
from .base.structure_names import structures_meant
from .base.suggestions import did_you_mean
from .image.stored_image import StoredImage
from .image.volume import Volume, load_ct, load_mr
from .models.catalogue import find_model, is_foreign
from .models.description import ModelDescription, Part
from .models.task import CT, MR, load_task
from .models.transfer.weights import find_weights_model
from .options import SMALL, RunOptions
from .segmentation.engine_choice import NetworkOpener
from .segmentation.estimate import LONG_SECONDS, Estimate, first_window_bytes
from .segmentation.logits_collection import LogitsCollection
from .segmentation.probabilities import ProbabilityCollection
from .segmentation.runs_progress import RunsProgress, planned_runs
from .segmentation.segment import RunCallbacks, needed_parts
from .segmentation.task_options import TaskOptions
from .segmentation.task_segmentation import (
    ScanLabels,
    TaskSegmentation,
    crop_of,
    models_needed,
)

Find = Callable[[str], ModelDescription]
LEAST_MR_RANGE, WIDENED_MR_RANGE = 20.0, 1000.0
"""An MR of a smaller range of values is multiplied to this one before fractions are cut off, as TotalSegmentator does
with them: an image of 0 to 1 would become nothing. Its networks see z-scores, which are the same."""
AFTERWARDS_SECONDS_PER_MILLION = 0.2
"""What measuring and writing took for a million voxels of a scan, on one machine (``docs/performance.md``); networks
take a hundred times as long."""
LOWEST_MR = -500.0
"""A scan with values below this is hardly an MR."""


@dataclass(frozen=True, kw_only=True)
class AskedModel:
    """A model that a run is asked for, and the label values to keep, all if there are none."""

    model: ModelDescription
    wanted: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class RunModels:
    """The models of a run with what opens their networks: for one scan, or kept for many.

    Attributes
    ----------
    asked : sequence of AskedModel
        The models that are asked for.
    find : callable
        Returns any model that these need, by its name.
    networks : NetworkOpener
        Opens their networks where they are to run.
    """

    asked: Sequence[AskedModel]
    find: Find
    networks: NetworkOpener


def model_finder(options: RunOptions, on_event: EventCallback, cancellation: Cancellation) -> Find:
    """Return what finds a run's models by their names: made of the weights that it is given, or installed.

    Each is read once.
    """
    asked_for = options.models()

    @cache
    def find(name: str) -> ModelDescription:
        if options.weights:
            return find_model(str(find_weights_model(name, options.weights_folders, on_event, cancellation)))
        try:
            return find_model(name)
        except ModelError as error:
            if name in asked_for:
                raise
            raise ModelError(
                f"{' and '.join(asked_for)} cannot run without another: {error.message}", error.hint
            ) from error

    return find


def asked_models(options: RunOptions, find: Find) -> list[AskedModel]:
    """Return the models that a run is asked for.

    Raises
    ------
    BadInput
        None of them finds a structure of a name that is to be kept, or some are for CT and some for MR.
    ModelError
        One of them is not there.
    """
    models = [find(name) for name in options.models()]
    if len({model.modality for model in models}) > 1:
        kinds = ", ".join(f"{model.name} for {model.modality}" for model in models)
        raise BadInput(f"No scan suits all of these tasks: {kinds}.", "Ask for tasks of one kind of scan.")
    wanted = wanted_labels(models, options.wanted)
    return [
        AskedModel(model=model, wanted=tuple(values))
        for model, values in zip(models, wanted, strict=True)
        if values or not options.wanted
    ]


def wanted_labels(models: Sequence[ModelDescription], names: Sequence[str]) -> list[list[int]]:
    """Return, for each model, the label values of those of some structures that it finds.

    Raises
    ------
    BadInput
        None of them finds a structure of such a name.
    """
    if len(models) == 1:
        (model,) = models
        return [structures_meant(names, model.labels, model.label_values, f"The model '{model.name}'")]
    wanted: list[set[int]] = [set() for _ in models]
    for name in (name.strip() for text in names for name in text.split(",")):
        found = False
        for model, values in zip(models, wanted, strict=True):
            with suppress(BadInput):  # another one may have it
                values.update(structures_meant([name], model.labels, model.label_values, ""))
                found = True
        if not found:
            known = [model.labels[value].name for model in models for value in model.label_values]
            raise BadInput(f"These tasks find no structure called '{name}'.", did_you_mean(name, known, "They find"))
    return [sorted(values) for values in wanted]


def bytes_of_foreign(asked: Sequence[AskedModel], options: RunOptions) -> int | None:
    """Return what a model that is from no catalogue may take until it is known better; None of those that are."""
    if options.task or options.weights or not is_foreign(options.model):
        return None
    return max(first_window_bytes(each.model) for each in asked)


def first_network(asked: Sequence[AskedModel], options: RunOptions, find: Find) -> Part:
    """Return the network that will run first: that of the rough model, where a scan is cropped."""
    model, wanted, tasks = asked[0].model, asked[0].wanted, options.of_tasks
    while crop_of(model, wanted, tasks) is not None:
        model, wanted, tasks = find(models_needed(model, wanted, tasks)[0]), (), TaskOptions()
    return needed_parts(model, wanted)[0]


def load_scan(path: Path | StoredImage, asked: Sequence[AskedModel], progress: Progress, series: str = "") -> Volume:
    """Load the scan that some models are for; ``series`` says which one of a folder with several.

    ``path`` may be an image that was read already.

    Raises
    ------
    BadInput, OutOfMemory
        See `load_ct`.
    """
    # Only TotalSegmentator's way needs several slices; what another network makes of one is its own affair, and said.
    any_size = not any(each.model.preparation.is_totalsegmentators for each in asked)
    if asked[0].model.modality == CT:
        return load_ct(path, progress.warn, series, any_size=any_size)
    scan = load_mr(path, progress.warn, series, any_size=any_size)
    if float(scan.voxels.min()) < LOWEST_MR:
        progress.warn(
            "not_mr",
            f"'{scan.path.name}' has values below {LOWEST_MR:g}, as a CT has and an MR hardly; "
            f"'{asked[0].model.name}' is for MR, and the result may mean nothing.",
        )
    return scan


def segment_scan(
    scan: Volume,
    asked: Sequence[AskedModel],
    networks: NetworkOpener,
    options: RunOptions,
    *,
    find: Find,
    progress: Progress,
    limit: MemoryLimit,
    probabilities: ProbabilityCollection | LogitsCollection | None = None,
) -> list[ScanLabels]:
    """Return what each of the models finds, in their order; their networks' probabilities go into the collection.

    Raises
    ------
    TotalPassportError
        See `TaskSegmentation`.
    """
    tasks = options.of_tasks
    _tell_modes(options, progress)
    if probabilities is not None and tasks.force_split:
        progress.warn(
            "probabilities_of_third", "Of a scan that is split the probabilities are those of its lowest third."
        )
    estimate = partial(_report_estimate, progress, available_bytes(), limit)
    # Only TotalSegmentator's way cuts fractions off; other networks may count on the values themselves.
    cut = all(each.model.preparation.is_totalsegmentators for each in asked)
    network_scan = _widened(scan, progress) if cut else scan
    afterwards = AFTERWARDS_SECONDS_PER_MILLION * scan.voxels.size / 1e6

    def on_seconds_left(seconds: float) -> None:
        progress.expect(seconds + afterwards)

    if _is_plain(asked, options):
        callbacks = RunCallbacks(
            on_window=progress.step, on_estimate=estimate, on_time_left=lambda left: on_seconds_left(left.seconds)
        )
        segmentation = TaskSegmentation(network_scan, networks, find, lambda name: callbacks, progress.stage)
        return [segmentation.run(asked[0].model, asked[0].wanted, tasks, probabilities)]
    runs = planned_runs(scan, [(each.model, each.wanted) for each in asked], tasks, find)
    shared = RunsProgress(runs, progress.step, estimate, on_seconds_left)
    segmentation = TaskSegmentation(network_scan, networks, find, shared.callbacks, progress.timed)
    with progress.stage("infer"):
        return [segmentation.run(each.model, each.wanted, tasks, probabilities) for each in asked]


def _is_plain(asked: Sequence[AskedModel], options: RunOptions) -> bool:
    """Whether one model runs once, so that its windows are the steps that are told."""
    first, *others = asked
    tasks = options.of_tasks
    if others or tasks.force_split:
        return False
    return crop_of(first.model, first.wanted, tasks) is None and not models_needed(first.model, first.wanted, tasks)


def _tell_modes(options: RunOptions, progress: Progress) -> None:
    """Say which tasks run in another mode than the one that was asked for."""
    for name in options.task:
        task = load_task(name)
        mode = options.mode_of(task)
        if mode != options.mode_asked:
            progress.warn(
                "other_mode", f"The task '{name}' has no {options.mode_asked} mode; it runs in its {mode} one."
            )
        if options.model_size == SMALL and task.mode(mode).small is None:
            progress.warn(
                "other_size", f"The task '{name}' has no small networks in its {mode} mode; its usual ones run."
            )


def _widened(scan: Volume, progress: Progress) -> Volume:
    """Return the scan as the networks are to see it, see `LEAST_MR_RANGE`."""
    if scan.modality != MR:
        return scan
    width = float(scan.voxels.max()) - float(scan.voxels.min())
    if width >= LEAST_MR_RANGE:
        return scan
    progress.warn(
        "widened_mr",
        f"The values of '{scan.path.name}' span only {width:g}; for the networks they were multiplied so that "
        "fractions count, which TotalSegmentator would cut off.",
    )
    return replace(scan, voxels=scan.voxels * np.float32(WIDENED_MR_RANGE / width))


def _report_estimate(progress: Progress, free_bytes: int | None, limit: MemoryLimit, estimate: Estimate) -> None:
    """Say what the run will take, with a way out if that is too much, and hold a network that is not known to it."""
    limit.tighten(estimate.further_bytes)
    progress.estimate(estimate.model, estimate.windows, estimate.seconds, estimate.memory_bytes)
    way_out = "choose a model with larger voxels, such as 'fast', or crop the scan"
    if free_bytes is not None and estimate.further_bytes > free_bytes:
        progress.warn(
            "low_memory",
            f"This run needs about {estimate.further_bytes / 2**30:.1f} GB of memory, but only "
            f"{free_bytes / 2**30:.1f} GB are free; it may fail or become very slow. Close other programs, {way_out}.",
        )
    if estimate.seconds > LONG_SECONDS:
        progress.warn(
            "long_run",
            f"This will take about {estimate.seconds / 60:.0f} minutes on this computer; if that is too "
            f"long, {way_out}.",
        )
