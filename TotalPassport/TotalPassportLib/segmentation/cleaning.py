"""Tidying of labels at the model's resolution: pieces of an organ that lie apart from it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .task_options import SMALL_BLOB_MM3

FACES, CORNERS = 1, 3
"""Which neighbours belong to one piece: those that share a face, or those that touch at all (scipy's connectivity)."""


def remove_small_blobs(labels: np.ndarray, voxel_volume_mm3: float, largest_mm3: float = SMALL_BLOB_MM3) -> np.ndarray:
    """Return the labels without small pieces, each label on its own, as TotalSegmentator does.

    Voxels that share a face make one piece.

    Parameters
    ----------
    labels : np.ndarray
        uint8 ``[x, y, z]``.
    voxel_volume_mm3 : float
        Volume of one voxel.
    largest_mm3 : float
        Pieces up to this volume are removed.
    """
    return keep_pieces(labels, FACES, lambda sizes: sizes > largest_mm3 / voxel_volume_mm3)


def remove_small_pieces(labels: np.ndarray, least_fraction: float) -> np.ndarray:
    """Return the labels without pieces smaller than a fraction of their structure's largest piece.

    nnU-Net keeps the largest piece alone of structures that are of one piece; a thin tube that is found in two halves
    would lose one of them.

    Parameters
    ----------
    labels : np.ndarray
        uint8 ``[x, y, z]``.
    least_fraction : float
        0 keeps everything, 1 only the largest.
    """
    return keep_pieces(labels, CORNERS, lambda sizes: sizes >= least_fraction * sizes.max())


def keep_pieces(
    labels: np.ndarray, connectivity: int, kept: Callable[[np.ndarray], np.ndarray], only: int | None = None
) -> np.ndarray:
    """Return the labels with some pieces of each of them, or of one.

    Parameters
    ----------
    labels : np.ndarray
        uint8, of three axes.
    connectivity : int
        `FACES` or `CORNERS`.
    kept : callable
        Chooses the pieces of one label: the array of their sizes in voxels -> which of them stay.
    only : int, optional
        The label whose pieces are chosen; the others stay whole.
    """
    from scipy import ndimage  # lazily: it takes longer to import than most scans to load, and few runs need it

    neighbours = ndimage.generate_binary_structure(3, connectivity)
    cleaned = labels.copy()
    for value, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None or only not in (None, value):
            continue
        pieces, count = ndimage.label(labels[box] == value, neighbours)
        sizes = np.bincount(pieces.ravel(), minlength=count + 1)
        stays = np.concatenate(([True], kept(sizes[1:])))  # what is not this label stays as it is
        cleaned[box][~stays[pieces]] = 0
    return cleaned
