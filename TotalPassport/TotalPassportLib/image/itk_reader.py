"""NRRD and MetaImage files, read by SimpleITK where it is installed (the extra ``formats``).

Headers are looked at first: what memory they ask for, where they say that their voxels are, and whether they say how
the patient lies. ITK's own frame, LPS, ends here.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import BadInput
from ..base.files import open_regular, sha256_of_files
from ..base.memory import require_memory
from ..base.streams import quiet_native_code
from .byte_stream import MAX_DEFLATE_RATIO, impossible_size
from .nifti_geometry import unknown_orientation
from .stored_image import StoredImage, UnfitImage, one_volume, reading_package

NRRD_SUFFIXES = (".nrrd", ".nhdr")
META_SUFFIXES = (".mha", ".mhd")
LARGEST_HEADER_BYTES = 2**20
"""Of the text at the beginning; the fields of a segmentation of hundreds of segments fit in."""
LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def simple_itk(what: str) -> Any:
    """Return the module SimpleITK, silenced.

    Raises
    ------
    UnfitImage
        It is not installed; ``what`` cannot be read then.
    """
    module = reading_package("SimpleITK", what)
    module.ProcessObject.SetGlobalWarningDisplay(False)
    return module


def read_nrrd(path: Path) -> StoredImage:
    """Read a NRRD file, or its header with the voxels beside it; names of segments are kept.

    Raises
    ------
    UnfitImage
        The file holds something else than one volume of numbers, or SimpleITK is missing.
    BadInput
        The file is damaged, no NRRD, or its geometry cannot be.
    OutOfMemory
        The image does not fit into memory.
    """
    header, voxels_path = _nrrd_parts(path)
    is_placed = re.search(r"^space( dimension)?:", header, re.MULTILINE) and "space directions:" in header
    return _read(path, voxels_path, "NRRD", is_placed=bool(is_placed), is_bounded="bz" not in header)


def read_meta(path: Path) -> StoredImage:
    """Read a MetaImage file, or its header with the voxels beside it; errors as of `read_nrrd`."""
    header, voxels_path = _meta_parts(path)
    is_placed = re.search(r"^(TransformMatrix|Rotation|Orientation)\s*=", header, re.MULTILINE)
    return _read(path, voxels_path, "MetaImage", is_placed=bool(is_placed), is_bounded=True)


def files_of_itk(path: Path) -> list[Path]:
    """Return the file of a NRRD or MetaImage, and that of its voxels if it is another one.

    Raises
    ------
    BadInput
        It is none, or its voxels are not there.
    """
    _, voxels_path = (_nrrd_parts if path.name.lower().endswith(NRRD_SUFFIXES) else _meta_parts)(path)
    return [path] if voxels_path is None else [path, voxels_path]


def _nrrd_parts(path: Path) -> tuple[str, Path | None]:
    """Return the header, and the file of the voxels if it is another one."""
    header = _header(path, b"NRRD", "NRRD", end=rb"\r?\n\r?\n")
    return header, _beside(path, re.search(r"^data ?file:\s*(.*?)\s*$", header, re.MULTILINE | re.IGNORECASE))


def _meta_parts(path: Path) -> tuple[str, Path | None]:
    header = _header(path, b"", "MetaImage", end=rb"ElementDataFile\s*=[^\n]*\n?")
    return header, _beside(path, re.search(r"^ElementDataFile\s*=\s*(.*?)\s*$", header, re.MULTILINE))


def _header(path: Path, magic: bytes, name: str, end: bytes) -> str:
    with open_regular(path) as file:
        start = file.read(LARGEST_HEADER_BYTES)
    # A detached header may end with the file.
    found = re.search(end, start)
    if not start.startswith(magic) or (found is None and b"\0" in start):
        raise BadInput(f"'{path}' is not a valid {name} file: it does not begin as one does.", "Export it again.")
    return start[: found.end() if found else len(start)].decode("utf-8", "replace")


def _beside(path: Path, stated: re.Match[str] | None) -> Path | None:
    """Return the file of the voxels if that is another one; it has to lie beside its header."""
    name = stated[1] if stated else ""
    if name in ("", "LOCAL"):
        return None
    voxels_path = path.parent / name
    if Path(name).name != name or not voxels_path.is_file():
        raise BadInput(
            f"'{path}' says that its voxels are in '{name}', which is no file beside it.",
            "Put both into one folder, or export the image as one file.",
        )
    return voxels_path


def _read(path: Path, voxels_path: Path | None, name: str, *, is_placed: bool, is_bounded: bool) -> StoredImage:
    sitk = simple_itk(f"'{path.name}'")
    files = [path] if voxels_path is None else [path, voxels_path]

    def read() -> Any:
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        needed = claimed_bytes(sitk, reader, path)
        stored = sum(file.stat().st_size for file in files)
        if is_bounded and needed > stored * MAX_DEFLATE_RATIO:
            raise impossible_size(path, needed, stored)
        require_memory(2 * needed, f"Reading '{path.name}'")
        return reader.Execute()

    image, digest = read_unchanged(files, lambda: told(path, name, read))
    affine = affine_of_itk(image)
    return StoredImage(
        voxels=voxels_of_itk(sitk, image),
        affine=affine,
        nominal_spacing_mm=spacing_of(affine),
        header={key: image.GetMetaData(key) for key in image.GetMetaDataKeys()},
        sha256=digest,
        remarks=() if is_placed else (unknown_orientation(),),
    )


def claimed_bytes(sitk: Any, reader: Any, path: Path) -> int:
    """Return how large an image will be whose header was read; what is no volume of numbers is refused."""
    if reader.GetNumberOfComponents() != 1:
        what = "several values a voxel"
        raise UnfitImage(f"'{path}' holds {what}.", "Give an image of one number a voxel.", what)
    pixel = sitk.Image([1] * max(len(reader.GetSize()), 2), reader.GetPixelIDValue())
    data_type = sitk.GetArrayViewFromImage(pixel).dtype
    one_volume(reader.GetSize(), data_type, path)
    return int(math.prod(reader.GetSize()) * data_type.itemsize)


def affine_of_itk(image: Any) -> np.ndarray:
    """Return voxel indices to RAS mm, float64 4 x 4, of an image of three axes or more."""
    axes = image.GetDimension()
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(axes, axes)[:3, :3] * image.GetSpacing()[:3]
    affine[:3, 3] = image.GetOrigin()[:3]
    return LPS_FROM_RAS @ affine


def spacing_of(affine: np.ndarray) -> tuple[float, float, float]:
    """Return the voxel sizes of an affine."""
    i, j, k = (float(size) for size in np.linalg.norm(affine[:3, :3], axis=0))
    return i, j, k


def voxels_of_itk(sitk: Any, image: Any) -> np.ndarray:
    """Return the voxels ``[i, j, k]`` in memory of their own, in the order of files."""
    array = np.array(sitk.GetArrayViewFromImage(image))
    return array.reshape(array.shape[-3:]).transpose(2, 1, 0)


def told(path: Path, name: str, work: Callable[[], Any]) -> Any:
    """Do something with ITK, whose errors are several lines for developers, and say its failure in a sentence."""
    try:
        with quiet_native_code():
            return work()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].rpartition("]")[2].strip().rstrip(".")
        reason = re.sub(r"^ITK ERROR: \w+\(0x[0-9a-f]+\): ", "", reason)  # an address in memory tells nobody anything
        reason = "ITK knows no reader for it" if path.name in reason else reason
        raise BadInput(
            f"'{path}' is not a valid {name} file, or is damaged: {reason}.", "Copy or export it again."
        ) from error


def read_unchanged(files: Sequence[Path], work: Callable[[], Any]) -> tuple[Any, str]:
    """Return what a piece of work has made of some files, and the SHA-256 of their bytes one after another.

    ITK reads by itself, so they are read once more for the hash.

    Raises
    ------
    BadInput
        A file has changed meanwhile.
    """
    before = _states(files)
    result = work()
    sha256 = sha256_of_files(files)
    if _states(files) != before:
        raise BadInput(f"'{files[0]}' has changed while it was read.", "Try again when it is complete.")
    return result, sha256


def _states(files: Iterable[Path]) -> list[tuple[int, int, int]]:
    states = (os.stat(path) for path in files)
    return [(state.st_ino, state.st_size, state.st_mtime_ns) for state in states]
