"""Resampling by nnU-Net's own rules, for networks that get a scan at its own voxel size.

Its grids share their borders, not the centres of their first voxels, and an axis whose voxels are much longer than the
others' is treated apart: slices are resized each in its plane, and then the nearest slice is taken. nnU-Net resizes
with scikit-image, which means scipy's splines, and then keeps to the input's range of values. The same numbers come out
here, in slabs of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

THICK_RATIO = 3
"""An axis is treated apart if the longest side of a voxel is more than this many times its shortest one."""
SLAB_VOXELS = 500_000
"""About how many voxels of the result are made at a time; each needs some 40 bytes."""
SPLINE_MARGIN = 12
"""Voxels of edge that scipy adds on all sides before it makes the coefficients of a spline."""
CUBIC, LINEAR = 3, 1
Size = tuple[int, ...]


def resampled_shape(shape: Sequence[int], current_mm: Sequence[float], target_mm: Sequence[float]) -> Size:
    """Return how many voxels of the target's size an image of ``shape`` has; halves go to the even number."""
    return tuple(
        round(current / target * size) for size, current, target in zip(shape, current_mm, target_mm, strict=True)
    )


def thick_axis(current_mm: Sequence[float], target_mm: Sequence[float]) -> int | None:
    """Return the axis that is treated apart: that of the longest voxels now, else of those to come; None if none is."""
    for spacing in (list(current_mm), list(target_mm)):
        if max(spacing) / min(spacing) > THICK_RATIO:
            longest = [axis for axis, size in enumerate(spacing) if size == max(spacing)]
            return longest[0] if len(longest) == 1 else None
    return None


def resample_image(image: np.ndarray, shape: Size, thick: int | None) -> np.ndarray:
    """Return a normalised image on another grid, by cubic splines.

    Parameters
    ----------
    image : numpy.ndarray
        float32, axes as the network wants them.
    shape : tuple of int
        Voxels of the result, see `resampled_shape`.
    thick : int, optional
        The axis that is treated apart, see `thick_axis`.

    Returns
    -------
    numpy.ndarray
        float32 of ``shape``.
    """
    return _whole(image, shape, thick, CUBIC)


def resample_logit(logit: np.ndarray, shape: Size, thick: int | None) -> np.ndarray:
    """Return one channel of a network's logits on another grid, linearly; for the parameters see `resample_image`."""
    return _whole(logit, shape, thick, LINEAR)


def _whole(volume: np.ndarray, shape: Size, thick: int | None, order: int) -> np.ndarray:
    if volume.shape == shape:
        return volume
    result = np.empty(shape, volume.dtype)
    for planes, slab in _resized(volume, shape, thick, order):
        result[planes] = slab
    return result


def labels_of_logits(
    logits: np.ndarray, shape: Size, thick: int | None, choose: Callable[[np.ndarray], np.ndarray] | None = None
) -> np.ndarray:
    """Return the labels that logits mean on another grid, to which they are brought linearly.

    Parameters
    ----------
    logits : numpy.ndarray
        float16, axes as the network has them and its channels last.
    shape : tuple of int
        Voxels of the result.
    thick : int, optional
        The axis that is treated apart, see `thick_axis`.
    choose : callable, optional
        Makes labels of float16 logits; by default the number of the largest one, the first of equals.

    Returns
    -------
    numpy.ndarray
        Of ``shape``: channels, uint8 if there are no more than that can name, or what ``choose`` makes of them.
    """
    choose = choose or _largest
    if logits.shape[:-1] == shape:
        return choose(logits)
    result: np.ndarray | None = None
    channels = [_resized(logits[..., channel], shape, thick, LINEAR) for channel in range(logits.shape[-1])]
    for slabs in zip(*channels, strict=True):
        planes = slabs[0][0]
        labels = choose(np.stack([slab for _, slab in slabs], axis=-1))
        result = np.empty(shape, labels.dtype) if result is None else result
        result[planes] = labels
    assert result is not None  # no axis is without voxels
    return result


def _largest(logits: np.ndarray) -> np.ndarray:
    return np.asarray(logits.argmax(axis=-1), np.uint8 if logits.shape[-1] <= 256 else np.uint16)


def _resized(volume: np.ndarray, shape: Size, thick: int | None, order: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the planes of the first axis of the result, some at a time, in the volume's own precision."""
    return _in_space(volume, shape, order) if thick is None else _in_planes(volume, shape, thick, order)


def _in_space(volume: np.ndarray, shape: Size, order: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield slabs of a resized volume."""
    from scipy import ndimage  # lazily: it takes longer to import than most scans to load, and few runs need it

    lowest, highest = float(volume.min()), float(volume.max())
    coefficients, margin = _coefficients(volume, order)
    first, *others = (_positions(size, target) + margin for size, target in zip(volume.shape, shape, strict=True))

    def slab_at(planes: slice) -> np.ndarray:
        low, high = _reach(first[planes], order, len(coefficients))
        places = np.meshgrid(first[planes] - low, *others, indexing="ij")
        # Positions less a whole number are exact, and so are their fractions: a slab is as good as the whole.
        slab = coefficients[low:high].astype(np.float64, copy=False)
        values = ndimage.map_coordinates(slab, places, order=order, mode="nearest", prefilter=False)
        return np.asarray(np.clip(values, lowest, highest, out=values), volume.dtype)

    for planes in _slabs(shape):  # in a function, so that nothing of a slab is kept while others have their turn
        yield planes, slab_at(planes)


def _coefficients(volume: np.ndarray, order: int) -> tuple[np.ndarray, int]:
    """Return the coefficients of a volume's spline and how many more there are on each side; the volume if linear."""
    from scipy import ndimage

    if order <= 1:
        return volume, 0
    padded = np.pad(volume.astype(np.float64), SPLINE_MARGIN, mode="edge")
    return ndimage.spline_filter(padded, order, output=padded, mode="nearest"), SPLINE_MARGIN


def _reach(positions: np.ndarray, order: int, size: int) -> tuple[int, int]:
    """Return the first plane, and the one after the last, that interpolation at these positions looks at."""
    return max(int(positions[0]) - order, 0), min(int(positions[-1]) + order + 2, size)


def _in_planes(volume: np.ndarray, shape: Size, thick: int, order: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield slabs of a volume whose slices across ``thick`` are resized each in its plane, and then repeated."""
    plane = tuple(size for axis, size in enumerate(shape) if axis != thick)
    # In the precision of the result: rounding first and repeating then is the same.
    slices = [
        _in_plane(np.take(volume, place, thick), plane, order).astype(volume.dtype)
        for place in range(volume.shape[thick])
    ]
    nearest = _nearest(volume.shape[thick], shape[thick])
    for planes in _slabs(shape):
        if thick == 0:
            yield planes, np.stack([slices[place] for place in nearest[planes]])
        else:
            yield planes, np.stack([slices[place][planes] for place in nearest], axis=thick)


def _in_plane(image: np.ndarray, shape: Size, order: int) -> np.ndarray:
    """Return one slice, float64, resized and kept within its own range of values."""
    from scipy import ndimage

    if image.shape == shape:
        return image.astype(np.float64)
    image = image.astype(np.float64)
    zoom = [target / size for size, target in zip(image.shape, shape, strict=True)]
    resized = ndimage.zoom(image, zoom, order=order, mode="nearest", grid_mode=True)
    return np.asarray(np.clip(resized, image.min(), image.max(), out=resized))


def _positions(size: int, target: int) -> np.ndarray:
    """Return where the centres of ``target`` voxels lie among ``size`` ones that fill the same length."""
    positions = np.arange(target) + 0.5
    positions *= size / target
    positions -= 0.5
    return np.asarray(positions)


def _nearest(size: int, target: int) -> np.ndarray:
    """Return for each of ``target`` slices which of ``size`` ones is nearest, ties to the higher, as scipy does."""
    return np.asarray(np.floor(np.clip(_positions(size, target), 0, size - 1) + 0.5), np.intp)


def _slabs(shape: Size) -> Iterator[slice]:
    """Yield slices along the first axis of about `SLAB_VOXELS` voxels."""
    step = max(1, SLAB_VOXELS // max(1, int(np.prod(shape[1:]))))
    for first in range(0, shape[0], step):
        yield slice(first, min(first + step, shape[0]))
