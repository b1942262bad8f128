"""The table of changes in the panel: one row an organ that both scans have, what has changed marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from ..nodes.organs import change_words, name_and_color, shape_change_percent

if TYPE_CHECKING:
    from TotalPassportLib.comparison.changes import OrganChange

_CHANGED_ROW = (255, 160, 0, 48)
"""Amber, translucent: to be seen on light and on dark backgrounds."""
_CHANGED_CELL = (191, 111, 0)


class ChangesTable:
    """Shows changes in a table view; a click on a column's title sorts.

    Parameters
    ----------
    view : a QTableView.
    """

    def __init__(self, view: Any) -> None:
        self._view = view
        self._bold = qt.QFont()
        self._bold.setBold(True)
        self._model = qt.QStandardItemModel(view)
        self._sorted = qt.QSortFilterProxyModel(view)
        self._sorted.setSourceModel(self._model)
        self._sorted.sortRole = qt.Qt.UserRole
        view.setModel(self._sorted)
        view.horizontalHeader().stretchLastSection = True
        view.verticalHeader().visible = False
        view.verticalHeader().defaultSectionSize = 22
        self.fill([])

    def fill(self, organs: Sequence[OrganChange]) -> None:
        """Show these organs in place of those before, in the order of their labels."""
        self._view.setSortingEnabled(False)
        self._model.clear()
        self._model.setHorizontalHeaderLabels(
            [_("Organ"), _("Volume"), _("Moved"), _("Shape"), _("HU"), _("First ml"), _("Second ml"), _("Changed")]
        )
        self._model.setRowCount(len(organs))
        for row, organ in enumerate(organs):
            self._fill_row(row, organ)
        self._sorted.sort(-1)
        self._view.horizontalHeader().setSortIndicator(-1, qt.Qt.AscendingOrder)
        self._view.setSortingEnabled(True)
        self._view.resizeColumnsToContents()

    def _fill_row(self, row: int, organ: OrganChange) -> None:
        name, color = name_and_color(organ.first)
        self._set(row, 0, name, name.lower())
        self._model.setData(self._model.index(row, 0), qt.QColor(*color), qt.Qt.DecorationRole)
        for column, (text, number, tip, kind) in enumerate(_cells(organ), start=1):
            index = self._set(row, column, text, number, tip)
            self._model.setData(index, int(qt.Qt.AlignRight | qt.Qt.AlignVCenter), qt.Qt.TextAlignmentRole)
            if kind in organ.beyond_floor:
                self._model.setData(index, qt.QColor(*_CHANGED_CELL), qt.Qt.ForegroundRole)
                self._model.setData(index, self._bold, qt.Qt.FontRole)
        words = change_words(organ)
        self._set(row, 7, words, f"{-len(organ.beyond_floor)}{words}", words)  # what has changed most comes first
        if organ.beyond_floor:
            for column in range(self._model.columnCount()):
                self._model.setData(self._model.index(row, column), qt.QColor(*_CHANGED_ROW), qt.Qt.BackgroundRole)

    def _set(self, row: int, column: int, text: str, sort_by: str | float, tip: str = "") -> Any:
        index = self._model.index(row, column)
        self._model.setData(index, text, qt.Qt.DisplayRole)
        self._model.setData(index, sort_by, qt.Qt.UserRole)
        self._model.setData(index, tip, qt.Qt.ToolTipRole)
        return index


def _cells(organ: OrganChange) -> list[tuple[str, float, str, str]]:
    """Return text, number to sort by, tooltip, and the kind of change, of each column with a number."""
    floor, shape = organ.floor, shape_change_percent(organ)
    volume_floor, axis_floor = (floor.volume_percent, floor.semi_axis_percent) if floor is not None else (None, None)
    floors = (volume_floor, organ.position_floor_mm, axis_floor)
    return [
        (
            _text(organ.volume_change_percent, "{:+.1f} %"),
            organ.volume_change_percent,
            _floor_tip(floors[0], "%"),
            "volume",
        ),
        (_text(organ.distance_mm, "{:.1f} mm"), _number(organ.distance_mm), _floor_tip(floors[1], "mm"), "position"),
        (_text(shape, "{:+.1f} %"), shape, _floor_tip(floors[2], "%"), "shape"),
        (_text(organ.hu_change, "{:+.1f}"), _number(organ.hu_change), _("Change of the mean, in Hounsfield units"), ""),
        (f"{organ.first.volume_mm3 / 1000:.1f}", organ.first.volume_mm3, "", ""),
        (f"{organ.second.volume_mm3 / 1000:.1f}", organ.second.volume_mm3, "", ""),
    ]


def _text(value: float | None, form: str) -> str:
    # Adding 0 turns the negative zeros that rounding leaves into plain ones.
    return "–" if value is None else form.format(round(value, 1) + 0.0)


def _number(value: float | None) -> float:
    return float("-inf") if value is None else value


def _floor_tip(floor: float | None, unit: str) -> str:
    if floor is None:
        return str(_("Too small to tell what the voxel grid alone may do."))
    return str(_("The voxel grid alone may change it by {floor:.2g} {unit}.").format(floor=floor, unit=unit))
