"""The surface of every label as voxels, all labels at once.

A boundary voxel has a face neighbour with another label. The image's own faces do not count: a cut is no surface.
"""

from __future__ import annotations

import numpy as np

from .runs import index_dtype, parts_by_value, slabs
from .sampling import chosen

_LOWER, _UPPER = slice(None, -1), slice(1, None)


def boundary_voxels(labels: np.ndarray, most: int | None = None) -> dict[int, np.ndarray]:
    """Return label -> its boundary voxels as indices into the flat image (C order), for all labels but 0.

    A label that has no boundary because it fills the image is left out.

    Parameters
    ----------
    labels : np.ndarray
        Unsigned integer array ``[i, j, k]`` in C order.
    most : int | None
        Of a label with more of them only so many are returned, those that `sampling.chosen` chooses, in its order; all
        others rise.
    """
    # How many there are must be known before any is chosen; of the millions of a large scan a bit each is kept.
    flat, step = labels.reshape(-1), labels.shape[1] * labels.shape[2]
    bits, counts = [], np.zeros(int(np.iinfo(labels.dtype).max) + 1, np.int64)
    for slab in slabs(labels.shape):
        differs = _differing(labels, slab)
        counts += np.bincount(labels[slab][differs], minlength=len(counts))
        bits.append(np.packbits(differs))
    wanted = {int(label): _Wanted(int(counts[label]), most, labels.shape) for label in np.flatnonzero(counts)}
    for slab, packed in zip(slabs(labels.shape), bits, strict=True):
        voxels = _places_of_bits(packed) + slab.start * step
        for label, part in parts_by_value(flat[voxels], voxels).items():
            wanted[label].pick(part)
    return {label: of.voxels for label, of in wanted.items()}


def _places_of_bits(packed: np.ndarray) -> np.ndarray:
    """Return where bits are set; most bytes have none."""
    filled = np.flatnonzero(packed)
    places, bit = np.nonzero(np.unpackbits(packed[filled, None], axis=1))
    return np.asarray(8 * filled[places] + bit)


class _Wanted:
    """The boundary voxels of one label that are wanted, picked from all of them as these come along."""

    def __init__(self, count: int, most: int | None, shape: tuple[int, ...]) -> None:
        ranks = np.arange(count) if most is None else chosen(count, most)
        self._order = np.argsort(ranks)
        self._ranks = ranks[self._order]
        self._passed = 0
        self.voxels: np.ndarray = np.empty(len(ranks), index_dtype(shape))

    def pick(self, voxels: np.ndarray) -> None:
        """Take what is wanted of the label's next voxels."""
        low, high = np.searchsorted(self._ranks, [self._passed, self._passed + len(voxels)])
        self.voxels[self._order[low:high]] = voxels[self._ranks[low:high] - self._passed]
        self._passed += len(voxels)


def _differing(labels: np.ndarray, slab: slice) -> np.ndarray:
    """Tell which voxels of a slab are not background and have a face neighbour with another label, bool."""
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
    return differs
