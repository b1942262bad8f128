"""The surface of every label as voxels, all labels at once.

A boundary voxel has a face neighbour with another label. The image's own faces do not count: a cut is no surface.
"""

from __future__ import annotations

import numpy as np

from .runs import index_dtype, parts_by_value, slabs

_LOWER, _UPPER = slice(None, -1), slice(1, None)


def boundary_voxels(labels: np.ndarray) -> dict[int, np.ndarray]:
    """Return label -> its boundary voxels as rising indices into the flat image (C order), for all labels but 0.

    A label that has no boundary because it fills the image is left out.
    """
    step = labels.shape[1] * labels.shape[2]
    dtype = index_dtype(labels.shape)
    found = [(_differing(labels, slab) + slab.start * step).astype(dtype) for slab in slabs(labels.shape)]
    voxels = np.concatenate(found)
    return parts_by_value(labels.reshape(-1)[voxels], voxels)


def _differing(labels: np.ndarray, slab: slice) -> np.ndarray:
    """Return the voxels of a slab that are not background and have a face neighbour with another label."""
    before = min(slab.start, 1)
    block = labels[slab.start - before : slab.stop + 1]
    thickness = slab.stop - slab.start
    differs = np.zeros((thickness, *labels.shape[1:]), bool)
    across = block[1:] != block[:-1]
    differs[: len(across) - before] |= across[before:][:thickness]
    if before:
        differs |= across[:thickness]
    else:
        differs[1:] |= across[: thickness - 1]
    inner = labels[slab]
    for lower, upper in (((slice(None), _LOWER), (slice(None), _UPPER)), ((..., _LOWER), (..., _UPPER))):
        step = inner[lower] != inner[upper]
        differs[lower] |= step
        differs[upper] |= step
    differs &= inner != 0
    return np.flatnonzero(differs)
