"""The button Export segments: a menu of formats, for the organs that are selected or for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from ..nodes.scan_nodes import ScanNodes
from .dialogs import Dialogs
from .run_panel import ErrorsShown, RunPanel


class SegmentsButton:
    """Works the button.

    Parameters
    ----------
    button : QPushButton
        Gets the menu.
    logic : Any
        Exports segments.
    panel : RunPanel
        Says and logs what happens.
    dialogs : Dialogs
        Asks the user.
    shown : Callable[[], tuple[Any, Sequence[int]]]
        The text node of the passport that is shown, and the labels of the organs that are selected.
    """

    def __init__(
        self,
        button: Any,
        logic: Any,
        panel: RunPanel,
        dialogs: Dialogs,
        shown: Callable[[], tuple[Any, Sequence[int]]],
    ) -> None:
        self._button = button
        self._logic = logic
        self._panel = panel
        self._dialogs = dialogs
        self._shown = shown
        self._menu = qt.QMenu(button)
        entries: tuple[tuple[str, Callable[[], None]], ...] = (
            (_("STL: a surface for each organ…"), lambda: self._export("STL")),
            (_("OBJ: all surfaces in one file, with colours…"), lambda: self._export("OBJ")),
            (_("NIfTI: a label image…"), lambda: self._export("NIfTI")),
            (_("DICOM segmentation…"), self._export_dicom),
        )
        for text, act in entries:
            self._menu.addAction(text).connect("triggered()", act)
        button.setMenu(self._menu)

    def update(self, has_segments: bool) -> None:
        """Let the button be clicked if there are segments."""
        self._button.enabled = has_segments

    def _export(self, kind: str) -> None:
        folder = self._dialogs.choose_segments_folder()
        if folder is None:
            return
        document, selected = self._shown()
        with ErrorsShown(self._panel, self._dialogs.error):
            self._panel.say(_("Exporting segments to {folder}…").format(folder=folder))
            slicer.app.processEvents()
            with slicer.util.WaitCursor():
                written = self._logic.exportSegments(document, folder, kind, selected or None, self._may_replace)
            files = _("1 file") if len(written) == 1 else _("{count} files").format(count=len(written))
            exported = _("Exported {files} to {folder}.").format(files=files, folder=folder)
            self._panel.say(exported if written else _("Nothing was exported."))

    def _may_replace(self, names: Sequence[str]) -> bool:
        question = _("{count} of the files are there already, such as {name}. Replace them?")
        text = question.format(count=len(names), name=names[0])
        return self._dialogs.confirm(_("Export segments"), text, _("Replace"))

    def _export_dicom(self) -> None:
        with ErrorsShown(self._panel, self._dialogs.error):
            self._logic.exportToDicom(self._shown()[0])


def has_segments(document: Any | None) -> bool:
    """Whether the scan of a passport's text node has a segmentation."""
    return document is not None and ScanNodes(document).segmentation is not None
