"""What is to be found: tasks with their quality, or one model that belongs to no task.

The panel's parameters hold it in the names of `RunOptions`: one task is the `model` of its mode; several are named in
`task`, and `fast` or `fastest` says how.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import slicer
from TotalPassportLib.models.task import FAST, FASTEST, MODES, NORMAL, Task, load_task, mode_of_model, task_names
from TotalPassportLib.options import RunOptions

from .parameters import joined_names, names_in


@dataclass(frozen=True, kw_only=True)
class TaskSelection:
    """What the user has chosen.

    Attributes
    ----------
    tasks : tuple[Task, ...]
        In the order in which they were chosen: of a voxel that several claim, the last one has it.
    quality : str
        The mode that is asked for; tasks without it run in the nearest one that they have.
    model : str
        The name of a model of no task; empty where tasks are chosen.
    """

    tasks: tuple[Task, ...] = ()
    quality: str = NORMAL
    model: str = ""

    @property
    def options(self) -> RunOptions:
        """What a run is asked for: only what to find."""
        if not self.tasks:
            return RunOptions(model=self.model)
        names = tuple(task.name for task in self.tasks)
        return RunOptions(task=names, fast=self.quality == FAST, fastest=self.quality == FASTEST)

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models to run, one a task."""
        return self.options.models()

    @property
    def qualities(self) -> tuple[str, ...]:
        """The modes that one task or another has."""
        return tuple(mode for mode in MODES if any(mode in task.modes for task in self.tasks))

    @property
    def modalities(self) -> set[str]:
        """The kinds of scans that the tasks are for; a model of no task says nothing here."""
        return {task.modality for task in self.tasks}

    def with_task(self, task: Task, chosen: bool) -> TaskSelection:
        """Return the selection with a task more, or without it."""
        others = tuple(each for each in self.tasks if each.name != task.name)
        return replace(self, tasks=(*others, task) if chosen else others, model="")

    def mode_of(self, task: Task) -> str:
        """Return the mode in which one of the tasks runs."""
        return self.options.mode_of(task)


def selection_of(parameters: Any) -> TaskSelection:
    """Return what the parameters say; tasks that this version does not have are left out."""
    names = [name for name in names_in(parameters.task) if name in task_names()]
    if names:
        quality = FASTEST if parameters.fastest else FAST if parameters.fast else NORMAL
        return TaskSelection(tasks=tuple(map(load_task, names)), quality=quality)
    known = mode_of_model(parameters.model)
    if known is not None:
        return TaskSelection(tasks=(known[0],), quality=known[1])
    return TaskSelection(model=parameters.model)


def select(parameters: Any, selection: TaskSelection) -> None:
    """Put a selection into the parameters; one without tasks and model changes nothing."""
    if not selection.tasks and not selection.model:
        return
    several = len(selection.tasks) > 1
    with slicer.util.NodeModify(parameters):
        if not several:
            (parameters.model,) = selection.models
        parameters.task = joined_names([task.name for task in selection.tasks]) if several else ""
        parameters.fast = several and selection.quality == FAST
        parameters.fastest = several and selection.quality == FASTEST


def select_model(parameters: Any, name: str) -> None:
    """Put one model into the parameters, of a task or of none."""
    with slicer.util.NodeModify(parameters):
        parameters.model, parameters.task = name, ""
        parameters.fast = parameters.fastest = False
