"""The section Several scans: volumes of the scene, a folder or a sequence, one after another; one table at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _
from TotalPassportLib.options import RunOptions

from ..child.jobs import Outcome, State, Status
from ..child.scan_list import ScanEntry, ScanList, ScanState
from ..nodes import presentation
from ..nodes.columns import RGB, Column
from ..nodes.marks import ERROR, GOOD, WARNING, Mark
from ..nodes.scan_nodes import ScanNodes, is_passport
from ..nodes.scans_table import ScansTable
from ..nodes.sequence_frames import Frame, FrameNodes, show_frame, volume_sequences
from .buttons import allow, why_wait
from .dialogs import Dialogs
from .marked_label import show_marked
from .models_panel import ModelsPanel
from .parameters import run_options
from .run_panel import ErrorsShown, RunPanel
from .table_view import TableView

_SCENE, _FOLDER = "scene", "folder"
"""Kinds of sources; a sequence is the ID of its node."""


class ScansPanel:
    """Works the section's widgets.

    Parameters
    ----------
    ui : Any
        The panel's widgets by name.
    logic : Any
        Runs scans.
    panel : RunPanel
        Says and logs what happens.
    dialogs : Dialogs
        Asks the user.
    models : ModelsPanel
        Offers to download models that are not there.
    """

    def __init__(self, ui: Any, logic: Any, panel: RunPanel, dialogs: Dialogs, models: ModelsPanel) -> None:
        self._ui, self._logic, self._panel = ui, logic, panel
        self._dialogs, self._models = dialogs, models
        self._parameters: Any = None
        self._reason = ""
        self._unchecked: set[Any] = set()
        self._rows: list[ScanEntry] = []
        self._run_source = ""
        self._result: ScansTable | None = None
        self._listed: tuple[Any, ...] = ()
        self._table = TableView(ui.scansTableView, _columns(), checked=self._is_checked, on_checked=self._on_checked)
        ui.scanSourceComboBox.addItem(_("Volumes of the scene"), _SCENE)
        ui.scanSourceComboBox.addItem(_("A folder on the disk"), _FOLDER)
        ui.scanSourceComboBox.connect("currentIndexChanged(int)", lambda _index: self.show_again())
        for edit in (ui.scansFolderEdit, ui.scansOutputEdit):
            edit.connect("currentPathChanged(QString)", lambda _path: self.update(self._reason))
        ui.runScansButton.connect("clicked(bool)", lambda _checked=False: self._on_run())
        ui.exportScansButton.connect("clicked(bool)", lambda _checked=False: self._on_export())
        ui.scansTableView.connect("clicked(QModelIndex)", self._on_row)
        logic.scans.changed = self._on_changed

    # -- what is shown --------------------------------------------------------------------------------------------

    def follow(self, parameters: Any | None) -> None:
        """Bring the section in line with the parameters; None while the scene closes."""
        self._parameters = parameters
        if parameters is None:
            self._run_source, self._result = "", None
            self._unchecked.clear()
        self.look_at_scene()

    def look_at_scene(self) -> None:
        """Show the volumes and sequences that the scene has now."""
        sequences = volume_sequences() if self._parameters is not None else []
        listed = tuple((node.GetID(), node.GetName()) for node in [*sequences, *self._volumes()])
        if listed != self._listed or self._parameters is None:
            self._listed = listed
            self._list_sequences(sequences)
            self.show_again()

    def show_again(self) -> None:
        """Show what belongs to the chosen source, and hide what is empty: a section that opens shows all it holds."""
        self._rows = self._entries()
        self._table.fill(self._rows)
        self._ui.scansTableView.visible = bool(self._rows)
        self.update(self._reason)

    def update(self, reason: str) -> None:
        """Bring the buttons in line with what is chosen and with what is under way.

        Parameters
        ----------
        reason : str
            Why nothing can be found, whatever the scan.
        """
        self._reason = reason
        ui, running = self._ui, self._logic.runsSeveral
        ui.runScansButton.text = _("Cancel") if running else _("Run all")
        tip = _("End the scan that is run, and run no other.") if running else _("Run these scans one after another.")
        allow(ui.runScansButton, self._why_not_run(), tip)
        nothing = "" if self._result is not None else _("There is no table of several scans yet.")
        allow(ui.exportScansButton, nothing, _("Write the organs of all scans to a CSV file, one a row."))
        ui.exportScansButton.visible = self._result is not None
        ui.scanSourceComboBox.enabled = not running
        for widget in (ui.scansFolderLabel, ui.scansFolderEdit, ui.scansOutputLabel, ui.scansOutputEdit):
            widget.visible, widget.enabled = self._source == _FOLDER, not running
        self._show_summary()

    def finished(self, outcome: Outcome) -> bool:
        """Take the end of a run; return whether it was one of several scans."""
        self._panel.which_scan = ""
        self.show_again()  # with check boxes again
        if not isinstance(outcome.value, ScansTable):
            return False
        self._result = outcome.value
        done = [entry for entry in self._logic.scans.entries if is_passport(entry.document)]
        if done and outcome.status is Status.DONE:
            self._show_scan(done[0])
        return True

    @property
    def _source(self) -> str:
        return str(self._ui.scanSourceComboBox.itemData(self._ui.scanSourceComboBox.currentIndex))

    def _list_sequences(self, sequences: list[Any]) -> None:
        """List the sequences behind the other sources, and keep the choice."""
        box, chosen = self._ui.scanSourceComboBox, self._source
        box.blockSignals(True)
        while box.count > 2:
            box.removeItem(2)
        for sequence in sequences:
            box.addItem(_("Frames of {name}").format(name=sequence.GetName()), sequence.GetID())
        box.currentIndex = max(box.findData(chosen), 0)
        box.blockSignals(False)

    def _volumes(self) -> list[Any]:
        """Return the scene's scans: volumes with one value a voxel that are nobody's result."""
        if self._parameters is None:
            return []
        passports = [ScanNodes(node) for node in slicer.util.getNodesByClass("vtkMRMLTextNode") if is_passport(node)]
        results = [nodes.confidence for nodes in passports]
        volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        plain = [node for node in volumes if node.GetClassName() == "vtkMRMLScalarVolumeNode"]
        return [node for node in plain if node not in results and not node.GetHideFromEditors()]

    def _entries(self) -> list[ScanEntry]:
        """Return the rows of the chosen source, with how they ended where they were in the last run."""
        of_run = self._logic.scans.entries if self._source == self._run_source else []
        if self._source == _FOLDER:
            return of_run
        if self._source != _SCENE:
            return of_run or self._frames()
        known = {entry.source: entry for entry in of_run}
        new = ScanState.NEW
        return [known.get(node) or ScanEntry(title=node.GetName(), state=new, source=node) for node in self._volumes()]

    def _frames(self) -> list[ScanEntry]:
        sequence = slicer.mrmlScene.GetNodeByID(self._source)
        frames = FrameNodes(sequence).all if sequence is not None else []
        return [ScanEntry(title=frame.title, state=ScanState.NEW, source=frame) for frame in frames]

    def _show_summary(self) -> None:
        scans = self._logic.scans
        summary = scans.summary if self._source == self._run_source else ""
        show_marked(self._ui.scansLabel, summary, _mark_of_all(scans))

    def _why_not_run(self) -> str:
        state = self._logic.state
        if self._logic.runsSeveral:
            return str(_("Cancelling…")) if state is State.CANCELLING else ""
        if state is not State.IDLE:
            return why_wait(state)
        if self._reason:
            return self._reason
        if self._source == _FOLDER:
            paths = (self._ui.scansFolderEdit.currentPath, self._ui.scansOutputEdit.currentPath)
            return "" if all(paths) else str(_("Choose the folder of the scans, and one for the results."))
        chosen = self._chosen() if self._source == _SCENE else self._rows
        return "" if chosen else str(_("Load scans, and check those that are to be run."))

    def _chosen(self) -> list[Any]:
        return [entry.source for entry in self._rows if entry.source.GetID() not in self._unchecked]

    # -- what is told ---------------------------------------------------------------------------------------------

    def _on_changed(self, entry: ScanEntry | None) -> None:
        scans = self._logic.scans
        if entry is None:
            self._run_source = self._source_of_run()
            self.show_again()
            return
        ended = sum(each.state not in (ScanState.WAITING, ScanState.RUNNING) for each in scans.entries)
        total = len(scans.entries)
        self._panel.which_scan = _("Scan {number} of {total}").format(number=min(ended + 1, total), total=total)
        if entry in self._rows:
            self._table.refresh(entry)
        self._show_summary()

    def _source_of_run(self) -> str:
        """Return what the scans that are run are from, whoever started them."""
        if not self._logic.queue.active:
            return _FOLDER
        first = self._logic.scans.entries[0].source
        return str(first.sequence.GetID()) if isinstance(first, Frame) else _SCENE

    # -- what the user does ---------------------------------------------------------------------------------------

    def _is_checked(self, entry: ScanEntry) -> bool | None:
        if self._source != _SCENE or self._logic.runsSeveral:
            return None
        return entry.source.GetID() not in self._unchecked

    def _on_checked(self, entry: ScanEntry, checked: bool) -> None:
        (self._unchecked.discard if checked else self._unchecked.add)(entry.source.GetID())
        self.update(self._reason)

    def _on_run(self) -> None:
        if self._logic.runsSeveral:
            self._logic.cancel()
            return
        options, source, ui = run_options(self._parameters), self._source, self._ui
        # Taken now: while models come, the user may choose something else.
        if source == _FOLDER:
            folder, output = Path(ui.scansFolderEdit.currentPath), Path(ui.scansOutputEdit.currentPath)
            self._models.when_installed(options.models(), lambda: self._logic.processFolder(folder, output, options))
            return
        nodes = self._chosen() if source == _SCENE else [slicer.mrmlScene.GetNodeByID(source)]
        self._models.when_installed(options.models(), lambda: self._run(source, nodes, options))

    def _run(self, source: str, nodes: list[Any], options: RunOptions) -> None:
        """Run the volumes, or the sequence, of the scene that are still in it."""
        present = [node for node in nodes if node.GetScene() is not None]
        self._logic.processScans(present if source == _SCENE or not present else present[0], options)

    def _on_row(self, index: Any) -> None:
        entry = self._table.row_at(index)
        if entry is None:
            return
        if is_passport(entry.document):
            self._show_scan(entry)
        else:
            self._open(entry)

    def _open(self, entry: ScanEntry) -> None:
        """Open what a scan's run has written onto the disk, with its segmentation and the scan itself."""
        with ErrorsShown(self._panel, self._dialogs.error), slicer.util.WaitCursor():
            path = self._logic.scans.passport_file(entry)
            if path is not None:
                opened = self._logic.openPassport(path)
                entry.document = opened.nodes.document
                self._panel.say(" ".join([_("Opened {path}.").format(path=path), *opened.remarks]))
                self._show_scan(entry)

    def _show_scan(self, entry: ScanEntry) -> None:
        """Show one of the scans with its organs, and hide what was made of the others."""
        if self._logic.runsSeveral or entry.document.GetScene() is None:
            return
        nodes = ScanNodes(entry.document)
        for other in self._logic.scans.entries:
            if is_passport(other.document) and other.document.GetScene() is not None:
                presentation.show_all_of(ScanNodes(other.document), other is entry)
        show_frame(entry.document)
        self._parameters.passport = entry.document
        if nodes.source is not None:
            self._logic.showSource(nodes)

    def _on_export(self) -> None:
        path = self._dialogs.choose_table("organs.csv")
        if path is not None and self._result is not None:
            with ErrorsShown(self._panel, self._dialogs.error):
                self._result.write(path)
                self._panel.say(_("Exported to {path}.").format(path=path))


_MARKS: dict[ScanState, Mark] = {ScanState.DONE: GOOD, ScanState.FAILED: ERROR, ScanState.SKIPPED: WARNING}


def _mark_of_all(scans: ScanList) -> Mark | None:
    """Return the mark of the whole: none while any scan waits, that of failures only where none is done."""
    if scans.count(ScanState.WAITING) or scans.count(ScanState.RUNNING):
        return None
    if scans.count(ScanState.DONE) == len(scans.entries):
        return GOOD
    return WARNING if scans.count(ScanState.DONE) else ERROR


def _columns() -> tuple[Column, ...]:
    return (
        Column(title=_("Scan"), value=lambda entry: entry.title, tip=lambda entry: entry.title),
        Column(
            title=_("State"),
            value=_state_text,
            color=lambda entry: _color_of(entry.state),
            tip=lambda entry: entry.sentence,
        ),
        Column(title=_("Remark"), value=lambda entry: entry.sentence, tip=lambda entry: entry.sentence),
    )


def _color_of(state: ScanState) -> RGB | None:
    return _MARKS[state].color_rgb if state in _MARKS else None


def _state_text(entry: ScanEntry) -> str:
    texts = {
        ScanState.NEW: "",
        ScanState.WAITING: _("… waiting"),
        ScanState.RUNNING: _("▶ {percent} %").format(percent=int(100 * entry.fraction)),
        ScanState.DONE: GOOD.before(_("done")),
        ScanState.FAILED: ERROR.before(_("failed")),
        ScanState.SKIPPED: WARNING.before(_("skipped")),
    }
    return str(texts[entry.state])
