"""Images that are no files: nibabel's, SimpleITK's, and arrays with an affine, in and out.

What goes in as one kind comes out as the same kind. An object's voxels are copied, so that nothing of it changes.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import nibabel
import numpy as np
from nibabel.spatialimages import SpatialImage

from ..base.errors import BadInput
from ..base.labels import LabelTable
from ..base.memory import require_memory
from .content import content_sha256
from .formats import read_image
from .itk_reader import affine_of_itk, simple_itk, spacing_of, voxels_of_itk
from .itk_writer import itk_image
from .nifti import as_user_error_of_nibabel, label_image
from .nifti_geometry import Geometry, check_affine
from .stored_image import StoredImage, one_volume
from .volume import Volume

ACCEPTED = "a file's path, a nibabel image, a SimpleITK image, or a pair (array, affine)"


class ImageArray(NamedTuple):
    """An image as numbers: voxels ``[i, j, k]``, and the affine ``[4, 4]`` from voxel indices to RAS mm.

    Any pair of the two is taken where an image is asked for; this one comes back.
    """

    voxels: np.ndarray
    affine: np.ndarray


ImageObject = Any
"""A nibabel image, a SimpleITK image, or a pair of an array and its affine; the packages have no types of their own."""


def is_path(image: Path | str | ImageObject) -> TypeGuard[Path | str]:
    """Tell whether an image is given by the path of its file."""
    return isinstance(image, str | Path)


def image_given(image: Path | str | ImageObject, name: str = "image") -> Path | StoredImage:
    """Return an image as it was given: a path as it is, an object read.

    Parameters
    ----------
    image : object
        One of `ACCEPTED`.
    name : str
        What the sentences of errors call it.

    Raises
    ------
    BadInput
        It is none of them, no volume of numbers, or its geometry cannot be.
    OutOfMemory
        There is no room for a copy of it.
    """
    if is_path(image):
        return Path(image)
    path = Path(name)
    if isinstance(image, SpatialImage):
        return _of_nibabel(image, path)
    if _is_of_itk(image):
        return _of_itk(image, path)
    if isinstance(image, tuple) and len(image) == 2:
        return _of_array(*image, path=path)
    raise BadInput(f"The {name} is of the type {type(image).__name__}.", f"Give {ACCEPTED}.")


def stored_image(image: Path | str | ImageObject, name: str = "image") -> StoredImage:
    """Return an image as `image_given` does, that of a path read too."""
    given = image_given(image, name)
    return read_image(given) if isinstance(given, Path) else given


def labels_like(
    image: Path | str | ImageObject, labels: np.ndarray, scan: Volume, table: LabelTable, values: Collection[int]
) -> Any:
    """Return a label image of the kind that an image was given as; of a path, a nibabel image.

    Parameters
    ----------
    image : object
        One of `ACCEPTED`.
    labels : numpy.ndarray
        uint8 or uint16 ``[i, j, k]``.
    scan : Volume
        Whose grid they are on.
    table, values
        As for `nifti.save_labels`: the names that a NIfTI header gets.
    """
    if is_path(image) or isinstance(image, SpatialImage):
        return label_image(labels, like=scan, table=table, values=values)
    return voxels_like(image, labels, scan.affine)


def voxels_like(image: Path | str | ImageObject, voxels: np.ndarray, affine: np.ndarray) -> Any:
    """Return voxels ``[i, j, k]`` on the grid of an affine as an image of the kind that another one is."""
    if is_path(image) or isinstance(image, SpatialImage):
        made = nibabel.Nifti1Image(voxels, affine)
        made.header.set_xyzt_units("mm")
        return made
    if not _is_of_itk(image):
        return ImageArray(voxels, affine)
    made = itk_image(voxels, affine)
    given: Any = image
    if made.GetSize() == given.GetSize() and np.allclose(affine_of_itk(given), affine, rtol=0, atol=1e-6):
        made.CopyInformation(given)  # to the last bit: ITK compares grids
    return made


def _is_of_itk(image: object) -> bool:
    return type(image).__module__.partition(".")[0] == "SimpleITK" and hasattr(image, "GetDirection")


def _of_nibabel(image: Any, path: Path) -> StoredImage:
    shape = one_volume(image.shape, image.get_data_dtype(), path)
    with as_user_error_of_nibabel(path):
        stored = _copied(image.dataobj, shape, path)
        header = image.header.copy()
        if isinstance(header, nibabel.AnalyzeHeader) and not isinstance(header, nibabel.Nifti1Header):
            raise BadInput(
                f"The {path} is in the older format Analyze, which does not say where the patient's left is.",
                "Give the image as NIfTI, or as a pair (array, affine).",
            )
        if not isinstance(header, nibabel.Nifti1Header):
            return _stored(stored, np.asarray(image.affine, np.float64), None, path)
        geometry = Geometry(header, np.array(header["pixdim"][1:4], np.float64), shape, path)
    return StoredImage(
        voxels=stored,
        affine=geometry.affine,
        nominal_spacing_mm=geometry.spacing_mm,
        header=header,
        sha256=content_sha256(stored, geometry.affine),
        remarks=tuple(geometry.remarks),
    )


def _of_itk(image: Any, path: Path) -> StoredImage:
    sitk = simple_itk("an image")
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise BadInput(f"The {path} holds several values a voxel.", "Give an image of one number a voxel.")
    pixels = sitk.GetArrayViewFromImage(image)
    one_volume(image.GetSize(), pixels.dtype, path)
    require_memory(pixels.nbytes, "A copy of the image")
    header = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    return _stored(voxels_of_itk(sitk, image), affine_of_itk(image), header, path)


def _of_array(array: Any, affine: Any, path: Path) -> StoredImage:
    voxels = np.asarray(array)
    shape = one_volume(voxels.shape, voxels.dtype if voxels.dtype != bool else np.dtype(np.uint8), path)
    try:
        matrix = np.array(affine, np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.shape != (4, 4) or not np.array_equal(matrix[3], [0, 0, 0, 1]):
        raise BadInput(
            f"The affine of the {path} is no 4 x 4 matrix with 0, 0, 0, 1 at its end.",
            "Give the matrix from voxel indices to RAS mm.",
        )
    return _stored(_copied(voxels, shape, path), matrix, None, path)


def _stored(voxels: np.ndarray, affine: np.ndarray, header: Any, path: Path) -> StoredImage:
    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
    check_affine(affine, spacing_mm, path)
    return StoredImage(
        voxels=voxels,
        affine=affine,
        nominal_spacing_mm=spacing_of(affine),
        header=header,
        sha256=content_sha256(voxels, affine),
    )


def _copied(values: Any, shape: tuple[int, int, int], path: Path) -> np.ndarray:
    """Return voxels in memory of their own, native and in the smallest usual type that holds all of them."""
    require_memory(8 * int(np.prod(shape)), f"A copy of the {path}")
    array = np.asanyarray(values).reshape(shape)
    if array.dtype == bool:
        return np.array(array, np.uint8, order="F")
    if array.dtype == np.float64 or array.dtype.itemsize > 8:
        # As a file's reader gives them, which knows that they are whole numbers by a slope.
        for smaller in (np.int16, np.float32):
            with np.errstate(all="ignore"):
                candidate = array.astype(smaller, order="F")
            if np.array_equal(candidate, array):
                return np.asarray(candidate)
    return np.array(array, array.dtype.newbyteorder("="), order="F")
