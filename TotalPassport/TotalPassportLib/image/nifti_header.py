"""The header of a NIfTI file, checked before a voxel is read; where the voxels lie in space is for `nifti_geometry`.

The format: https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h and ``nifti2.h`` beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from ..base.errors import BadInput
from .byte_stream import ByteStream
from .label_names import CARET_XML
from .stored_image import one_volume

HINT = "Give a NIfTI file (.nii, .nii.gz, or the pair .hdr and .img); convert DICOM with Slicer or dcm2niix."
MAX_NAMES_BYTES = 16 * 2**20
"""Of the names of labels in a header; those of 117 organs take 20 kB."""
MOST_EXTENSIONS = 1000
"""More of them than this are passed over."""

_NIFTI_1_BYTES, _NIFTI_2_BYTES = 348, 540
_FLAG_BYTES = 4
"""Behind the header; the first is not 0 where extensions follow."""
_MAGICS = {b"n+1\0": False, b"ni1\0": True, b"n+2\0": False, b"ni2\0": True}
"""What tells NIfTI from anything else -> whether the voxels are in a file of their own."""
_OTHERS = {
    b"PK\3\4": "it is a zip archive",
    b"BZh": "it is packed with bzip2",
    b"\xfd7zXZ": "it is packed with xz",
    b"\x28\xb5\x2f\xfd": "it is packed with zstd",
    b"NRRD": "it is an NRRD file",
    b"\x89PNG": "it is a picture (PNG)",
    b"\xff\xd8\xff": "it is a picture (JPEG)",
    b"%PDF": "it is a PDF document",
}
"""First bytes of what may have got a wrong name -> what it is."""


@dataclass(frozen=True, kw_only=True)
class NiftiHeader:
    """What a header says of the numbers that follow it.

    Attributes
    ----------
    fields : object
        nibabel's header of a single file, whatever the file is, for whoever writes another on the same grid.
    stored_spacing : numpy.ndarray
        float64 ``[3]``, the voxel sizes as they stand there: nibabel turns zero into 1 and drops signs.
    shape : tuple of int
        Of the one volume.
    data_type : numpy.dtype
        Of the stored numbers, in their byte order.
    slope, intercept : float
        What makes values of the stored numbers.
    voxel_offset : int
        Where in their file the voxels begin.
    is_pair : bool
        Whether the voxels are in a file of their own.
    """

    fields: Any
    stored_spacing: np.ndarray
    shape: tuple[int, int, int]
    data_type: np.dtype[Any]
    slope: float
    intercept: float
    voxel_offset: int
    is_pair: bool

    @property
    def header_bytes(self) -> int:
        """The header's length in its file."""
        return _NIFTI_2_BYTES if isinstance(self.fields, nibabel.Nifti2Header) else _NIFTI_1_BYTES

    @property
    def claimed_bytes(self) -> int:
        """How many bytes of voxels there have to be."""
        return math.prod(self.shape) * self.data_type.itemsize


def read_header(stream: ByteStream, path: Path) -> NiftiHeader:
    """Read a header, and nothing behind it.

    Raises
    ------
    UnfitImage
        It is that of something else than one volume of numbers.
    BadInput
        It is none, or cannot be true.
    """
    fields, is_pair = _read_fields(stream, path)
    offset, spacing = float(fields["vox_offset"]), np.array(fields["pixdim"][1:4], np.float64)
    # Where these voxels begin means nothing to another file, and nibabel's checks stumble over values that ours refuse.
    fields["vox_offset"] = 0
    fields = type(fields)(fields.binaryblock, fields.endianness)
    slope, intercept = fields.get_slope_inter()
    header = NiftiHeader(
        fields=fields,
        stored_spacing=spacing,
        shape=one_volume(fields.get_data_shape(), fields.get_data_dtype(), path),
        data_type=fields.get_data_dtype(),
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
        voxel_offset=0 if not math.isfinite(offset) else int(offset),
        is_pair=is_pair,
    )
    if not math.isfinite(offset) or offset < 0:
        raise BadInput(f"'{path}' is not a valid NIfTI file: its voxels begin at byte {offset:g}.", HINT)
    if not is_pair and offset < header.header_bytes + _FLAG_BYTES:
        raise BadInput(
            f"'{path}' says that its voxels begin at byte {offset:g}, which is inside its header.",
            "Convert or export it again.",
        )
    return header


def _read_fields(stream: ByteStream, path: Path) -> tuple[Any, bool]:
    """Return nibabel's header without its checks, as that of a single file, and whether it is that of a pair."""
    block = stream.read(_NIFTI_1_BYTES)
    kind, place = nibabel.Nifti1Header, 344
    if block[4:8] in _MAGICS:
        block += stream.read(_NIFTI_2_BYTES - _NIFTI_1_BYTES)
        kind, place = nibabel.Nifti2Header, 4
    magic = block[place : place + 4]
    if magic not in _MAGICS or len(block) < kind.sizeof_hdr:
        reason = next((what for first, what in _OTHERS.items() if block.startswith(first)), _no_header(block, path))
        raise BadInput(f"'{path}' is not a valid NIfTI file: {reason}.", HINT)
    return kind(block[: place + 1] + b"+" + block[place + 2 :], check=False), _MAGICS[magic]


def _no_header(block: bytes, path: Path) -> str:
    if not block:
        return "it is empty"
    if path.name.lower().endswith((".img", ".img.gz")):
        return "it may hold the voxels of a pair, and the header (.hdr) is not beside it"
    if _NIFTI_1_BYTES in (int.from_bytes(block[:4], "little"), int.from_bytes(block[:4], "big")):
        return "it may be in the older format Analyze, which does not say where the patient's left is"
    return "it does not begin as one does"


def read_label_names(stream: ByteStream, header: NiftiHeader) -> None:
    """Read on to the voxels, or to the end of a pair's header; the names of labels come into the fields' extensions."""
    position = header.header_bytes
    end = stream.most_bytes if header.is_pair else header.voxel_offset
    flag = stream.read(min(_FLAG_BYTES, end - position))
    position += len(flag)
    for _ in range(MOST_EXTENSIONS if flag[:1] not in (b"", b"\0") else 0):
        start = stream.read(min(8, max(end - position, 0)))
        position += len(start)
        size, code = np.frombuffer(start, f"{header.fields.endianness}i4") if len(start) == 8 else (0, 0)
        if not 8 <= size <= end - position + 8:
            break
        position += int(size) - 8
        if code == CARET_XML and size <= MAX_NAMES_BYTES:
            content = stream.read(int(size) - 8)
            header.fields.extensions.append(nibabel.nifti1.Nifti1Extension(CARET_XML, content))
        else:
            stream.skip(int(size) - 8)
    stream.skip(end - position)
