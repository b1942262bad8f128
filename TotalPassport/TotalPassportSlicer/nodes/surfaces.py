"""Closed surfaces of segments, made one after another: what Slicer makes in one go, quicker and with a sign of life."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util import numpy_support

_ROOM_VOXELS = 3
"""Around a segment: smoothing looks no further, and what lies at the image's own edge is closed there as ever."""


def show_in_3d(node: Any, shown: bool, tell: Callable[[int, int], None]) -> None:
    """Show or hide the closed surfaces; they are made when they are first wanted, of which `make_surfaces` tells."""
    if shown:
        make_surfaces(node, tell)
    display = node.GetDisplayNode()
    if display is not None:
        display.SetVisibility3D(shown)


def make_surfaces(node: Any, tell: Callable[[int, int], None]) -> None:
    """Give all segments the closed surfaces that they lack, the same as Slicer's own conversion makes.

    Slicer wants a surface of every segment before it shows any, and looks through the whole image for each: here each
    is looked for in its own box.

    Parameters
    ----------
    node : vtkMRMLSegmentationNode
        Segments that have surfaces keep them.
    tell : Callable[[int, int], None]
        Called with the number of surfaces that are made and the number of all that are to be made, from 0 on.
    """
    segmentation = node.GetSegmentation()
    conversion = slicer.vtkSegmentationConverter
    surface = conversion.GetSegmentationClosedSurfaceRepresentationName()
    labelmap = conversion.GetSegmentationBinaryLabelmapRepresentationName()
    segments = [segmentation.GetSegment(identifier) for identifier in segmentation.GetSegmentIDs()]
    missing = [segment for segment in segments if segment.GetRepresentation(surface) is None]
    if missing and segmentation.GetSourceRepresentationName() == labelmap:
        parameters = segmentation.SerializeAllConversionParameters()
        boxes = _boxes(missing, labelmap)
        made = []
        for number, segment in enumerate(missing):
            tell(number, len(missing))
            made.append(_surface(segment, boxes[number], labelmap, surface, parameters))
        # The first segment comes last: as soon as that has a surface, views make those of all others.
        for segment, polydata in list(zip(missing, made, strict=True))[::-1]:
            if polydata is not None:
                segment.AddRepresentation(surface, polydata)
        tell(len(missing), len(missing))
    node.CreateClosedSurfaceRepresentation()


def _boxes(segments: list[Any], labelmap: str) -> list[tuple[int, ...] | None]:
    """Return the extent (i, i, j, j, k, k) of what each segment holds; None if it is empty."""
    from scipy import ndimage

    found: dict[Any, list[Any]] = {}
    boxes: list[tuple[int, ...] | None] = []
    for segment in segments:
        image = segment.GetRepresentation(labelmap)
        scalars = image.GetPointData().GetScalars() if image is not None else None
        if image not in found:
            voxels = numpy_support.vtk_to_numpy(scalars) if scalars is not None else np.zeros(0, np.uint8)
            grid = voxels.reshape(image.GetDimensions()[::-1] if voxels.size else (0, 0, 0))
            whole = grid if grid.dtype.kind in "iu" else grid.astype(np.int32)
            found[image] = ndimage.find_objects(whole) if whole.size else []
        value = segment.GetLabelValue()
        slices = found[image][value - 1] if 0 < value <= len(found[image]) else None
        boxes.append(_extent(image, slices) if slices is not None else None)
    return boxes


def _extent(image: Any, slices: tuple[slice, slice, slice]) -> tuple[int, ...]:
    extent = image.GetExtent()
    box: list[int] = []
    for axis, places in enumerate(slices[::-1]):  # numpy's are k, j, i
        first, last = extent[2 * axis], extent[2 * axis + 1]
        box.append(max(first + places.start - _ROOM_VOXELS, first))
        box.append(min(first + places.stop - 1 + _ROOM_VOXELS, last))
    return tuple(box)


def _surface(segment: Any, box: tuple[int, ...] | None, labelmap: str, surface: str, parameters: str) -> Any | None:
    """Return one segment's surface; None if it cannot be made."""
    image = segment.GetRepresentation(labelmap)
    alone = slicer.vtkSegment()
    alone.SetLabelValue(segment.GetLabelValue())
    alone.AddRepresentation(labelmap, image if box is None else _cropped(image, box))
    segmentation = slicer.vtkSegmentation()
    segmentation.SetSourceRepresentationName(labelmap)
    segmentation.DeserializeConversionParameters(parameters)
    segmentation.AddSegment(alone, "alone")
    return alone.GetRepresentation(surface) if segmentation.CreateRepresentation(surface) else None


def _cropped(image: Any, box: tuple[int, ...]) -> Any:
    clip = vtk.vtkImageClip()
    clip.SetInputData(image)
    clip.SetOutputWholeExtent(*box)
    clip.ClipDataOn()
    clip.Update()
    cropped = slicer.vtkOrientedImageData()
    cropped.ShallowCopy(clip.GetOutput())
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    cropped.SetGeometryFromImageToWorldMatrix(matrix)
    return cropped
