"""Where the patches of a sliding window lie, and how they are weighted: nnU-Net's rules, and those of others."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..models.network_conventions import GAUSSIAN, NNUNET

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


def strided_starts(size: int, patch: int, stride: int) -> list[int]:
    """Return the first voxel of each window along one axis: ``stride`` apart, the last one moved back to the end.

    >>> strided_starts(200, 96, 72)
    [0, 72, 104]
    """
    count = max(size - patch + stride - 1, 0) // stride + 1
    return [min(index * stride, max(size - patch, 0)) for index in range(count)]


def window_axes(shape: tuple[int, ...], part: Part) -> list[list[int]]:
    """Return the first voxels of the windows on the padded volume along z, y and x; all combinations are windows."""
    sizes = zip(shape, part.patch_size_zyx, strict=True)
    if part.stride is not None:
        return [strided_starts(*both, stride) for both, stride in zip(sizes, part.stride, strict=True)]
    return [window_starts(max(size, patch), patch, part.step) for size, patch in sizes]


def window_weights(part: Part) -> np.ndarray:
    """Return the weight of each voxel of a part's windows; float16 for nnU-Net's blending, else float32."""
    blending, patch = part.blending, part.patch_size_zyx
    if blending.kind == NNUNET:
        return gaussian_weights(patch)
    if blending.kind == GAUSSIAN:
        return centred_gaussian(patch, blending.sigma, blending.floor)
    return np.ones(patch, np.float32)


def centred_gaussian(patch: Size, sigma: float, floor: float) -> np.ndarray:
    """Return a gaussian around a window's middle, float32: 1 there, a deviation of ``sigma`` sizes, at least ``floor``.

    Computed in single precision, as MONAI does it.
    """
    z, y, x = (_single_bell(size, sigma) for size in patch)
    weights = z[:, np.newaxis, np.newaxis] * y[:, np.newaxis] * x
    return np.asarray(np.maximum(weights, np.float32(floor), out=weights))


def _single_bell(size: int, sigma: float) -> np.ndarray:
    places = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
    return np.asarray(np.exp(-(places**2) / np.float32(2 * (sigma * size) ** 2)), np.float32)


def padding(shape: tuple[int, ...], patch: Size) -> list[tuple[int, int]]:
    """Return how many voxels to add before and after each axis so that one patch fits; the lower half in front."""
    missing = [max(wanted - size, 0) for size, wanted in zip(shape, patch, strict=True)]
    return [(total // 2, total - total // 2) for total in missing]


@lru_cache(maxsize=4)
def gaussian_weights(patch: Size) -> np.ndarray:
    """Return the weight of each voxel of a patch: float16, a gaussian of an eighth of the patch, 10 in its centre."""
    z, y, x = (_bell(size) for size in patch)
    weights = z[:, np.newaxis, np.newaxis] * y[:, np.newaxis] * x
    weights *= 10 / weights.max()
    # By way of float32, because that is the road the reference takes: rounding once gives other float16 values.
    halves = weights.astype(np.float32).astype(np.float16)
    halves[halves == 0] = halves[halves > 0].min()
    halves.flags.writeable = False
    return np.asarray(halves)


def _bell(size: int) -> np.ndarray:
    """Return a gaussian of an eighth of ``size`` around its middle, float64 ``[size]``.

    The same numbers as `scipy.ndimage.gaussian_filter` makes of a single 1, cut at four standard deviations; importing
    scipy for it takes a quarter of a second.
    """
    sigma = size / 8
    reach = int(4 * sigma + 0.5)
    bell = np.exp(-0.5 / (sigma * sigma) * np.arange(-reach, reach + 1) ** 2)
    along = np.zeros(size + 2 * reach)
    along[size // 2 : size // 2 + 2 * reach + 1] = bell / bell.sum()
    return along[reach : reach + size]
