"""The table of changes in the panel: one row an organ that both scans have, what has changed marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..nodes.comparison_nodes import change_columns
from .table_view import TableView

if TYPE_CHECKING:
    from TotalPassportLib.comparison.changes import OrganChange

_CHANGED_ROW = (255, 160, 0, 48)
"""Amber, translucent: to be seen on light and on dark backgrounds."""


class ChangesTable:
    """Shows changes in a table view.

    Parameters
    ----------
    view : Any
        A QTableView.
    on_chosen : Callable[[OrganChange], None]
        Called with the organ whose row was clicked.
    on_opened : Callable[[OrganChange], None]
        Called with the organ whose row was double-clicked, or chosen with Enter.
    """

    def __init__(
        self, view: Any, on_chosen: Callable[[OrganChange], None], on_opened: Callable[[OrganChange], None]
    ) -> None:
        self._on_chosen, self._on_opened = on_chosen, on_opened
        self._table = TableView(
            view, change_columns(), background=lambda organ: _CHANGED_ROW if organ.beyond_floor else None
        )
        view.connect("clicked(QModelIndex)", self._clicked)
        view.connect("activated(QModelIndex)", self._opened)
        view.connect("doubleClicked(QModelIndex)", self._opened)
        self.fill(())

    def fill(self, organs: Sequence[OrganChange]) -> None:
        """Show these organs in place of those before, by their names: left and right of a pair stand together."""
        self._table.fill(organs, sort_column=0)

    def _clicked(self, index: Any) -> None:
        organ = self._table.row_at(index)
        if organ is not None:
            self._on_chosen(organ)

    def _opened(self, index: Any) -> None:
        organ = self._table.row_at(index)
        if organ is not None:
            self._on_opened(organ)
