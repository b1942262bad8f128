"""NIfTI files: reading an image with every check of its header, and writing labels on an image's grid."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.imageglobals import logger as nibabel_log
from nibabel.spatialimages import HeaderDataError, HeaderTypeError
from nibabel.wrapstruct import WrapStructError

from ..base.errors import BadInput, os_error
from ..base.labels import LabelTable
from ..base.memory import require_memory
from .label_names import CARET_XML, label_names_xml
from .stored_image import StoredImage

if TYPE_CHECKING:
    from .volume import Volume

SUFFIXES = (".nii.gz", ".nii")
MAX_SPACING_MISMATCH = 1e-2
"""Largest relative difference between the header's voxel sizes and the affine's."""
MAX_DEFLATE_RATIO = 1032
"""No deflate stream unpacks to more than this many times its size (zlib's documentation)."""
UNPACKED_AT_ONCE = 2**20
"""Bytes: small enough for the processor's cache."""
NIFTI_2_HEADER = 540
"""Bytes of a NIfTI-2 header, which begins with this number; that of NIfTI-1 has 348."""
HINT = "Give a NIfTI file (.nii or .nii.gz); convert DICOM with Slicer or dcm2niix."


def read_nifti(path: Path) -> StoredImage:
    """Read a ``.nii`` or ``.nii.gz`` file of one volume.

    Raises
    ------
    BadInput
        The file is damaged, no NIfTI, not of one volume, or its geometry cannot be.
    OutOfMemory
        The image does not fit into memory.
    """
    try:
        image, voxels = _read(path)
    except (ImageFileError, HeaderDataError, HeaderTypeError, WrapStructError) as error:
        raise BadInput(f"'{path}' is not a valid NIfTI file: {error}.", HINT) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(f"'{path}' is truncated or damaged: {error}.", "Copy or convert the file again.") from error
    except OSError as error:
        if error.errno is not None:
            raise os_error(error) from error
        raise BadInput(f"'{path}' is truncated: {error}.", "Copy or convert the file again.") from error
    except ValueError as error:
        raise BadInput(f"'{path}' is not a valid NIfTI file: {error}.", HINT) from error
    return StoredImage(
        voxels=voxels.reshape(voxels.shape[:3]),
        affine=np.asarray(image.affine, np.float64),
        nominal_spacing_mm=image.header.get_zooms()[:3],
        header=image.header,
    )


def save_labels(
    path: Path, labels: np.ndarray, *, like: Volume, table: LabelTable, values: Collection[int] | None = None
) -> None:
    """Write a label image on the grid of ``like``, with the names of its labels in the header.

    The header is the input's with the data type exchanged, if that was a NIfTI file. The names are stored as
    TotalSegmentator stores them, in a Caret XML label table.

    Parameters
    ----------
    path : Path
        The file to write.
    labels : numpy.ndarray
        uint8 or uint16 ``[i, j, k]``.
    like : Volume
        The image that was segmented.
    table : LabelTable
        Where the names come from.
    values : collection of int, optional
        The labels to name, such as all that were looked for; by default those that are there.
    """
    image = _label_image(labels, like)
    if values is None:
        values = np.flatnonzero(np.bincount(labels.ravel(order="K"), minlength=256)[1:]) + 1
    names = label_names_xml(table, [int(value) for value in values])
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(CARET_XML, names))
    nibabel.save(image, path)


def save_mask(path: Path, mask: np.ndarray, *, like: Volume) -> None:
    """Write a mask, uint8 ``[i, j, k]``, on the grid of ``like``, in the manner of `save_labels` but without names."""
    nibabel.save(_label_image(mask, like), path)


def _label_image(voxels: np.ndarray, like: Volume) -> Any:
    header = _label_header(like)
    header.set_data_dtype(voxels.dtype)
    kind = nibabel.Nifti2Image if isinstance(header, nibabel.Nifti2Header) else nibabel.Nifti1Image
    image = kind(voxels, like.affine, header)
    image.header.set_slope_inter(1, 0)
    return image


def affine_in_label_file(like: Volume) -> np.ndarray:
    """Return the affine, float64 ``[4, 4]``, that the file of `save_labels` has: a header holds single precision."""
    return np.asarray(_label_header(like).get_best_affine(), np.float64)


def _label_header(like: Volume) -> Any:
    """Return the input's header if that was a NIfTI file, without its extensions; else a new one of its geometry."""
    if isinstance(like.header, nibabel.Nifti1Header):  # also of NIfTI-2
        header = like.header.copy()
        header.extensions.clear()
    else:
        header = nibabel.Nifti1Header()
        header.set_sform(like.affine, code="aligned")
        header.set_qform(like.affine, code="unknown")  # brings the voxel sizes along
    return header


def _read(path: Path) -> tuple[Any, np.ndarray]:
    """Return nibabel's image and its voxels; the header is checked before a voxel is read."""
    with _Gzip(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
        kind = nibabel.Nifti2Image if _header_size(file) == NIFTI_2_HEADER else nibabel.Nifti1Image
        with _quiet_nibabel():
            image = kind.from_stream(file)
        _check_header(image, path)
        voxels = np.asanyarray(image.dataobj)
        if isinstance(file, gzip.GzipFile):
            while file.read(2**20):  # to the very end, where the checksum stands: nibabel stops at the last voxel
                pass
    return image, voxels


class _Gzip(gzip.GzipFile):
    """A compressed file that unpacks into an array's own memory; the library's unpacks beside it and copies."""

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer and return how many bytes came before the end."""
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and (chunk := self.read1(min(len(view) - filled, UNPACKED_AT_ONCE))):
            view[filled : filled + len(chunk)] = chunk
            filled += len(chunk)
        return filled


def _header_size(file: IO[bytes] | gzip.GzipFile) -> int:
    """Return the size that a header begins with, in either byte order."""
    first = file.read(4)
    file.seek(0)
    return min(int.from_bytes(first, "little"), int.from_bytes(first, "big"))


@contextmanager
def _quiet_nibabel() -> Iterator[None]:
    """Keep nibabel's own messages about a header off standard error: what matters is said by our checks."""
    before = nibabel_log.disabled
    nibabel_log.disabled = True
    try:
        yield
    finally:
        nibabel_log.disabled = before


def _check_header(image: Any, path: Path) -> None:
    """Check all that the header tells before a voxel is read."""
    shape = tuple(int(size) for size in image.shape)
    described = " x ".join(map(str, shape))
    if len(shape) < 3:
        raise BadInput(f"'{path}' is a {len(shape)}-D image ({described}).", "Give a 3-D volume.")
    if any(size != 1 for size in shape[3:]):
        raise BadInput(f"'{path}' holds several volumes ({described}).", "Give one of them as a 3-D file.")
    if min(shape) < 1:
        raise BadInput(f"'{path}' holds no voxels ({described}).", "Convert the file again.")
    if image.get_data_dtype().kind not in "iuf":
        kind = "colour" if image.get_data_dtype().fields else image.get_data_dtype()
        raise BadInput(f"'{path}' holds {kind} voxels, not numbers.", "Give an image of one number a voxel.")
    _check_affine(image, path)
    _check_size(image, path)


def _check_affine(image: Any, path: Path) -> None:
    hint = "Convert or export it again."
    affine = np.asarray(image.affine, np.float64)
    if not np.isfinite(affine).all():
        raise BadInput(f"The geometry of '{path}' has values that are no numbers.", hint)
    spacing = _stored_spacing(image)
    lengths = np.asarray(np.linalg.norm(affine[:3, :3], axis=0))
    if not np.isfinite(spacing).all() or np.min(spacing) <= 0 or np.min(lengths) <= 1e-6:
        sizes = " x ".join(f"{size:g}" for size in spacing)
        raise BadInput(f"'{path}' has a zero, negative or missing voxel size ({sizes} mm).", hint)
    if abs(np.linalg.det(affine[:3, :3])) < 1e-6 * np.prod(lengths):
        raise BadInput(f"The affine of '{path}' is singular: two of its axes are parallel.", hint)
    if np.abs(spacing / lengths - 1).max() > MAX_SPACING_MISMATCH:
        sizes, columns = (" x ".join(f"{size:g}" for size in values) for values in (spacing, lengths))
        raise BadInput(f"'{path}' contradicts itself: voxel size {sizes} mm, by its affine {columns} mm.", hint)


def _stored_spacing(image: Any) -> np.ndarray:
    """Return the voxel sizes as the file has them: nibabel turns zero into 1 mm and drops signs while it loads."""
    with image.file_map["image"].get_prepare_fileobj("rb") as file:
        header = type(image.header).from_fileobj(file, check=False)
    return np.asarray(header["pixdim"][1:4], np.float64)


def _check_size(image: Any, path: Path) -> None:
    """Refuse claims that the file cannot hold, or this machine's memory cannot."""
    claimed = int(np.prod([int(size) for size in image.shape], dtype=object)) * image.get_data_dtype().itemsize
    stored = path.stat().st_size
    most = stored * (MAX_DEFLATE_RATIO if path.name.lower().endswith(".gz") else 1)
    if image.dataobj.offset + claimed > most:
        raise BadInput(
            f"'{path}' claims {claimed / 2**20:.0f} MB of voxels, but its {stored} bytes cannot hold them.",
            "The file is truncated or damaged; copy or convert it again.",
        )
    require_memory(claimed, f"Reading '{path.name}'")
