"""A folder of binary masks, as TotalSegmentator writes it, becomes a segmentation: one segment a file, each whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from TotalPassportLib.base.errors import BadInput
from vtk.util import numpy_support

from .segmentations import SURFACE_OPACITY, segment_of

if TYPE_CHECKING:
    from TotalPassportLib.base.labels import Label
    from TotalPassportLib.image.mask_folder import Mask, MaskFolder

_LARGEST_SHEAR = 1e-3
"""Largest cosine between two axes of a grid that Slicer's segmentations can hold; they know no sheared ones."""


def load_masks(folder: Path, tell: Callable[[str], None]) -> Any:
    """Load a folder of masks into a new segmentation node; masks may overlap.

    Structures are named as the command line names them, see `TotalPassportLib.passport.naming.name_masks`.

    Parameters
    ----------
    folder : Path
        The folder, or a case of TotalSegmentator's data set.
    tell : Callable[[str], None]
        Hears what was left out, and why.

    Raises
    ------
    BadInput
        There is no mask, one is damaged, or they are not all on one grid.
    """
    from TotalPassportLib.base.errors import as_user_error  # lazily, with what needs nibabel
    from TotalPassportLib.image.mask_folder import MaskFolder
    from TotalPassportLib.passport.naming import name_masks

    with as_user_error():
        masks = MaskFolder(folder)
        found = {mask.name: mask for mask in masks.masks()}
    naming = name_masks(list(found))
    _tell_what_is_left_out(masks, sum(not mask.voxels.size for mask in found.values()), tell)
    labels = [naming.table[value] for value in naming.searched or ()]
    return _segmentation(folder, [pair for pair in zip(labels, found.values(), strict=True) if pair[1].voxels.size])


def _segmentation(folder: Path, masks: list[tuple[Label, Mask]]) -> Any:
    """Return a new segmentation node with a segment for each mask, all of which have voxels."""
    if not masks:
        raise BadInput(_("No mask in '{folder}' has a voxel.").format(folder=folder), _("Choose another folder."))
    _refuse_shear(masks[0][1].grid.affine, folder)
    node = _new_segmentation(folder.name, masks[0][1])
    with slicer.util.NodeModify(node):
        for label, mask in masks:
            node.GetSegmentation().AddSegment(segment_of(label, _image(mask, label.value)), label.name)
        node.GetSegmentation().CollapseBinaryLabelmaps(False)  # what does not overlap shares memory
    return node


def _new_segmentation(name: str, mask: Mask) -> Any:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", slicer.mrmlScene.GenerateUniqueName(name))
    segmentation = node.GetSegmentation()
    segmentation.SetSourceRepresentationName(
        slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    )
    # The masks are cut to what they hold; where the image ends decides which organs are cut by its edge.
    whole = slicer.vtkOrientedImageData()
    whole.SetExtent(*(limit for size in mask.grid.shape for limit in (0, size - 1)))
    _set_geometry(whole, mask.grid.affine)
    segmentation.SetConversionParameter(
        slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName(),
        slicer.vtkSegmentationConverter.SerializeImageGeometry(whole),
    )
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetOpacity3D(SURFACE_OPACITY)
    return node


def _image(mask: Mask, value: int) -> Any:
    """Return a mask as an image of one label in the whole image's geometry, with the extent of what it holds."""
    voxels = mask.voxels.astype(np.int16) * np.int16(value)  # Slicer's own type of shared label images
    scalars = numpy_support.numpy_to_vtk(np.ascontiguousarray(voxels.transpose(2, 1, 0)).ravel(), deep=True)
    image = slicer.vtkOrientedImageData()
    starts = [side.start for side in mask.region]
    image.SetExtent(
        *(limit for start, size in zip(starts, mask.voxels.shape, strict=True) for limit in (start, start + size - 1))
    )
    image.GetPointData().SetScalars(scalars)
    _set_geometry(image, mask.grid.affine)
    return image


def _set_geometry(image: Any, affine: np.ndarray) -> None:
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(affine.ravel())
    image.SetImageToWorldMatrix(matrix)


def _refuse_shear(affine: np.ndarray, folder: Path) -> None:
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if np.abs(axes.T @ axes - np.eye(3)).max() > _LARGEST_SHEAR:
        raise BadInput(
            _("The grid of the masks in '{folder}' is sheared, which Slicer's segmentations cannot be.").format(
                folder=folder
            ),
            _("Resample them to a rectangular grid first."),
        )


def _tell_what_is_left_out(masks: MaskFolder, empty: int, tell: Callable[[str], None]) -> None:
    if masks.skipped:
        tell(_("Left out, for they are no masks: {files}.").format(files=masks.skipped_text()))
    if empty:
        tell(_("Left out, for they hold nothing: {count} of the masks.").format(count=empty))
