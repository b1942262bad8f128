"""A model on a whole scan, with what its task needs besides its networks: a crop by a rough model, and after-work.

The steps and their order are TotalSegmentator's. What a rough model has found is kept: several tasks may share it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ..base.errors import BadInput
from ..base.events import share_of
from ..image.cropping import Box, crop_box, cut_scan, put_back
from ..image.grid import labels_as_stored
from ..image.preparation import PreparedCT, labels_back, prepared_as
from ..image.smooth_labels import smoothed_labels
from ..image.volume import Volume
from ..models.description import ModelDescription
from ..models.network_conventions import LOGITS
from ..models.task import CT, FAST, NORMAL, AfterWork, Crop, companion_models, load_task
from .after_work import after_work
from .cleaning import remove_small_blobs, remove_small_pieces
from .confidence import PERCENT_UNKNOWN, percent
from .engine_choice import NetworkOpener
from .estimate import WindowsLeft
from .logits_collection import LogitsCollection
from .probabilities import ProbabilityCollection
from .segment import ModelGridLabels, RunCallbacks, segment
from .task_options import TaskOptions

BODY_CROP = Crop(
    task="body", mode=FAST, robust_mode=FAST, structures=("body_trunc", "body_extremities"), addon_mm=3.0
)  # fmt: skip
"""TotalSegmentator's ``body_seg``: the scan is cut to the patient."""


PLAIN = TaskOptions()


@dataclass(frozen=True, kw_only=True)
class ScanLabels:
    """What a model has found in a scan.

    Attributes
    ----------
    model : ModelDescription
        What has found it.
    searched : tuple of int
        The label values that were looked for.
    voxels : numpy.ndarray
        uint8, or uint16 where a value needs it, on the scan's grid, ``[i, j, k]``.
    prepared, on_model_grid
        The scan on the model's grid, and the labels there; None where nothing was left after cropping.
    box : tuple of slice, optional
        What the scan was cut to, on its own grid; None if it was not.
    confidence_percent : numpy.ndarray, optional
        How sure the networks are of each voxel, uint8 ``[i, j, k]`` on the scan's grid, see `confidence.percent`; None
        if that was not asked for.
    """

    model: ModelDescription
    searched: tuple[int, ...]
    voxels: np.ndarray
    prepared: PreparedCT | None
    on_model_grid: ModelGridLabels | None
    box: Box | None
    confidence_percent: np.ndarray | None = None


class TaskSegmentation:
    """Runs models on one scan.

    Parameters
    ----------
    scan : Volume
        The scan as it was loaded.
    networks : NetworkOpener
        Opens networks where they are to run.
    find : callable
        Returns a model by its name: rough models, and those that after-work needs.
    callbacks : callable
        Given the name of a model that is about to run, returns where it reports to.
    stage : callable
        Given ``prepare``, ``infer`` or ``restore``, returns the context in which that is done.
    """

    def __init__(
        self,
        scan: Volume,
        networks: NetworkOpener,
        find: Callable[[str], ModelDescription],
        callbacks: Callable[[str], RunCallbacks],
        stage: Callable[[str], AbstractContextManager[None]] = lambda name: nullcontext(),
    ) -> None:
        self._scan, self._networks, self._find, self._callbacks = scan, networks, find, callbacks
        self._stage = stage
        self._kept: dict[tuple[str, TaskOptions], np.ndarray] = {}

    def run(
        self,
        model: ModelDescription,
        wanted: Collection[int] = (),
        options: TaskOptions = PLAIN,
        probabilities: ProbabilityCollection | LogitsCollection | None = None,
    ) -> ScanLabels:
        """Return what a model finds.

        Parameters
        ----------
        model : ModelDescription
            The model; its task, if it has one, says what belongs to it.
        wanted : collection of int
            Label values to keep, all if empty.
        options : TaskOptions
            What is asked for beside.
        probabilities : ProbabilityCollection, optional
            Receives those of the model's own networks; of a scan that is split, of its lowest third, as in
            TotalSegmentator.

        Raises
        ------
        BadInput
            The scan is of the wrong kind for what is asked for.
        ModelError, OutOfMemory, Cancelled
            See `segment`.
        """
        _require_meaning(model, options)
        if probabilities is not None:
            _require_logits(model)
        searched = tuple(sorted(wanted)) or tuple(model.label_values)
        crop = crop_of(model, searched if wanted else (), options)
        box = None
        if crop is not None:
            box = self._box(crop, options)
            if box is None:
                nothing = np.zeros(self._scan.voxels.shape, np.uint8)
                if not wanted:
                    self._kept[model.name, options] = nothing
                return ScanLabels(
                    model=model, searched=searched, voxels=nothing,
                    prepared=None, on_model_grid=None, box=None, confidence_percent=self._unknown(options),
                )  # fmt: skip
        with self._stage("prepare"):
            prepared = self._prepared(model, box, options)
        with self._stage("infer"):
            found = self._segmented(model, prepared, wanted, options, probabilities)
        with self._stage("restore"):
            found = self._tidied(found, model, prepared, options)
            voxels = self._on_scans_grid(found.voxels, model, prepared, options)
            sure = self._percent_on_scans_grid(found, model, prepared, box)
            if box is not None:
                voxels = put_back(voxels, box, self._scan.voxels.shape)
        voxels = self._after_work_on_scan(voxels, model, crop, options)
        if not wanted:
            self._kept[model.name, options] = voxels
        return ScanLabels(
            model=model, searched=searched, voxels=voxels, prepared=prepared, on_model_grid=found, box=box,
            confidence_percent=sure,
        )  # fmt: skip

    def _unknown(self, options: TaskOptions) -> np.ndarray | None:
        """Return the confidence of a scan in which no network was asked; None if it is not wanted."""
        return np.full(self._scan.voxels.shape, PERCENT_UNKNOWN, np.uint8) if options.confidence else None

    def _box(self, crop: Crop, options: TaskOptions) -> Box | None:
        table = load_task(crop.task).labels
        values = [label.value for label in table.values() if label.name in crop.structures]
        return crop_box(self._rough(crop, options), values, self._scan.spacing_mm, crop.addon_mm)

    def _rough(self, crop: Crop, options: TaskOptions) -> np.ndarray:
        """Return what the model of a crop finds in the whole scan."""
        return self._run_once(crop.task, crop.mode_asked(options.robust_crop), options)

    def _run_once(self, task: str, mode: str, options: TaskOptions = PLAIN) -> np.ndarray:
        """Return what a task finds in the whole scan, from what is kept if it ran before."""
        name, plain = load_task(task).mode(mode).model, TaskOptions(resampling_order=options.resampling_order)
        if (name, plain) not in self._kept:
            self.run(self._find(name), options=plain)
        return self._kept[name, plain]

    def _prepared(self, model: ModelDescription, box: Box | None, options: TaskOptions) -> PreparedCT:
        scan, preparation = self._scan, model.preparation
        if box is not None:
            voxels, affine = cut_scan(scan.voxels, scan.affine, box, whole_numbers=preparation.is_totalsegmentators)
            scan = replace(scan, voxels=voxels, affine=affine)
        if options.higher_order_resampling:
            preparation = replace(preparation, spacing_mm=None)
        return prepared_as(preparation, scan, options.resampling_order)

    def _segmented(
        self,
        model: ModelDescription,
        prepared: PreparedCT,
        wanted: Collection[int],
        options: TaskOptions,
        probabilities: ProbabilityCollection | LogitsCollection | None,
    ) -> ModelGridLabels:
        """Return the labels on the model's grid."""
        callbacks = self._callbacks(model.name)
        run = partial(
            segment, model=model, networks=self._networks, wanted=wanted,
            smooth=options.higher_order_resampling, with_confidence=options.confidence,
        )  # fmt: skip
        if options.force_split:
            return _joined(prepared, run, callbacks, probabilities)
        return run(prepared, callbacks=callbacks, probabilities=probabilities)

    def _tidied(
        self, found: ModelGridLabels, model: ModelDescription, prepared: PreparedCT, options: TaskOptions
    ) -> ModelGridLabels:
        """Return the labels on the model's grid after all that is done with them there."""
        voxels, spacing_mm = found.voxels, prepared.spacing_mm
        voxels = after_work(voxels, _steps(model, "model"), model.labels, spacing_mm, _no_mask)
        if model.least_piece_fraction > 0:
            voxels = remove_small_pieces(voxels, model.least_piece_fraction)
        if options.small_blobs_mm3 > 0:
            voxels = remove_small_blobs(voxels, float(np.prod(spacing_mm, dtype=np.float64)), options.small_blobs_mm3)
        return replace(found, voxels=voxels)

    def _on_scans_grid(
        self, labels: np.ndarray, model: ModelDescription, prepared: PreparedCT, options: TaskOptions
    ) -> np.ndarray:
        if options.smooth_masks and labels.shape != prepared.grid.shape:
            return labels_as_stored(smoothed_labels(labels, prepared.grid.shape), prepared.grid)
        return labels_back(model.preparation, labels, prepared)

    def _percent_on_scans_grid(
        self, found: ModelGridLabels, model: ModelDescription, prepared: PreparedCT, box: Box | None
    ) -> np.ndarray | None:
        """Return the confidence of each voxel of the scan: that of the voxel whose label it has."""
        if found.confidence is None:
            return None
        sure = labels_back(model.preparation, percent(found.confidence), prepared, PERCENT_UNKNOWN)
        return sure if box is None else put_back(sure, box, self._scan.voxels.shape, PERCENT_UNKNOWN)

    def _after_work_on_scan(
        self, voxels: np.ndarray, model: ModelDescription, crop: Crop | None, options: TaskOptions
    ) -> np.ndarray:
        def mask_of(step: AfterWork) -> np.ndarray:
            if step.step == "keep_inside_task":
                task, structures = step.settings["task"], [step.settings["structure"]]
                found = self._run_once(task, NORMAL)
            else:
                assert crop is not None  # only tasks with a crop have this step
                task, structures = crop.task, step.settings["structures"]
                found = self._rough(crop, options)
            wanted = [label.value for label in load_task(task).labels.values() if label.name in structures]
            return np.isin(found, wanted)

        return after_work(voxels, _steps(model, "input"), model.labels, self._scan.spacing_mm, mask_of)


def _require_meaning(model: ModelDescription, options: TaskOptions) -> None:
    """Refuse what is asked for of TotalSegmentator's way of preparing a scan where a model has another one."""
    plain = TaskOptions()
    asked = {
        "smoother labels (higher_order_resampling)": options.higher_order_resampling or options.smooth_masks,
        "another order of resampling (resampling_order)": options.resampling_order != plain.resampling_order,
        "splitting (force_split)": options.force_split,
    }
    meant = [name for name, wanted in asked.items() if wanted]
    if meant and not model.preparation.is_totalsegmentators:
        raise BadInput(
            f"What is asked for, {meant[0]}, is for TotalSegmentator's models, and '{model.name}' prepares scans in "
            "another way.",
            "Leave it out.",
        )


def _require_logits(model: ModelDescription) -> None:
    """Refuse probabilities in nnU-Net's files of networks that are not blended as nnU-Net does it."""
    if any(part.ports.gives != LOGITS or part.blending.in_single_precision for part in model.parts):
        raise BadInput(
            f"Logits are kept as nnU-Net keeps them, and the networks of '{model.name}' do not run in its way.",
            "Leave them out; 'confidence' tells how sure the networks are.",
        )


def crop_of(model: ModelDescription, wanted: Sequence[int], options: TaskOptions) -> Crop | None:
    """Return what a scan is cut to before a model runs, None if it is not cut.

    Raises
    ------
    BadInput
        A crop to some structures was asked for, and the model's task has none.
    """
    if model.mode is not None and model.mode.crop is not None:
        return model.mode.crop
    if options.crop_to_wanted and wanted:
        crop = model.task.roi_crop if model.task is not None else None
        if crop is None:
            raise BadInput(
                f"The model '{model.name}' has no rough model that finds some of its structures first.",
                "Keep only the structures that you name (roi), which needs no crop.",
            )
        return replace(crop, structures=tuple(model.labels[value].name for value in wanted))
    if options.body_seg and model.modality == CT:
        return BODY_CROP
    return None


def models_needed(model: ModelDescription, wanted: Sequence[int], options: TaskOptions) -> list[str]:
    """Return the names of the other models that a model's run needs, those of crops first."""
    crop = crop_of(model, wanted, options)
    if model.mode is not None:
        return list(companion_models(model.mode, crop, robust=options.robust_crop))
    return [load_task(crop.task).mode(crop.mode).model] if crop is not None else []


def _steps(model: ModelDescription, grid: str) -> list[AfterWork]:
    return [step for step in model.mode.after if step.grid == grid] if model.mode is not None else []


def _no_mask(step: AfterWork) -> np.ndarray:
    raise ValueError(f"The after-work '{step.step}' is none of the model's grid.")


def _joined(
    prepared: PreparedCT,
    run: Callable[..., ModelGridLabels],
    callbacks: RunCallbacks,
    probabilities: ProbabilityCollection | LogitsCollection | None,
) -> ModelGridLabels:
    """Return the labels of three parts of a scan, put together."""
    thirds = prepared.thirds()
    results = []

    def left_in_all(left: WindowsLeft, number: int) -> None:
        others = (len(thirds) - 1 - number) * left.whole_seconds  # they are of one size, or nearly
        callbacks.on_time_left(replace(left, seconds=left.seconds + others))

    for number, (third, kept) in enumerate(thirds):
        found = run(
            third,
            callbacks=RunCallbacks(
                on_window=share_of(callbacks.on_window, number, len(thirds)),
                on_estimate=callbacks.on_estimate,
                on_time_left=partial(left_in_all, number=number),
            ),
            probabilities=probabilities if number == 0 else None,
        )
        confidence = None if found.confidence is None else found.confidence[:, :, kept]
        results.append(replace(found, voxels=found.voxels[:, :, kept], confidence=confidence))
    whole = np.concatenate([result.voxels for result in results], axis=2)
    sure = [result.confidence for result in results if result.confidence is not None]
    confidence = np.concatenate(sure, axis=2) if sure else None
    seconds = sum(result.network_seconds for result in results)
    return replace(results[0], voxels=whole, affine=prepared.affine, network_seconds=seconds, confidence=confidence)
