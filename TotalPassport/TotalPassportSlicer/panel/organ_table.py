"""The organ table of the panel: sorted by any column, searched by name, one row selected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..nodes.organs import SEVERITY_COLORS, OrganRow, ScanNote, organ_columns
from .plain_text import literally
from .table_view import TableView


class OrganTable:
    """Shows organ rows in a table view.

    Only organs are shown whose name, or a check that found something, contains the text that is searched for. Above
    the table stands what the checks say of the scan as a whole.

    Parameters
    ----------
    ui : Any
        The panel's widgets by name.
    on_selected : Callable[[int], None]
        Called with the label value of the organ whose row was chosen.
    """

    def __init__(self, ui: Any, on_selected: Callable[[int], None]) -> None:
        self._note = ui.findingsLabel
        self._on_selected = on_selected
        self._table = TableView(
            ui.organTableView, organ_columns(), search_text=lambda row: f"{row.name}\n{row.checks_text}"
        )
        ui.organTableView.connect("clicked(QModelIndex)", self._choose)
        ui.organTableView.connect("activated(QModelIndex)", self._choose)
        ui.searchLineEdit.connect("textChanged(QString)", self._table.search)
        self.fill([], None)

    def fill(self, rows: list[OrganRow], note: ScanNote | None) -> None:
        """Show these rows, and what is to be said of the whole scan, in place of those before."""
        self._show_note(note)
        self._table.fill(rows, sort_column=0)

    def _show_note(self, note: ScanNote | None) -> None:
        self._note.visible = note is not None
        self._note.text = note.text if note is not None else ""
        self._note.toolTip = literally(note.explanations) if note is not None else ""
        color = SEVERITY_COLORS.get(note.severity) if note is not None else None
        self._note.styleSheet = f"color: rgb{color}" if color else "color: gray"

    def _choose(self, index: Any) -> None:
        row = self._table.row_at(index)
        if row is not None:
            self._on_selected(row.label)
