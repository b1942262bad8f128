"""Segments as files of other programs, written by Slicer's own exporter, and handed to Slicer's DICOM export.

Slicer's exporter says that all went well also where a file could not be written, leaves out of names whatever is no
plain letter, so that several segments may have one file, and puts a colour table into the scene. So it works on a copy
with names of ours, in a folder of ours; what has appeared there is checked, and only then put where it was asked for.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
import vtk
from slicer.i18n import tr as _
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.files import make_folder
from TotalPassportLib.base.outputs import OutputFiles

from .organ_segments import segments_of_organs
from .scan_nodes import ScanNodes

if TYPE_CHECKING:
    from TotalPassportLib.passport import Passport

DICOM_PLUGIN = "DICOMSegmentationPlugin"
"""What writes DICOM segmentations: of the extension QuantitativeReporting, and of Slicer itself since 2026."""
_PLAIN = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_NAME = 60
_NOTHING_BYTES = 84
"""A surface without a triangle is an STL file of so many bytes: 80 of a header, and a count."""


@dataclass(frozen=True)
class SegmentFormat:
    """A format of files: what Slicer's exporter calls it, and whether it holds surfaces or one label image."""

    name: str
    is_surface: bool


FORMATS: Mapping[str, SegmentFormat] = {
    "STL": SegmentFormat("STL", True),
    "OBJ": SegmentFormat("OBJ", True),
    "NIfTI": SegmentFormat("nii.gz", False),
}
"""Format -> how it is written."""


def export_segments(
    nodes: ScanNodes,
    passport: Passport,
    folder: Path,
    kind: str,
    labels: Collection[int] | None = None,
    may_replace: Callable[[Sequence[str]], bool] = lambda _names: False,
) -> list[Path]:
    """Write organs' segments into a folder; all files appear, or none.

    Parameters
    ----------
    kind : str
        One of `FORMATS`: an STL file for each organ, one OBJ file with its colours, or one label image, in which
        organs have the numbers that they have in the passport.
    labels : Collection[int], optional
        The organs; all of the passport by default.
    may_replace : Callable[[Sequence[str]], bool]
        Asked whether files of these names, which are there, may be replaced.

    Returns
    -------
    list of Path
        What was written; nothing if files were not to be replaced.

    Raises
    ------
    BadInput
        There is nothing to export, or it cannot be written.
    """
    form = _format(kind)
    chosen = _segments(nodes, passport, labels)
    with tempfile.TemporaryDirectory(prefix="TotalPassport-") as temporary:
        names = _file_names(passport, chosen)
        with _copy(nodes.segmentation) as copy:
            _write(copy, chosen, names, form, temporary)
        written = sorted(path for path in Path(temporary).iterdir() if path.stat().st_size > _NOTHING_BYTES)
        _refuse_what_is_missing(written, names if kind == "STL" else {})
        return _put_in_place(written, make_folder(folder), may_replace)


def _format(kind: str) -> SegmentFormat:
    if kind not in FORMATS:
        raise BadInput(
            _("There is no format '{name}' for segments.").format(name=kind),
            _("Choose one of {names}.").format(names=", ".join(FORMATS)),
        )
    return FORMATS[kind]


def _segments(nodes: ScanNodes, passport: Passport, labels: Collection[int] | None) -> dict[int, str]:
    """Return label -> identifier of the segments to be written."""
    found = segments_of_organs(nodes, passport) if nodes.segmentation is not None else {}
    chosen = {label: identifier for label, identifier in found.items() if labels is None or label in labels}
    if not chosen:
        raise BadInput(
            _("There is no segment to export."), _("Choose organs that have segments, or none to export all of them.")
        )
    return dict(sorted(chosen.items()))


def _file_names(passport: Passport, chosen: Mapping[int, str]) -> dict[int, str]:
    """Return label -> a name of plain letters for each organ, no two of which are the same on any disk."""
    names: dict[int, str] = {}
    for label in chosen:
        plain = _PLAIN.sub("_", passport.organs[label].name).strip("_")[:_LONGEST_NAME] or f"label_{label}"
        taken = {name.casefold() for name in names.values()}
        names[label] = plain if plain.casefold() not in taken else f"{plain}_{label}"
    return names


@contextmanager
def _copy(original: Any) -> Iterator[Any]:
    """Lend a copy of a segmentation node; whatever its export has put into the scene goes with it."""
    before = {node.GetID() for node in slicer.util.getNodesByClass("vtkMRMLColorNode")}
    copy = slicer.vtkMRMLSegmentationNode()
    copy.SetHideFromEditors(True)
    copy.SetSaveWithScene(False)
    copy.SetName(_PLAIN.sub("_", original.GetName()).strip("_")[:_LONGEST_NAME] or "segments")
    slicer.mrmlScene.AddNode(copy)
    try:
        copy.CreateDefaultDisplayNodes()
        copy.GetDisplayNode().SetVisibility(False)
        copy.GetSegmentation().DeepCopy(original.GetSegmentation())
        copy.SetAndObserveTransformNodeID(original.GetTransformNodeID())
        yield copy
    finally:
        for node in slicer.util.getNodesByClass("vtkMRMLColorNode"):
            if node.GetID() not in before:
                slicer.mrmlScene.RemoveNode(node)
        display = copy.GetDisplayNode()
        slicer.mrmlScene.RemoveNode(copy)
        if display is not None and display.GetScene() is not None:
            slicer.mrmlScene.RemoveNode(display)


def _write(copy: Any, chosen: Mapping[int, str], names: Mapping[int, str], kind: SegmentFormat, folder: str) -> None:
    logic, ids = slicer.vtkSlicerSegmentationsModuleLogic, vtk.vtkStringArray()
    for label, identifier in chosen.items():
        ids.InsertNextValue(identifier)
        copy.GetSegmentation().GetSegment(identifier).SetName(names[label])
    if kind.is_surface:
        logic.ExportSegmentsClosedSurfaceRepresentationToFiles(folder, copy, ids, kind.name, True, 1.0, False)
        return
    mode = slicer.vtkSegmentation.EXTENT_REFERENCE_GEOMETRY
    table = _color_table(names)
    logic.ExportSegmentsBinaryLabelmapRepresentationToFiles(folder, copy, ids, kind.name, True, None, mode, table)


def _refuse_what_is_missing(written: Sequence[Path], names: Mapping[int, str]) -> None:
    """Raise `BadInput` if no file was written, or none for one of some organs."""
    missing = [name for name in names.values() if not any(path.stem.endswith(f"_{name}") for path in written)]
    if not written or missing:
        raise BadInput(
            _("Slicer could not export the segments: {names}.").format(names=", ".join(missing[:5]) or _("all")),
            _("They may be empty, or the disk full; Slicer's log may say more."),
        )


def _color_table(names: Mapping[int, str]) -> Any:
    """Return what gives segments their numbers in a label image, by their names."""
    table = slicer.vtkMRMLColorTableNode()
    table.SetTypeToUser()
    table.SetNumberOfColors(max(names) + 1)
    for number in range(max(names) + 1):
        table.SetColor(number, names.get(number, "(none)"), 0.5, 0.5, 0.5, 1.0 if number in names else 0.0)
    return table


def _put_in_place(written: Sequence[Path], folder: Path, may_replace: Callable[[Sequence[str]], bool]) -> list[Path]:
    places = [folder / path.name for path in written]
    present = [path.name for path in places if path.exists()]
    if present and not may_replace(present):
        return []
    with OutputFiles() as outputs:
        for path, place in zip(written, places, strict=True):
            shutil.copyfile(path, outputs.path(place))
    return places


def open_dicom_export(nodes: ScanNodes) -> None:
    """Open Slicer's dialog that exports to DICOM, with the scan's segmentation chosen in it.

    Raises
    ------
    BadInput
        The scan was not loaded from DICOM, or nothing in this Slicer writes segmentations.
    """
    source, segmentation = nodes.source, nodes.segmentation
    if segmentation is None:
        raise BadInput(_("There is no segment to export."), _("Choose a passport with a segmentation."))
    if DICOM_PLUGIN not in getattr(slicer.modules, "dicomPlugins", {}):
        raise BadInput(
            _("Nothing in this Slicer writes DICOM segmentations."),
            _("Install the extension QuantitativeReporting with Slicer's Extensions Manager, then restart Slicer."),
        )
    if source is None or source is segmentation or not source.GetAttribute("DICOM.instanceUIDs"):
        raise BadInput(
            _("A DICOM segmentation belongs to a DICOM series, and this scan was not loaded from one."),
            _("Load the scan with Slicer's module DICOM and segment that."),
        )
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    dialog = slicer.qSlicerDICOMExportDialog()
    dialog.setMRMLScene(slicer.mrmlScene)
    dialog.execDialog(hierarchy.GetItemByDataNode(segmentation))
