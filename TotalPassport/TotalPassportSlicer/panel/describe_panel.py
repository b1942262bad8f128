"""The section Passport from segmentation: any segmentation of the scene, or a folder of masks from a disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from ..child.jobs import State
from .buttons import allow, why_not_describe, why_wait
from .dialogs import Dialogs
from .run_panel import RunPanel
from .starter import Starter


class DescribePanel:
    """Works the section's widgets.

    Parameters
    ----------
    ui : Any
        The panel's widgets by name.
    logic : Any
        Loads masks and measures segmentations.
    panel : RunPanel
        Says and logs what happens.
    dialogs : Dialogs
        Asks the user.
    start : Starter
        Starts work that may need packages.
    """

    def __init__(self, ui: Any, logic: Any, panel: RunPanel, dialogs: Dialogs, start: Starter) -> None:
        self._ui = ui
        self._logic = logic
        self._panel = panel
        self._dialogs = dialogs
        self._start = start
        self._parameters: Any = None
        ui.loadMasksButton.connect("clicked(bool)", self._on_load_masks)
        ui.describeButton.connect("clicked(bool)", self._on_describe)

    def follow(self, parameters: Any | None) -> None:
        """Bring the section in line with the parameters; None while the scene closes."""
        self._parameters = parameters

    def update(self, state: State) -> None:
        """Bring the buttons in line with the parameters and with what is under way."""
        segmentation = self._parameters.segmentationToDescribe if self._parameters is not None else None
        tip = _("Measure the segments and make their passport.")
        allow(self._ui.describeButton, why_not_describe(segmentation, state), tip)
        tip = _("Make a segmentation of a folder of binary masks, one structure a file, as TotalSegmentator writes it.")
        allow(self._ui.loadMasksButton, why_wait(state), tip)

    def _on_describe(self) -> None:
        what = self._parameters.segmentationToDescribe, self._parameters.numberedSegments
        self._start(lambda: self._logic.processSegmentation(*what))

    def _on_load_masks(self) -> None:
        folder = self._dialogs.choose_masks()
        if folder is not None:
            self._start(lambda: self._load_masks(folder))

    def _load_masks(self, folder: Path) -> None:
        self._panel.say(_("Loading masks from {folder}…").format(folder=folder))
        slicer.app.processEvents()
        with slicer.util.WaitCursor():
            segmentation = self._logic.importMasks(folder)
        self._parameters.segmentationToDescribe = segmentation
        count = segmentation.GetSegmentation().GetNumberOfSegments()
        loaded = _("1 structure loaded") if count == 1 else _("{count} structures loaded").format(count=count)
        self._panel.say(_("{loaded}. 'Make passport' measures each one whole.").format(loaded=loaded))
