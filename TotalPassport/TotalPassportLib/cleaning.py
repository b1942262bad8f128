"""Tidying of labels at the model's resolution: pieces of an organ that lie apart from it.

Pieces are connected through faces (6-neighbourhood), as in scipy's default and in TotalSegmentator.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
from scipy import ndimage

SMALL_BLOB_MM3 = 200.0
"""TotalSegmentator's limit: its `remove_small_blobs` removes what is not larger than this."""


def remove_small_blobs(labels: np.ndarray, voxel_volume_mm3: float) -> np.ndarray:
    """Return the labels without pieces of at most `SMALL_BLOB_MM3`, each label on its own, as TotalSegmentator does.

    Parameters
    ----------
    labels : uint8 ``[x, y, z]``.
    voxel_volume_mm3 : volume of one voxel.
    """
    return _keep_pieces(labels, None, lambda sizes: sizes > SMALL_BLOB_MM3 / voxel_volume_mm3)


def keep_largest_component(labels: np.ndarray, values: Collection[int]) -> np.ndarray:
    """Return the labels with only the largest piece of each of the given values, the first one on ties.

    The rule by which nnU-Net cleans structures that are known to be of one piece.

    Parameters
    ----------
    labels : uint8 ``[x, y, z]``.
    values : label values that it concerns.
    """
    return _keep_pieces(labels, values, lambda sizes: np.arange(len(sizes)) == np.argmax(sizes))


def _keep_pieces(
    labels: np.ndarray, values: Collection[int] | None, kept: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Return the labels with the pieces whose place in the list of sizes (voxels) is chosen by ``kept``."""
    cleaned = labels.copy()
    for value, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None or (values is not None and value not in values):
            continue
        pieces, count = ndimage.label(labels[box] == value)
        sizes = np.bincount(pieces.ravel(), minlength=count + 1)
        stays = np.concatenate(([True], kept(sizes[1:])))  # what is not this label stays as it is
        cleaned[box][~stays[pieces]] = 0
    return cleaned
