"""Several scans of one patient over time: a table of every organ in every scan, and plots of curves with the floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _
from TotalPassportLib.base.errors import BadInput

from .columns import RGB, Column, fill_table_node, referred_node
from .documents import stored_passport
from .organs import structure_title
from .scan_nodes import ScanNodes, is_passport
from .scan_times import TimeAxis, in_time, order_of, time_axis

if TYPE_CHECKING:
    from TotalPassportLib.comparison.over_time import TimePoint
    from TotalPassportLib.passport import Passport

FEWEST_SCANS = 2
MOST_CURVES = 8
"""Organs in one plot: as many as can be told apart."""
_CURVES, _VOLUMES, _UNITS = "TotalPassport.curves", "TotalPassport.volumes", "TotalPassport.units"
_SERIES = "TotalPassport.series"
_OF_PASSPORTS = "TotalPassport.followedPassports"
"""Of the table node: the IDs of the passports' text nodes in the order of time."""


@dataclass(frozen=True, kw_only=True)
class FollowUp:
    """Organs over several scans.

    Attributes
    ----------
    table : vtkMRMLTableNode
        One row for each organ in each scan, the biggest changes first.
    organs : mapping of str to sequence of TimePoint
        Organ -> its points in the order of time, the biggest changes first.
    scans : sequence of str
        What the scans are called, in the order of time.
    axis : TimeAxis
        Where they stand in time.
    """

    table: Any
    organs: dict[str, list[TimePoint]]
    scans: Sequence[str]
    axis: TimeAxis

    @property
    def points(self) -> list[TimePoint]:
        """All points, organ by organ."""
        return [point for points in self.organs.values() for point in points]

    def text(self) -> str:
        """Return the content of a CSV file with the columns of ``totalpassport cohort follow-up``."""
        from TotalPassportLib.comparison.over_time import follow_up_csv

        dates = dict(zip(self.axis.positions, self.axis.dates, strict=True))
        dated = (replace(each, measured=replace(each.measured, date=dates[each.measured.date])) for each in self.points)
        return follow_up_csv(dated)

    def charts(self) -> list[Any]:
        """Return the plot charts, of volumes and, if there are any, of mean Hounsfield units; none before `plot`."""
        nodes = (self.table.GetNodeReference(role) for role in (_VOLUMES, _UNITS))
        return [node for node in nodes if node is not None and node.GetNumberOfPlotSeriesNodes()]

    def plot(self, organs: Sequence[str] = ()) -> list[Any]:
        """Make the plots of some organs, by their names, or of those that have changed most; return the charts.

        One organ's volumes are in ml; those of several, which may be a thousand times as large as one another, in per
        cent of the first scan. Dashed lines are what the voxel grid may do to each.

        Raises
        ------
        BadInput
            None of the organs was followed.
        """
        chosen = [name for name in organs if name in self.organs] if organs else list(self.organs)
        if not chosen:
            raise BadInput(_("None of these organs is in these scans."), _("Choose others."))
        shown = chosen[:MOST_CURVES]
        in_percent = len(shown) > 1
        _fill_plots(self, [_curve(name, self, in_percent) for name in shown], in_percent)
        return self.charts()


def follow_scans(scans: Sequence[Any]) -> FollowUp:
    """Follow the organs of one patient.

    Parameters
    ----------
    scans : sequence
        Passports' text nodes, the volumes or segmentations that they are of, or paths of passport files. They are put
        in the order of time where all of it is known, see `scan_times`; files are taken as they are given.

    Raises
    ------
    BadInput
        There are fewer than two, or one of them has no passport.
    """
    if len(scans) < FEWEST_SCANS:
        raise BadInput(_("A follow-up needs two scans at least."), _("Choose more passports."))
    if any(isinstance(scan, str | Path) for scan in scans):
        named = [_of_file(Path(scan)) if isinstance(scan, str | Path) else _of_node(scan) for scan in scans]
        return _followed(named, order_of(len(scans)), None)
    documents = in_time([_document(scan) for scan in scans])
    named = [_of_node(document) for document in documents]
    return _followed(named, time_axis(documents), find_follow_up(documents) or _new_table(documents))


def find_follow_up(documents: Sequence[Any]) -> Any | None:
    """Return the table node of a follow-up that was made of these passports' text nodes in this order, or None."""
    of_these = _ids(documents)
    nodes = slicer.util.getNodesByClass("vtkMRMLTableNode")
    return next((node for node in nodes if node.GetAttribute(_OF_PASSPORTS) == of_these), None)


def _ids(documents: Sequence[Any]) -> str:
    return " ".join(document.GetID() for document in documents)


def _new_table(documents: Sequence[Any]) -> Any:
    title = slicer.mrmlScene.GenerateUniqueName(_("Follow-up of {count} scans").format(count=len(documents)))
    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", title)
    if None not in documents:
        table.SetAttribute(_OF_PASSPORTS, _ids(documents))
    return table


def _document(node: Any) -> Any:
    if is_passport(node):
        return node
    nodes = ScanNodes.of(node)
    if nodes is None:
        name = node.GetName() if node is not None else ""
        raise BadInput(_("'{name}' has no passport.").format(name=name), _("Run it first."))
    return nodes.document


def _of_node(node: Any) -> tuple[str, Passport]:
    document = _document(node)
    source = ScanNodes(document).source
    return (source or document).GetName(), stored_passport(document)


def _of_file(path: Path) -> tuple[str, Passport]:
    from TotalPassportLib.passport import read_passport  # lazily: see the package's note

    return path.stem.removesuffix("_passport"), read_passport(path)


def _followed(named: Sequence[tuple[str, Passport]], axis: TimeAxis, table: Any | None) -> FollowUp:
    from TotalPassportLib.comparison.over_time import (  # lazily: see the package's note
        by_organ,
        follow,
        measurements_of,
    )

    names = [name for name, _passport in named]
    scans = [name if names.count(name) == 1 else f"{name} ({number})" for number, name in enumerate(names, start=1)]
    placed = zip(scans, named, axis.positions, strict=True)
    measured = [each for scan, (_name, passport), place in placed for each in measurements_of(passport, scan, place)]
    organs = by_organ(follow(measured))
    table = _new_table([None] * len(scans)) if table is None else table
    followed = FollowUp(table=table, organs=organs, scans=scans, axis=axis)
    fill_table_node(table, point_columns(axis), followed.points)
    return followed


def point_columns(axis: TimeAxis) -> tuple[Column, ...]:
    """Return the columns of the table node."""
    return (
        Column(node_title=_("Organ"), value=lambda point: structure_title(point.measured.organ)[0]),
        Column(node_title=_("Scan"), value=lambda point: point.measured.scan),
        _number(axis.title, lambda point: point.measured.date),
        _number(_("Volume (ml)"), lambda point: point.measured.volume_ml),
        _number(_("Volume error (ml)"), lambda point: point.volume_error_ml),
        _number(_("Volume change (%)"), lambda point: point.change_percent),
        _number(_("Volume floor (%)"), lambda point: point.floor_percent),
        Column(node_title=_("Changed"), value=lambda point: _("yes") if point.beyond_floor else ""),
        _number(_("Mean (HU)"), lambda point: point.measured.mean_hu),
        _number(_("Standard deviation (HU)"), lambda point: point.measured.sd_hu),
        _number(_("Change of mean (HU)"), lambda point: point.hu_change),
        Column(node_title=_("Remark"), value=lambda point: point.remark),
    )


def _number(title: str, value: Any) -> Column:
    return Column(node_title=title, value=value, is_number=True)


@dataclass(frozen=True, kw_only=True)
class _Curve:
    """An organ's values, one a scan; what is not known, or cut by the image's edge, is None."""

    name: str
    color_rgb: RGB
    volumes: list[float | None]
    errors: list[float | None]
    means_hu: list[float | None]


def _curve(organ: str, followed: FollowUp, in_percent: bool) -> _Curve:
    points = {point.measured.scan: point for point in followed.organs[organ] if point.measured.whole}
    each = [points.get(scan) for scan in followed.scans]
    first_ml = next((point.measured.volume_ml for point in each if point is not None), 1.0)
    scale = 100 / first_ml if in_percent else 1.0
    name, color = structure_title(organ)
    return _Curve(
        name=name,
        color_rgb=color,
        volumes=[None if point is None else scale * point.measured.volume_ml for point in each],
        errors=[None if point is None else scale * (point.volume_error_ml or 0.0) for point in each],
        means_hu=[None if point is None else point.measured.mean_hu for point in each],
    )


def _fill_plots(followed: FollowUp, curves: Sequence[_Curve], in_percent: bool) -> None:
    """Fill the table of the curves, and the charts that show it; the nodes of an earlier plot are used again."""
    source = referred_node(followed.table, _CURVES, "vtkMRMLTableNode", _named(followed, _("{name}, curves")))
    columns = [_number(followed.axis.title, lambda row: followed.axis.positions[row])]
    volumes, units = [], []
    for curve in curves:
        lowest, highest = (text.format(organ=curve.name) for text in (_("{organ}, lowest"), _("{organ}, highest")))
        mean = _("{organ}, mean HU").format(organ=curve.name)
        values = {curve.name: curve.volumes, lowest: _apart(curve, -1), highest: _apart(curve, 1), mean: curve.means_hu}
        columns += [_number(title, each.__getitem__) for title, each in values.items()]
        volumes += [_Line(curve.name, curve.color_rgb), _Line(lowest, curve.color_rgb, dashed=True)]
        volumes.append(_Line(highest, curve.color_rgb, dashed=True))
        if any(value is not None for value in curve.means_hu):
            units.append(_Line(mean, curve.color_rgb))
    fill_table_node(source, columns, range(len(followed.scans)))
    title = _("Volume (% of the first; dashed: what the voxel grid may do)")
    if not in_percent:
        title = _("Volume (ml; dashed: what the voxel grid may do)")
    _fill_chart(followed, source, _VOLUMES, _("{name}, volumes"), title, volumes)
    if units or followed.table.GetNodeReference(_UNITS) is not None:
        _fill_chart(followed, source, _UNITS, _("{name}, mean HU"), _("Mean (HU; no measured floor)"), units)


def _named(followed: FollowUp, name: str) -> str:
    return name.format(name=followed.table.GetName())


@dataclass(frozen=True)
class _Line:
    """One line of a plot, by the column that it shows."""

    column: str
    color_rgb: RGB
    dashed: bool = False


def _fill_chart(followed: FollowUp, source: Any, role: str, name: str, title: str, lines: Sequence[_Line]) -> None:
    chart = referred_node(followed.table, role, "vtkMRMLPlotChartNode", _named(followed, name))
    chart.SetTitle(followed.table.GetName())
    chart.SetXAxisTitle(followed.axis.title)
    chart.SetYAxisTitle(title)
    chart.RemoveAllPlotSeriesNodeIDs()
    for number, line in enumerate(lines):
        series = referred_node(chart, f"{_SERIES}{number}", "vtkMRMLPlotSeriesNode", line.column)
        series.SetName(line.column)
        series.SetAndObserveTableNodeID(source.GetID())
        series.SetPlotType(series.PlotTypeScatter)
        series.SetXColumnName(followed.axis.title)
        series.SetYColumnName(line.column)
        series.SetColor(*(channel / 255 for channel in line.color_rgb))
        series.SetLineStyle(series.LineStyleDash if line.dashed else series.LineStyleSolid)
        series.SetMarkerStyle(series.MarkerStyleNone if line.dashed else series.MarkerStyleCircle)
        chart.AddAndObservePlotSeriesNodeID(series.GetID())


def _apart(curve: _Curve, sign: int) -> list[float | None]:
    both = zip(curve.volumes, curve.errors, strict=True)
    return [None if volume is None or error is None else volume + sign * error for volume, error in both]
