"""Segments that are only numbered, as Slicer makes them of a label image: what the numbers mean, and the way back.

Where they are TotalSegmentator's labels, segments get the names, colours and codes of its table. What they were called
and looked like before stays with them, for whoever knows better.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Any

import slicer
import vtk
from TotalPassportLib.base.labels import Label, LabelTable, load_label_table

from .nearby_segmentation import labels_of_organs
from .segmentations import color_of, dress, numbers_of, tagged_number, undress

if TYPE_CHECKING:
    from TotalPassportLib.passport import Passport

_BEFORE = "TotalPassport.BeforeNaming"
"""Tag of a segment that was named by its number: red, green and blue, 0 to 1, and the name, with spaces between."""

_BEFORE_FORM = re.compile(3 * r"([0-9](?:\.[0-9]{1,20})?(?:e-[0-9]{1,3})?) " + "(.*)", re.DOTALL)


class SegmentNaming(enum.Enum):
    """How the segments of a segmentation are called."""

    NAMED = "named"
    NUMBERED = "numbered"
    NAMED_BY_NUMBERS = "named_by_numbers"
    """They were only numbered, and got the names of TotalSegmentator's table."""


def naming_of(node: Any) -> SegmentNaming:
    """Return how the segments of a segmentation node are called."""
    segments = _segments(node)
    if any(_before(segment) for segment in segments):
        return SegmentNaming.NAMED_BY_NUMBERS
    return SegmentNaming.NUMBERED if segments and numbers_of(segments) else SegmentNaming.NAMED


def name_numbered(node: Any, passport: Passport) -> None:
    """Give numbered segments the names, colours and codes of their organs, where the passport has them by number."""
    segments, total = _segments(node), load_label_table("total")
    labels = {number: label for number, label in labels_of_organs(passport).items() if _is_called_as(total, label)}
    with slicer.util.NodeModify(node):
        for number, segment in zip(numbers_of(segments), segments, strict=False):
            if number in labels:
                before = " ".join([*(f"{channel:.17g}" for channel in segment.GetColor()), segment.GetName()])
                dress(segment, labels[number])
                segment.SetTag(_BEFORE, before)


def restore_numbers(node: Any) -> None:
    """Give segments that were named by their numbers back what they were called and looked like.

    Names and colours that the user has given them since are kept.
    """
    total = load_label_table("total")
    with slicer.util.NodeModify(node):
        for segment in _segments(node):
            before = _BEFORE_FORM.fullmatch(_before(segment))
            if before is not None:
                given = total.get(tagged_number(segment))
                undress(segment)
                if given is None or color_of(segment) == given.color_rgb:
                    segment.SetColor(*(min(float(channel), 1.0) for channel in before.groups()[:3]))
                if given is None or segment.GetName() == given.display_name:
                    segment.SetName(before[4])
            segment.RemoveTag(_BEFORE)


def _is_called_as(table: LabelTable, label: Label) -> bool:
    known = table.get(label.value)
    return known is not None and known.name == label.name


def _segments(node: Any) -> list[Any]:
    segmentation = node.GetSegmentation() if node is not None else None
    return [segmentation.GetSegment(each) for each in segmentation.GetSegmentIDs()] if segmentation is not None else []


def _before(segment: Any) -> str:
    text = vtk.reference("")
    return str(text) if segment.GetTag(_BEFORE, text) else ""
