"""Label images read from files into the scene's terms, without a package that Slicer does not bring."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.optional_packages import optional_package

from .volumes import affine_of

_LARGEST_LABEL = 65535
_EXTENT, _LAYER = re.compile(r"Segment[0-9]+_Extent"), re.compile(r"Segment[0-9]+_Layer")
_INDEX = re.compile(r"-?[0-9]{1,9}")
_RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True, kw_only=True)
class LabelImage:
    """A label image in a file.

    Attributes
    ----------
    voxels : numpy.ndarray
        Unsigned integers ``[i, j, k]`` of at most 16 bits.
    grid : vtkMRMLLabelMapVolumeNode
        A node that is in no scene and has the file's grid, but no voxels.
    """

    voxels: np.ndarray
    grid: Any

    @property
    def affine(self) -> np.ndarray:
        """Voxel indices to RAS mm, float64 4 x 4."""
        return affine_of(self.grid)


class LabelFile:
    """A file with a label image, of which first only the header is read.

    Parameters
    ----------
    path : Path
        NIfTI, NRRD or MetaImage.

    Raises
    ------
    BadInput
        It cannot be read, or is no image of one number a voxel in three dimensions.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._itk = optional_package("SimpleITK", _("Reading a segmentation"))  # Slicer brings it; it takes a second
        self._reader = self._itk.ImageFileReader()
        self._reader.SetFileName(str(path))
        try:
            self._reader.ReadImageInformation()
        except RuntimeError as error:
            raise self._unreadable() from error
        if self._reader.GetDimension() != 3:
            raise BadInput(_("'{path}' is no image of three dimensions.").format(path=path), _("Choose another file."))
        self.components: int = self._reader.GetNumberOfComponents()
        self.shape: tuple[int, int, int] = tuple(self._reader.GetSize())
        self._spacing_mm = self._reader.GetSpacing()
        self._origin = _RAS_FROM_LPS @ self._reader.GetOrigin()
        self._directions = _RAS_FROM_LPS @ np.reshape(self._reader.GetDirection(), (3, 3))

    @property
    def affine(self) -> np.ndarray:
        """Voxel indices to RAS mm, float64 4 x 4."""
        affine = np.eye(4)
        affine[:3, :3] = self._directions * self._spacing_mm
        affine[:3, 3] = self._origin
        return affine

    def read(self) -> LabelImage:
        """Read the voxels.

        Raises
        ------
        BadInput
            The file is damaged, or its voxels are no labels.
        """
        if self.components != 1:
            raise BadInput(
                _("'{path}' has several values in each voxel.").format(path=self._path), _("Choose a label image.")
            )
        values = np.asarray(self._itk.GetArrayFromImage(self._execute()))
        return LabelImage(voxels=self._as_labels(values.transpose(2, 1, 0)), grid=self._grid())

    def require_whole(self) -> None:
        """Raise `BadInput` if Slicer's own reader of segmentations would end Slicer on this file.

        It does so where voxels are missing, and where the file states segments that reach beyond its image.
        """
        self._execute()
        fields = {key: self._reader.GetMetaData(key) for key in self._reader.GetMetaDataKeys()}
        if not all(self._is_within(value) for key, value in fields.items() if _EXTENT.fullmatch(key)):
            raise self._unreadable()
        layers = [value for key, value in fields.items() if _LAYER.fullmatch(key)]
        if not all(value.isdecimal() and int(value[:9]) < self.components for value in layers):
            raise self._unreadable()

    def _is_within(self, extent: str) -> bool:
        """Whether the first and last indices along three axes are in the image; those of nothing are -1 and 0."""
        numbers = extent.split()
        if len(numbers) != 6 or not all(_INDEX.fullmatch(number) for number in numbers):
            return False
        return all(-1 <= int(number) <= self.shape[place // 2] for place, number in enumerate(numbers))

    def _execute(self) -> Any:
        try:
            return self._reader.Execute()
        except (RuntimeError, MemoryError) as error:
            raise self._unreadable() from error

    def _as_labels(self, values: np.ndarray) -> np.ndarray:
        lowest, highest = values.min(initial=0), values.max(initial=0)
        if not (lowest >= 0 and highest <= _LARGEST_LABEL):  # also where one is no number
            raise BadInput(
                _("'{path}' has values that are no labels.").format(path=self._path), _("Choose a label image.")
            )
        labels = values.astype(np.uint8 if highest <= np.iinfo(np.uint8).max else np.uint16, copy=False)
        if values.dtype.kind == "f" and not np.array_equal(labels, values):
            raise BadInput(
                _("'{path}' has values that are no labels.").format(path=self._path), _("Choose a label image.")
            )
        return labels

    def _grid(self) -> Any:
        node, matrix, image = slicer.vtkMRMLLabelMapVolumeNode(), vtk.vtkMatrix4x4(), vtk.vtkImageData()
        image.SetDimensions(*self.shape)
        node.SetAndObserveImageData(image)
        node.SetSpacing(*self._spacing_mm)
        node.SetOrigin(*self._origin)
        for row in range(3):
            for column in range(3):
                matrix.SetElement(row, column, self._directions[row, column])
        node.SetIJKToRASDirectionMatrix(matrix)
        return node

    def _unreadable(self) -> BadInput:
        return BadInput(_("'{path}' cannot be read as an image.").format(path=self._path), _("Choose another file."))
