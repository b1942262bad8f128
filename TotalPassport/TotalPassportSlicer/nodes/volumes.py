"""Voxels out of Slicer and back, without losing a bit of the geometry.

Arrays are indexed ``[i, j, k]``; affines map voxel indices to RAS mm. Files are uncompressed NIfTI-2: it stores the
affine in double precision, so that an oblique grid comes back exactly as Slicer holds it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.labels import Label, LabelTable
from vtk.util import numpy_support

_MODALITIES = {"112031": "CT", "110852": "MR"}
"""DICOM's codes of what voxels hold: the attenuation coefficient, and the intensity of an MR's signal."""


def export_volume(volume_node: Any, path: Path) -> None:
    """Write a scalar volume as NIfTI; a transform above it is not applied, see `transform_note`.

    Raises
    ------
    BadInput
        The volume has no voxels, several values a voxel, or axes that are none.
    """
    image = volume_node.GetImageData()
    if image is None or image.GetNumberOfPoints() == 0:
        raise BadInput(
            _("The volume '{name}' has no voxels.").format(name=volume_node.GetName()),
            _("Load it again or choose another one."),
        )
    if image.GetNumberOfScalarComponents() != 1:
        raise BadInput(
            _("The volume '{name}' has several values in each voxel, as colour pictures have.").format(
                name=volume_node.GetName()
            ),
            _("Choose a CT."),
        )
    affine = affine_of(volume_node)
    if not np.isfinite(affine).all() or np.linalg.matrix_rank(affine[:3, :3]) < 3:
        raise BadInput(
            _("The axes of the volume '{name}' do not span a space: two are the same, or one has no length.").format(
                name=volume_node.GetName()
            ),
            _("Load it again or choose another one."),
        )
    write_nifti(path, slicer.util.arrayFromVolume(volume_node).transpose(2, 1, 0), affine)


def affine_of(volume_node: Any) -> np.ndarray:
    """Return what maps a volume's voxel indices to RAS mm, float64 ``[4, 4]``; a transform above it is not applied."""
    matrix = vtk.vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    return to_array(matrix)


class VolumeAtStart:
    """What a volume was like when it was written for a run, to tell whether its results are still those of it.

    Parameters
    ----------
    node : vtkMRMLScalarVolumeNode
        The volume.
    """

    def __init__(self, node: Any) -> None:
        self._node = node
        self._grid = affine_of(node), node.GetImageData().GetDimensions()
        self._voxels = self._voxels_now()

    def _voxels_now(self) -> tuple[Any, int]:
        scalars = self._node.GetImageData().GetPointData().GetScalars()
        return scalars, scalars.GetMTime()

    def require_same_grid(self) -> None:
        """Raise a `BadInput` if results no longer lie where the volume is."""
        image = self._node.GetImageData()
        affine, shape = self._grid
        if image is None or image.GetDimensions() != shape or not np.array_equal(affine_of(self._node), affine):
            raise BadInput(
                _("The result does not fit the volume '{name}', which was changed meanwhile.").format(
                    name=self._node.GetName()
                ),
                _("Run it again."),
            )

    @property
    def note(self) -> str:
        """What is to be said if its voxels are not those that were seen; else an empty text."""
        if self._voxels_now() == self._voxels:
            return ""
        text = _("The voxels of '{name}' were changed during the run, whose result is of those before.")
        return str(text.format(name=self._node.GetName()))


def known_modality(volume_node: Any) -> str:
    """Return what a volume was taken with, such as CT or MR; an empty text where nothing says so.

    Slicer's module DICOM notes it at the series, and what the voxels' values are at the volume.
    """
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.GetItemByDataNode(volume_node) if hierarchy is not None else 0
    if item:
        attribute = slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMSeriesModalityAttributeName()
        noted = hierarchy.GetItemAttribute(item, attribute)
        if noted:
            return str(noted)
    quantity = volume_node.GetVoxelValueQuantity()
    return _MODALITIES.get(quantity.GetCodeValue(), "") if quantity is not None else ""


def write_nifti(path: Path, voxels: np.ndarray, affine: np.ndarray, label: Label | None = None) -> None:
    """Write voxels ``[i, j, k]`` of any number type with their affine in double precision; of a mask, what it is."""
    import nibabel  # lazily: installed on the first run, not part of Slicer

    image = nibabel.Nifti2Image(voxels, affine, dtype=voxels.dtype)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=0, strip_shears=True)
    if label is not None:
        from TotalPassportLib.image.label_names import CARET_XML, label_names_xml

        names = label_names_xml(LabelTable("mask", [label]), [label.value])
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(CARET_XML, names))
    nibabel.save(image, path)


def read_labels(path: Path) -> np.ndarray:
    """Return the label values of a NIfTI file as ``[i, j, k]``, in the file's own number type."""
    import nibabel

    return np.asarray(nibabel.load(path).dataobj)


def transform_note(node: Any) -> str:
    """Return a sentence for the log if a transform is above the node, else an empty text."""
    transform = node.GetParentTransformNode()
    if transform is None:
        return ""
    return _(
        "'{name}' is under the transform '{transform}'. The computation sees it untransformed, and the results are put "
        "under the same transform; positions in the passport are those before the transform."
    ).format(name=node.GetName(), transform=transform.GetName())


def oriented_image(voxels: np.ndarray, like: Any) -> Any:
    """Return label voxels ``[i, j, k]`` as an image with exactly the geometry of the volume node ``like``."""
    flat = np.ascontiguousarray(voxels.transpose(2, 1, 0)).ravel()
    scalars = numpy_support.numpy_to_vtk(flat, deep=True)
    scalars.SetName("labels")
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(*voxels.shape)
    image.GetPointData().SetScalars(scalars)
    # Spacing, origin and directions are copied one by one: taken apart from a matrix they would be off by a rounding.
    directions = vtk.vtkMatrix4x4()
    like.GetIJKToRASDirectionMatrix(directions)
    image.SetDirectionMatrix(directions)
    image.SetSpacing(like.GetSpacing())
    image.SetOrigin(like.GetOrigin())
    return image


def image_voxels(image: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return an oriented image's voxels ``[i, j, k]`` and the affine of the first of them."""
    first_i, last_i, first_j, last_j, first_k, last_k = image.GetExtent()
    shape_kji = (last_k - first_k + 1, last_j - first_j + 1, last_i - first_i + 1)
    voxels = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars()).reshape(shape_kji).transpose(2, 1, 0)
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    affine = to_array(matrix)
    affine[:3, 3] += affine[:3, :3] @ (first_i, first_j, first_k)
    return voxels, affine


def to_array(matrix: Any) -> np.ndarray:
    """Return a vtkMatrix4x4 as float64 ``[4, 4]``."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
