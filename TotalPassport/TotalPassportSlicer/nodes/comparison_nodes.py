"""A comparison of two scans in the scene: a table of every organ's changes, and a plot of the volumes'."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

from .columns import Column, fill_table_node, referred_node
from .documents import stored_passport
from .organs import change_words, name_and_color, sort_name

if TYPE_CHECKING:
    from TotalPassportLib.comparison.changes import Comparison, OrganChange

_FIRST, _SECOND = "TotalPassport.first", "TotalPassport.second"
_CHART, _SERIES = "TotalPassport.chart", ("TotalPassport.change", "TotalPassport.floor", "TotalPassport.lowerFloor")
_CHANGE_COLOR, _FLOOR_COLOR = (0.24, 0.48, 0.95), (0.75, 0.44, 0.0)
_CHANGED_CELL = (191, 111, 0)
"""Amber of cells that have changed; readable on light and on dark backgrounds."""


def compare_scans(first: Any, second: Any) -> Comparison:
    """Compare the passports that two text nodes hold, and put the result into table and plot nodes.

    A second comparison of the same two passports replaces the first one.

    Raises
    ------
    BadInput
        They have no organ in common, or one of them holds no passport.
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
    fill_table_node(table, change_columns(), comparison.organs)
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


def change_columns() -> tuple[Column, ...]:
    """Return the columns of the table of changes, in the panel and as a table node."""
    return (
        Column(
            title=_("Organ"),
            meaning=_("Organs that both scans have. Left and right of a pair stand together."),
            node_title=_("Organ"),
            value=lambda organ: name_and_color(organ.first)[0],
            sort_key=lambda organ: sort_name(name_and_color(organ.first)[0]),
            swatch=lambda organ: name_and_color(organ.first)[1],
        ),
        Column(node_title=_("Label"), value=lambda organ: organ.first.label, is_number=True, is_whole=True),
        _node_number(_("Volume, first (ml)"), lambda organ: organ.first.volume_mm3 / 1000),
        _node_number(_("Volume, second (ml)"), lambda organ: organ.second.volume_mm3 / 1000),
        _change(_("Volume"), _("Volume change (%)"), "volume", "{:+.1f} %", lambda organ: organ.volume_change_percent),
        Column(
            title=_("Changed"),
            meaning=_("What has changed by more than the voxel grid can do, or why nothing can be said of it"),
            node_title=_("Changed"),
            value=change_words,
            sort_key=lambda organ: f"{-len(organ.beyond_floor)}{change_words(organ)}",  # what has changed most first
            tip=change_words,
        ),
        _node_number(_("Volume floor (%)"), lambda organ: organ.floor.volume_percent if organ.floor else None),
        _node_number(
            _("Volume floor, downwards (%)"), lambda organ: -organ.floor.volume_percent if organ.floor else None
        ),
        _change(_("Moved"), _("Moved (mm)"), "position", "{:.1f} mm", lambda organ: organ.distance_mm),
        _node_number(_("Position floor (mm)"), lambda organ: organ.floor.position_mm if organ.floor else None),
        _change(_("Shape"), _("Semi-axis change (%)"), "shape", "{:+.1f} %", lambda organ: organ.shape_change_percent),
        _node_number(_("Semi-axis floor (%)"), lambda organ: organ.shape_floor_percent),
        _node_number(_("Mean, first (HU)"), lambda organ: organ.first.hu_mean),
        _node_number(_("Mean, second (HU)"), lambda organ: organ.second.hu_mean),
        _change(_("HU"), _("Change of mean (HU)"), "", "{:+.1f}", lambda organ: organ.hu_change),
        _panel_number(_("First ml"), _("Volume in the first scan"), lambda organ: organ.first.volume_mm3 / 1000),
        _panel_number(_("Second ml"), _("Volume in the second scan"), lambda organ: organ.second.volume_mm3 / 1000),
    )


def _node_number(title: str, value: Callable[[OrganChange], float | None]) -> Column:
    return Column(node_title=title, value=value, is_number=True)


def _panel_number(title: str, meaning: str, value: Callable[[OrganChange], float]) -> Column:
    return Column(title=title, meaning=meaning, value=value, text=lambda organ: f"{value(organ):.1f}", is_number=True)


def _change(title: str, node_title: str, kind: str, form: str, value: Callable[[OrganChange], float | None]) -> Column:
    """Return a column that stands out where a change of this kind is more than the grids can do."""
    meanings = {
        "volume": _("Change of the volume, in percent of the first scan's"),
        "position": _("How far the centre has moved if the scans lie on one another"),
        "shape": _("The greatest change of a semi-axis, in percent"),
        "": _("Change of the mean, in Hounsfield units"),
    }
    return Column(
        title=title,
        meaning=meanings[kind],
        node_title=node_title,
        value=value,
        text=lambda organ: _text(value(organ), form),
        tip=lambda organ: _floor_tip(organ, kind),
        color=lambda organ: _CHANGED_CELL if kind in organ.beyond_floor else None,
        bold=lambda organ: kind in organ.beyond_floor,
        is_number=True,
        if_known=True,
    )


def _text(value: float | None, form: str) -> str:
    # Adding 0 turns the negative zeros that rounding leaves into plain ones.
    return "–" if value is None else form.format(round(value, 1) + 0.0)


def _floor_tip(organ: OrganChange, kind: str) -> str:
    if not kind:
        return str(_("Change of the mean, in Hounsfield units"))
    if organ.floor is None:
        return str(_("Too small, or sampled too coarsely, to tell what the voxel grid alone may do."))
    floors = {
        "volume": (organ.floor.volume_percent, "%"),
        "position": (organ.floor.position_mm, "mm"),
        "shape": (organ.shape_floor_percent, "%"),
    }
    floor, unit = floors[kind]
    return str(_("The voxel grid alone may change it by {floor:.2g} {unit}.").format(floor=floor, unit=unit))


def _fill_chart(table: Any) -> None:
    chart = referred_node(table, _CHART, "vtkMRMLPlotChartNode", table.GetName())
    chart.SetTitle(table.GetName())
    chart.SetXAxisTitle(_("Organ"))
    chart.SetYAxisTitle(_("Volume change (%)"))
    chart.RemoveAllPlotSeriesNodeIDs()
    columns = (_("Volume change (%)"), _("Volume floor (%)"), _("Volume floor, downwards (%)"))
    for role, column in zip(_SERIES, columns, strict=True):
        series = referred_node(table, role, "vtkMRMLPlotSeriesNode", column)
        bars = role == _SERIES[0]
        series.SetAndObserveTableNodeID(table.GetID())
        series.SetPlotType(series.PlotTypeBar if bars else series.PlotTypeLine)
        series.SetYColumnName(column)
        series.SetLabelColumnName(_("Organ"))
        series.SetColor(*(_CHANGE_COLOR if bars else _FLOOR_COLOR))
        chart.AddAndObservePlotSeriesNodeID(series.GetID())
