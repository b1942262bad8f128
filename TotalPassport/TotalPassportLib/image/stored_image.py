"""What every reader of a file format gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """An image as its file has it, geometry checked, intensities as they come.

    Attributes
    ----------
    voxels : numpy.ndarray
        Numbers ``[i, j, k]`` in the order in which the file stores them.
    affine : numpy.ndarray
        float64 4 x 4, voxel indices to RAS mm.
    nominal_spacing_mm : tuple of float
        Voxel sizes along i, j, k as the header has them; they need not be quite the affine's.
    header : object
        The file's own header, in the type of the library that has read it.
    """

    voxels: np.ndarray
    affine: np.ndarray
    nominal_spacing_mm: tuple[float, float, float]
    header: Any
