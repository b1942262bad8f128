"""Images as itk_infer reads and writes them: by SimpleITK, in its order and geometry.

An image's array is ``[z, y, x]`` as SimpleITK has it, neither reoriented nor resampled. Labels are turned to LPI
afterwards (indices rise to the left, to the back and to the feet: axes are exchanged and flipped, never resampled).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import BadInput
from ..base.memory import require_memory
from ..base.outputs import OutputFiles
from ..image.byte_stream import MAX_DEFLATE_RATIO, impossible_size
from ..image.itk_reader import claimed_bytes, files_of_itk, simple_itk, told

PATTERNS = ("*.mha", "*.nii", "*.nii.gz")
"""Which files are taken; names in capitals are not."""
WRITTEN_ORIENTATION = "LPI"
_one_at_a_time = threading.Lock()
"""ITK's messages are silenced for the whole process meanwhile."""


@dataclass(frozen=True, kw_only=True)
class ItkImage:
    """An image.

    Attributes
    ----------
    array : numpy.ndarray
        ``[z, y, x]``, in the file's own number type.
    itk : SimpleITK.Image
        The same, with its geometry.
    """

    array: np.ndarray
    itk: Any


def images_in(folder: Path) -> list[Path]:
    """Return the images directly in a folder, by name.

    Raises
    ------
    BadInput
        There is no such folder, or nothing in it that is taken.
    """
    files = {path for pattern in PATTERNS for path in folder.glob(pattern) if path.is_file()}
    if not files:
        raise BadInput(
            f"No input files found in '{folder}'.",
            "Give a folder with files that end with .mha, .nii or .nii.gz in small letters.",
        )
    return sorted(path for path in files if not path.name.startswith("."))


def read_itk_image(path: Path) -> ItkImage:
    """Read one volume.

    Raises
    ------
    BadInput
        The file is damaged or is no volume of numbers.
    OutOfMemory
        It does not fit into memory.
    """
    sitk = simple_itk(f"'{path.name}'")
    files = files_of_itk(path) if path.suffix == ".mha" else [path]
    stored = sum(file.stat().st_size for file in files)

    def read() -> Any:
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        sizes = reader.GetSize()
        if len(sizes) != 3:
            raise BadInput(f"'{path}' is a {len(sizes)}-D image ({' x '.join(map(str, sizes))}).", "Give a 3-D volume.")
        needed = claimed_bytes(sitk, reader, path)
        if needed > stored * MAX_DEFLATE_RATIO:
            raise impossible_size(path, needed, stored)
        require_memory(2 * needed, f"Reading '{path.name}'")
        return reader.Execute()

    with _one_at_a_time:
        image = told(path, "MetaImage" if path.suffix == ".mha" else "NIfTI", read)
    return ItkImage(array=sitk.GetArrayViewFromImage(image), itk=image)


def write_itk_labels(path: Path, labels: np.ndarray, image: ItkImage, source: Path) -> None:
    """Write labels ``[z, y, x]`` of an image, turned to LPI, compressed; the file appears whole or not at all.

    Raises
    ------
    BadInput
        It cannot be written, or is the image itself.
    """
    sitk = simple_itk(f"'{source.name}'")
    found = sitk.GetImageFromArray(labels)
    found.CopyInformation(image.itk)
    turned = sitk.DICOMOrient(found, WRITTEN_ORIENTATION)
    with OutputFiles(inputs=[source]) as files, _one_at_a_time:
        temporary = files.path(path)
        told(path, "label", lambda: sitk.WriteImage(turned, str(temporary), True))


def windowed(array: np.ndarray, level: int, width: int, kind: type[np.floating[Any]]) -> np.ndarray:
    """Return an image in the network's range: level -+ width / 2 become 0 and 1, what is beyond is cut off.

    Values become 16-bit whole numbers first, as in itk_infer: fractions are cut off toward zero and what is beyond
    -32768..32767 starts again at the other end, see `wraps`.

    Parameters
    ----------
    array : numpy.ndarray
        ``[z, y, x]`` of any number type.
    level, width : int
        The window, in the image's unit.
    kind : type
        Of the result; computed in double precision.
    """
    low, high = level - width / 2, level + width / 2
    result = np.empty(array.shape, kind)
    with np.errstate(invalid="ignore"):
        for plane, values in zip(result, array, strict=True):
            plane[...] = (np.clip(values.astype(np.int16), low, high) - low) / width
    return result


def wraps(array: np.ndarray) -> bool:
    """Whether an image has values that 16-bit whole numbers cannot hold, or that are no numbers."""
    if array.dtype.kind in "iu" and array.dtype.itemsize < 2:
        return False
    bounds = np.iinfo(np.int16)
    lowest, highest = array.min(), array.max()
    return not (lowest > bounds.min - 1 and highest < bounds.max + 1)  # NaN compares with nothing
