"""A table in the panel, filled from columns: sorted by any of them, searched, coloured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import qt

from ..nodes.columns import RGB, Column
from .plain_text import literally

_SEARCH_ROLE = qt.Qt.UserRole + 2
_ROW_ROLE = qt.Qt.UserRole + 1
_ROW_HEIGHT = 22
_WIDEST_NAME = 175
"""Of the first column, so that numbers are seen beside it; longer names are in the tooltip."""
_UNKNOWN = float("-inf")
"""What is not known comes before all numbers."""


class TableView:
    """Shows rows in a table view; a click on a column's title sorts.

    Parameters
    ----------
    view : Any
        A QTableView.
    columns : Sequence[Column]
        Those without a title are left out, and those that are shown `if_known` while no row has a value.
    search_text : Callable[[Any], str] | None
        What a row is searched by, see `search`.
    background : Callable[[Any], Any] | None
        Colour (red, green, blue, opacity) behind a row; None for none.
    checked : Callable[[Any], bool | None] | None
        Whether a row is checked; None for a row without a check box. Without it no row has one.
    on_checked : Callable[[Any, bool], None] | None
        Called with a row that the user has checked or unchecked.
    """

    def __init__(
        self,
        view: Any,
        columns: Sequence[Column],
        search_text: Callable[[Any], str] | None = None,
        background: Callable[[Any], tuple[int, int, int, int] | None] | None = None,
        checked: Callable[[Any], bool | None] | None = None,
        on_checked: Callable[[Any, bool], None] | None = None,
    ) -> None:
        self.view = view
        self._all_columns = self._columns = [column for column in columns if column.title]
        self._search_text, self._background = search_text, background
        self._checked, self._on_checked = checked, on_checked
        self._filling = False
        self._rows: Sequence[Any] = ()
        self._model = qt.QStandardItemModel(view)
        self._sorted = qt.QSortFilterProxyModel(view)
        self._sorted.setSourceModel(self._model)
        self._sorted.sortRole = qt.Qt.UserRole
        self._sorted.filterRole = _SEARCH_ROLE
        self._sorted.filterCaseSensitivity = qt.Qt.CaseInsensitive
        view.setModel(self._sorted)
        if on_checked is not None:
            self._model.connect("itemChanged(QStandardItem*)", self._on_item)
        view.horizontalHeader().stretchLastSection = True
        view.verticalHeader().visible = False
        view.verticalHeader().defaultSectionSize = _ROW_HEIGHT

    def fill(self, rows: Sequence[Any], sort_column: int | None = None) -> None:
        """Show these rows in place of those before, sorted by a column, or in their own order."""
        # Sorting while rows come in would sort once for each cell.
        self.view.setSortingEnabled(False)
        self._filling = True
        self._rows = rows
        self._columns = [column for column in self._all_columns if _has_something_to_show(column, rows)]
        self._model.clear()
        self._model.setHorizontalHeaderLabels([column.title for column in self._columns])
        for section, column in enumerate(self._columns):
            self._model.setHeaderData(section, qt.Qt.Horizontal, column.meaning, qt.Qt.ToolTipRole)
        self._model.setRowCount(len(rows))
        for number, row in enumerate(rows):
            self._fill_row(number, row)
        self._filling = False
        if sort_column is None:
            self._sorted.sort(-1)
            self.view.horizontalHeader().setSortIndicator(-1, qt.Qt.AscendingOrder)
        self.view.setSortingEnabled(True)
        if sort_column is not None:
            self.view.sortByColumn(sort_column, qt.Qt.AscendingOrder)
        self.view.resizeColumnsToContents()
        if self.view.columnWidth(0) > _WIDEST_NAME:
            self.view.setColumnWidth(0, _WIDEST_NAME)

    def refresh(self, row: Any) -> None:
        """Show what a row is now."""
        self._filling = True
        self._fill_row(self._rows.index(row), row)
        self._filling = False

    def selected(self) -> list[Any]:
        """Return the rows that are selected, from top to bottom."""
        indices = self.view.selectionModel().selectedRows()
        rows = [self.row_at(index) for index in sorted(indices, key=lambda index: index.row())]
        return [row for row in rows if row is not None]

    def update_checks(self) -> None:
        """Bring the check boxes in line with what they stand for."""
        if self._checked is not None:
            self._filling = True
            for number, row in enumerate(self._rows):
                if (checked := self._checked(row)) is not None:
                    self._model.item(number, 0).setCheckState(qt.Qt.Checked if checked else qt.Qt.Unchecked)
            self._filling = False

    def as_text(self) -> str:
        """Return titles and the selected rows, or all that are shown if none is, for a spreadsheet."""
        numbers = sorted(index.row() for index in self.view.selectionModel().selectedRows())
        lines = ["\t".join(column.title for column in self._columns)]
        for number in numbers or range(self._sorted.rowCount()):
            cells = [self._sorted.index(number, place).data() for place in range(len(self._columns))]
            lines.append("\t".join(str(cell) for cell in cells))
        return "\n".join(lines)

    def search(self, text: str) -> None:
        """Show only rows that contain a text."""
        self._sorted.setFilterFixedString(text)

    def row_at(self, index: Any) -> Any | None:
        """Return the row that an index of the view stands for."""
        number = index.sibling(index.row(), 0).data(_ROW_ROLE)
        return None if number is None else self._rows[int(number)]

    def _on_item(self, item: Any) -> None:
        number = item.data(_ROW_ROLE)
        if not self._filling and number is not None and self._on_checked is not None:
            self._on_checked(self._rows[int(number)], item.checkState() == qt.Qt.Checked)

    def _fill_row(self, number: int, row: Any) -> None:
        first = self._model.index(number, 0)
        self._model.setData(first, number, _ROW_ROLE)
        if self._search_text is not None:
            self._model.setData(first, self._search_text(row), _SEARCH_ROLE)
        checked = self._checked(row) if self._checked is not None else None
        if checked is not None:
            item = self._model.item(number, 0)
            item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable | qt.Qt.ItemIsUserCheckable)
            item.setCheckState(qt.Qt.Checked if checked else qt.Qt.Unchecked)
        behind = self._background(row) if self._background is not None else None
        for place, column in enumerate(self._columns):
            index = self._model.index(number, place)
            fill_cell(self._model, index, column, row)
            if behind is not None:
                self._model.setData(index, qt.QColor(*behind), qt.Qt.BackgroundRole)


def _has_something_to_show(column: Column, rows: Sequence[Any]) -> bool:
    return not column.if_known or any(column.value(row) is not None for row in rows)


def fill_cell(model: Any, index: Any, column: Column, row: Any) -> None:
    """Put what a column has of a row into a cell of a QStandardItemModel: text, sort key, tooltip, colours."""
    value = column.value(row)
    key = column.sort_key(row) if column.sort_key is not None else value
    model.setData(index, column.text(row) if column.text is not None else str(value), qt.Qt.DisplayRole)
    model.setData(index, _UNKNOWN if key is None else key, qt.Qt.UserRole)
    if column.tip is not None:
        model.setData(index, literally(column.tip(row)), qt.Qt.ToolTipRole)
    if column.is_number:
        model.setData(index, int(qt.Qt.AlignRight | qt.Qt.AlignVCenter), qt.Qt.TextAlignmentRole)
    if column.swatch is not None:
        model.setData(index, qt.QColor(*column.swatch(row)), qt.Qt.DecorationRole)
    color: RGB | None = column.color(row) if column.color is not None else None
    if color is not None:
        model.setData(index, qt.QColor(*color), qt.Qt.ForegroundRole)
    if column.bold is not None and column.bold(row):
        font = qt.QFont()
        font.setBold(True)
        model.setData(index, font, qt.Qt.FontRole)
