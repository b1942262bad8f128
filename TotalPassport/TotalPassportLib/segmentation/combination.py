"""What several tasks have found, as one label image.

A structure's value in it is its number (`models.task.Task.number`), which no other structure of any task has. Where two
tasks claim a voxel, the one that was named later has it: details are asked for after what they are details of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import nibabel
import numpy as np

from ..base.errors import BadInput
from ..base.labels import LabelTable, load_label_table
from ..image.grid import canonical_grid, from_canonical, stored_affine, to_canonical
from ..image.volume import Volume, without_header
from ..models.task import Task
from .confidence import PERCENT_UNKNOWN, add_part, classes_by_label, confidence_by_label, entropy_bits, percent
from .task_segmentation import ScanLabels

SEVERAL = "several tasks"
"""Name of the label table of several tasks."""
V1_TABLE = "total_v1"


@dataclass(frozen=True, kw_only=True)
class TaskLabels:
    """What one task has found, whole, as it is written.

    Attributes
    ----------
    voxels : numpy.ndarray
        uint8 ``[i, j, k]`` on the grid of the label image, with the task's own values.
    table : LabelTable
        Names of these values.
    searched : tuple of int
        Those that were looked for.
    task : Task, optional
        The task, None of a model that belongs to none.
    confidence, entropy_bits : mapping of int to float, optional
        How sure the networks are of each structure, by its value: the mean of its voxels on the network's grid, from 0
        to 1, and as the entropy of the classes' probabilities.
    """

    voxels: np.ndarray
    table: LabelTable
    searched: tuple[int, ...]
    task: Task | None
    confidence: Mapping[int, float] | None = None
    entropy_bits: Mapping[int, float] | None = None

    @cached_property
    def numbers(self) -> np.ndarray:
        """The number of each value in an image of several tasks, uint16 ``[256]``; 0 for values without a name."""
        assert self.task is not None  # several models run only as tasks
        numbers = np.zeros(max(256, max(self.table, default=0) + 1), np.uint16)
        for value in self.table:
            numbers[value] = self.task.number(value)
        return numbers


@dataclass(frozen=True, kw_only=True)
class CombinedLabels:
    """A label image of one or several tasks.

    Attributes
    ----------
    voxels : numpy.ndarray
        uint8 ``[i, j, k]`` of one task, with its own values; uint16 of several, with numbers.
    table : LabelTable
        Names of its values.
    searched : tuple of int
        The values that were looked for.
    scan : Volume
        The scan on the same grid.
    tasks : sequence of TaskLabels
        What each task has found.
    confidence_percent : numpy.ndarray, optional
        How sure the networks are of each voxel, uint8, see `confidence.percent`; of the task whose label it has, or of
        the least sure one.
    """

    voxels: np.ndarray
    table: LabelTable
    searched: tuple[int, ...]
    scan: Volume
    tasks: Sequence[TaskLabels]
    confidence_percent: np.ndarray | None = None


def combined_labels(
    scan: Volume, found: Sequence[ScanLabels], *, on_model_grid: bool = False, v1_order: bool = False
) -> CombinedLabels:
    """Return the labels of all tasks in one image; the later task has a voxel that several claim.

    Parameters
    ----------
    scan : Volume
        The scan that was segmented.
    found : sequence of ScanLabels
        What each model has found.
    on_model_grid : bool
        Keep the network's grid (``save_lowres``).
    v1_order : bool
        Use the values that TotalSegmentator 1 gave the structures of `total`.

    Raises
    ------
    BadInput
        What is asked for is not possible for these tasks.
    """
    if on_model_grid:
        scan, found = _on_model_grid(scan, found)
    elif len(found) == 1 and found[0].model.output_orientation is not None:
        scan, found = _turned(scan, found[0], found[0].model.output_orientation)
    if len(found) == 1 and found[0].prepared is None:  # nothing to crop to: TotalSegmentator writes a new header then
        scan = without_header(scan)
    tasks = [task_labels(each) for each in found]
    percents = [each.confidence_percent for each in found]
    if v1_order:
        tasks = [_in_v1_order(each) for each in tasks]
    if len(tasks) == 1:
        (only,) = tasks
        return CombinedLabels(
            voxels=only.voxels, table=only.table, searched=only.searched, scan=scan, tasks=tasks,
            confidence_percent=percents[0],
        )  # fmt: skip
    voxels = np.zeros(scan.voxels.shape, np.uint16)
    sure = None if percents[0] is None else np.full(voxels.shape, PERCENT_UNKNOWN, np.uint8)
    for labels, confidence in zip(tasks, percents, strict=True):
        if sure is not None and confidence is not None:
            add_part(sure, voxels, found=labels.voxels, confidence=confidence)
        inside = labels.voxels != 0
        voxels[inside] = labels.numbers[labels.voxels[inside]]
    searched = tuple(int(labels.numbers[value]) for labels in tasks for value in labels.searched)
    return CombinedLabels(
        voxels=voxels, table=combined_table(tasks), searched=searched, scan=scan, tasks=tasks, confidence_percent=sure
    )


def task_labels(found: ScanLabels) -> TaskLabels:
    """Return what one task has found, with how sure its networks are where that is known."""
    labels = TaskLabels(voxels=found.voxels, table=found.model.labels, searched=found.searched, task=found.model.task)
    if found.on_model_grid is None or found.on_model_grid.confidence is None:
        return labels
    confidence = confidence_by_label(found.on_model_grid.voxels, found.on_model_grid.confidence)
    bits = entropy_bits(confidence, classes_by_label(found.model.folds))
    return replace(labels, confidence=confidence, entropy_bits=bits)


def _on_model_grid(scan: Volume, found: Sequence[ScanLabels]) -> tuple[Volume, list[ScanLabels]]:
    """Return scan and labels on the network's grid, axes as the scan's file has them."""
    first = found[0]
    if len(found) > 1 or first.box is not None or first.prepared is None or first.on_model_grid is None:
        raise BadInput(
            "Only the labels of one task, in a scan that is not cropped for it, can be written on the network's grid.",
            "Write them on the scan's grid.",
        )
    grid, voxels = first.prepared.grid, first.on_model_grid.voxels
    of_grid = first.prepared.affine
    if first.model.preparation.is_totalsegmentators:
        of_grid = first.prepared.nominal_affine  # as TotalSegmentator writes it; ours would be exact
    affine = stored_affine(of_grid, grid, voxels.shape)
    header = nibabel.Nifti1Header()
    header.set_data_shape(voxels.shape)
    header.set_sform(affine, code="aligned")
    header.set_qform(affine, code="unknown")
    header.set_xyzt_units("mm", "sec")
    intensities = from_canonical(first.prepared.fill_whole_grid(), grid)
    x_mm, y_mm, z_mm = (float(size) for size in np.linalg.norm(affine[:3, :3], axis=0))
    small = replace(
        scan,
        voxels=intensities,
        affine=affine,
        header=header,
        nominal_spacing_mm=(x_mm, y_mm, z_mm),
    )
    confidence = first.on_model_grid.confidence
    sure = None if confidence is None else np.ascontiguousarray(from_canonical(percent(confidence), grid))
    stored = np.ascontiguousarray(from_canonical(voxels, grid))
    return small, [replace(first, voxels=stored, confidence_percent=sure)]


def _turned(scan: Volume, found: ScanLabels, orientation: str) -> tuple[Volume, list[ScanLabels]]:
    """Return scan and labels with their axes as a model writes them; every voxel stays where it is."""
    grid = canonical_grid(scan.affine, scan.voxels.shape, orientation)
    i, j, k = (scan.nominal_spacing_mm[axis] for axis in grid.stored_axes)
    turned = replace(
        scan,
        voxels=to_canonical(scan.voxels, grid),
        affine=grid.affine,
        nominal_spacing_mm=(i, j, k),
        header=None,
    )
    percents = found.confidence_percent
    return turned, [
        replace(
            found,
            voxels=np.asfortranarray(to_canonical(found.voxels, grid)),
            confidence_percent=None if percents is None else np.asfortranarray(to_canonical(percents, grid)),
        )
    ]


def _in_v1_order(labels: TaskLabels) -> TaskLabels:
    """Return the labels of `total` with the values of version 1; what it did not have is background."""
    if labels.task is None or labels.task.name != "total":
        raise BadInput("Only the task 'total' has an order of version 1.", "Keep the values of the task.")
    table = load_label_table(V1_TABLE)
    values = np.zeros(256, np.uint8)
    for value, label in labels.table.items():
        known = table.named(label.name)
        values[value] = known.value if known is not None else 0
    searched = tuple(sorted(int(values[value]) for value in labels.searched if values[value]))

    def renumbered(numbers: Mapping[int, float] | None) -> Mapping[int, float] | None:
        return numbers and {int(values[value]): number for value, number in numbers.items() if values[value]}

    return replace(
        labels,
        voxels=values[labels.voxels],
        table=table,
        searched=searched,
        confidence=renumbered(labels.confidence),
        entropy_bits=renumbered(labels.entropy_bits),
    )


def combined_table(tasks: Sequence[TaskLabels]) -> LabelTable:
    """Return the names of the numbers; a name that several tasks have gets the task's in front."""
    names = [label.name for labels in tasks for label in labels.table.values()]
    shared = {name for name in names if names.count(name) > 1}
    entries = []
    for labels in tasks:
        assert labels.task is not None
        for value, label in labels.table.items():
            name = f"{labels.task.name}_{label.name}" if label.name in shared else label.name
            entries.append(replace(label, value=labels.task.number(value), name=name))
    return LabelTable(SEVERAL, entries)
