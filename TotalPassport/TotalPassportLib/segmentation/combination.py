"""What several tasks have found, as one label image.

A structure's value in it is its number (`models.task.Task.number`), which no other structure of any task has. Where two
tasks claim a voxel, the one that was named later has it: details are asked for after what they are details of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..base.labels import LabelTable
from .task_segmentation import ScanLabels

SEVERAL = "several tasks"
"""Name of the label table of several tasks."""


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
    """

    voxels: np.ndarray
    table: LabelTable
    searched: tuple[int, ...]


def combined_labels(found: Sequence[ScanLabels]) -> CombinedLabels:
    """Return the labels of all tasks in one image; the later task has a voxel that several claim."""
    if len(found) == 1:
        return CombinedLabels(voxels=found[0].voxels, table=found[0].model.labels, searched=found[0].searched)
    voxels = np.zeros(found[0].voxels.shape, np.uint16)
    for labels in found:
        inside = labels.voxels != 0
        voxels[inside] = numbers_of(labels)[labels.voxels[inside]]
    searched = tuple(int(numbers_of(labels)[value]) for labels in found for value in labels.searched)
    return CombinedLabels(voxels=voxels, table=combined_table(found), searched=searched)


def numbers_of(labels: ScanLabels) -> np.ndarray:
    """Return the number of each label value of a task, uint16 ``[256]``; 0 for those that it does not have."""
    task = labels.model.task
    assert task is not None  # several models run only as tasks
    numbers = np.zeros(256, np.uint16)
    for value in labels.model.labels:
        numbers[value] = task.number(value)
    return numbers


def combined_table(found: Sequence[ScanLabels]) -> LabelTable:
    """Return the names of the numbers; a name that several tasks have gets the task's in front."""
    names = [label.name for labels in found for label in labels.model.labels.values()]
    shared = {name for name in names if names.count(name) > 1}
    entries = []
    for labels in found:
        task = labels.model.task
        assert task is not None
        for value, label in labels.model.labels.items():
            name = f"{task.name}_{label.name}" if label.name in shared else label.name
            entries.append(replace(label, value=task.number(value), name=name))
    return LabelTable(SEVERAL, entries)
