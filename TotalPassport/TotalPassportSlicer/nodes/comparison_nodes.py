"""A comparison of two scans in the scene: a table of every organ's changes, and a plot of the volumes'."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from .columns import array_column, text_column
from .documents import stored_passport
from .organs import change_words, name_and_color, shape_change_percent

if TYPE_CHECKING:
    from TotalPassportLib.comparison.changes import Comparison, OrganChange

_FIRST, _SECOND = "TotalPassport.first", "TotalPassport.second"
_CHART, _SERIES = "TotalPassport.chart", ("TotalPassport.change", "TotalPassport.floor", "TotalPassport.lowerFloor")
_CHANGE_COLOR, _FLOOR_COLOR = (0.24, 0.48, 0.95), (0.75, 0.44, 0.0)


def compare(first: Any, second: Any) -> Comparison:
    """Compare the passports that two text nodes hold, and put the result into table and plot nodes.

    A second comparison of the same two passports replaces the first one.

    Raises
    ------
    BadInput : they have no organ in common, or one of them holds no passport.
    """
    passports = stored_passport(first), stored_passport(second)
    from TotalPassportLib.comparison import changes  # lazily: see the package's note; here, when passports can be read

    comparison = changes.compare(*passports)
    table = find_table(first, second)
    if table is None:
        name = _("{second} against {first}").format(first=first.GetName(), second=second.GetName())
        table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", name)
        table.SetNodeReferenceID(_FIRST, first.GetID())
        table.SetNodeReferenceID(_SECOND, second.GetID())
    _fill_table(table, comparison.organs)
    _fill_chart(table)
    return comparison


def find_table(first: Any, second: Any) -> Any | None:
    """Return the table node of a comparison that was made of two passports' text nodes, or None."""
    for table in slicer.util.getNodesByClass("vtkMRMLTableNode"):
        if first is not None and (table.GetNodeReference(_FIRST), table.GetNodeReference(_SECOND)) == (first, second):
            return table
    return None


def show_plot(first: Any, second: Any) -> None:
    """Show the plot of a comparison that was made; the layout changes if it has no view for plots."""
    table = find_table(first, second)
    if table is not None and table.GetNodeReference(_CHART) is not None:
        slicer.modules.plots.logic().ShowChartInLayout(table.GetNodeReference(_CHART))


def _fill_table(node: Any, organs: tuple[OrganChange, ...]) -> None:
    floors = [organ.floor for organ in organs]
    volume_floor = _numbers(floor and floor.volume_percent for floor in floors)
    numbers = {
        _("Volume, first (ml)"): _numbers(organ.first.volume_mm3 / 1000 for organ in organs),
        _("Volume, second (ml)"): _numbers(organ.second.volume_mm3 / 1000 for organ in organs),
        _("Volume change (%)"): _numbers(organ.volume_change_percent for organ in organs),
        _("Volume floor (%)"): volume_floor,
        _("Volume floor, downwards (%)"): -volume_floor,
        _("Moved (mm)"): _numbers(organ.distance_mm for organ in organs),
        _("Position floor (mm)"): _numbers(organ.position_floor_mm for organ in organs),
        _("Semi-axis change (%)"): _numbers(shape_change_percent(organ) for organ in organs),
        _("Semi-axis floor (%)"): _numbers(floor and floor.semi_axis_percent for floor in floors),
        _("Mean, first (HU)"): _numbers(organ.first.hu_mean for organ in organs),
        _("Mean, second (HU)"): _numbers(organ.second.hu_mean for organ in organs),
        _("Change of mean (HU)"): _numbers(organ.hu_change for organ in organs),
    }
    table = vtk.vtkTable()
    table.AddColumn(text_column(_("Organ"), [name_and_color(organ.first)[0] for organ in organs]))
    table.AddColumn(array_column(_("Label"), np.array([organ.first.label for organ in organs], np.int32)))
    for name, values in numbers.items():
        table.AddColumn(array_column(name, values))
    table.AddColumn(text_column(_("Changed"), [change_words(organ) for organ in organs]))
    node.SetAndObserveTable(table)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.SetLocked(True)


def _numbers(values: Any) -> np.ndarray:
    """Return values as float64, NaN for what is not known."""
    return np.array([math.nan if value is None else value for value in values], np.float64)


def _fill_chart(table: Any) -> None:
    chart = _referred(table, _CHART, "vtkMRMLPlotChartNode", table.GetName())
    chart.SetTitle(table.GetName())
    chart.SetXAxisTitle(_("Organ"))
    chart.SetYAxisTitle(_("Volume change (%)"))
    chart.RemoveAllPlotSeriesNodeIDs()
    columns = (_("Volume change (%)"), _("Volume floor (%)"), _("Volume floor, downwards (%)"))
    for role, column in zip(_SERIES, columns, strict=True):
        series = _referred(table, role, "vtkMRMLPlotSeriesNode", column)
        bars = role == _SERIES[0]
        series.SetAndObserveTableNodeID(table.GetID())
        series.SetPlotType(series.PlotTypeBar if bars else series.PlotTypeLine)
        series.SetYColumnName(column)
        series.SetLabelColumnName(_("Organ"))
        series.SetColor(*(_CHANGE_COLOR if bars else _FLOOR_COLOR))
        chart.AddAndObservePlotSeriesNodeID(series.GetID())


def _referred(table: Any, role: str, class_name: str, name: str) -> Any:
    node = table.GetNodeReference(role)
    if node is None:
        node = slicer.mrmlScene.AddNewNodeByClass(class_name, name)
        table.SetNodeReferenceID(role, node.GetID())
    return node
