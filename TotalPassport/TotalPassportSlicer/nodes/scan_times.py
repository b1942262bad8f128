"""When scans were taken: what Slicer's module DICOM has noted of them, or a frame's place in its sequence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import slicer
from slicer.i18n import tr as _

from .scan_nodes import ScanNodes
from .sequence_frames import FRAME_ATTRIBUTE, sequence_of_frame

_DAY_S = 86400.0


@dataclass(frozen=True, kw_only=True)
class TimeAxis:
    """Where scans stand in time.

    Attributes
    ----------
    title : str
        What the positions are, with the unit.
    positions : tuple of float
        One a scan, in the order of the scans.
    dates : tuple of Any
        What a table calls them: days, or the positions.
    is_known : bool
        Whether they are times, and not only the order in which the scans were given.
    """

    title: str
    positions: tuple[float, ...]
    dates: tuple[Any, ...]
    is_known: bool


def acquired(document: Any) -> datetime | None:
    """Return when the scan of a passport's text node was taken; None where nobody knows.

    Slicer's module DICOM notes date and time at the study above the volume in the subject hierarchy.
    """
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    source = ScanNodes(document).source
    item = hierarchy.GetItemByDataNode(source) if hierarchy is not None and source is not None else 0
    constants = slicer.vtkMRMLSubjectHierarchyConstants
    while item and item != hierarchy.GetSceneItemID():
        date = hierarchy.GetItemAttribute(item, constants.GetDICOMStudyDateAttributeName())
        if date:
            return _moment(date, hierarchy.GetItemAttribute(item, constants.GetDICOMStudyTimeAttributeName()))
        item = hierarchy.GetItemParent(item)
    return None


def _moment(date: str, time: str) -> datetime | None:
    digits = "".join(filter(str.isdigit, date))[:8]
    clock = f"{''.join(filter(str.isdigit, time.split('.')[0]))[:6]:0<6}"
    for text in (digits + clock, f"{digits}000000"):  # a time that is none takes nothing from the date
        try:
            return datetime.strptime(text, "%Y%m%d%H%M%S")
        except ValueError:
            continue
    return None


def in_time(documents: Sequence[Any]) -> list[Any]:
    """Return passports' text nodes in the order of time where all times are known, else as they were given."""
    axis = time_axis(documents)
    if not axis.is_known:
        return list(documents)
    return [document for _position, document in sorted(zip(axis.positions, documents, strict=True), key=_position_of)]


def _position_of(placed: tuple[float, Any]) -> float:
    return placed[0]


def time_axis(documents: Sequence[Any]) -> TimeAxis:
    """Return where passports' text nodes stand in time.

    Those are days after the first where all dates are known, places in the sequence where all are frames of one, and
    else numbers from 1 on.
    """
    moments = [acquired(document) for document in documents]
    known = [moment for moment in moments if moment is not None]
    if known and len(known) == len(moments):
        days = tuple((moment - min(known)).total_seconds() / _DAY_S for moment in known)
        dates = tuple(moment.date().isoformat() for moment in known)
        return TimeAxis(title=_("Days after the first"), positions=days, dates=dates, is_known=True)
    sequences = [sequence_of_frame(document) for document in documents]
    places = tuple(_number(document.GetAttribute(FRAME_ATTRIBUTE)) for document in documents)
    sequence = sequences[0] if sequences else None
    if sequence is not None and all(each is sequence for each in sequences) and all(map(math.isfinite, places)):
        name, unit = sequence.GetIndexName() or _("Frame"), sequence.GetIndexUnit()
        title = f"{name} ({unit})" if unit else str(name)
        return TimeAxis(title=title, positions=places, dates=places, is_known=True)
    return order_of(len(documents))


def order_of(count: int) -> TimeAxis:
    """Return the axis of scans of which only the order is known."""
    numbers = tuple(range(1, count + 1))
    return TimeAxis(title=_("Scan number"), positions=tuple(map(float, numbers)), dates=numbers, is_known=False)


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan
