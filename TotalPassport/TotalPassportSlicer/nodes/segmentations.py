"""Segmentation nodes: filled from label voxels, read into label voxels."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.labels import ANATOMY, Label, load_label_table, numbered_label, structure_named

from .volumes import image_voxels, oriented_image, write_nifti

TERMINOLOGY_CONTEXT = "Segmentation category and type - TotalPassport"

SURFACE_OPACITY = 0.4
"""Centroids and axes lie inside the organs and are to be seen through their surfaces."""

LABEL_TAG = "TotalPassport.Label"
"""Of a segment that a run made: the number of its organ in the passport."""

_LONGEST_TEXT = 64
"""Of DICOM's value representation LO."""

_MAX_LABEL = 32767
"""Slicer merges segments into signed 16-bit voxels."""

_NUMBERED_NAME = re.compile(r"(?:(?:segment|label)[ _]?)?([0-9]{1,5})", re.IGNORECASE)


class Numbers(enum.Enum):
    """What the numbers of segments called "Segment_5" or "5" are."""

    ASSUMED = "assumed"
    """TotalSegmentator's labels if the organs lie and are as large as these, else nothing that is known."""
    TOTAL = "total"
    """TotalSegmentator's labels; the user says so."""
    OWN = "own"
    """Numbers of somebody's own; the user says so."""


@dataclass(frozen=True, kw_only=True)
class SegmentLayer:
    """What one task has found, for a segmentation node.

    Attributes
    ----------
    voxels : numpy.ndarray
        Label values ``[i, j, k]``.
    labels : mapping of int to Label
        What the segment of each value is called and which number its organ has in the passport (`Label.value`).
    found_by : str
        The model that has found them, which a DICOM segmentation of them has to name; empty if that is not known.
    """

    voxels: np.ndarray
    labels: Mapping[int, Label]
    found_by: str = ""


def fill_segmentation(node: Any, layers: Sequence[SegmentLayer], volume_node: Any) -> None:
    """Replace the content of a segmentation node by the labels that occur in some layers.

    The segments of a layer share one label image on the volume's exact grid, so that this takes no time and little
    memory; those of several layers may overlap, each stays whole.

    Raises
    ------
    BadInput
        The voxels do not fit the volume.
    """
    if any(tuple(layer.voxels.shape) != tuple(volume_node.GetImageData().GetDimensions()) for layer in layers):
        raise BadInput(
            _("The result does not fit the volume '{name}', which was changed meanwhile.").format(
                name=volume_node.GetName()
            ),
            _("Run it again."),
        )
    segmentation = node.GetSegmentation()
    with slicer.util.NodeModify(node):
        segmentation.RemoveAllSegments()
        node.SetSourceRepresentationToBinaryLabelmap()
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
        for layer in layers:
            image = oriented_image(layer.voxels, volume_node)
            for value in _present_labels(layer.voxels):
                label = layer.labels.get(value) or numbered_label(value)
                segment = segment_of(label, image, value)
                if layer.found_by:
                    _say_who_found(segment, layer.found_by)
                segmentation.AddSegment(segment, label.name)
        if node.GetDisplayNode() is None:
            node.CreateDefaultDisplayNodes()
            node.GetDisplayNode().SetOpacity3D(SURFACE_OPACITY)


def _present_labels(voxels: np.ndarray) -> list[int]:
    # Slice by slice: counting in one go would take eight bytes a voxel.
    present: set[int] = set()
    for k in range(voxels.shape[2]):
        present.update(np.flatnonzero(np.bincount(voxels[:, :, k].ravel(order="K"))).tolist())
    return sorted(present - {0})


def segment_of(label: Label, image: Any, value: int | None = None) -> Any:
    """Return a segment with a label's name, colour and code, and an image that holds its value, or another one."""
    segment = slicer.vtkSegment()
    segment.SetLabelValue(label.value if value is None else value)
    segment.AddRepresentation(slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName(), image)
    dress(segment, label)
    return segment


def _say_who_found(segment: Any, model: str) -> None:
    """State what Slicer's DICOM export writes of a segment: without it, that a hand has drawn it."""
    segment.SetTag("DICOM.SegmentAlgorithmType", "AUTOMATIC")
    segment.SetTag("DICOM.SegmentAlgorithmName", f"TotalPassport, {model}"[:_LONGEST_TEXT])


def dress(segment: Any, label: Label) -> None:
    """Give a segment a label's name, colour, code and number."""
    segment.SetName(label.display_name)
    segment.SetColor(*(channel / 255 for channel in label.color_rgb))
    segment.SetTag(LABEL_TAG, str(label.value))
    # Slicer's DICOM export refuses segments without a code.
    code = _terminology_text(label.terminology or ANATOMY)
    segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), code)


def undress(segment: Any) -> None:
    """Take from a segment the code and the number that `dress` gave it."""
    for tag in (LABEL_TAG, slicer.vtkSegment.GetTerminologyEntryTagName()):
        segment.RemoveTag(tag)


def tagged_number(segment: Any) -> int:
    """Return the number of a segment's organ in its passport; 0 where no run of ours says so."""
    text = vtk.reference("")
    return int(str(text)) if segment.GetTag(LABEL_TAG, text) and str(text).isdecimal() else 0


def _terminology_text(terminology: Any) -> str:
    def fields(code: Any) -> tuple[str, str, str]:
        return (code.code, code.scheme, code.meaning) if code is not None else ("", "", "")

    return slicer.vtkSlicerTerminologiesModuleLogic.SerializeTerminologyEntry(
        TERMINOLOGY_CONTEXT,
        *fields(terminology.category),
        *fields(terminology.type),
        *fields(terminology.modifier),
        *([""] * 7),  # no anatomic region
    )


@dataclass(frozen=True)
class ExportedSegmentation:
    """A segmentation on disk.

    Attributes
    ----------
    path : Path
        A label image; a folder of masks, each whole, where segments overlap.
    labels : str
        What the job file says: a bundled table's name or a table's path; empty if the labels are to be named by the
        rules for files that do not name them.
    note : str
        What the user should know; empty if all is as usual.
    """

    path: Path
    labels: str
    note: str = ""


def export_segmentation(node: Any, folder: Path, meant: Numbers = Numbers.ASSUMED) -> ExportedSegmentation:
    """Write all segments at the segmentation's own reference geometry.

    Segments keep their names. Where all are only numbered ("Segment_5", "Label 5"), as those of a file without names,
    and the numbers may be TotalSegmentator's, the library decides as it does for such a file.

    Parameters
    ----------
    folder : Path
        Where everything is written.
    meant : Numbers
        What the numbers of numbered segments are.

    Raises
    ------
    BadInput
        There is nothing to export.
    """
    segmentation = node.GetSegmentation()
    ids = list(segmentation.GetSegmentIDs()) if segmentation is not None else []
    if not ids:
        raise BadInput(
            _("The segmentation '{name}' has no segments.").format(name=node.GetName()), _("Choose another one.")
        )
    _ensure_labelmap(node)
    segments = [segmentation.GetSegment(identifier) for identifier in ids]
    labels = labels_of(segments, meant is Numbers.TOTAL)
    if _overlap(segmentation):
        path, note = _write_masks(node, ids, labels, folder), _("Some segments overlap; each is measured whole.")
        return ExportedSegmentation(path, str(_write_table(labels, folder)), note)
    numbers = numbers_of(segments)
    path = folder / "segmentation.nii"
    if meant is Numbers.ASSUMED and _may_be_totalsegmentators(numbers):
        write_nifti(path, *_merged_voxels(node, ids, numbers))
        return ExportedSegmentation(path, "")
    write_nifti(path, *_merged_voxels(node, ids, [label.value for label in labels]))
    total = load_label_table("total")
    named = all(total.get(label.value) == label for label in labels)
    return ExportedSegmentation(path, "total" if named else str(_write_table(labels, folder)))


def _overlap(segmentation: Any) -> bool:
    """Whether a voxel is in several segments."""
    if segmentation.GetNumberOfLayers() <= 1:
        return False
    copy = slicer.vtkSegmentation()
    copy.DeepCopy(segmentation)
    copy.CollapseBinaryLabelmaps(False)  # puts into one layer what does not overlap
    return bool(copy.GetNumberOfLayers() > 1)


def _write_masks(node: Any, ids: list[str], labels: list[Label], folder: Path) -> Path:
    masks = folder / "segments"
    masks.mkdir()
    grid = _merged(node, ids, [1] * len(ids))  # each alone would have the grid of what it holds
    for number, (identifier, label) in enumerate(zip(ids, labels, strict=True)):
        voxels, affine = image_voxels(_merged(node, [identifier], [1], grid))
        write_nifti(masks / f"{number:05}.nii.gz", voxels.astype(np.uint8), affine, replace(label, value=1))
    return masks


def numbers_of(segments: list[Any]) -> list[int]:
    """Return the numbers that stand for the names of segments; nothing if any has a name, or a number of two."""
    matches = [_NUMBERED_NAME.fullmatch(segment.GetName().strip()) for segment in segments]
    numbers = [int(match.group(1)) for match in matches if match is not None]
    return numbers if len(set(numbers)) == len(segments) else []


def _may_be_totalsegmentators(numbers: list[int]) -> bool:
    from TotalPassportLib.passport.naming import name_labels  # lazily: see the package's note

    return bool(numbers) and name_labels(numbers).names_from == "assumed"


def labels_of(segments: list[Any], numbered: bool) -> list[Label]:
    """Return a label for each segment: the bundled table's where the name is known, else one of its own."""
    known = [_known_label(segment.GetName(), numbered) for segment in segments]
    used = [label.value for label in known if label is not None]
    labels: list[Label] = []
    next_free = max([*load_label_table("total"), 0]) + 1
    names: set[str] = set()
    for segment, label in zip(segments, known, strict=True):
        if label is None or used.count(label.value) > 1:
            label, next_free = _own_label(segment, next_free, names), next_free + 1
        names.add(label.name)
        labels.append(label)
    if next_free > _MAX_LABEL:
        raise BadInput(_("The segmentation has too many segments."), _("Split it into several segmentations."))
    return labels


def _known_label(name: str, numbered: bool) -> Label | None:
    total = load_label_table("total")
    match = _NUMBERED_NAME.fullmatch(name.strip()) if numbered else None
    if match is not None:
        return total.get(int(match.group(1)))
    structure = structure_named(name)  # as names in files are understood
    return None if structure is None else total.named(structure.name)


def _own_label(segment: Any, value: int, taken: set[str]) -> Label:
    name = segment.GetName().strip()[:200] or f"Segment {value}"
    unique = name if name not in taken else f"{name} ({value})"
    return Label(value=value, name=unique, display_name=unique, color_rgb=color_of(segment))


def color_of(segment: Any) -> tuple[int, int, int]:
    """Return a segment's red, green and blue, 0 to 255."""
    red, green, blue = (min(max(round(channel * 255), 0), 255) for channel in segment.GetColor())
    return red, green, blue


def _merged_voxels(node: Any, ids: list[str], values: list[int]) -> tuple[np.ndarray, np.ndarray]:
    voxels, affine = image_voxels(_merged(node, ids, values))
    return voxels.astype(np.uint8 if max(values) <= 255 else np.uint16), affine


def _merged(node: Any, ids: list[str], values: list[int], grid: Any | None = None) -> Any:
    """Return segments as one label image, on the grid of another one or on the segmentation's own."""
    id_array, value_array = vtk.vtkStringArray(), vtk.vtkIntArray()
    for identifier, value in zip(ids, values, strict=True):
        id_array.InsertNextValue(identifier)
        value_array.InsertNextValue(value)
    image = slicer.vtkOrientedImageData()
    mode = slicer.vtkSegmentation.EXTENT_REFERENCE_GEOMETRY
    if not node.GenerateMergedLabelmapForAllSegments(image, mode, grid, id_array, value_array):
        raise BadInput(
            _("The segmentation '{name}' could not be turned into a label image.").format(name=node.GetName()),
            _("Check its source geometry in the Segment Editor."),
        )
    return image


class SegmentsAtStart:
    """What segments were like when they were written for a run, to tell whether its results are still those of them.

    Parameters
    ----------
    node : vtkMRMLSegmentationNode
        The segmentation.

    Attributes
    ----------
    note : str
        What is to be said if they are not; empty until `look_again` has found so.
    """

    def __init__(self, node: Any) -> None:
        self._node = node
        self._content = self._content_now()
        self.note = ""

    def look_again(self) -> None:
        """Compare the segments with what they were."""
        if self._content_now() != self._content:
            text = _("The segments of '{name}' were changed during the run, whose result is of those before.")
            self.note = str(text.format(name=self._node.GetName()))

    def _content_now(self) -> list[tuple[Any, ...]]:
        """Return the names of segments, and when their voxels were changed last."""
        segmentation = self._node.GetSegmentation()
        kind = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
        content = []
        for identifier in segmentation.GetSegmentIDs():
            segment = segmentation.GetSegment(identifier)
            image = segment.GetRepresentation(kind)
            changed = image.GetMTime() if image is not None else 0
            content.append((identifier, segment.GetName(), segment.GetLabelValue(), changed))
        return content


def _ensure_labelmap(node: Any) -> None:
    name = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    segmentation = node.GetSegmentation()
    if not segmentation.ContainsRepresentation(name) and not segmentation.CreateRepresentation(name):
        raise BadInput(
            _("The segmentation '{name}' has no label images and none can be made.").format(name=node.GetName()),
            _("Choose another one."),
        )


def _write_table(labels: list[Label], folder: Path) -> Path:
    entries = [
        {
            "value": label.value,
            "name": label.name,
            "display_name": label.display_name,
            "color_rgb": list(label.color_rgb),
        }
        for label in labels
    ]
    path = folder / "labels.json"
    table = {"schema": "totalpassport-labels/1", "name": "segments", "labels": entries}
    path.write_text(json.dumps(table), encoding="utf-8")
    return path
