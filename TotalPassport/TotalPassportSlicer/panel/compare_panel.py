"""The section Compare and align: what has changed from one scan to another, and one of them laid onto the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _
from TotalPassportLib.base.labels import load_label_table

from ..child.jobs import State
from ..nodes import organ_segments
from ..nodes.scan_nodes import PASSPORT_ATTRIBUTE, ScanNodes
from ..nodes.surfaces import show_in_3d
from .buttons import allow, why_wait
from .changes_table import ChangesTable
from .dialogs import Dialogs
from .run_panel import ErrorsShown, RunPanel

if TYPE_CHECKING:
    from TotalPassportLib.comparison.changes import Comparison, OrganChange
    from TotalPassportLib.passport import OrganPassport, Passport


class ComparePanel:
    """Works the section's widgets.

    Parameters
    ----------
    ui : Any
        The panel's widgets by name.
    logic : Any
        Compares and aligns.
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
        self._parameters: Any = None
        self._pair: tuple[Any, Any] = (None, None)
        self._comparison: Comparison | None = None
        self._table = ChangesTable(ui.changesTableView, self._on_organ, self._on_organ_opened)
        for selector in (ui.firstPassportSelector, ui.secondPassportSelector):
            selector.addAttribute("vtkMRMLTextNode", PASSPORT_ATTRIBUTE, "1")
        for kind, title in (("rigid", _("Rigid")), ("similarity", _("Similarity")), ("affine", _("Affine"))):
            ui.alignmentKindComboBox.addItem(title, kind)
        ui.alignmentKindComboBox.connect("currentIndexChanged(int)", self._on_kind)
        ui.compareButton.connect("clicked(bool)", self._on_compare)
        ui.plotButton.connect("clicked(bool)", self._on_plot)
        ui.exportChangesButton.connect("clicked(bool)", self._on_export)
        ui.alignButton.connect("clicked(bool)", self._on_align)
        ui.undoAlignmentButton.connect("clicked(bool)", self._on_undo)
        self._show(None)

    def show_again(self) -> None:
        """Hide what is empty: a section that opens shows all that it holds."""
        self._show(self._comparison)
        self.update()

    def follow(self, parameters: Any | None) -> None:
        """Bring the section in line with the parameters; None while the scene closes."""
        self._parameters = parameters
        pair = (None, None) if parameters is None else (parameters.firstPassport, parameters.secondPassport)
        if parameters is not None:
            box = self._ui.alignmentKindComboBox
            box.currentIndex = max(box.findData(parameters.alignmentKind), 0)
        if pair[0] is not self._pair[0] or pair[1] is not self._pair[1]:
            self.forget(pair)
        self.update()

    def forget(self, pair: tuple[Any, Any] | None = None) -> None:
        """Show no comparison: it is of other scans, or of what the scans were before."""
        self._pair = pair or self._pair
        self._show(None)
        self.update()

    # -- what is shown --------------------------------------------------------------------------------------------

    def _show(self, comparison: Comparison | None) -> None:
        self._comparison = comparison
        self._table.fill(comparison.organs if comparison is not None else ())
        self._ui.comparisonLabel.text = _sentences(comparison) if comparison is not None else ""
        for widget in (self._ui.comparisonLabel, self._ui.changesTableView):
            widget.visible = comparison is not None

    def update(self) -> None:
        """Bring the buttons in line with what is chosen and with what is under way."""
        ui, (first, second) = self._ui, self._pair
        # All of it imports packages, which may be the very ones that are being exchanged.
        waiting = why_wait(self._logic.state) if self._logic.state is State.INSTALLING else ""
        reason = waiting or _why_not_compare(first, second)
        allow(ui.compareButton, reason, _("Show the change of every organ that both scans have."))
        allow(ui.alignButton, reason, _("Lay the second scan, and all that was made of it, onto the first one."))
        nothing = waiting or ("" if self._comparison is not None else _("Click Compare first."))
        allow(ui.plotButton, nothing, _("Show the changes of volume as a plot, with what the voxel grid alone may do."))
        allow(ui.exportChangesButton, nothing, _("Write all numbers of the comparison to a CSV file."))
        verdict = self._logic.alignmentVerdict(second) if second is not None else ""
        not_aligned = waiting or ("" if verdict else _("The second scan is not aligned."))
        allow(ui.undoAlignmentButton, not_aligned, _("Put the second scan back to where it was."))
        ui.alignmentLabel.text = verdict
        ui.alignmentLabel.visible = bool(verdict)

    # -- what the user does ---------------------------------------------------------------------------------------

    def _on_kind(self, index: int) -> None:
        if self._parameters is not None and index >= 0:
            self._parameters.alignmentKind = self._ui.alignmentKindComboBox.itemData(index)

    def _on_compare(self) -> None:
        self._show(None)
        with ErrorsShown(self._panel, self._dialogs.error):
            self._show(self._logic.compare(*self._pair))
        self.update()

    def _on_organ(self, organ: OrganChange, close: bool = False) -> None:
        """Go to an organ of the first scan, and let it stand out in both."""
        for nodes, passport, same in self._scans_of(organ):
            organ_segments.highlight(nodes, passport, [same.label])
        self._logic.showOrgan(ScanNodes(self._pair[0]), organ.first, close)

    def _on_organ_opened(self, organ: OrganChange) -> None:
        """Show an organ of both scans in 3D, from near."""
        with slicer.util.WaitCursor():  # surfaces may have to be made
            for nodes, passport, same in self._scans_of(organ):
                organ_segments.show_organs(nodes, passport, {same.label}, shown=True)
                if nodes.segmentation is not None:
                    show_in_3d(nodes.segmentation, True, self._panel.surfaces_made)
        if self._parameters.passport in self._pair:
            self._parameters.show3D = True
        self._on_organ(organ, close=True)

    def _scans_of(self, organ: OrganChange) -> list[tuple[ScanNodes, Passport, OrganPassport]]:
        passports = (self._logic.passportOf(node) for node in self._pair)
        scans = (ScanNodes(node) for node in self._pair)
        return list(zip(scans, passports, (organ.first, organ.second), strict=True))

    def _on_plot(self) -> None:
        self._logic.showPlot(*self._pair)

    def _on_export(self) -> None:
        first, second = self._pair
        path = self._dialogs.choose_table(f"{second.GetName()} - {first.GetName()}.csv")
        if path is not None and self._comparison is not None:
            with ErrorsShown(self._panel, self._dialogs.error):
                export_changes(self._comparison, path)
                self._panel.say(_("Exported to {path}.").format(path=path))

    def _on_align(self) -> None:
        parameters = self._parameters
        with ErrorsShown(self._panel, self._dialogs.error), slicer.util.WaitCursor():
            result = self._logic.align(*self._pair, parameters.alignmentKind, parameters.alignSurfaces)
            self._panel.logged(_("Aligned. {verdict}").format(verdict=result.verdict))
        self.update()

    def _on_undo(self) -> None:
        self._logic.undoAlignment(self._pair[1])
        self.update()


def _why_not_compare(first: Any | None, second: Any | None) -> str:
    if first is None or second is None:
        return str(_("Choose the passports of two scans."))
    return str(_("Choose two different passports.")) if first is second else ""


def export_changes(comparison: Comparison, path: Path) -> None:
    """Write a comparison to a CSV file, which appears whole or not at all.

    Raises
    ------
    BadInput
        The file cannot be written.
    """
    from TotalPassportLib.base.outputs import atomic_write
    from TotalPassportLib.comparison.export import comparison_csv  # lazily: see the package's note

    with atomic_write(path) as temporary:
        temporary.write_text(comparison_csv(comparison), encoding="utf-8")


def _titles(names: Sequence[str]) -> str:
    table = load_label_table("total")
    return ", ".join(label.display_name if (label := table.named(name)) is not None else name for name in names)


def _sentences(comparison: Comparison) -> str:
    changed = sum(bool(organ.beyond_floor) for organ in comparison.organs)
    count = len(comparison.organs)
    if count == 1:
        one = _("The one organ that both have differs by more than another voxel grid can explain.")
        none = _("The one organ that both have differs by no more than another voxel grid can explain.")
        sentences = [one if changed else none]
    else:
        text = _("{changed} of {count} organs differ by more than another voxel grid can explain.")
        sentences = [text.format(changed=changed, count=count)]
    if comparison.only_first:
        sentences.append(_("Only in the first scan: {names}.").format(names=_titles(comparison.only_first)))
    if comparison.only_second:
        sentences.append(_("Only in the second scan: {names}.").format(names=_titles(comparison.only_second)))
    if comparison.alignment_problem:
        sentences.append(_("Positions were not compared. {problem}").format(problem=comparison.alignment_problem))
    return "\n".join(sentences)
