"""NIfTI files: reading an image, and writing labels on an image's grid."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
from nibabel.imageglobals import logger as nibabel_log
from nibabel.spatialimages import HeaderDataError, HeaderTypeError
from nibabel.wrapstruct import WrapStructError

from ..base.errors import BadInput
from ..base.labels import LabelTable
from ..base.memory import require_memory
from .byte_stream import ByteStream, impossible_size, open_stream
from .label_names import CARET_XML, label_names_xml
from .nifti_geometry import Geometry
from .nifti_header import HINT, NiftiHeader, read_header, read_label_names
from .nifti_voxels import needed_bytes, read_voxels
from .stored_image import StoredImage

if TYPE_CHECKING:
    from .volume import Volume

SUFFIXES = (".nii.gz", ".nii", ".hdr.gz", ".hdr", ".img.gz", ".img")
HEADER_SUFFIXES = (".hdr", ".hdr.gz")
VOXEL_SUFFIXES = (".img", ".img.gz")
"""Of the two files of a pair."""


def read_nifti(path: Path) -> StoredImage:
    """Read a file of one volume, compressed or not, or a pair of a header and its voxels by the name of either.

    Raises
    ------
    UnfitImage
        The file holds something else than one volume of numbers.
    BadInput
        The file is damaged, no NIfTI, or its geometry cannot be.
    OutOfMemory
        The image does not fit into memory.
    """
    begin = partner_of(path, VOXEL_SUFFIXES, HEADER_SUFFIXES) or path
    digest = hashlib.sha256()
    with as_user_error_of_nibabel(begin):
        with open_stream(begin, digest.update) as stream:
            header = read_header(stream, begin)
            if not header.is_pair:
                _check_size(header, stream, begin)
            read_label_names(stream, header)
            geometry = Geometry(header.fields, header.stored_spacing, header.shape, begin)
            voxels = None if header.is_pair else _read_to_the_end(stream, header, begin)
        if voxels is None:
            voxels_path = _voxels_of(begin)
            with open_stream(voxels_path, digest.update) as stream:
                _check_size(header, stream, voxels_path)
                stream.skip(header.voxel_offset)
                voxels = _read_to_the_end(stream, header, voxels_path)
        return StoredImage(
            voxels=voxels,
            affine=geometry.affine,
            nominal_spacing_mm=geometry.spacing_mm,
            header=header.fields,
            sha256=digest.hexdigest(),
            remarks=tuple(geometry.remarks),
        )


def files_of_nifti(path: Path) -> list[Path]:
    """Return a file, or both files of a pair by the name of either, the header first."""
    begin = partner_of(path, VOXEL_SUFFIXES, HEADER_SUFFIXES) or path
    voxels_path = partner_of(begin, HEADER_SUFFIXES, VOXEL_SUFFIXES)
    return [begin] if voxels_path is None else [begin, voxels_path]


def is_second_half(path: Path) -> bool:
    """Tell whether a file has the voxels of a pair whose header is there, which is the same image."""
    return partner_of(path, VOXEL_SUFFIXES, HEADER_SUFFIXES) is not None


def partner_of(path: Path, own: tuple[str, ...], others: tuple[str, ...]) -> Path | None:
    """Return the other file of a pair that is there, for a file whose name ends as one of ``own``; else None."""
    suffix = next((suffix for suffix in own if path.name.lower().endswith(suffix)), None)
    if suffix is None:
        return None
    stem = path.name[: -len(suffix)]
    places = [path.with_name(stem + end) for other in others for end in (other, other.upper())]
    return next((place for place in places if place.is_file()), None)


def _voxels_of(header_path: Path) -> Path:
    voxels_path = partner_of(header_path, HEADER_SUFFIXES, VOXEL_SUFFIXES)
    if voxels_path is None:
        raise BadInput(
            f"'{header_path}' is the header of a pair, and the file of its voxels (.img) is not beside it.",
            "Put both into one folder, under one name.",
        )
    return voxels_path


def _read_to_the_end(stream: ByteStream, header: NiftiHeader, path: Path) -> np.ndarray:
    require_memory(needed_bytes(header), f"Reading '{path.name}'")
    voxels = read_voxels(stream, header)
    stream.finish()
    return voxels


def _check_size(header: NiftiHeader, stream: ByteStream, path: Path) -> None:
    """Refuse claims that the file cannot hold."""
    if header.voxel_offset + header.claimed_bytes > stream.most_bytes:
        raise impossible_size(path, header.claimed_bytes, stream.stored_bytes)


@contextmanager
def as_user_error_of_nibabel(path: Path) -> Iterator[None]:
    """Translate nibabel's errors, and keep its own messages off standard error: what matters is said by our checks."""
    before = nibabel_log.disabled
    nibabel_log.disabled = True
    try:
        yield
    except (HeaderDataError, HeaderTypeError, WrapStructError, ValueError) as error:
        raise BadInput(f"'{path}' is not a valid NIfTI file: {error}.", HINT) from error
    finally:
        nibabel_log.disabled = before


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
    nibabel.save(label_image(labels, like=like, table=table, values=values), path)


def label_image(labels: np.ndarray, *, like: Volume, table: LabelTable, values: Collection[int] | None = None) -> Any:
    """Return what `save_labels` writes, as nibabel's image."""
    image = _label_image(labels, like)
    if values is None:
        values = np.flatnonzero(np.bincount(labels.ravel(order="K"), minlength=256)[1:]) + 1
    names = label_names_xml(table, [int(value) for value in values])
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(CARET_XML, names))
    return image


def save_mask(path: Path, mask: np.ndarray, *, like: Volume) -> None:
    """Write a mask, uint8 ``[i, j, k]``, on the grid of ``like``, in the manner of `save_labels` but without names."""
    nibabel.save(_label_image(mask, like), path)


def _label_image(voxels: np.ndarray, like: Volume) -> Any:
    header = _label_header(like)
    header.set_data_dtype(voxels.dtype)
    kind = nibabel.Nifti2Image if isinstance(header, nibabel.Nifti2Header) else nibabel.Nifti1Image
    # Without an affine nibabel leaves the header's geometry as it is, be it in metres or nowhere stated.
    image = kind(voxels, None, header)
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
        header.set_data_shape(like.voxels.shape)
        header.set_sform(like.affine, code="aligned")
        header.set_qform(like.affine, code="unknown")  # brings the voxel sizes along
    return header
