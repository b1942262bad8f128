"""The section Passport: the organ table of the passport that is chosen, what of it the views show, and its export."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from ..nodes import segmentations
from ..nodes.organs import Found, found_by_checks, organ_rows, scan_note
from ..nodes.scan_nodes import PASSPORT_ATTRIBUTE, ScanNodes
from .dialogs import Dialogs
from .organ_table import OrganTable
from .run_panel import ErrorsShown, RunPanel


class PassportPanel:
    """Works the section's widgets.

    Parameters
    ----------
    ui : Any
        The panel's widgets by name.
    logic : Any
        Reads and shows passports.
    panel : RunPanel
        Says and logs what happens.
    dialogs : Dialogs
        Asks the user.
    """

    def __init__(self, ui: Any, logic: Any, panel: RunPanel, dialogs: Dialogs) -> None:
        self._logic = logic
        self._panel = panel
        self._dialogs = dialogs
        self._node: Any = None
        self._passport: Any = None
        self._shown: tuple[Any, ...] | None = None
        ui.passportSelector.addAttribute("vtkMRMLTextNode", PASSPORT_ATTRIBUTE, "1")
        self._table = OrganTable(ui, self._on_organ_selected)
        ui.exportButton.connect("clicked(bool)", self._on_export)

    @property
    def organ_count(self) -> int:
        """Number of organs of the passport that is shown; 0 without one."""
        return len(self._passport.organs) if self._passport is not None else 0

    @property
    def found(self) -> Found | None:
        """What the checks found in the passport that is shown; None without one."""
        return found_by_checks(self._passport) if self._passport is not None else None

    def follow(self, parameters: Any | None) -> None:
        """Bring table and views in line with the parameters; None while the scene closes."""
        shown: tuple[Any, ...] | None = None
        if parameters is not None:
            shown = (parameters.passport, parameters.show3D, parameters.showCentroids)
            shown += (parameters.showAxes, parameters.showEllipsoids)
        if shown == self._shown:
            return
        previous, self._shown = self._shown, shown
        if shown is None or previous is None or previous[0] is not shown[0]:
            self._read(shown and shown[0])
        if shown is not None and shown[0] is not None:
            with slicer.util.WaitCursor():  # surfaces may have to be made
                self._logic.show(ScanNodes(shown[0]), *shown[1:])

    def forget(self) -> None:
        """Look at the passport anew when next told to follow: the same nodes may hold another one now."""
        self._shown = None

    def _read(self, node: Any | None) -> None:
        """Fill the table from the passport that a text node holds, or empty it."""
        self._node, self._passport = node, None
        self._panel.show_found(None)  # what stands there was of another one
        if node is not None:
            with ErrorsShown(self._panel, self._dialogs.error):
                self._passport = self._logic.passportOf(node)
        if self._passport is None:
            self._table.fill([], None)
        else:
            colors = segmentations.organ_colors(ScanNodes(node).segmentation, self._passport)
            self._table.fill(organ_rows(self._passport, colors), scan_note(self._passport))

    def _on_organ_selected(self, label: int) -> None:
        if self._passport is not None:
            self._logic.showOrgan(ScanNodes(self._node), self._passport.organs[label])

    def _on_export(self) -> None:
        """Ask for a file and write the passport to it."""
        path = self._dialogs.choose_export(f"{self._node.GetName()}.json")
        if path is None:
            return
        with ErrorsShown(self._panel, self._dialogs.error):
            self._logic.exportPassport(self._node, path)
            self._panel.say(_("Exported to {path}.").format(path=path))
