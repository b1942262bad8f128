"""The organ table of the panel: sorted by any column, searched by name, rows selected, shown or hidden."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..nodes.marks import grave_color
from ..nodes.organs import OrganRow, ScanNote, organ_columns
from .marked_label import style_of
from .plain_text import literally
from .table_view import TableView
from .wording import hint_in_the_window


class OrganTable:
    """Shows organ rows in a table view.

    Only organs are listed whose name, or a check that found something, contains the text that is searched for. Above
    the table stands what the checks say of the scan as a whole.

    Parameters
    ----------
    ui : Any
        The panel's widgets by name.
    on_selected : Callable[[], None]
        Called when other rows are selected.
    on_opened : Callable[[int], None]
        Called with the label value of an organ whose row was double-clicked, or chosen with Enter.
    is_shown : Callable[[int], bool]
        Whether an organ's segment can be seen.
    on_shown : Callable[[int, bool], None]
        Called with the label value of an organ that is to be seen, or no longer.
    """

    def __init__(
        self,
        ui: Any,
        on_selected: Callable[[], None],
        on_opened: Callable[[int], None],
        is_shown: Callable[[int], bool],
        on_shown: Callable[[int, bool], None],
    ) -> None:
        self._note = ui.findingsLabel
        self._on_selected, self._on_opened = on_selected, on_opened
        self._filling = False
        self._table = TableView(
            ui.organTableView,
            organ_columns(),
            search_text=lambda row: f"{row.name}\n{row.checks_text}",
            checked=lambda row: is_shown(row.label),
            on_checked=lambda row, checked: on_shown(row.label, checked),
        )
        ui.organTableView.selectionModel().connect(
            "selectionChanged(QItemSelection,QItemSelection)", self._selection_changed
        )
        ui.organTableView.connect("clicked(QModelIndex)", self._clicked)
        ui.organTableView.connect("activated(QModelIndex)", self._opened)
        ui.organTableView.connect("doubleClicked(QModelIndex)", self._opened)
        ui.searchLineEdit.connect("textChanged(QString)", self._table.search)
        self.fill([], None)

    @property
    def selected(self) -> list[int]:
        """The label values of the organs whose rows are selected."""
        return [row.label for row in self._table.selected()]

    def fill(self, rows: list[OrganRow], note: ScanNote | None) -> None:
        """Show these rows, and what is to be said of the whole scan, in place of those before; none is selected."""
        self._filling = True
        self._show_note(note)
        self._table.fill(rows, sort_column=0)
        self._filling = False

    def update_shown(self) -> None:
        """Bring the check boxes in line with what can be seen."""
        self._table.update_checks()

    def as_text(self) -> str:
        """Return the selected rows, or all, for a spreadsheet."""
        return self._table.as_text()

    def _show_note(self, note: ScanNote | None) -> None:
        self._note.visible = note is not None
        self._note.text = _note_text(note) if note is not None else ""
        self._note.toolTip = literally(note.explanations) if note is not None else ""
        color = grave_color(note.severity) if note is not None else None
        self._note.styleSheet = style_of(color) or "color: gray"

    def _selection_changed(self, *_selections: Any) -> None:
        if not self._filling:
            self._on_selected()

    def _clicked(self, _index: Any) -> None:
        self._on_selected()  # also of the row that was selected before: the views may have gone elsewhere

    def _opened(self, index: Any) -> None:
        row = self._table.row_at(index)
        if row is not None:
            self._on_opened(row.label)


def _note_text(note: ScanNote) -> str:
    return "\n".join([note.text, *map(hint_in_the_window, note.next_steps)])
