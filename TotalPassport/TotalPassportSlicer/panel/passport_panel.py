"""The section Passport: the organ table of the passport that is chosen, what of it the views show, and its export."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import slicer
from slicer.i18n import tr as _

from ..nodes import organ_segments
from ..nodes.organs import Found, found_by_checks, organ_rows, scan_note
from ..nodes.scan_nodes import PASSPORT_ATTRIBUTE, ScanNodes
from .dialogs import Dialogs
from .label_thinning import LabelThinning
from .organ_table import OrganTable
from .run_panel import ErrorsShown, RunPanel
from .segments_button import SegmentsButton, has_segments


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
        self._ui = ui
        self._logic = logic
        self._panel = panel
        self._dialogs = dialogs
        self._node: Any = None
        self._passport: Any = None
        self._parameters: Any = None
        self._shown: tuple[Any, ...] | None = None
        self._seen: set[int] = set()
        self._has_segments = False
        self._thinning = LabelThinning()
        ui.passportSelector.addAttribute("vtkMRMLTextNode", PASSPORT_ATTRIBUTE, "1")
        self._table = OrganTable(ui, self._on_selected, self._on_opened, self._seen.__contains__, self._on_shown)
        ui.onlyTheseButton.connect("clicked(bool)", lambda _checked=False: self._show_only_selected())
        ui.showAllButton.connect("clicked(bool)", lambda _checked=False: self._show_all())
        ui.colorButton.connect("clicked(bool)", lambda _checked=False: self._on_color())
        ui.copyButton.connect("clicked(bool)", lambda _checked=False: self._on_copy())
        ui.exportButton.connect("clicked(bool)", self._on_export)
        self._segments = SegmentsButton(
            ui.exportSegmentsButton, logic, panel, dialogs, lambda: (self._node, self._table.selected)
        )

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
        self._parameters = parameters
        shown: tuple[Any, ...] | None = None
        if parameters is not None:
            shown = (parameters.passport, parameters.show3D, parameters.showCentroids)
            shown += (parameters.showAxes, parameters.showEllipsoids, parameters.showAllOrgans)
        if shown == self._shown:
            return
        previous, self._shown = self._shown, shown
        if shown is None or previous is None or previous[0] is not shown[0]:
            self._read(shown and shown[0])
        if shown is not None and shown[0] is not None:
            with slicer.util.WaitCursor():  # surfaces may have to be made
                self._logic.show(ScanNodes(shown[0]), *shown[1:5])
                self._show_parts()

    def release(self) -> None:
        """Follow nothing any more: the module is unloaded, or the scene closes."""
        self._thinning.stop()

    def forget(self) -> None:
        """Look at the passport anew when next told to follow: the same nodes may hold another one now."""
        self._shown = None

    def _read(self, node: Any | None) -> None:
        """Fill the table from the passport that a text node holds, or empty it."""
        self._thinning.stop()
        self._node, self._passport = node, None
        self._panel.show_found(None)  # what stands there was of another one
        if node is not None:
            with ErrorsShown(self._panel, self._dialogs.error):
                self._passport = self._logic.passportOf(node)
        # Before it is filled: a section that opens shows all that it holds, also what is empty.
        self._ui.passportCollapsibleButton.collapsed = self._passport is None
        self._fill()

    def look_at_scene(self) -> None:
        """Bring boxes and export in line with the segmentation, which may have gone."""
        if self._segments_are_there() != self._has_segments:
            self._show_segments()
            self._table.update_shown()

    def _show_segments(self) -> None:
        self._look_at_segments()
        self._has_segments = self._segments_are_there()
        self._segments.update(self._has_segments)

    def _segments_are_there(self) -> bool:
        return self._passport is not None and has_segments(self._node)

    def _fill(self) -> None:
        self._show_segments()
        if self._passport is None:
            self._table.fill([], None)
        else:
            colors = organ_segments.organ_colors(ScanNodes(self._node), self._passport)
            self._table.fill(organ_rows(self._passport, colors), scan_note(self._passport))

    def _look_at_segments(self) -> None:
        self._seen.clear()
        if self._passport is not None:
            self._seen |= organ_segments.shown_organs(ScanNodes(self._node), self._passport)

    def _show_parts(self) -> None:
        """Let labels, axes and ellipsoids be those of the selected organs, or of all that are seen."""
        if self._passport is None or self._parameters is None:
            return
        labels: Iterable[int] = self._table.selected
        if self._parameters.showAllOrgans:
            labels = self._seen or self._passport.organs
        nodes, shown = ScanNodes(self._node), set(labels)
        self._logic.showParts(nodes, self._passport, shown)
        if self._parameters.showCentroids:
            self._thinning.start(nodes, [self._passport.organs[label] for label in sorted(shown)])
        else:
            self._thinning.stop()

    # -- what the user does ---------------------------------------------------------------------------------------

    def _on_selected(self) -> None:
        if self._passport is None:
            return
        nodes, labels = ScanNodes(self._node), self._table.selected
        organ_segments.highlight(nodes, self._passport, labels)
        if not self._parameters.showAllOrgans:
            self._show_parts()
        if len(labels) == 1:
            self._logic.showOrgan(nodes, self._passport.organs[labels[0]])
        else:
            self._logic.showOrgan(nodes, None)

    def _on_opened(self, label: int) -> None:
        if self._passport is None:
            return
        self._on_shown(label, True)
        self._table.update_shown()
        self._parameters.show3D = True
        self._logic.showOrgan(ScanNodes(self._node), self._passport.organs[label], close=True)

    def _on_shown(self, label: int, shown: bool) -> None:
        organ_segments.show_organs(ScanNodes(self._node), self._passport, {label}, shown=shown)
        self._segments_changed()

    def _show_only_selected(self) -> None:
        if self._passport is not None and self._table.selected:
            organ_segments.show_only(ScanNodes(self._node), self._passport, self._table.selected)
            self._segments_changed()

    def _show_all(self) -> None:
        if self._passport is not None:
            organ_segments.show_organs(ScanNodes(self._node), self._passport, self._passport.organs, shown=True)
            self._segments_changed()

    def _segments_changed(self) -> None:
        self._look_at_segments()
        self._table.update_shown()
        if self._parameters.showAllOrgans:
            self._show_parts()

    def _on_color(self) -> None:
        """Ask for a colour and give it to the selected organs."""
        labels = self._table.selected if self._passport is not None else []
        if not labels:
            self._panel.say(_("Choose organs in the table first."))
            return
        nodes = ScanNodes(self._node)
        color = self._dialogs.choose_color(organ_segments.organ_colors(nodes, self._passport)[labels[0]])
        if color is not None:
            organ_segments.color_organs(nodes, self._passport, labels, color)
            self._fill()
            self._show_parts()

    def _on_copy(self) -> None:
        text = self._table.as_text()
        slicer.app.clipboard().setText(text)
        self._panel.say(_("Rows copied: {count}.").format(count=text.count("\n")))

    def _on_export(self) -> None:
        """Ask for a file and write the passport to it."""
        path = self._dialogs.choose_export(f"{self._node.GetName()}.json")
        if path is None:
            return
        with ErrorsShown(self._panel, self._dialogs.error):
            self._logic.exportPassport(self._node, path)
            self._panel.say(_("Exported to {path}.").format(path=path))
