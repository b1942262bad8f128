"""The voxels of a label image: whole numbers from 0 to 65535, whichever way a file stores them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..base.dataset_labels import LARGEST_LABEL
from ..base.memory import require_memory
from .stored_image import UnfitImage

ROUNDING = 1e-3
"""Labels stored with a scale factor miss whole numbers by its rounding: in float32 by up to 0.004 of a unit at 65535,
by 1e-5 at 100. Interpolated labels and intensities miss them by more than this nearly everywhere."""
MANY_LABELS = 20
"""An intensity image has more values than this; tables of fewer labels are never taken for one."""
MOST_UNEQUAL_NEIGHBOURS = 0.3
"""Part of the pairs of neighbouring voxels, both not 0, that have different values. Measured: 0.014 in a label image of
61 organs at 3 mm; 0.97 in CTs, 0.65 and more when they are brought to 8 bits, 0.53 in a CT in steps of 8 HU."""


def label_voxels(voxels: np.ndarray, path: Path) -> np.ndarray:
    """Return voxels as unsigned integers, 8 bits where these are enough; the very input if it is that.

    Parameters
    ----------
    voxels : numpy.ndarray
        Real numbers ``[i, j, k]``.
    path : Path
        The file that they are from, for the sentences of the errors.

    Raises
    ------
    UnfitImage
        The image holds something else than labels.
    """
    lowest, highest = float(voxels.min()), float(voxels.max())
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        count = sum(int(part.size - np.isfinite(part).sum()) for part in _slices(voxels))
        raise UnfitImage(
            f"'{path}' has {count} voxels that are NaN or infinite, which no label is.",
            "Export the segmentation again as whole numbers.",
            "values that are no numbers",
        )
    _refuse_other_numbers(voxels, lowest, highest, path)
    kind = np.dtype(np.uint8 if round(highest) <= 255 else np.uint16)
    if voxels.dtype == kind:
        return voxels
    require_memory(voxels.size * kind.itemsize, f"Reading the labels of '{path.name}'")
    labels = np.empty_like(voxels, kind, subok=False)
    for part, whole in zip(_slices(voxels), _slices(labels), strict=True):
        whole[...] = np.rint(part) if part.dtype.kind == "f" else part
    return labels


def _refuse_other_numbers(voxels: np.ndarray, lowest: float, highest: float, path: Path) -> None:
    if lowest < -ROUNDING or highest > LARGEST_LABEL + ROUNDING:
        raise UnfitImage(
            f"'{path}' holds values that are no labels ({lowest:g} to {highest:g}): it may be a scan.",
            f"Give a segmentation: whole numbers from 0 to {LARGEST_LABEL}.",
            f"values from {lowest:g} to {highest:g}",
        )
    if voxels.dtype.kind != "f":
        return
    fractional = sum(int((np.abs(part - np.rint(part)) > ROUNDING).sum()) for part in _slices(voxels))
    if fractional:
        raise UnfitImage(
            f"'{path}' holds values that are no labels: {100 * fractional / voxels.size:.2g} % of its voxels have "
            f"fractions ({lowest:g} to {highest:g}). It may be a scan, a map of probabilities, or labels that were "
            "resampled by interpolation.",
            "Give a segmentation of whole numbers; resample labels by nearest neighbour.",
            "fractions",
        )


def present_labels(labels: np.ndarray) -> list[int]:
    """Return the labels of an unsigned integer array that occur, rising, without 0."""
    counts = np.zeros(LARGEST_LABEL + 1, np.int64)
    for part in _slices(labels):  # in one go it would take eight bytes a voxel
        found = np.bincount(part.ravel(order="K"))
        counts[: len(found)] += found
    return [int(label) for label in np.flatnonzero(counts[1:]) + 1]


def looks_like_intensities(labels: np.ndarray, present: list[int]) -> bool:
    """Tell whether an image of whole numbers is a scan rather than labels: it has many, and they lie mixed."""
    if len(present) <= MANY_LABELS:
        return False
    pairs = unequal = 0
    for part in _slices(labels):
        both = (part[:-1] > 0) & (part[1:] > 0)
        pairs += int(both.sum())
        unequal += int((both & (part[:-1] != part[1:])).sum())
    return pairs > 0 and unequal > MOST_UNEQUAL_NEIGHBOURS * pairs


def _slices(voxels: np.ndarray) -> Iterator[np.ndarray]:
    """Yield views ``[i, j]``, one after another."""
    yield from np.moveaxis(voxels, 2, 0)
