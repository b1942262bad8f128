"""The table of models: one row each, one of them chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import qt
from slicer.i18n import tr as _
from TotalPassportLib.models.catalogue_entry import CatalogueEntry

from ..nodes.columns import Column
from . import model_list
from .table_view import fill_cell


def model_columns() -> tuple[Column, ...]:
    """Return the columns of the table of models."""

    def about(entry: CatalogueEntry) -> str:
        return f"{entry.title}\n{model_list.about(entry)}"

    return (
        Column(title=_("Model"), value=lambda entry: entry.title, tip=about),
        Column(title=_("State"), value=model_list.state_text, tip=about),
        Column(title=_("Size"), value=model_list.size_text, tip=about, is_number=True),
        Column(title=_("Licence"), value=lambda entry: entry.licence, tip=about),
    )


class ModelTable:
    """Shows models in a table view.

    Parameters
    ----------
    view : Any
        A QTableView.
    on_chosen : Callable[[], None]
        Called when another row was chosen.
    """

    def __init__(self, view: Any, on_chosen: Callable[[], None]) -> None:
        self._view = view
        self._on_chosen = on_chosen
        self._names: list[str] = []
        self._entries: Sequence[CatalogueEntry] | None = None
        self.chosen = ""
        """Name of the model whose row is chosen; empty if none is."""
        self._model = qt.QStandardItemModel(view)
        self._columns = model_columns()
        self._model.setHorizontalHeaderLabels([column.title for column in self._columns])
        view.setModel(self._model)
        view.verticalHeader().visible = False
        view.verticalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)  # long titles take two lines
        view.horizontalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        view.horizontalHeader().setSectionResizeMode(0, qt.QHeaderView.Stretch)
        view.selectionModel().connect("currentRowChanged(QModelIndex,QModelIndex)", self._on_row)

    def fill(self, entries: Sequence[CatalogueEntry]) -> None:
        """Show these models; the one that was chosen stays so, if it is among them."""
        if entries is self._entries:  # a list that is the same says that nothing of it has changed
            return
        self._entries = entries
        chosen = self.chosen
        self._names = []  # rows that come and go choose nothing
        self._model.setRowCount(len(entries))
        for row, entry in enumerate(entries):
            self._fill_row(row, entry)
        self._names = [entry.name for entry in entries]
        self.chosen = ""
        self.choose(chosen)

    def choose(self, name: str) -> None:
        """Choose the row of a model; none if it has no row."""
        if name == self.chosen:
            return
        if name in self._names:
            self._view.selectRow(self._names.index(name))
        else:
            self._view.clearSelection()
        self._set_chosen(name if name in self._names else "")

    def _fill_row(self, row: int, entry: CatalogueEntry) -> None:
        for place, column in enumerate(self._columns):
            fill_cell(self._model, self._model.index(row, place), column, entry)

    def _on_row(self, current: Any, _previous: Any) -> None:
        if 0 <= current.row() < len(self._names):
            self._set_chosen(self._names[current.row()])

    def _set_chosen(self, name: str) -> None:
        if name != self.chosen:
            self.chosen = name
            self._on_chosen()
