"""What every reader of a file format gives, and what it has to say about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import BadInput
from ..base.hints import Hint, HintCode
from ..base.optional_packages import required_modules


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

    def __init__(self, message: str, hint: Hint | str, what: str) -> None:
        super().__init__(message, hint)
        self.what = what


def reading_package(name: str, what: str) -> Any:
    """Return a package of an extra that reads images.

    Raises
    ------
    UnfitImage
        It is not installed; ``what`` cannot be read then.
    """
    missing = UnfitImage(
        f"Reading {what} needs {name}, which is not installed.",
        Hint(HintCode.INSTALL_PACKAGE, package=name),
        f"needs {name}",
    )
    return required_modules(name, missing=missing)


def one_volume(sizes: Sequence[int], data_type: np.dtype[Any], path: Path) -> tuple[int, int, int]:
    """Return the shape of an image of one volume of numbers; trailing axes of length 1 do not count.

    Parameters
    ----------
    sizes : sequence of int
        Of all its axes.
    data_type : numpy.dtype
        Of its voxels; structured where these have several values.
    path : Path
        The file, for the sentences of the errors.

    Raises
    ------
    UnfitImage
        It holds something else.
    BadInput
        It holds nothing.
    """
    shape = tuple(int(size) for size in sizes)
    described = " x ".join(map(str, shape))
    if len(shape) < 3:
        what = f"a {len(shape)}-D image"
        raise UnfitImage(f"'{path}' is {what} ({described}).", "Give a 3-D volume.", what)
    if any(size != 1 for size in shape[3:]):
        what = "several volumes"
        raise UnfitImage(f"'{path}' holds {what} ({described}).", "Give one of them as a 3-D file.", what)
    if min(shape) < 1:
        raise BadInput(f"'{path}' holds no voxels ({described}).", "Convert the file again.")
    if data_type.kind not in "iuf":
        what = f"{'colour' if data_type.fields else data_type} voxels"
        raise UnfitImage(f"'{path}' holds {what}, not numbers.", "Give an image of one number a voxel.", what)
    i, j, k = shape[:3]
    return i, j, k


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
    modality : str, optional
        DICOM's code of what has made the image, such as CT or MR, where the file says it.
    """

    voxels: np.ndarray
    affine: np.ndarray
    nominal_spacing_mm: tuple[float, float, float]
    header: Any
    sha256: str
    remarks: tuple[Remark, ...] = ()
    modality: str | None = None
