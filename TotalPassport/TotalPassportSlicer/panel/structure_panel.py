"""Which structures a run is to find: a list to check, with groups and search; all of them unless the user chooses."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from slicer.i18n import tr as _
from TotalPassportLib.base.errors import TotalPassportError
from TotalPassportLib.base.labels import Label
from TotalPassportLib.base.structure_names import structure_groups
from TotalPassportLib.models.catalogue import find_model

from ..nodes.organs import sort_name
from .check_tree import CheckRow, CheckTree
from .parameters import joined_names, names_in
from .task_selection import TaskSelection, selection_of

NO_STRUCTURE = ","
"""The parameter while nothing is checked; an empty one means all."""


class StructurePanel:
    """Works the widgets.

    Parameters
    ----------
    ui : Any
        The panel's widgets by name.
    """

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        self._parameters: Any = None
        self._following = False
        self._shown: TaskSelection | None = None
        self._labels: dict[str, Label] = {}
        self._tree = CheckTree(ui.structureTreeView, (_("Structure"),), self._on_toggled)
        ui.structureSearchLineEdit.connect("textChanged(QString)", self._tree.search)
        ui.allStructuresButton.connect("clicked(bool)", lambda _checked=False: self._check_found(True))
        ui.noStructuresButton.connect("clicked(bool)", lambda _checked=False: self._check_found(False))
        ui.structureGroupComboBox.connect("activated(int)", self._on_group)

    def follow(self, parameters: Any | None) -> None:
        """Bring the widgets in line with the parameters; None while the scene closes."""
        self._parameters = parameters
        if parameters is None:
            return
        selection = selection_of(parameters)
        if selection != self._shown:
            self._shown = selection
            self._fill(selection)
        chosen = self.chosen
        if parameters.roi not in ("", NO_STRUCTURE) and not chosen:
            parameters.roi = ""  # other tasks, which have none of what was chosen
            chosen = self.chosen
        self._tree.check(chosen)
        self._ui.structuresCollapsibleButton.text = _title(len(chosen), len(self._labels))
        self._ui.structuresCollapsibleButton.enabled = bool(self._labels)

    @property
    def chosen(self) -> list[str]:
        """The names of the structures that are to be found."""
        text = self._parameters.roi
        return [name for name in self._labels if not text or name in names_in(text)]

    @property
    def reason(self) -> str:
        """Why a run cannot start, in a sentence; an empty text when it can."""
        nothing = self._parameters is not None and self._parameters.roi == NO_STRUCTURE
        return str(_("Choose at least one structure.")) if nothing else ""

    def _fill(self, selection: TaskSelection) -> None:
        labels = [label for task in selection.tasks for label in task.labels.values()]
        if not selection.tasks:
            labels = _labels_of_model(selection.model)
        self._labels = {label.name: label for label in labels}
        rows = [
            CheckRow(key=label.name, texts=(label.display_name,), words=label.name, color_rgb=label.color_rgb)
            for label in sorted(self._labels.values(), key=lambda label: sort_name(label.display_name))
        ]
        self._tree.fill([("", rows)])
        self._tree.search(self._ui.structureSearchLineEdit.text)
        box = self._ui.structureGroupComboBox
        box.clear()
        box.addItem(_("Only a group…"), "")
        for group, members in structure_groups().items():
            if any(member in self._labels for member in members):
                box.addItem(group.replace("_", " ").capitalize(), group)

    def _on_toggled(self, name: str, checked: bool) -> None:
        chosen = set(self.chosen)
        self._choose(chosen | {name} if checked else chosen - {name})

    def _check_found(self, checked: bool) -> None:
        """Check or uncheck what the search leaves."""
        found = set(self._tree.found())
        self._choose(set(self.chosen) | found if checked else set(self.chosen) - found)

    def _on_group(self, index: int) -> None:
        group = str(self._ui.structureGroupComboBox.itemData(index) or "")
        members = structure_groups().get(group, ())
        if group:
            chosen = set(self.chosen)
            # The first group is chosen alone, further ones with it.
            self._choose((set() if len(chosen) == len(self._labels) else chosen) | set(members))
        self._ui.structureGroupComboBox.currentIndex = 0

    def _choose(self, names: Collection[str]) -> None:
        if self._parameters is None:
            return
        chosen = [name for name in self._labels if name in names]
        everything = len(chosen) == len(self._labels)
        self._parameters.roi = "" if everything else joined_names(chosen) or NO_STRUCTURE


def _labels_of_model(name: str) -> list[Label]:
    """Return the structures of a model of no task; none while the packages that read it are missing."""
    try:
        model = find_model(name)
    except (TotalPassportError, ImportError):
        return []
    return [model.labels[value] for value in model.label_values]


def _title(chosen: int, count: int) -> str:
    if not count:
        return str(_("Structures"))
    if chosen == count:
        return str(_("Structures: all {count}").format(count=count))
    return str(_("Structures: {chosen} of {count}").format(chosen=chosen, count=count))
