"""Columns of tables, declared once for the panel and for table nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import slicer
import vtk
from vtk.util import numpy_support

Row = TypeVar("Row")

RGB = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table in the panel, of a table node, or of both.

    Attributes
    ----------
    value : Callable[[Any], Any]
        A row's text or number, None where it is not known: what a table node holds.
    title : str
        In the panel; empty if the panel does not show it.
    meaning : str
        The tooltip of the title.
    node_title : str
        In table nodes, with the unit; empty if they do not have it.
    text : Callable[[Any], str] | None
        What the panel's cell says; by default the value.
    sort_key : Callable[[Any], Any] | None
        What the panel sorts by; by default the value.
    tip : Callable[[Any], str] | None
        The cell's tooltip.
    swatch : Callable[[Any], RGB] | None
        A colour that stands before the text.
    color : Callable[[Any], RGB | None] | None
        The text's colour; None for that of other cells.
    bold : Callable[[Any], bool] | None
        Whether the text stands out.
    is_number : bool
        Numbers stand at the right, and as numbers in table nodes.
    is_whole : bool
        Whether table nodes hold whole numbers.
    if_known : bool
        Whether the panel leaves it out where no row has a value.
    """

    value: Callable[[Any], Any]
    title: str = ""
    meaning: str = ""
    node_title: str = ""
    text: Callable[[Any], str] | None = None
    sort_key: Callable[[Any], Any] | None = None
    tip: Callable[[Any], str] | None = None
    swatch: Callable[[Any], RGB] | None = None
    color: Callable[[Any], RGB | None] | None = None
    bold: Callable[[Any], bool] | None = None
    is_number: bool = False
    is_whole: bool = False
    if_known: bool = False


def fill_table_node(node: Any, columns: Sequence[Column], rows: Sequence[Any]) -> None:
    """Put rows into a table node, under the titles that have units; the user cannot edit it."""
    table = vtk.vtkTable()
    for column in columns:
        if column.node_title:
            table.AddColumn(_node_column(column, [column.value(row) for row in rows]))
    node.SetAndObserveTable(table)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.SetLocked(True)


def referred_node(node: Any, role: str, class_name: str, name: str) -> Any:
    """Return the node that another one refers to in a role, made if there is none yet."""
    found = node.GetNodeReference(role)
    if found is None:
        found = slicer.mrmlScene.AddNewNodeByClass(class_name, name)
        node.SetNodeReferenceID(role, found.GetID())
    return found


def _node_column(column: Column, values: list[Any]) -> Any:
    if not column.is_number:
        array = vtk.vtkStringArray()
        for text in values:
            array.InsertNextValue(text)
    elif column.is_whole:
        array = numpy_support.numpy_to_vtk(np.array(values, np.int32), deep=True)
    else:  # NaN stands for what is not known
        known = [np.nan if value is None else value for value in values]
        array = numpy_support.numpy_to_vtk(np.array(known, np.float64), deep=True)
    array.SetName(column.node_title)
    return array
