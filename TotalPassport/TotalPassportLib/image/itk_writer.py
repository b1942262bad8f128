"""Images written by SimpleITK, whose frame is LPS: NRRD and MetaImage, with fields of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .itk_reader import LPS_FROM_RAS, simple_itk, spacing_of, told


def itk_image(voxels: np.ndarray | Sequence[np.ndarray], affine: np.ndarray) -> Any:
    """Return an image of SimpleITK.

    Parameters
    ----------
    voxels : numpy.ndarray or sequence of numpy.ndarray
        ``[i, j, k]``; of several arrays, each voxel has a value of each.
    affine : numpy.ndarray
        Voxel indices to RAS mm, float64 4 x 4.

    Raises
    ------
    UnfitImage
        SimpleITK is missing.
    """
    sitk = simple_itk("an image")
    if isinstance(voxels, np.ndarray):
        image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.transpose(2, 1, 0)))
    else:
        layers = np.stack([layer.transpose(2, 1, 0) for layer in voxels], axis=-1)
        image = sitk.GetImageFromArray(layers, isVector=True)
    spacing_mm, lps = np.array(spacing_of(affine)), LPS_FROM_RAS @ affine
    image.SetSpacing([float(size) for size in spacing_mm])
    image.SetDirection((lps[:3, :3] / spacing_mm).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


def write_itk(path: Path, image: Any, fields: Mapping[str, str] | None = None) -> None:
    """Write an image, compressed, in the format of the path's ending; ``fields`` go into a NRRD's header.

    Raises
    ------
    BadInput
        It cannot be written.
    """
    sitk = simple_itk("an image")
    for key, value in (fields or {}).items():
        image.SetMetaData(key, value)
    told(path, "image", lambda: sitk.WriteImage(image, str(path), True))
