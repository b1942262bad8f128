"""Cutting a scan to a region, and putting what was found there back; the rules are TotalSegmentator's.

Everything here is on the scan's own grid, ``[i, j, k]`` as stored.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

Box = tuple[slice, slice, slice]


def box_of(mask: np.ndarray, addon_voxels: Sequence[int] = (0, 0, 0)) -> Box | None:
    """Return the smallest box that holds all but zeros, wider on all sides but within the array; None if all are 0."""
    slices = []
    for axis, (size, addon) in enumerate(zip(mask.shape, addon_voxels, strict=True)):
        planes = np.moveaxis(mask, axis, 0)
        # From both ends inwards: most scans are filled to their faces.
        first = next((number for number in range(size) if planes[number].any()), None)
        if first is None:
            return None
        last = next(number for number in reversed(range(size)) if planes[number].any())
        slices.append(slice(max(first - addon, 0), min(last + 1 + addon, size)))
    i, j, k = slices
    return i, j, k


def crop_box(labels: np.ndarray, values: Collection[int], spacing_mm: np.ndarray, addon_mm: float) -> Box | None:
    """Return the box of some structures with a margin; None if there is nothing of them.

    Parameters
    ----------
    labels : numpy.ndarray
        What a rough model has found.
    values : collection of int
        Label values of the structures.
    spacing_mm : numpy.ndarray
        Voxel sizes, by axis.
    addon_mm : float
        The margin; only whole voxels of it count.
    """
    i, j, k = (int(addon_mm / size) for size in spacing_mm)
    return box_of(np.isin(labels, list(values)), (i, j, k))


def cut_scan(
    voxels: np.ndarray, affine: np.ndarray, box: Box, *, whole_numbers: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return a box of a scan and its affine; ``whole_numbers`` are cut off toward zero, as TotalSegmentator does it."""
    moved = np.array(affine, np.float64)
    moved[:3, 3] = (affine @ [*(part.start for part in box), 1])[:3]
    return voxels[box].astype(np.int32) if whole_numbers else voxels[box], moved


def put_back(labels: np.ndarray, box: Box, shape: Sequence[int], outside: int = 0) -> np.ndarray:
    """Return the labels of a box on the whole grid of ``shape``; ``outside`` of it is background, or another value."""
    whole = np.full(shape, outside, labels.dtype)
    whole[box] = labels
    return whole
