"""The table of changes in the panel: one row an organ that both scans have, what has changed marked."""

from __future__ import annotations

from collections.abc import Sequence
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
    """

    def __init__(self, view: Any) -> None:
        self._table = TableView(
            view, change_columns(), background=lambda organ: _CHANGED_ROW if organ.beyond_floor else None
        )
        self.fill(())

    def fill(self, organs: Sequence[OrganChange]) -> None:
        """Show these organs in place of those before, in the order of their labels."""
        self._table.fill(organs)
