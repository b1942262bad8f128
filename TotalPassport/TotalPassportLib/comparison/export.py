"""A comparison as text for people and as CSV for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass

from ..base.text import counted, csv_cell, shown_name
from .changes import Comparison, OrganChange


@dataclass(frozen=True, kw_only=True)
class ChangeColumn:
    """One column of the table of changes: its name with the unit, the value of an organ's cell, and its decimals."""

    name: str
    value: Callable[[OrganChange], float | None]
    decimals: int


def _column(name: str, value: Callable[[OrganChange], float | None], decimals: int = 2) -> ChangeColumn:
    return ChangeColumn(name=name, value=value, decimals=decimals)


def _displacement(axis: int) -> Callable[[OrganChange], float | None]:
    return lambda organ: None if organ.displacement_mm is None else float(organ.displacement_mm[axis])


def _semi_axis_change(axis: int) -> Callable[[OrganChange], float | None]:
    return lambda organ: float(organ.semi_axes_change_percent[axis])


def _semi_axis_floor(axis: int) -> Callable[[OrganChange], float | None]:
    return lambda organ: organ.floor.semi_axes_percent[axis] if organ.floor else None


_COLUMNS: tuple[ChangeColumn, ...] = (
    _column("volume_first_mm3", lambda organ: organ.first.volume_mm3, 1),
    _column("volume_second_mm3", lambda organ: organ.second.volume_mm3, 1),
    _column("volume_change_percent", lambda organ: organ.volume_change_percent),
    _column("volume_floor_percent", lambda organ: organ.floor.volume_percent if organ.floor else None),
    *(_column(f"displacement_{name}_mm", _displacement(axis)) for axis, name in enumerate("ras")),
    _column("distance_mm", lambda organ: organ.distance_mm),
    _column("position_floor_mm", lambda organ: organ.floor.position_mm if organ.floor else None),
    *(_column(f"semi_axis_{axis + 1}_change_percent", _semi_axis_change(axis)) for axis in range(3)),
    *(_column(f"semi_axis_{axis + 1}_floor_percent", _semi_axis_floor(axis)) for axis in range(3)),
    _column("hu_mean_first", lambda organ: organ.first.hu_mean),
    _column("hu_mean_second", lambda organ: organ.second.hu_mean),
    _column("hu_change", lambda organ: organ.hu_change),
)


def comparison_csv(comparison: Comparison) -> str:
    """Return one row an organ that both scans have, units in the header; what is not known is left empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["label", "name", *(column.name for column in _COLUMNS), "changed", "remark"])
    for organ in comparison.organs:
        values = [_cell(column.value(organ), column.decimals) for column in _COLUMNS]
        writer.writerow(
            [organ.first.label, csv_cell(organ.name), *values, " ".join(organ.beyond_floor), csv_cell(organ.remark)]
        )
    return text.getvalue()


def comparison_text(comparison: Comparison) -> str:
    """Return the comparison as a text table; changes beyond the floor are named in the last column."""
    width = max([len(shown_name(organ.name)) for organ in comparison.organs], default=5)
    head = f"{'organ':{width}}  {'first ml':>9}  {'second ml':>9}  {'change':>8}  {'moved mm':>8}  {'HU':>7}  changed"
    lines = [head, *(_line(organ, width) for organ in comparison.organs), ""]
    for names, which in ((comparison.only_first, "first"), (comparison.only_second, "second")):
        if names:
            lines.append(f"Only in the {which} scan: {', '.join(map(shown_name, names))}.")
    if comparison.alignment_problem:
        lines.append(f"Positions were not compared. {comparison.alignment_problem}")
    changed = sum(bool(organ.beyond_floor) for organ in comparison.organs)
    differ = f"{counted(len(comparison.organs), 'organ')} {'differs' if changed == 1 else 'differ'}"
    lines.append(f"{changed} of {differ} by more than another voxel grid can explain.")
    if comparison.too_coarse:
        lines.append("The voxels are too coarse for most organs, so that little can be said of what has changed.")
    return "\n".join(lines)


def _line(organ: OrganChange, width: int) -> str:
    moved = "-" if organ.distance_mm is None else f"{organ.distance_mm:.1f}"
    hounsfield = "-" if organ.hu_change is None else f"{organ.hu_change:+.1f}"
    volumes = f"{organ.first.volume_mm3 / 1000:9.1f}  {organ.second.volume_mm3 / 1000:9.1f}"
    verdict = ", ".join(organ.beyond_floor) or (f"({organ.remark})" if organ.remark else "-")
    change = f"{organ.volume_change_percent:+7.1f}%"
    return f"{shown_name(organ.name):{width}}  {volumes}  {change}  {moved:>8}  {hounsfield:>7}  {verdict}"


def _cell(value: float | None, decimals: int) -> str:
    # Adding 0 turns the negative zeros that rounding leaves into plain ones.
    return "" if value is None else str(round(float(value), decimals) + 0.0)
