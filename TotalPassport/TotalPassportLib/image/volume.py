"""A CT or a label image in and out of a NIfTI file; every check of bad input lives here.

Arrays are indexed ``[i, j, k]`` as the file stores them; ``affine`` maps voxel indices to RAS millimetres.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any
from xml.etree import ElementTree

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.imageglobals import logger as nibabel_log
from nibabel.spatialimages import HeaderDataError, HeaderTypeError
from nibabel.wrapstruct import WrapStructError

from ..base.errors import BadInput, os_error
from ..base.labels import LabelTable
from ..base.memory import require_memory
from .label_voxels import label_voxels

SUFFIXES = (".nii.gz", ".nii")
MIN_VOXELS = 4
"""Fewest voxels along an axis of a scan: less is a localiser or a slice, not a volume."""
MIN_EXTENT_MM = 10.0
"""Smallest extent of a scan along an axis; the smallest vertebra is larger."""
MAX_SHEAR = 1e-3
"""Largest cosine between two axes of a scan: float32 affines reach 1e-6, a gantry tilt of 1 degree has 1.7e-2."""
MAX_SPACING_MISMATCH = 1e-2
"""Largest relative difference between the header's voxel sizes and the affine's."""
MAX_DEFLATE_RATIO = 1032
"""No deflate stream unpacks to more than this many times its size (zlib's documentation)."""
UNPACKED_AT_ONCE = 2**20
"""Bytes: small enough for the processor's cache."""
NIFTI_2_HEADER = 540
"""Bytes of a NIfTI-2 header, which begins with this number; that of NIfTI-1 has 348."""
CARET_XML = 0
"""The extension code under which TotalSegmentator stores label names."""

FileHeader = Any  # nibabel has no type information


@dataclass(frozen=True)
class Volume:
    """An image with its geometry.

    ``voxels`` is a 3-D array; ``affine`` a float64 4 x 4 matrix, voxel indices to RAS mm; ``spacing_mm`` the voxel
    sizes along i, j, k by that matrix (float32 values); ``header`` the file's own header.
    """

    voxels: np.ndarray
    affine: np.ndarray
    spacing_mm: np.ndarray
    header: FileHeader
    path: Path


def load_ct(path: Path, warn: Callable[[str, str], None] | None = None) -> Volume:
    """Load a CT in Hounsfield units and check that it can be segmented.

    Parameters
    ----------
    path : a ``.nii`` or ``.nii.gz`` file.
    warn : called with a code and a sentence when something looks wrong but can be used.

    Raises
    ------
    BadInput : anything that makes the scan unusable.
    OutOfMemory : the scan does not fit into memory.
    """
    volume = _load(path)
    _check_ct_geometry(volume)
    lowest, highest = _value_range(volume)
    if lowest == highest:
        raise BadInput(f"All voxels of '{path}' have the value {lowest:g}.", "Choose a scan that shows something.")
    if lowest >= 0 and warn is not None:
        warn(
            "not_hounsfield",
            f"The values of '{path.name}' go from {lowest:g} to {highest:g}, without the negative values that air and "
            "fat have in a CT in Hounsfield units; it may be another modality or a rescaled image, and the result "
            "would mean nothing.",
        )
    return volume


def load_segmentation(path: Path) -> Volume:
    """Load a label image; the voxels are unsigned integers.

    Raises
    ------
    BadInput : the image holds something else than labels 0..65535, or no label at all.
    OutOfMemory : the image does not fit into memory.
    """
    volume = load_labels(path)
    if not volume.voxels.any():
        raise BadInput(f"'{path}' holds no label: every voxel is 0.", "Choose a segmentation that has structures.")
    return volume


def load_labels(path: Path) -> Volume:
    """Load a label image as `load_segmentation` does, also one without any label."""
    volume = _load(path)
    return replace(volume, voxels=label_voxels(volume.voxels, path))


def check_same_grid(ct: Volume, segmentation: Volume) -> None:
    """Raise `BadInput` unless the two images have the same shape and place in space (within 1e-3 mm)."""
    same_place = np.allclose(ct.affine, segmentation.affine, rtol=0, atol=1e-3)
    if ct.voxels.shape != segmentation.voxels.shape or not same_place:
        raise BadInput(
            f"'{ct.path}' and '{segmentation.path}' have different grids.",
            "Give the CT that was segmented, or resample one onto the other.",
        )


def save_labels(
    path: Path, labels: np.ndarray, like: Volume, table: LabelTable, values: Collection[int] | None = None
) -> None:
    """Write a label image on the grid of ``like``, with the names of its labels in the header.

    The header is the input's with the data type exchanged; the names are stored as TotalSegmentator stores them, a
    Caret XML label table.

    Parameters
    ----------
    labels : uint8 ``[i, j, k]``.
    table : where the names come from.
    values : the labels to name, such as all that were looked for; by default those that are there.
    """
    header = like.header.copy()
    header.set_data_dtype(np.uint8)
    header.extensions.clear()
    image = type(_empty_image(like))(labels.astype(np.uint8, copy=False), like.affine, header)
    image.header.set_slope_inter(1, 0)
    if values is None:
        values = np.flatnonzero(np.bincount(labels.ravel(order="K"), minlength=256)[1:]) + 1
    names = label_names_xml(table, [int(value) for value in values])
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(CARET_XML, names))
    nibabel.save(image, path)


def _empty_image(like: Volume) -> Any:
    kind = nibabel.Nifti2Image if isinstance(like.header, nibabel.Nifti2Header) else nibabel.Nifti1Image
    return kind(np.zeros((1, 1, 1), np.uint8), np.eye(4))


def label_names_xml(table: LabelTable, values: list[int]) -> bytes:
    """Return a Caret XML label table that names the given label values."""
    root = ElementTree.Element("CaretExtension")
    information = ElementTree.SubElement(root, "VolumeInformation", Index="0")
    entries = ElementTree.SubElement(information, "LabelTable")
    for value in values:
        label = table.describe(value)
        red, green, blue = (f"{channel / 255:.6g}" for channel in label.color_rgb)
        entry = ElementTree.SubElement(entries, "Label", Key=str(value), Red=red, Green=green, Blue=blue, Alpha="1")
        entry.text = label.name
    ElementTree.SubElement(information, "VolumeType").text = "Label"
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def stored_label_names(header: FileHeader) -> Mapping[int, str]:
    """Return label value -> name from a header written by us or by TotalSegmentator; empty when there is none."""
    for extension in getattr(header, "extensions", []):
        content = extension.get_content() if extension.get_code() == CARET_XML else b""
        text = content if isinstance(content, bytes) else str(content).encode()
        # A document type is how XML expands without bound; label names have no use for one.
        if b"<LabelTable" not in text or b"<!DOCTYPE" in text:
            continue
        try:
            root = ElementTree.fromstring(text.strip(b"\0 \n"))
            return {int(entry.attrib["Key"]): (entry.text or "").strip() for entry in root.iter("Label")}
        except (ElementTree.ParseError, KeyError, ValueError):
            continue
    return {}


def stem_of(path: Path) -> str:
    """Return the file name without ``.nii`` or ``.nii.gz``."""
    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.stem


def _load(path: Path) -> Volume:
    path = Path(path)
    hint = "Give a NIfTI file (.nii or .nii.gz); convert DICOM with Slicer or dcm2niix."
    if not path.exists():
        raise BadInput(f"There is no file '{path}'.", "Check the path.")
    if path.is_dir():
        raise BadInput(f"'{path}' is a folder.", hint)
    if not path.name.lower().endswith(SUFFIXES) or not path.is_file():
        raise BadInput(f"'{path}' is not a NIfTI file by its name.", hint)
    try:
        image, voxels = _read(path)
    except (ImageFileError, HeaderDataError, HeaderTypeError, WrapStructError) as error:
        raise BadInput(f"'{path}' is not a valid NIfTI file: {error}.", hint) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(f"'{path}' is truncated or damaged: {error}.", "Copy or convert the file again.") from error
    except OSError as error:
        if error.errno is not None:
            raise os_error(error) from error
        raise BadInput(f"'{path}' is truncated: {error}.", "Copy or convert the file again.") from error
    except ValueError as error:
        raise BadInput(f"'{path}' is not a valid NIfTI file: {error}.", hint) from error
    voxels = voxels.reshape(voxels.shape[:3])
    affine = np.asarray(image.affine, np.float64)
    # TotalSegmentator resamples by the affine's voxel sizes, which may differ a little from those in the header.
    spacing = np.sqrt(np.sum(affine[:3, :3] ** 2, axis=0)).astype(np.float32)
    return Volume(voxels, affine, spacing, image.header, path)


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


def _check_ct_geometry(volume: Volume) -> None:
    shape = volume.voxels.shape
    described = " x ".join(map(str, shape))
    extents_mm = np.array(shape) * volume.spacing_mm
    if min(shape) < MIN_VOXELS or extents_mm.min() < MIN_EXTENT_MM:
        raise BadInput(
            f"'{volume.path}' is too small to segment ({described} voxels, smallest extent {extents_mm.min():g} mm).",
            f"Give a volume of at least {MIN_VOXELS} slices and {MIN_EXTENT_MM:g} mm along each axis.",
        )
    axes = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    shear = np.abs(axes.T @ axes - np.eye(3)).max()
    if shear > MAX_SHEAR:
        raise BadInput(
            f"The axes of '{volume.path}' are sheared by up to {np.degrees(np.arcsin(min(shear, 1))):.1f} degrees, "
            "as a tilted gantry does.",
            "Resample it to a rectangular grid first, for instance by hardening the transform in Slicer.",
        )


def _value_range(volume: Volume) -> tuple[float, float]:
    """Return the lowest and highest value; NaN and infinity are refused."""
    lowest, highest = float(volume.voxels.min()), float(volume.voxels.max())
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        count = int(volume.voxels.size - np.isfinite(volume.voxels).sum())
        raise BadInput(
            f"'{volume.path}' has {count} voxels that are NaN or infinite.",
            "Replace them by what they stand for, usually air (-1000), and try again.",
        )
    return lowest, highest
