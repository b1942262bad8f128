"""TotalSegmentator's higher-order resampling: labels of logits that are resampled label by label.

Each label is looked at only around where it has won on the network's grid, so that borders are smooth and little is
computed. The result is not that of resampling all logits.
"""

from __future__ import annotations

import numpy as np

from .cropping import Box, box_of
from .nnunet_resampling import Size, resample_logit

MARGIN_VOXELS = 3
"""How far around a label on the network's grid it is looked for."""
MASK_MARGIN_VOXELS = 2
"""The same where masks are resampled instead of logits."""


def smooth_labels(logits: np.ndarray, shape: Size, thick: int | None) -> np.ndarray:
    """Return the labels on another grid: background, but for what exceeds it and all labels before it.

    Parameters
    ----------
    logits : numpy.ndarray
        float16, axes as the network has them and its channels last.
    shape : tuple of int
        Voxels of the result.
    thick : int, optional
        The axis that nnU-Net treats apart, see `nnunet_resampling.thick_axis`; it counts for the background only.

    Returns
    -------
    numpy.ndarray
        uint8 of ``shape``: channels.
    """
    best = resample_logit(logits[..., 0], shape, thick)
    result = np.zeros(shape, np.uint8)
    winners = logits.argmax(axis=-1)
    for label in np.unique(winners[winners > 0]):
        box = box_of(winners == label, (MARGIN_VOXELS,) * 3)
        assert box is not None
        place, values = _around(logits[..., label], box, shape)
        better = values > best[place]
        result[place][better] = label
        best[place][better] = values[better]
    return result


def smoothed_labels(labels: np.ndarray, shape: Size) -> np.ndarray:
    """Return labels on another grid, each resampled as a mask of its own; larger values win where two meet.

    That is TotalSegmentator's older way of smooth labels; between them may be gaps.

    Parameters
    ----------
    labels : numpy.ndarray
        uint8, three axes.
    shape : tuple of int
        Voxels of the result; both grids share their borders.
    """
    result = np.zeros(shape, np.uint8)
    for label in np.unique(labels[labels > 0]):
        box = box_of(labels == label, (MASK_MARGIN_VOXELS,) * 3)
        assert box is not None
        place, values = _around((labels == label).astype(np.float32), box, shape, np.float64)
        # In the mask's own precision, as there: many values are a half.
        result[place][values.astype(np.float32) >= 0.5] = label
    return result


def _around(logit: np.ndarray, box: Box, shape: Size, precision: type = np.float32) -> tuple[Box, np.ndarray]:
    """Return where a box of the network's grid lies on the other grid, and its values there, float64.

    Places are computed in TotalSegmentator's precision: ties between labels depend on it.
    """
    from scipy import ndimage  # lazily: it takes longer to import than most scans to load, and few runs need it

    slices, places = [], []
    for part, size, target in zip(box, logit.shape, shape, strict=True):
        scale = target / size
        first, last = int(np.floor(part.start * scale)), min(int(np.ceil(part.stop * scale)), target)
        slices.append(slice(first, last))
        places.append((np.arange(first, last, dtype=precision) + 0.5) * size / target - 0.5 - part.start)
    grid = np.stack(np.meshgrid(*places, indexing="ij"))
    values = ndimage.map_coordinates(logit[box].astype(np.float64), grid, order=1, mode="nearest")
    x, y, z = slices
    return (x, y, z), np.asarray(values)
