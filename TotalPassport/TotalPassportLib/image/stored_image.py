"""What every reader of a file format gives, and what it has to say about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class Remark:
    """Something that whoever uses an image's results has to know, though the image can be used.

    Attributes
    ----------
    code : str
        The rule of ``data/checks.json`` under which it stands in passports; also the code of the warning.
    sentence : str
        What was found and what was assumed; ``{image}`` stands in the place of the image's name, which may be a
        patient's and stays out of passports.
    """

    code: str
    sentence: str

    def about(self, image: str) -> str:
        """Return the sentence about an image of this name.

        >>> Remark(code="units_converted", sentence="The header of {image} counts in metres.").about("the scan")
        'The header of the scan counts in metres.'
        """
        return self.sentence.replace("{image}", image)


class UnfitImage(BadInput):
    """An image that is something else than what was asked for; ``what`` says in a few words what."""

    def __init__(self, message: str, hint: str, what: str) -> None:
        super().__init__(message, hint)
        self.what = what


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """An image as its file has it, geometry checked, intensities as they come.

    Attributes
    ----------
    voxels : numpy.ndarray
        Numbers ``[i, j, k]`` in the order in which the file stores them, in the machine's byte order; the reader's own
        memory, which may be written to.
    affine : numpy.ndarray
        float64 4 x 4, voxel indices to RAS mm.
    nominal_spacing_mm : tuple of float
        Voxel sizes along i, j, k as the header has them; they need not be quite the affine's.
    header : object
        The file's own header, in the type of the library that has read it.
    sha256 : str
        SHA-256 of the very bytes that were read, in hexadecimal; of several files, of their bytes one after another.
    remarks : tuple of Remark
        What was assumed.
    """

    voxels: np.ndarray
    affine: np.ndarray
    nominal_spacing_mm: tuple[float, float, float]
    header: Any
    sha256: str
    remarks: tuple[Remark, ...] = ()
