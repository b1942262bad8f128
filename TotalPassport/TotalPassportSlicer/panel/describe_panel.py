"""The section Passport from segmentation or file: any segmentation of the scene, a folder of masks, passports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from ..child.jobs import State
from ..nodes.numbered_segments import SegmentNaming, naming_of, restore_numbers
from ..nodes.scan_nodes import ScanNodes
from ..nodes.segmentations import Numbers
from .buttons import allow, why_not_describe, why_wait
from .dialogs import Dialogs
from .run_panel import ErrorsShown, RunPanel
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
    show : Callable[[ScanNodes], None]
        Shows a passport in the panel.
    """

    def __init__(
        self,
        ui: Any,
        logic: Any,
        panel: RunPanel,
        dialogs: Dialogs,
        start: Starter,
        show: Callable[[ScanNodes], None],
    ) -> None:
        self._ui = ui
        self._show = show
        self._logic = logic
        self._panel = panel
        self._dialogs = dialogs
        self._start = start
        self._parameters: Any = None
        ui.openPassportButton.connect("clicked(bool)", self._on_open)
        ui.loadMasksButton.connect("clicked(bool)", self._on_load_masks)
        ui.describeButton.connect("clicked(bool)", lambda _checked=False: self._describe(Numbers.ASSUMED))
        ui.numbersButton.connect("clicked(bool)", self._on_numbers)

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
        tip = _(
            "Open passports that were made anywhere, with the segmentations and scans beside them. They can be dropped "
            "onto Slicer as well."
        )
        allow(self._ui.openPassportButton, "", tip)
        self._update_numbers(segmentation, state)

    def show_again(self) -> None:
        """Hide again what is empty: a section that opens shows all that it holds."""
        self._update_numbers(self._parameters.segmentationToDescribe if self._parameters is not None else None, None)

    def _update_numbers(self, segmentation: Any | None, state: State | None) -> None:
        """Say what numbered segments are taken for, and offer the other way."""
        naming = naming_of(segmentation)
        texts = {
            SegmentNaming.NAMED: ("", ""),
            SegmentNaming.NUMBERED: (
                _(
                    "Its segments have only numbers. 'Make passport' takes them for TotalSegmentator's labels, and "
                    "names them so, if the organs lie and are as large as these say."
                ),
                _("They are TotalSegmentator's labels"),
            ),
            SegmentNaming.NAMED_BY_NUMBERS: (
                _("Its segments had only numbers, which were taken for TotalSegmentator's labels."),
                _("They are not: only numbers again"),
            ),
        }
        note, button = texts[naming]
        self._ui.numbersLabel.text = note
        self._ui.numbersButton.text = button
        for widget in (self._ui.numbersLabel, self._ui.numbersButton):
            widget.visible = bool(note)
        if state is not None:
            tip = _("Measure the segments again, and name them so.")
            allow(self._ui.numbersButton, why_not_describe(segmentation, state), tip)

    def _on_numbers(self) -> None:
        """The user knows better what the numbers are."""
        segmentation = self._parameters.segmentationToDescribe
        if naming_of(segmentation) is SegmentNaming.NAMED_BY_NUMBERS:
            self._start(lambda: self._take_back_names(segmentation))
        else:
            self._describe(Numbers.TOTAL)

    def _take_back_names(self, segmentation: Any) -> None:
        restore_numbers(segmentation)
        self._logic.processSegmentation(segmentation, Numbers.OWN)

    def _describe(self, numbers: Numbers) -> None:
        segmentation = self._parameters.segmentationToDescribe
        self._start(lambda: self._logic.processSegmentation(segmentation, numbers))

    def _on_open(self) -> None:
        """Ask for passports' files and open each; what is wrong with one does not stop the others."""
        told: list[str] = []
        opened: list[Any] = []
        for path in self._dialogs.choose_passports():
            with ErrorsShown(self._panel, self._dialogs.error):
                self._panel.say(_("Opening {path}…").format(path=path))
                slicer.app.processEvents()
                result = self._logic.openPassport(path)
                opened.append(result.nodes)
                told += result.remarks
        for remark in told:
            self._panel.logged(remark)
        if opened:
            self._show(opened[-1])
            count = _("Opened 1 passport.") if len(opened) == 1 else _("Opened {count} passports.")
            self._panel.say(" ".join([count.format(count=len(opened)), *told]))

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
