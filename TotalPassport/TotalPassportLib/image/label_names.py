"""The names of labels inside an image's header: a Caret XML label table, as TotalSegmentator stores them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from ..base.labels import LabelTable
from ..base.text import visible

CARET_XML = 0
"""The extension code under which TotalSegmentator stores label names."""


def label_names_xml(table: LabelTable, values: list[int]) -> bytes:
    """Return a Caret XML label table that names the given label values."""
    root = ElementTree.Element("CaretExtension")
    information = ElementTree.SubElement(root, "VolumeInformation", Index="0")
    entries = ElementTree.SubElement(information, "LabelTable")
    for value in values:
        label = table.describe(value)
        red, green, blue = (f"{channel / 255:.6g}" for channel in label.color_rgb)
        entry = ElementTree.SubElement(entries, "Label", Key=str(value), Red=red, Green=green, Blue=blue, Alpha="1")
        entry.text = visible(label.name)  # XML cannot hold control characters
    ElementTree.SubElement(information, "VolumeType").text = "Label"
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def stored_label_names(header: Any) -> Mapping[int, str]:
    """Return label value -> name from a header written by us, TotalSegmentator or Slicer; empty when there is none."""
    if isinstance(header, Mapping):
        return _segment_names(header)
    for extension in getattr(header, "extensions", []):
        content = extension.get_content() if extension.get_code() == CARET_XML else b""
        text = content if isinstance(content, bytes) else str(content).encode()
        # A document type is how XML expands without bound; label names have no use for one.
        if b"<LabelTable" not in text or b"<!DOCTYPE" in text:
            continue
        try:
            root = ElementTree.fromstring(text.strip(b"\0 \n"))
            return {int(entry.attrib["Key"]): (entry.text or "").strip() for entry in root.iter("Label")}
        except (ElementTree.ParseError, KeyError, ValueError):
            continue
    return {}


def _segment_names(fields: Mapping[str, str]) -> Mapping[int, str]:
    """Return the names that Slicer gives segments in the fields of a NRRD file, ``Segment3_Name``."""
    names = {}
    for key, name in fields.items():
        number = re.fullmatch(r"(Segment[0-9]+)_Name", key)
        value = fields.get(f"{number[1]}_LabelValue", "") if number else ""
        if value.isascii() and value.isdigit():
            names[int(value)] = name.strip()
    return names
