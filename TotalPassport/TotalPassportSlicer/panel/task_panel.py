"""What to find: a list of the usual choices, their quality, and the tree of all tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import qt
from slicer.i18n import tr as _
from TotalPassportLib.models.catalogue_entry import CatalogueEntry
from TotalPassportLib.models.task import CT, FAST, FASTEST, MR, NORMAL, Task, list_tasks, load_task, region_titles

from ..nodes.volumes import known_modality
from . import model_list
from .check_tree import CheckRow, CheckTree
from .model_list import ModelList
from .plain_text import literally
from .task_selection import TaskSelection, select, select_model, selection_of

_TASK, _MODEL = "task:", "model:"
"""What stands before the name of an entry of the list; a model's own name has no colon."""
_WHOLE_BODY = "whole_body"
_TOLD_STRUCTURES = 40
"""So many structures fit into a tooltip."""


class TaskPanel:
    """Works the widgets.

    Parameters
    ----------
    ui : Any
        The panel's widgets by name.
    models : ModelList
        The models that there are.
    """

    def __init__(self, ui: Any, models: ModelList) -> None:
        self._ui = ui
        self._models = models
        self._parameters: Any = None
        self._following = False
        self._toggling = False
        self._listed: tuple[Any, str] | None = None
        """The models that there were, and the quality that was chosen, when the tree was filled."""
        self._tree = CheckTree(ui.taskTreeView, (_("Task"), _("Weights")), self._on_toggled)
        for title, modality in ((_("CT and MR"), ""), (_("CT"), CT), (_("MR"), MR)):
            ui.taskModalityComboBox.addItem(title, modality)
        ui.taskComboBox.connect("currentIndexChanged(int)", self._on_chosen)
        ui.qualityComboBox.connect("currentIndexChanged(int)", self._on_quality)
        ui.taskSearchLineEdit.connect("textChanged(QString)", self._tree.search)
        ui.taskModalityComboBox.connect("currentIndexChanged(int)", self._fill_tree)

    @property
    def selection(self) -> TaskSelection:
        """What is chosen; nothing while the scene closes."""
        return selection_of(self._parameters) if self._parameters is not None else TaskSelection()

    @property
    def entries(self) -> list[CatalogueEntry | None]:
        """The models that will run, None for one that there is not."""
        selection = self.selection
        names = selection.models if selection.tasks or selection.model else ()
        return [self._models.find(name) for name in names]

    def follow(self, parameters: Any | None) -> None:
        """Bring the widgets in line with the parameters; None while the scene closes."""
        self._parameters = parameters
        if parameters is None:
            return
        selection = self.selection  # what nobody has set is set when it is read, and then heard of in between
        self._following = True
        if self._to_list != self._listed and not self._toggling:
            self._fill_tree()
        self._fill_list(selection)
        self._fill_qualities(selection)
        self._tree.check([task.name for task in selection.tasks])
        self._following = False

    # -- what is shown --------------------------------------------------------------------------------------------

    @property
    def _to_list(self) -> tuple[Any, str]:
        return self._models.entries, self.selection.options.mode_asked

    def _fill_list(self, selection: TaskSelection) -> None:
        box = self._ui.taskComboBox
        box.clear()
        others = [entry for entry in self._models.entries if entry.task is None]
        items = [_item_of_model(entry) for entry in others if entry.installed]
        tasks = [task for task in list_tasks() if _is_usual(task) or self._is_installed(task)]
        tasks += [task for task in selection.tasks if task not in tasks and len(selection.tasks) == 1]
        items += [(task.title, _TASK + task.name, task_tip(task)) for task in tasks]
        items += [_item_of_model(entry) for entry in others if not entry.installed]
        for title, data, tip in items:
            box.addItem(title, data)
            box.setItemData(box.count - 1, literally(tip), qt.Qt.ToolTipRole)
        if len(selection.tasks) > 1:
            box.addItem(" + ".join(task.title for task in selection.tasks), "")
            box.currentIndex = box.count - 1
        elif selection.tasks:
            box.currentIndex = box.findData(_TASK + selection.tasks[0].name)
        else:
            box.currentIndex = box.findData(_MODEL + selection.model)
        box.view().minimumWidth = box.view().sizeHintForColumn(0) + 24  # the state stands at the end of a long line

    def _fill_qualities(self, selection: TaskSelection) -> None:
        box = self._ui.qualityComboBox
        box.clear()
        for mode in selection.qualities:
            box.addItem(_quality_title(mode, selection.tasks), mode)
        shown = selection.mode_of(selection.tasks[0]) if len(selection.tasks) == 1 else selection.quality
        box.currentIndex = max(box.findData(shown), 0) if box.count else -1
        for widget in (box, self._ui.qualityLabel):
            widget.visible = box.count > 1

    def _fill_tree(self, _index: int = 0) -> None:
        self._listed = self._to_list
        box = self._ui.taskModalityComboBox
        modality = box.itemData(box.currentIndex)
        tasks = [task for task in list_tasks() if modality in ("", task.modality)]
        groups = [
            (title, [self._row(task) for task in tasks if task.region == region])
            for region, title in region_titles().items()
        ]
        self._tree.fill([group for group in groups if group[1]])
        self._tree.check([task.name for task in self.selection.tasks])

    def _row(self, task: Task) -> CheckRow:
        return CheckRow(
            key=task.name,
            texts=(task.title, self._state(task)),
            tip=task_tip(task),
            words=" ".join([task.name, *(label.display_name for label in task.labels.values())]),
        )

    def _state(self, task: Task) -> str:
        """Return whether a task can run now, in the mode that is chosen or in any other; else what it takes."""
        if self._is_installed(task):
            return str(_("installed"))
        if not task.licence.open:
            return str(_("needs a licence"))
        entry = self._models.find(task.modes[self.selection.mode_of(task)].model)
        return model_list.size_text(entry) if entry is not None else ""

    def _is_installed(self, task: Task) -> bool:
        return any(self._models.is_installed(mode.model) for mode in task.modes.values())

    # -- what the user does ---------------------------------------------------------------------------------------

    def _on_chosen(self, index: int) -> None:
        data = str(self._ui.taskComboBox.itemData(index) or "") if index >= 0 else ""
        if self._following or self._parameters is None or not data:
            return
        if data.startswith(_MODEL):
            select_model(self._parameters, data.removeprefix(_MODEL))
        else:
            task = load_task(data.removeprefix(_TASK))
            select(self._parameters, TaskSelection(tasks=(task,), quality=self._quality_for(task)))

    def _quality_for(self, task: Task) -> str:
        """Return the quality that was chosen before, or the fast one, which suits an ordinary computer."""
        before = self.selection
        return before.quality if before.qualities and before.quality in task.modes else FAST

    def _on_quality(self, index: int) -> None:
        if not self._following and self._parameters is not None and index >= 0:
            select(self._parameters, replace(self.selection, quality=self._ui.qualityComboBox.itemData(index)))

    def _on_toggled(self, name: str, chosen: bool) -> None:
        if self._parameters is None:
            return
        before, task = self.selection, load_task(name)
        selection = before.with_task(task, chosen)
        if chosen and not before.tasks:
            selection = replace(selection, quality=self._quality_for(task))
        if selection.tasks:
            self._toggling = True  # no row may go while it tells of itself
            select(self._parameters, selection)
            self._toggling = False
        else:  # something has to be found
            self._tree.check([task.name for task in before.tasks])


def why_not_this_scan(volume_node: Any, selection: TaskSelection) -> str:
    """Return why tasks do not suit a scan, with what does, in a sentence; an empty text where nothing is known."""
    wanted = selection.modalities
    if len(wanted) > 1:
        return str(_("Some of the chosen tasks are for CT, others for MR; choose those of one kind."))
    known = known_modality(volume_node)
    if not wanted or not known or known in wanted:
        return ""
    (kind,) = wanted
    text = _("'{name}' is of the modality {known}, but {tasks} is for {kind}. {instead}").format(
        name=volume_node.GetName(),
        known=known,
        tasks=" + ".join(f"'{task.title}'" for task in selection.tasks),
        kind=kind,
        instead=_instead(selection.tasks, known),
    )
    return str(text)


def task_tip(task: Task) -> str:
    """Return what a task is and which structures it finds."""
    names = [label.display_name for label in task.labels.values()]
    further = ", …" if len(names) > _TOLD_STRUCTURES else "."
    found = _("Finds {count}: {names}").format(count=len(names), names=", ".join(names[:_TOLD_STRUCTURES]) + further)
    licence = _("Licence: {name}").format(name=task.licence.name)
    if not task.licence.open:
        licence = _("{licence}; its weights come from their authors to who has one: {terms}").format(
            licence=licence, terms=task.licence.terms_url
        )
    return "\n".join([task.description, found, licence])


def _instead(tasks: Sequence[Task], modality: str) -> str:
    """Name the tasks for the other kind of scans, by their names, which end alike."""
    twins = {task.name.removesuffix("_mr"): task for task in list_tasks() if task.modality == modality}
    found = [twins[name].title for task in tasks if (name := task.name.removesuffix("_mr")) in twins]
    if not found:
        return str(_("Choose another task, or another scan."))
    return str(_("Choose {tasks}.").format(tasks=" + ".join(f"'{title}'" for title in found)))


def _item_of_model(entry: CatalogueEntry) -> tuple[str, str, str]:
    return model_list.title_with_state(entry), _MODEL + entry.name, model_list.about(entry)


def _is_usual(task: Task) -> bool:
    return task.region == _WHOLE_BODY and task.licence.open


def _quality_title(mode: str, tasks: Sequence[Task]) -> str:
    title = {NORMAL: _("Normal"), FAST: _("Fast"), FASTEST: _("Fastest")}[mode]
    if len(tasks) > 1:
        return str(_("{quality}, where the task has it").format(quality=title)) if mode != NORMAL else str(title)
    spacing = tasks[0].modes[mode].spacing_mm
    return str(_("{quality}, {size:g} mm").format(quality=title, size=min(spacing)) if spacing else title)
