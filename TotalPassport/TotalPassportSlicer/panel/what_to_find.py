"""What a run is to find, from tasks to structures, with what is said of it and of the scan before a click on Apply."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .buttons import note_on_models, why_not_apply, why_not_find
from .concerns import ConcernsShown
from .model_list import ModelList
from .structure_panel import StructurePanel
from .task_panel import TaskPanel


class WhatToFind:
    """Works the widgets between the choice of a scan and Apply.

    Parameters
    ----------
    ui : Any
        The panel's widgets by name.
    models : ModelList
        The models that there are.
    folder : Path
        Where a run's files go.
    """

    def __init__(self, ui: Any, models: ModelList, folder: Path) -> None:
        self._note = ui.modelNoteLabel
        self._models = models
        self._tasks = TaskPanel(ui, models)
        self._structures = StructurePanel(ui)
        self._concerns = ConcernsShown(ui.concernsLabel, folder)
        self._parameters: Any = None

    @property
    def first_model(self) -> str:
        """The name of the model that runs first; empty while the scene closes."""
        selection = self._tasks.selection
        return selection.models[0] if selection.tasks else selection.model

    @property
    def why_not(self) -> str:
        """Why nothing can be found, whatever the scan; empty if something can."""
        return why_not_find(self._tasks, self._models.problem) or self._structures.reason

    def follow(self, parameters: Any | None) -> None:
        """Bring the widgets in line with the parameters; None while the scene closes."""
        self._parameters = parameters
        self._tasks.follow(parameters)
        self._structures.follow(parameters)

    def show_again(self) -> None:
        """Hide what is empty: a section that opens shows all that it holds."""
        self._tasks.follow(self._parameters)

    def update(self) -> str:
        """Say what is chosen, and what speaks against the scan; return why no run can start, empty if one can."""
        problem = self._models.problem
        reason = why_not_apply(self._parameters, self._tasks, problem) or self._structures.reason
        self._note.text = note_on_models(self._tasks.entries, problem)
        volume = self._parameters.inputVolume if self._parameters is not None else None
        self._concerns.show(None if reason else volume, self._tasks.selection)
        return reason
