"""A tree of rows that can be checked, in groups, searched by what the user types."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import qt

from .plain_text import literally

_KEY_ROLE = qt.Qt.UserRole + 1
_SEARCH_ROLE = qt.Qt.UserRole + 2


@dataclass(frozen=True, kw_only=True)
class CheckRow:
    """One row: a key for the program; texts of its cells, a tooltip and further words to find it by for the user."""

    key: str
    texts: tuple[str, ...]
    tip: str = ""
    words: str = ""
    color_rgb: tuple[int, int, int] | None = None


class CheckTree:
    """Shows rows in a tree view.

    Parameters
    ----------
    view : Any
        A QTreeView.
    titles : Sequence[str]
        Of its columns; the header is hidden where there is one column only.
    on_toggled : Callable[[str, bool], None]
        Called with a row's key when the user has checked or unchecked it.
    """

    def __init__(self, view: Any, titles: Sequence[str], on_toggled: Callable[[str, bool], None]) -> None:
        self._view = view
        self._titles = list(titles)
        self._on_toggled = on_toggled
        self._items: dict[str, Any] = {}
        self._filling = False
        self._model = qt.QStandardItemModel(view)
        self._found = qt.QSortFilterProxyModel(view)
        self._found.setSourceModel(self._model)
        self._found.recursiveFilteringEnabled = True
        self._found.filterRole = _SEARCH_ROLE
        self._found.filterCaseSensitivity = qt.Qt.CaseInsensitive
        view.setModel(self._found)
        view.headerHidden = len(titles) == 1
        self._model.connect("itemChanged(QStandardItem*)", self._on_changed)

    def fill(self, groups: Sequence[tuple[str, Sequence[CheckRow]]]) -> None:
        """Show rows in titled groups, in place of those before; those of a group without a title stand on their own."""
        self._filling = True
        self._model.clear()
        self._items = {}
        self._model.setHorizontalHeaderLabels(self._titles)
        for title, rows in groups:
            parent = self._model.invisibleRootItem()
            if title:
                self._model.appendRow(qt.QStandardItem(title))
                parent = self._model.item(self._model.rowCount() - 1, 0)
                parent.setFlags(qt.Qt.ItemIsEnabled)
            parent.setRowCount(len(rows) if title else parent.rowCount() + len(rows))
            parent.setColumnCount(len(self._titles))
            for place, row in enumerate(rows, start=parent.rowCount() - len(rows)):
                self._put(parent, place, row)
        self._filling = False
        self._view.expandAll()
        header = self._view.header()
        header.stretchLastSection = len(self._titles) == 1
        for column in range(len(self._titles)):
            header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents if column else qt.QHeaderView.Stretch)

    def check(self, keys: Collection[str]) -> None:
        """Check the rows of these keys, and no others."""
        self._filling = True
        for key, item in self._items.items():
            state = qt.Qt.Checked if key in keys else qt.Qt.Unchecked
            if item.checkState() != state:
                item.setCheckState(state)
        self._filling = False

    def search(self, text: str) -> None:
        """Show only rows that contain a text, with their groups."""
        self._found.setFilterFixedString(text)
        self._view.expandAll()

    def found(self) -> list[str]:
        """Return the keys of the rows that are shown."""
        indices = {key: self._found.mapFromSource(item.index()) for key, item in self._items.items()}
        return [key for key, index in indices.items() if index.isValid()]

    def _put(self, parent: Any, place: int, row: CheckRow) -> None:
        for column, text in enumerate(row.texts):
            item = qt.QStandardItem(text)  # made whole before it is shown: a shown one tells of every change
            item.setToolTip(literally(row.tip))
            item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
            item.setData(f"{' '.join(row.texts)} {row.words}", _SEARCH_ROLE)
            if column == 0:
                item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable | qt.Qt.ItemIsUserCheckable)
                item.setCheckState(qt.Qt.Unchecked)
                item.setData(row.key, _KEY_ROLE)
                if row.color_rgb is not None:
                    item.setData(qt.QColor(*row.color_rgb), qt.Qt.DecorationRole)
            parent.setChild(place, column, item)
        self._items[row.key] = parent.child(place, 0)

    def _on_changed(self, item: Any) -> None:
        key = item.data(_KEY_ROLE)
        if not self._filling and key is not None:
            self._on_toggled(str(key), item.checkState() == qt.Qt.Checked)
