"""Which segment of a scan's segmentation is which organ of its passport; their colours and visibility."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import slicer
from TotalPassportLib.base.labels import numbered_label

from .columns import RGB
from .organs import name_and_color
from .scan_nodes import ScanNodes
from .segmentations import color_of, labels_of, numbers_of, tagged_number

if TYPE_CHECKING:
    from TotalPassportLib.passport import Passport

FADED = 0.3
"""Opacity of the organs beside those that are highlighted."""


def segments_of_organs(nodes: ScanNodes, passport: Passport) -> dict[int, str]:
    """Return label -> identifier of the segment; organs that the segmentation does not have, or no longer, have none.

    Segments of a run know their numbers. Those of an existing segmentation that was measured are known by their names.
    """
    node = nodes.segmentation
    segmentation = node.GetSegmentation() if node is not None else None
    if segmentation is None:
        return {}
    ids = list(segmentation.GetSegmentIDs())
    segments = [segmentation.GetSegment(identifier) for identifier in ids]
    found: dict[int, str] = {}
    if nodes.segments_know_numbers:
        for identifier, segment in zip(ids, segments, strict=True):
            number = tagged_number(segment)
            if number in passport.organs:
                found[number] = identifier
        if found:
            return found
    for numbered in (True, False):  # it is not kept which it was
        for identifier, label in zip(ids, labels_of(segments, numbered), strict=True):
            organ = passport.organs.get(label.value)
            if organ is not None and organ.name == label.name:
                found[label.value] = identifier
    numbers = dict(zip(numbers_of(segments), ids, strict=False))
    own = numbers.keys() & passport.organs.keys()
    found |= {number: numbers[number] for number in own if passport.organs[number].name == numbered_label(number).name}
    return found


def organ_colors(nodes: ScanNodes, passport: Passport) -> dict[int, RGB]:
    """Return label -> red, green, blue (0 to 255) of a passport's organs, as the segmentation shows them.

    Organs that the segmentation does not have have the colours of their label tables.
    """
    colors = {organ.label: name_and_color(organ)[1] for organ in passport.organs.values()}
    node = nodes.segmentation
    if node is not None:
        for label, identifier in segments_of_organs(nodes, passport).items():
            colors[label] = color_of(node.GetSegmentation().GetSegment(identifier))
    return colors


def shown_organs(nodes: ScanNodes, passport: Passport) -> set[int]:
    """Return the labels of the organs whose segments can be seen."""
    display = nodes.segmentation.GetDisplayNode() if nodes.segmentation is not None else None
    if display is None:
        return set()
    return {label for label, name in segments_of_organs(nodes, passport).items() if display.GetSegmentVisibility(name)}


def show_organs(nodes: ScanNodes, passport: Passport, labels: Collection[int], *, shown: bool) -> None:
    """Show or hide some organs' segments in all views; the others stay as they are."""
    _set_visible(nodes, passport, dict.fromkeys(labels, shown))


def show_only(nodes: ScanNodes, passport: Passport, labels: Collection[int]) -> None:
    """Show some organs' segments in all views, and hide the others'."""
    _set_visible(nodes, passport, {label: label in labels for label in passport.organs})


def _set_visible(nodes: ScanNodes, passport: Passport, visible: Mapping[int, bool]) -> None:
    display = nodes.segmentation.GetDisplayNode() if nodes.segmentation is not None else None
    if display is None:
        return
    with slicer.util.NodeModify(display):
        for label, identifier in segments_of_organs(nodes, passport).items():
            if label in visible:
                display.SetSegmentVisibility(identifier, visible[label])


def highlight(nodes: ScanNodes, passport: Passport, labels: Collection[int]) -> None:
    """Let some organs stand out by making all others fainter; of none, all look as before.

    Segments whose opacity the user has changed keep it.
    """
    display = nodes.segmentation.GetDisplayNode() if nodes.segmentation is not None else None
    if display is None:
        return
    with slicer.util.NodeModify(display):
        for label, identifier in segments_of_organs(nodes, passport).items():
            wanted = FADED if labels and label not in labels else 1.0
            for read, write in (
                (display.GetSegmentOpacity3D, display.SetSegmentOpacity3D),
                (display.GetSegmentOpacity2DFill, display.SetSegmentOpacity2DFill),
            ):
                if read(identifier) in (FADED, 1.0) and read(identifier) != wanted:
                    write(identifier, wanted)


def color_organs(nodes: ScanNodes, passport: Passport, labels: Collection[int], color_rgb: RGB) -> None:
    """Give some organs' segments a colour, 0 to 255."""
    node = nodes.segmentation
    for label, identifier in segments_of_organs(nodes, passport).items() if node is not None else ():
        if label in labels and node is not None:
            node.GetSegmentation().GetSegment(identifier).SetColor(*(channel / 255 for channel in color_rgb))
