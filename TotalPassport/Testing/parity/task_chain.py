"""Chains the steps of a task, from a scan and official weights to labels, before the pipeline does it itself.

Plain and slow; it shows how the parts fit together and is compared with what the official package wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from TotalPassportLib.base.files import read_json
from TotalPassportLib.image.cropping import crop_box, cut_scan, put_back
from TotalPassportLib.image.grid import canonical_grid, labels_on_stored_grid, resample_ct, to_canonical
from TotalPassportLib.image.nnunet_resampling import labels_of_logits, resample_image, resampled_shape, thick_axis
from TotalPassportLib.image.normalisation import CTNormalisation, Normalisation
from TotalPassportLib.image.preparation import nonzero_box
from TotalPassportLib.image.smooth_labels import smooth_labels
from TotalPassportLib.image.zscore import cut_out, filled, z_score
from TotalPassportLib.models.description import Part
from TotalPassportLib.models.nnunet.checkpoint import read_checkpoint, trained_configuration
from TotalPassportLib.models.nnunet.convert import write_network_files
from TotalPassportLib.models.nnunet.layout import checkpoints, find_trainer
from TotalPassportLib.models.nnunet.plans import Plans, read_plans
from TotalPassportLib.models.task import FAST, FASTEST, NORMAL, AfterWork, Crop, Task, TaskMode, TaskPart, load_task
from TotalPassportLib.segmentation.after_work import after_work
from TotalPassportLib.segmentation.cells import Cells
from TotalPassportLib.segmentation.engines import plain_engine
from TotalPassportLib.segmentation.logits import LogitsBlender, average_of_folds
from TotalPassportLib.segmentation.session import NetworkSession
from TotalPassportLib.segmentation.windows import gaussian_weights, padding, window_axes

BODY_SEG = Crop(
    task="body", mode=FAST, robust_mode=FAST, structures=("body_trunc", "body_extremities"), addon_mm=3.0
)  # fmt: skip
THIRD_MARGIN = 20
"""Planes by which the thirds of a scan that is split reach into one another."""
NO_NUMBERS = CTNormalisation(clip_low_hu=-1.0, clip_high_hu=1.0, mean_hu=0.0, std_hu=1.0)
"""The chain normalises itself; a part needs something here."""


def spacing_of(affine: np.ndarray) -> np.ndarray:
    """Return the voxel sizes of an affine as the official package has them."""
    return np.sqrt((affine[:3, :3] ** 2).sum(0)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Scan:
    """Voxels as stored and their affine."""

    voxels: np.ndarray
    affine: np.ndarray

    @cached_property
    def spacing_mm(self) -> np.ndarray:
        return spacing_of(self.affine)


@dataclass
class Networks:
    """Converts networks where they are first needed."""

    weights: tuple[Path, ...]
    folder: Path
    _known: dict[tuple[int, str], tuple[Plans, list[Part]]] = field(default_factory=dict)

    def of(self, part: TaskPart, mode: TaskMode) -> tuple[Plans, list[Part]]:
        """Return the plans of a part and its network for each fold."""
        key = (part.weights.number, mode.trainer_folder)
        if key not in self._known:
            self._known[key] = self._converted(part, mode)
        return self._known[key]

    def _converted(self, part: TaskPart, mode: TaskMode) -> tuple[Plans, list[Part]]:
        found = (find_trainer(folder, part.weights.number, mode.trainer_folder) for folder in self.weights)
        trainer = next(folder for folder in found if folder)
        files = checkpoints(trainer, mode.folds)
        configuration = trained_configuration(files[0]) or mode.configuration
        plans = read_plans(read_json(trainer / "plans.json"), read_json(trainer / "dataset.json"), configuration)
        parts = []
        for fold, file in enumerate(files):
            target = self.folder / f"{part.weights.number}-{fold}.onnx"
            written = write_network_files(plans.architecture, read_checkpoint(file), target)
            parts.append(
                Part(
                    name=part.name,
                    network=target,
                    sha256=written["sha256"],
                    patch_size_zyx=plans.patch_size_zyx,
                    divisor_zyx=plans.architecture.divisor_zyx,
                    step=mode.step,
                    normalisation=NO_NUMBERS,
                    label_values=tuple(range(len(plans.class_names))),
                    head=target.with_name(written["head"]["file"]),
                    head_sha256=written["head"]["sha256"],
                )
            )
        return plans, parts


@dataclass
class TaskChain:
    """Runs tasks on one scan; what a rough model has found is kept, for the tasks that share it."""

    scan: Scan
    networks: Networks
    _rough: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)

    def run(self, task: Task, mode_name: str, options: Mapping[str, Any]) -> np.ndarray:
        """Return the labels of a task on the scan's grid."""
        mode = task.modes.get(mode_name) or task.modes.get(FAST) or task.modes[NORMAL]
        subset = tuple(options.get("roi_subset_robust") or options.get("roi_subset") or ())
        crop = self._crop(task, mode, subset, options)
        scan, box = self.scan, None
        if crop:
            values = [value for value, label in load_task(crop.task).labels.items() if label.name in crop.structures]
            box = crop_box(self.rough(crop, options), values, scan.spacing_mm, crop.addon_mm)
            if box is None:
                return np.zeros(scan.voxels.shape, np.uint8)
            voxels, affine = cut_scan(scan.voxels, scan.affine, box)
            scan = Scan(voxels=voxels, affine=affine)
        labels = self._segment(scan, task, mode, subset, options)
        if box is not None:
            labels = put_back(labels, box, self.scan.voxels.shape)
        labels = self._after(labels, task, mode, crop, options)
        if subset:
            labels[~np.isin(labels, [task.labels.named(name).value for name in subset])] = 0
        return labels

    def rough(self, crop: Crop, options: Mapping[str, Any]) -> np.ndarray:
        """Return what the model of a crop finds on the whole scan; it is run once."""
        robust = options.get("robust_crop") or options.get("roi_subset_robust")
        key = (crop.task, crop.robust_mode if robust else crop.mode)
        if key not in self._rough:
            order = {name: value for name, value in options.items() if name == "resampling_order"}
            self._rough[key] = self.run(load_task(crop.task), key[1], order)
        return self._rough[key]

    def _crop(self, task: Task, mode: TaskMode, subset: tuple[str, ...], options: Mapping[str, Any]) -> Crop | None:
        if mode.crop is None and subset:
            crop = task.roi_crop
            assert crop is not None
            return Crop(
                task=crop.task,
                mode=crop.mode,
                robust_mode=crop.robust_mode,
                structures=subset,
                addon_mm=crop.addon_mm,
            )
        if mode.crop is None and options.get("body_seg"):
            return BODY_SEG
        return mode.crop

    def _after(
        self, labels: np.ndarray, task: Task, mode: TaskMode, crop: Crop | None, options: Mapping[str, Any]
    ) -> np.ndarray:
        def mask_of(step: AfterWork) -> np.ndarray:
            if step.step == "keep_inside_task":
                other = load_task(step.settings["task"])
                return self.run(other, NORMAL, {}) == other.labels.named(step.settings["structure"]).value
            assert crop is not None
            table = load_task(crop.task).labels
            wanted = [table.named(name).value for name in step.settings["structures"]]
            return np.isin(self.rough(crop, options), wanted)

        steps = [step for step in mode.after if step.grid == "input"]
        return after_work(labels, steps, task.labels, self.scan.spacing_mm, mask_of)

    def _segment(
        self, scan: Scan, task: Task, mode: TaskMode, subset: tuple[str, ...], options: Mapping[str, Any]
    ) -> np.ndarray:
        """Return the labels on the grid of a scan that is cropped already."""
        grid = canonical_grid(scan.affine, scan.voxels.shape)
        image, spacing = to_canonical(scan.voxels, grid), spacing_of(grid.affine)
        smooth = bool(options.get("higher_order_resampling"))
        if mode.spacing_mm is not None and not smooth:
            image = self._resampled(image, spacing, mode.spacing_mm, options.get("resampling_order", 1))
            spacing = np.asarray(mode.spacing_mm, np.float32)
        thirds = _thirds(image.shape[2]) if options.get("force_split") else [(slice(None), slice(None))]
        labels = np.concatenate(
            [self._parts(image[:, :, read], spacing, task, mode, subset, smooth)[:, :, keep] for read, keep in thirds],
            axis=2,
        )
        steps = [step for step in mode.after if step.grid == "model"]
        labels = after_work(labels, steps, task.labels, spacing, lambda step: labels > 0)
        return labels_on_stored_grid(labels, grid)

    def _resampled(
        self, image: np.ndarray, spacing: np.ndarray, target_mm: tuple[float, float, float], order: int
    ) -> np.ndarray:
        if order == 1:
            return resample_ct(image, spacing, target_mm)
        from scipy import ndimage

        zoom = spacing / np.asarray(target_mm)
        return ndimage.zoom(image.astype(float), zoom, order=order, mode="nearest").astype(np.int32)

    def _parts(
        self,
        image: np.ndarray,
        spacing: np.ndarray,
        task: Task,
        mode: TaskMode,
        subset: tuple[str, ...],
        smooth: bool,
    ) -> np.ndarray:
        """Return the task's labels of an image on the model's grid, ``[x, y, z]``."""
        merged = np.zeros(image.shape, np.uint8)
        wanted = {task.labels.named(name).value for name in subset}
        for part in mode.parts:
            if wanted and part.label_values and not wanted & set(part.label_values):
                continue
            plans, folds = self.networks.of(part, mode)
            values = np.asarray(task.label_values(part, len(plans.class_names)), np.uint8)
            channels = network_labels(image.transpose(2, 1, 0), spacing[::-1], plans, folds, smooth)
            found = values[channels].transpose(2, 1, 0)
            np.copyto(merged, found, where=found != 0)
        return merged


def network_labels(
    image_zyx: np.ndarray, spacing_zyx: np.ndarray, plans: Plans, folds: list[Part], smooth: bool
) -> np.ndarray:
    """Return the channel of every voxel ``[z, y, x]``."""
    box = nonzero_box(image_zyx)
    image = cut_out(image_zyx, box).transpose(plans.axes)
    if isinstance(plans.normalisation, Normalisation):
        image = plans.normalisation.apply(image)
    else:
        image = z_score(image, filled(image) if plans.normalisation.masked else None)
    spacing = [float(spacing_zyx[axis]) for axis in plans.axes]
    target = [plans.spacing_mm[::-1][axis] for axis in plans.axes]
    before = image.shape
    resampled = resample_image(image, resampled_shape(before, spacing, target), thick_axis(spacing, target))
    logits = average_of_folds(fold_logits(resampled, fold) for fold in folds)
    way_back = smooth_labels if smooth and logits.shape[:-1] != before else labels_of_logits
    found = way_back(logits, before, thick_axis(target, spacing))
    labels = np.zeros(image_zyx.shape, np.uint8)
    labels[box] = found.transpose(np.argsort(plans.axes))
    return labels


def fold_logits(image: np.ndarray, part: Part) -> np.ndarray:
    """Return the blended logits of one network for a normalised image."""
    session, patch = NetworkSession(part, plain_engine()), part.patch_size_zyx
    borders = padding(image.shape, patch)
    padded = np.pad(image, borders)
    cells = Cells(window_axes(image.shape, part), patch)
    blender = LogitsBlender(cells, gaussian_weights(patch), session.head, len(part.label_values))
    for start in cells.starts:
        window = padded[tuple(slice(first, first + size) for first, size in zip(start, patch, strict=True))]
        blender.add(start, session.run(window))
    inside = tuple(slice(low, size - high) for (low, high), size in zip(borders, padded.shape, strict=True))
    return blender.logits[inside]


def _thirds(planes: int) -> list[tuple[slice, slice]]:
    """Return, from below, which planes each third reads, and which of these it keeps."""
    third, margin = planes // 3, THIRD_MARGIN
    return [
        (slice(0, third + margin), slice(0, third)),
        (slice(third + 1 - margin, 2 * third + margin), slice(margin - 1, -margin)),
        (slice(2 * third + 1 - margin, None), slice(margin - 1, None)),
    ]


def mode_of(options: Mapping[str, Any]) -> str:
    """Return the mode that options of the official Python API mean."""
    return FAST if options.get("fast") else FASTEST if options.get("fastest") else NORMAL
