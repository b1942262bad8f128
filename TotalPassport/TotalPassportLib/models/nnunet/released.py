"""Which task, and which mode of it, weights were released for: by the folders of their datasets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...base.errors import BadInput
from ..task import Task, TaskMode, TaskPart, list_tasks
from .layout import dataset_number


@dataclass(frozen=True, kw_only=True)
class ReleasedParts:
    """Parts of a task's mode, in the order in which their datasets were given."""

    task: Task
    mode: TaskMode
    parts: tuple[TaskPart, ...]

    @property
    def whole(self) -> bool:
        """Whether they are all parts of the mode, in its order."""
        return self.parts == self.mode.parts

    def label_values(self, channels: Sequence[int]) -> list[tuple[int, ...]]:
        """Return the label value of every channel of each part.

        Raises
        ------
        BadInput
            A network does not have the channels of its task.
        """
        return [self.task.label_values(part, count) for part, count in zip(self.parts, channels, strict=True)]


def released_parts(
    datasets: Sequence[str], channels: Sequence[int], model: str = "", plans: str = ""
) -> ReleasedParts | None:
    """Return what datasets were released for, None if nothing is known of them.

    Datasets are known by the names of their folders. Of a renamed one the number counts, if its network has the
    channels of its task: people train networks of their own under any number.

    Parameters
    ----------
    datasets : sequence of str
        Names of their folders.
    channels : sequence of int
        How many output channels each of their networks has.
    model : str
        The model that they are to become, for datasets that several models are made of.
    plans : str
        What the plans of their networks are called, for datasets that hold networks of several.
    """
    by_name = [found for mode in _modes() if (found := _parts_by_name(*mode, datasets))]
    if by_name:
        by_plans = next((found for found in by_name if found.mode.plans == plans), by_name[0])
        return next((found for found in by_name if found.mode.model == model), by_plans)
    by_number = (found for mode in _modes() if (found := _parts_by_number(*mode, datasets)))
    return next((found for found in by_number if _fits(found, channels)), None)


def _modes() -> Iterator[tuple[Task, TaskMode]]:
    for task in list_tasks():
        for _, mode in task.with_small():
            yield task, mode


def _parts_by_name(task: Task, mode: TaskMode, datasets: Sequence[str]) -> ReleasedParts | None:
    parts = {part.weights.folder: part for part in mode.parts}
    if not set(datasets) <= set(parts):
        return None
    return ReleasedParts(task=task, mode=mode, parts=tuple(parts[dataset] for dataset in datasets))


def _parts_by_number(task: Task, mode: TaskMode, datasets: Sequence[str]) -> ReleasedParts | None:
    parts = {part.weights.number: part for part in mode.parts}
    numbers = [dataset_number(dataset) for dataset in datasets]
    found = [parts[number] for number in numbers if number in parts]
    return ReleasedParts(task=task, mode=mode, parts=tuple(found)) if len(found) == len(numbers) else None


def _fits(released: ReleasedParts, channels: Sequence[int]) -> bool:
    try:
        released.label_values(channels)
    except BadInput:
        return False
    return True
