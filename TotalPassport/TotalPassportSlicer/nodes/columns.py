"""Columns of table nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import vtk
from vtk.util import numpy_support


def text_column(name: str, texts: list[str]) -> Any:
    """Return a column of texts."""
    column = vtk.vtkStringArray()
    column.SetName(name)
    for text in texts:
        column.InsertNextValue(text)
    return column


def array_column(name: str, values: np.ndarray) -> Any:
    """Return a column of numbers; NaN stands for what is not known."""
    column = numpy_support.numpy_to_vtk(values, deep=True)
    column.SetName(name)
    return column
