"""Which buttons can be clicked at present, and in words why the others cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import qt
from slicer.i18n import tr as _
from TotalPassportLib.models.catalogue_entry import CatalogueEntry

from ..child.jobs import State
from ..nodes.marks import WARNING
from . import model_list
from .marked_label import show_marked
from .plain_text import literally
from .task_panel import TaskPanel, why_not_this_scan
from .wording import hint_in_the_window

APPLY_KEY = "Ctrl+Return"
"""Starts a run, and cancels it; Slicer itself has no use for it."""


def update_buttons(ui: Any, reason: str, state: State, organ_count: int) -> None:
    """Bring the panel's buttons in line.

    Parameters
    ----------
    ui : Any
        The panel's widgets by name.
    reason : str
        Why no run can start, see `why_not_apply`.
    state : State
        Where the run stands.
    organ_count : int
        Number of organs of the passport that is shown.
    """
    reason = reason if state is State.IDLE else ""
    show_marked(ui.reasonLabel, reason, WARNING)
    ui.applyButton.text = _apply_text(state)
    ui.applyButton.setShortcut(qt.QKeySequence(APPLY_KEY))  # which a button forgets with every new text
    ui.applyButton.enabled = not reason and state in (State.IDLE, State.STARTING, State.RUNNING)
    installing = why_wait(state) if state is State.INSTALLING else ""
    ui.applyButton.toolTip = literally(reason or installing or _apply_tip())
    allow(
        ui.exportButton,
        why_not_export(organ_count, state),
        _("Write the passport to a file: JSON, a table (CSV) or Slicer's markups."),
    )
    for button in (ui.onlyTheseButton, ui.showAllButton, ui.colorButton, ui.copyButton):
        button.enabled = organ_count > 0
    counted = _("1 organ") if organ_count == 1 else _("{count} organs").format(count=organ_count)
    summary = _("{organs}; positions (R, A, S) and semi-axes in mm")
    ui.summaryLabel.text = summary.format(organs=counted) if organ_count else ""


def why_wait(state: State) -> str:
    """Return why nothing can start now, in a sentence; an empty text when it can."""
    if state is State.IDLE:
        return ""
    if state is State.INSTALLING:
        return str(_("Python packages are being installed; wait until that is done."))
    return str(_("Another run is under way; wait for it or cancel it."))


def allow(button: Any, reason: str, tip: str | None) -> None:
    """Let a button be clicked unless there is a reason against it; its tooltip says what it does, or why not."""
    button.enabled = not reason
    button.toolTip = literally(reason or tip or "")


def why_not_apply(parameters: Any | None, tasks: TaskPanel, catalogue_problem: str = "") -> str:
    """Return why a run cannot start, in a sentence; an empty text when it can, if need be after a download."""
    volume_node = parameters.inputVolume if parameters is not None else None
    if volume_node is None:
        return _("Choose an input volume: a CT that is loaded in Slicer, or TotalPassportDemoCT from Sample Data.")
    if volume_node.GetImageData() is None:
        return _("The volume '{name}' has no voxels; choose another one.").format(name=volume_node.GetName())
    return why_not_this_scan(volume_node, tasks.selection) or why_not_find(tasks, catalogue_problem)


def why_not_find(tasks: TaskPanel, catalogue_problem: str = "") -> str:
    """Return why nothing can be found, whatever the scan, in a sentence; an empty text when something can."""
    for model in tasks.entries:
        if model is None:
            return _("Choose what to find.")
        if not model.installed and (catalogue_problem or not model_list.can_download(model)):
            needs = hint_in_the_window(model.needs)
            if catalogue_problem:
                needs = _("It can be brought in when the catalogue is mended.")
            return _("The model '{title}' is not installed. {needs}").format(title=model.title, needs=needs)
    return ""


def note_on_models(models: Sequence[CatalogueEntry | None], catalogue_problem: str) -> str:
    """Return what the chosen models are, and what has to come before they can run."""
    known = [model for model in models if model is not None]
    description = " ".join(model.description for model in known)
    if any(model.known_scans for model in known):
        return str(_("{description} Of any other scan than its sample it finds nothing that means anything.")).format(
            description=description
        )
    missing = [model for model in known if not model.installed]
    if catalogue_problem or not missing or not all(map(model_list.can_download, missing)):
        return description
    size = f"~ {model_list.in_bytes(model_list.missing_bytes(*missing))}"
    one = _("{description} Not installed: Apply offers to download it ({size}).")
    several = _("{description} Not installed: Apply offers to download what is missing ({size}).")
    return str((one if len(known) == 1 else several).format(description=description, size=size))


def why_not_describe(segmentation_node: Any | None, state: State) -> str:
    """Return why an existing segmentation cannot be described now; an empty text when it can."""
    if state is not State.IDLE:
        return why_wait(state)
    if segmentation_node is None:
        return _("Choose a segmentation.")
    if segmentation_node.GetSegmentation().GetNumberOfSegments() == 0:
        return _("The segmentation '{name}' has no segments.").format(name=segmentation_node.GetName())
    return ""


def why_not_export(organ_count: int, state: State) -> str:
    """Return why a passport cannot be written to a file now; an empty text when it can."""
    if state is State.INSTALLING:
        return why_wait(state)
    return "" if organ_count else str(_("There is no passport yet."))


def _apply_tip() -> str:
    return str(_("Find the organs and make their passport ({key}).").format(key=APPLY_KEY))


def _apply_text(state: State) -> str:
    if state in (State.IDLE, State.INSTALLING):
        return str(_("Apply"))
    return str(_("Cancelling…") if state is State.CANCELLING else _("Cancel"))
