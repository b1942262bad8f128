"""Where the patches of a sliding window lie, and how they are weighted; the rules are nnU-Net's."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from ..models.description import Part

Size = tuple[int, int, int]


def window_starts(size: int, patch: int, step: float) -> list[int]:
    """Return the first voxel of each window along one axis: evenly spread, at most ``step * patch`` apart."""
    if size <= patch:
        return [0]
    count = int(np.ceil((size - patch) / (step * patch))) + 1
    spacing = (size - patch) / (count - 1)
    return [int(np.round(spacing * index)) for index in range(count)]  # numpy rounds half to even, as nnU-Net does


def window_positions(shape: tuple[int, ...], part: Part) -> list[Size]:
    """Return the first voxel of every window on the padded volume, in order of rising z, then y, then x."""
    starts = [
        window_starts(max(size, patch), patch, part.step)
        for size, patch in zip(shape, part.patch_size_zyx, strict=True)
    ]
    return [(z, y, x) for z, y, x in product(*starts)]


def padding(shape: tuple[int, ...], patch: Size) -> list[tuple[int, int]]:
    """Return how many voxels to add before and after each axis so that one patch fits; the lower half in front."""
    missing = [max(wanted - size, 0) for size, wanted in zip(shape, patch, strict=True)]
    return [(total // 2, total - total // 2) for total in missing]


@lru_cache(maxsize=4)
def gaussian_weights(patch: Size) -> np.ndarray:
    """Return the weight of each voxel of a patch: float16, a gaussian of an eighth of the patch, 10 in its centre."""
    weights = np.zeros(patch)
    weights[tuple(size // 2 for size in patch)] = 1
    weights = ndimage.gaussian_filter(weights, [size / 8 for size in patch], mode="constant")
    weights *= 10 / weights.max()
    # By way of float32, because that is the road the reference takes: rounding once gives other float16 values.
    halves = weights.astype(np.float32).astype(np.float16)
    halves[halves == 0] = halves[halves > 0].min()
    halves.flags.writeable = False
    return np.asarray(halves)
