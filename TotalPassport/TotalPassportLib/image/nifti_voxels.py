"""The voxels of a NIfTI file, read piece by piece into the memory that they stay in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .byte_stream import ByteStream
from .nifti_header import NiftiHeader

VOXELS_AT_ONCE = 2**18
"""Small enough for the processor's cache in all the types that a piece passes through."""


def type_in_memory(header: NiftiHeader) -> np.dtype[Any]:
    """Return the type that voxels get in memory: none smaller than holds every value exactly.

    Values are the stored numbers times the slope plus the intercept, both in double precision, as nibabel computes them
    and TotalSegmentator with it. Of numbers of 8 and 16 bits all possible values are looked at: mostly int16 or float32
    is enough.
    """
    stored = header.data_type.newbyteorder("=")
    if (header.slope, header.intercept) == (1, 0):
        return stored if stored.itemsize <= 8 else np.dtype(np.float64)
    if stored.kind not in "iu" or stored.itemsize > 2:
        return np.dtype(np.float64)
    limits = np.iinfo(stored)
    values = _scaled(np.arange(limits.min, limits.max + 1), header)
    small = np.iinfo(np.int16)
    if small.min <= values.min() and values.max() <= small.max and np.array_equal(values, np.rint(values)):
        return np.dtype(np.int16)
    with np.errstate(over="ignore"):
        is_exact = np.array_equal(values.astype(np.float32), values)
    return np.dtype(np.float32 if is_exact else np.float64)


def needed_bytes(header: NiftiHeader) -> int:
    """Return how much memory `read_voxels` takes."""
    in_memory = type_in_memory(header)
    pieces = 0 if _is_as_stored(header, in_memory) else VOXELS_AT_ONCE * (header.data_type.itemsize + 8)
    return math.prod(header.shape) * in_memory.itemsize + pieces


def read_voxels(stream: ByteStream, header: NiftiHeader) -> np.ndarray:
    """Return the voxels ``[i, j, k]``, in Fortran order as files have them.

    Parameters
    ----------
    stream : ByteStream
        At the first voxel.
    header : NiftiHeader
        What they are.

    Raises
    ------
    EOFError
        The file ends before the last one.
    """
    in_memory = type_in_memory(header)
    flat = np.empty(math.prod(header.shape), in_memory)
    if _is_as_stored(header, in_memory):
        _fill(stream, flat)
        if not header.data_type.isnative:
            flat.byteswap(inplace=True)
    else:
        piece = np.empty(min(VOXELS_AT_ONCE, flat.size), header.data_type)
        for start in range(0, flat.size, VOXELS_AT_ONCE):
            target = flat[start : start + VOXELS_AT_ONCE]
            stored = piece[: target.size]
            _fill(stream, stored)
            with np.errstate(all="ignore"):  # what is no number is looked for later
                target[...] = _scaled(stored, header)
    return flat.reshape(header.shape, order="F")


def _is_as_stored(header: NiftiHeader, in_memory: np.dtype[Any]) -> bool:
    return (header.slope, header.intercept) == (1, 0) and in_memory == header.data_type.newbyteorder("=")


def _scaled(stored: np.ndarray, header: NiftiHeader) -> np.ndarray:
    """Return the values of stored numbers, float64; a slope of 1 and an intercept of 0 change nothing."""
    values = stored.astype(np.float64)
    if header.slope != 1:
        values *= header.slope
    if header.intercept != 0:
        values += header.intercept
    return values


def _fill(stream: ByteStream, target: np.ndarray) -> None:
    came = stream.readinto(target.view(np.uint8))
    if came < target.nbytes:
        raise EOFError(f"{target.nbytes - came} bytes of voxels are missing")
