"""The organ table of the panel: sorted by any column, searched by name, one row selected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from ..nodes.organs import SEVERITY_COLORS, OrganRow, ScanNote

_LABEL_ROLE = qt.Qt.UserRole + 1
_SEARCH_ROLE = qt.Qt.UserRole + 2
_GRAVITY = {"error": "0", "warning": "1", "note": "2"}


class OrganTable:
    """Shows organ rows in a table view.

    Only organs are shown whose name, or a check that found something, contains the text that is searched for. Above
    the table stands what the checks say of the scan as a whole.

    Parameters
    ----------
    ui : the panel's widgets by name.
    on_selected : called with the label value of the organ whose row was chosen.
    """

    def __init__(self, ui: Any, on_selected: Callable[[int], None]) -> None:
        self._view = view = ui.organTableView
        self._note = ui.findingsLabel
        self._on_selected = on_selected
        self._model = qt.QStandardItemModel(view)
        self._sorted = qt.QSortFilterProxyModel(view)
        self._sorted.setSourceModel(self._model)
        self._sorted.sortRole = qt.Qt.UserRole
        self._sorted.filterRole = _SEARCH_ROLE
        self._sorted.filterCaseSensitivity = qt.Qt.CaseInsensitive
        view.setModel(self._sorted)
        view.horizontalHeader().stretchLastSection = True
        view.verticalHeader().visible = False
        view.verticalHeader().defaultSectionSize = 22
        view.connect("clicked(QModelIndex)", self._choose)
        view.connect("activated(QModelIndex)", self._choose)
        ui.searchLineEdit.connect("textChanged(QString)", self._sorted.setFilterFixedString)
        self.fill([], None)

    def fill(self, rows: list[OrganRow], note: ScanNote | None) -> None:
        """Show these rows, and what is to be said of the whole scan, in place of those before."""
        self._show_note(note)
        # Sorting while rows come in would sort once for each cell.
        self._view.setSortingEnabled(False)
        self._model.clear()
        self._model.setHorizontalHeaderLabels(
            [_("Organ"), _("ml"), _("R"), _("A"), _("S"), _("Semi-axes"), _("Checks")]
        )
        self._model.setRowCount(len(rows))
        for index, row in enumerate(rows):
            self._fill_row(index, row)
        self._view.setSortingEnabled(True)
        self._view.sortByColumn(0, qt.Qt.AscendingOrder)
        self._view.resizeColumnsToContents()

    def _show_note(self, note: ScanNote | None) -> None:
        self._note.visible = note is not None
        self._note.text = note.text if note is not None else ""
        self._note.toolTip = note.explanations if note is not None else ""
        color = SEVERITY_COLORS.get(note.severity) if note is not None else None
        self._note.styleSheet = f"color: rgb{color}" if color else "color: gray"

    def _fill_row(self, index: int, row: OrganRow) -> None:
        self._set(index, 0, row.name, row.name.lower())
        first = self._model.index(index, 0)
        self._model.setData(first, qt.QColor(*row.color_rgb), qt.Qt.DecorationRole)
        self._model.setData(first, row.label, _LABEL_ROLE)
        self._model.setData(first, f"{row.name}\n{row.checks_text}", _SEARCH_ROLE)
        self._set(index, 1, f"{row.volume_ml:.1f}", row.volume_ml)
        for column, coordinate in enumerate(row.centroid_ras_mm, start=2):
            self._set(index, column, f"{coordinate:.1f}", coordinate)
        self._set(index, 5, " × ".join(f"{length:.0f}" for length in row.semi_axes_mm), row.semi_axes_mm[0])
        self._set(index, 6, row.checks_text, _GRAVITY.get(row.severity, "3") + row.checks_text)  # the gravest first
        checks = self._model.index(index, 6)
        self._model.setData(checks, "\n".join(row.findings), qt.Qt.ToolTipRole)
        if row.severity in SEVERITY_COLORS:
            self._model.setData(checks, qt.QColor(*SEVERITY_COLORS[row.severity]), qt.Qt.ForegroundRole)

    def _set(self, row: int, column: int, text: str, sort_by: str | float) -> None:
        index = self._model.index(row, column)
        self._model.setData(index, text, qt.Qt.DisplayRole)
        self._model.setData(index, sort_by, qt.Qt.UserRole)
        if 0 < column < 6:
            self._model.setData(index, int(qt.Qt.AlignRight | qt.Qt.AlignVCenter), qt.Qt.TextAlignmentRole)

    def _choose(self, index: Any) -> None:
        label = index.sibling(index.row(), 0).data(_LABEL_ROLE)
        if label is not None:
            self._on_selected(int(label))
