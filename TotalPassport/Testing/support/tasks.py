"""Models of real tasks with tiny networks: what a task does around its networks, in milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from TotalPassportLib.models.description import ModelDescription
from TotalPassportLib.models.reading import read_model
from TotalPassportLib.models.task import load_task

from .networks import LABEL_VALUES, threshold_layers, write_model


def write_task_model(folder: Path, task: str, mode: str = "normal", values: Sequence[int] = (), **changes: Any) -> Path:
    """Write the model of a task's mode whose network finds the phantom's organs and calls them by these values.

    Without any they are called liver, right kidney and spleen as in `total`, or by the task's first value.
    """
    known = load_task(task)
    values = values or [value if value in known.labels else min(known.labels) if value else 0 for value in LABEL_VALUES]
    spacing_mm = changes.pop("spacing_mm", known.mode(mode).spacing_mm)
    part = {"label_values": list(values), "spacing_mm": [3.0, 3.0, 3.0], **changes.pop("part", {})}
    return write_model(
        folder,
        changes.pop("layers", threshold_layers()),
        part,
        name=known.mode(mode).model,
        task={"name": task, "mode": mode},
        labels=task,
        modality=known.modality,
        spacing_mm=spacing_mm,
        **changes,
    )


class TaskModels:
    """Finds models by name as the catalogue does, and counts how often each was asked for.

    Parameters
    ----------
    folder : Path
        Where they are written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.asked: list[str] = []
        self._known: dict[str, ModelDescription] = {}

    def add(self, task: str, mode: str = "normal", values: Sequence[int] = (), **changes: Any) -> str:
        """Write a model and return its name."""
        name = load_task(task).mode(mode).model
        self._known[name] = read_model(write_task_model(self._folder / name, task, mode, values, **changes))
        return name

    def __call__(self, name: str) -> ModelDescription:
        self.asked.append(name)
        return self._known[name]
