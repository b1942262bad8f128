"""One mask for each structure that was found, and what TotalSegmentator derives of some, as files of their own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..base.labels import LabelTable
from .cleaning import FACES, keep_pieces
from .combination import CombinedLabels

LOWEST_SKIN_HU, HIGHEST_SKIN_HU = -200, 250
"""Skin is what lies between these near the body's surface; wide, so that no holes are torn."""
LARGEST_STRAY_VOXELS = 5
"""Pieces of skin up to this many voxels are noise."""
MASK_SUFFIX = ".nii.gz"
BODY_TASK = "body"
DERIVED = BODY, SKIN = ("body", "skin")
"""Names of the masks that are derived of others."""


def structure_masks(combined: CombinedLabels, *, derived: bool) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and mask, uint8 ``[i, j, k]``, of every structure that was looked for, found or not: whole, each.

    Parameters
    ----------
    combined : CombinedLabels
        What all tasks have found.
    derived : bool
        Also what `derived_masks` makes of it.
    """
    several = len(combined.tasks) > 1
    for labels in combined.tasks:
        for value in labels.searched:
            name = combined.table[int(labels.numbers[value]) if several else value].name
            yield name, (labels.voxels == value).astype(np.uint8)
        if derived and labels.task is not None:
            yield from derived_masks(labels.task.name, labels.voxels, labels.table, combined.scan.voxels).items()


def derived_masks(task: str, labels: np.ndarray, table: LabelTable, intensities: np.ndarray) -> dict[str, np.ndarray]:
    """Return name -> mask, uint8, of what is derived of a task's labels; empty for most tasks.

    Parameters
    ----------
    task : str
        The task's name.
    labels : numpy.ndarray
        Its labels, ``[i, j, k]``.
    table : LabelTable
        Names of the labels.
    intensities : numpy.ndarray
        The scan on the same grid, in Hounsfield units.
    """
    if task != BODY_TASK:
        return {}
    values = [label.value for label in table.values() if label.name.startswith("body_")]
    body = np.isin(labels, values)
    return {BODY: body.astype(np.uint8), SKIN: skin_of(body, intensities)}


def skin_of(body: np.ndarray, intensities: np.ndarray) -> np.ndarray:
    """Return the skin of a body: a layer of two voxels inside its surface and one outside of it, of skin's density."""
    from scipy import ndimage

    wider = ndimage.binary_dilation(body)
    skin = wider & ~ndimage.binary_erosion(wider, iterations=3)
    skin &= (intensities > LOWEST_SKIN_HU) & (intensities < HIGHEST_SKIN_HU)
    return keep_pieces(skin.astype(np.uint8), FACES, lambda sizes: sizes > LARGEST_STRAY_VOXELS)
