"""The segmentation that lies beside a passport's file: proven to be the passport's, then taken into the scene."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.labels import Label

from .label_files import LabelFile
from .mask_import import load_masks
from .organs import name_and_color
from .segmentations import LABEL_TAG, SURFACE_OPACITY, SegmentLayer, fill_segmentation, tagged_number
from .volumes import image_voxels, to_array

if TYPE_CHECKING:
    from TotalPassportLib.passport import Passport
    from TotalPassportLib.passport.segmentation_match import FoundStructure, SegmentationMatch

_SLICERS_OWN = ".seg.nrrd"


def load_segmentation_of(passport: Passport, path: Path, name: str) -> tuple[Any, SegmentationMatch]:
    """Load a passport's segmentation into a new node, with the organs' names, colours and codes.

    Parameters
    ----------
    passport : Passport
        What was measured of it.
    path : Path
        A label image, Slicer's own format, whose segments may overlap, or a folder of masks.
    name : str
        Of the node.

    Raises
    ------
    BadInput
        The file cannot be read, or is another segmentation than the passport's; the scene is as before.
    """
    if path.is_dir():
        return _proven(_load_masks(path, name), passport, path)
    file = LabelFile(path)
    if path.name.lower().endswith(_SLICERS_OWN):
        return _proven(_load_slicers_own(file, path, name), passport, path)
    from TotalPassportLib.passport import segmentation_match  # lazily, as all that knows passports

    _refuse(path, segmentation_match.other_grid(passport, file.shape, file.affine))
    image = file.read()
    match = segmentation_match.match_segmentation(
        passport, segmentation_match.structures_in(image.voxels, image.affine)
    )
    _refuse(path, match.reason)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    found_by = "" if "names_from" in passport.model else str(passport.model.get("name", ""))
    layer = SegmentLayer(voxels=image.voxels, labels=labels_of_organs(passport), found_by=found_by)
    fill_segmentation(node, [layer], image.grid)
    return node, match


def labels_of_organs(passport: Passport) -> dict[int, Label]:
    """Return label value -> what a segment of that organ is called and looks like."""
    labels = {}
    for value, organ in passport.organs.items():
        display_name, color_rgb = name_and_color(organ)
        labels[value] = Label(
            value=value,
            name=organ.name,
            display_name=display_name,
            color_rgb=color_rgb,
            terminology=organ.terminology,
        )
    return labels


def _refuse(path: Path, reason: str) -> None:
    if reason:
        raise _other_segmentation(path, reason)


def _other_segmentation(path: Path, reason: str) -> BadInput:
    return BadInput(
        _("'{file}' is not the segmentation that the passport was made of: {reason}.").format(
            file=path.name, reason=reason
        ),
        _("It was not loaded."),
    )


def _load_slicers_own(file: LabelFile, path: Path, name: str) -> Any:
    file.require_whole()
    node = slicer.modules.segmentations.logic().LoadSegmentationFromFile(str(path), True, name)
    if node is None:
        raise BadInput(
            _("'{path}' cannot be read as a segmentation.").format(path=path), _("Slicer's log may say why.")
        )
    _state_grid(node.GetSegmentation(), file)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetOpacity3D(SURFACE_OPACITY)
    return node


def _load_masks(folder: Path, name: str) -> Any:
    try:
        node = load_masks(folder, lambda _note: None)
    except ImportError as error:  # what reads masks is installed with the first run
        raise BadInput(
            _("The masks in '{folder}' cannot be read because the Python package '{package}' is missing.").format(
                folder=folder, package=(error.name or "").partition(".")[0]
            ),
            _("Click Apply once; it offers to install what is missing."),
        ) from error
    node.SetName(slicer.mrmlScene.GenerateUniqueName(name))
    return node


def _proven(node: Any, passport: Passport, path: Path) -> tuple[Any, SegmentationMatch]:
    """Return a segmentation node that was loaded if it is the passport's; else take it from the scene again."""
    try:
        return node, _recognise_segments(node, passport, path)
    except BadInput:
        slicer.mrmlScene.RemoveNode(node)
        raise


def _recognise_segments(node: Any, passport: Passport, path: Path) -> SegmentationMatch:
    """Tell the segments of a file which organs they are; raise `BadInput` if they are others than the passport's."""
    from TotalPassportLib.passport import segmentation_match

    segmentation, numbers = node.GetSegmentation(), dict[str, int]()
    for identifier in segmentation.GetSegmentIDs():
        number = _number_of(segmentation.GetSegment(identifier), identifier, passport)
        if number is None or number in numbers.values():
            name = segmentation.GetSegment(identifier).GetName()
            raise _other_segmentation(path, _("it has a segment '{name}' that the passport lacks").format(name=name))
        numbers[identifier] = number
    found = _structures_of_segments(segmentation, numbers)
    _refuse(path, _other_lattice(passport, segmentation))
    match = segmentation_match.match_segmentation(passport, found)
    _refuse(path, match.reason)
    for identifier, number in numbers.items():
        segmentation.GetSegment(identifier).SetTag(LABEL_TAG, str(number))
    return match


def _number_of(segment: Any, identifier: str, passport: Passport) -> int | None:
    tagged = tagged_number(segment)
    if tagged in passport.organs:
        return tagged
    for organ in passport.organs.values():
        if organ.name == identifier or segment.GetName() in (organ.name, name_and_color(organ)[0]):
            return organ.label
    return None


def _structures_of_segments(segmentation: Any, numbers: Mapping[str, int]) -> dict[int, FoundStructure]:
    """Return what the segments hold; those that share a label image are looked for in it at once."""
    from TotalPassportLib.passport.segmentation_match import structures_in

    kind = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    found, images = {}, {}
    for identifier, number in numbers.items():
        segment = segmentation.GetSegment(identifier)
        image = segment.GetRepresentation(kind)
        if image is None or not image.GetNumberOfPoints():
            continue
        key = image.GetAddressAsString("")
        if key not in images:
            voxels, affine = image_voxels(image)
            images[key] = structures_in(np.ascontiguousarray(voxels).astype(np.uint16, copy=False), affine)
        structure = images[key].get(segment.GetLabelValue())
        if structure is not None:
            found[number] = structure
    return found


def _state_grid(segmentation: Any, file: LabelFile) -> None:
    """State the grid of a segmentation whose file does not: Slicer cuts images to what they hold, the file is whole."""
    parameter = slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
    if not segmentation.GetConversionParameter(parameter):
        matrix = vtk.vtkMatrix4x4()
        matrix.DeepCopy(file.affine.ravel())
        extent = [limit for size in file.shape for limit in (0, size - 1)]
        text = slicer.vtkSegmentationConverter.SerializeImageGeometry(matrix, extent)
        segmentation.SetConversionParameter(parameter, text)


def _other_lattice(passport: Passport, segmentation: Any) -> str:
    """Say in what the grid of a segmentation is not that of the passport's; empty if it is the same."""
    from TotalPassportLib.passport.segmentation_match import other_grid

    text = segmentation.GetConversionParameter(slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName())
    matrix, extent = vtk.vtkMatrix4x4(), [0] * 6
    if not slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, matrix, extent):
        return str(_("nothing says on which grid it lies"))
    affine = to_array(matrix)
    affine[:3, 3] += affine[:3, :3] @ extent[::2]
    shape = tuple(last - first + 1 for first, last in zip(extent[::2], extent[1::2], strict=True))
    return other_grid(passport, shape, affine)
