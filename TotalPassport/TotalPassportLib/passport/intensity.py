"""Hounsfield units of every label: one histogram of labels times intensities, and exact sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .runs import in_c_order, slabs

LOWEST_HU, HIGHEST_HU = -2048, 8191
"""Percentiles are told within these limits: air is -1000, most scanners end at 3071, metal may go beyond."""
PERCENTILES = (5, 25, 50, 75, 95)
_BINS = HIGHEST_HU - LOWEST_HU + 1
_LABELS_AT_ONCE = 2**24 // _BINS


@dataclass(frozen=True, kw_only=True)
class Intensity:
    """Hounsfield units of one label.

    ``sd_hu`` is divided by the number of voxels. ``percentiles_hu`` are of the values rounded to whole units, by
    nearest rank: the least value that at least so many per cent of the voxels do not exceed.
    """

    mean_hu: float
    sd_hu: float
    percentiles_hu: dict[int, float]


def label_intensities(labels: np.ndarray, hounsfield: np.ndarray, present: list[int]) -> dict[int, Intensity]:
    """Return label -> intensities for the labels ``present``; both arrays are ``[i, j, k]`` on one grid, all finite.

    The order of the axes makes no difference to whole numbers; of fractions the last bit of a sum may depend on it.
    """
    if are_whole(hounsfield):
        labels, hounsfield = _as_they_lie(labels, hounsfield)
    found: dict[int, Intensity] = {}
    for begin in range(0, len(present), _LABELS_AT_ONCE):
        found |= _intensities(labels, hounsfield, present[begin : begin + _LABELS_AT_ONCE])
    return found


def are_whole(hounsfield: np.ndarray) -> bool:
    """Tell whether intensities are stored as whole numbers, whose sums are the same in any order."""
    return hounsfield.dtype.kind in "iu"


def _as_they_lie(labels: np.ndarray, hounsfield: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return views whose axes are in the order of the memory: a slab of the first axis is then read without a copy."""
    order = np.argsort([-abs(stride) for stride in hounsfield.strides], kind="stable")
    return labels.transpose(order), hounsfield.transpose(order)


def _intensities(labels: np.ndarray, hounsfield: np.ndarray, present: list[int]) -> dict[int, Intensity]:
    number = np.full(int(np.iinfo(labels.dtype).max) + 1, -1, np.int32)
    number[present] = np.arange(len(present))
    lowest, highest = (
        int(np.clip(np.rint(end), LOWEST_HU, HIGHEST_HU)) for end in (hounsfield.min(), hounsfield.max())
    )
    table = np.zeros((len(present), highest - lowest + 1), np.int64)
    sums = np.zeros((2, len(present)))
    for thick in slabs(labels.shape, 32):
        slab_labels, slab_hounsfield = in_c_order(labels[thick]), in_c_order(hounsfield[thick])
        for thin in slabs(slab_labels.shape):
            inside = slab_labels[thin] != 0
            which, values = number[slab_labels[thin][inside]], slab_hounsfield[thin][inside]
            if which.min(initial=0) < 0:
                which, values = which[which >= 0], values[which >= 0]
            added, added_sums = _histogram(which, values, lowest, table.shape)
            table += added
            sums += added_sums
    return {label: _intensity(row, lowest, *of) for label, row, *of in zip(present, table, *sums, strict=True)}


def _histogram(
    which: np.ndarray, values: np.ndarray, lowest: int, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return counts ``shape`` of whole values from ``lowest`` on, and sums and sums of squares ``[2, labels]``."""
    whole = values if are_whole(values) else np.rint(values)
    bins = np.clip(whole, lowest, lowest + shape[1] - 1).astype(np.int32)
    counts = np.bincount(which * np.int32(shape[1]) + (bins - np.int32(lowest)), minlength=shape[0] * shape[1])
    counts = counts.reshape(shape)
    if np.array_equal(bins, values):
        # Of whole values the counts tell the sums.
        units = np.arange(lowest, lowest + shape[1])
        return counts, np.stack([counts @ units, counts @ units**2]).astype(np.float64)
    exact = values.astype(np.float64)
    return counts, np.stack([np.bincount(which, weights, minlength=shape[0]) for weights in (exact, exact * exact)])


def _intensity(histogram: np.ndarray, lowest: int, total: float, total_of_squares: float) -> Intensity:
    cumulative = np.cumsum(histogram)
    count = int(cumulative[-1])
    mean = total / count
    # Sums of whole Hounsfield units are exact, so that little is lost in this difference.
    variance = max(total_of_squares / count - mean * mean, 0.0)
    ranks = [-(-count * percent // 100) for percent in PERCENTILES]
    values = np.searchsorted(cumulative, ranks) + lowest
    percentiles = {percent: float(value) for percent, value in zip(PERCENTILES, values, strict=True)}
    return Intensity(mean_hu=float(mean), sd_hu=float(np.sqrt(variance)), percentiles_hu=percentiles)
