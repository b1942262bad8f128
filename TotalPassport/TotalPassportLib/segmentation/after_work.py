"""What TotalSegmentator does in code with the labels of some of its tasks, after their networks have run.

Each function changes no array that it is given. Pieces are voxels that share faces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ..base.labels import LabelTable
from ..image.cropping import Box
from ..models.task import AfterWork
from .cleaning import FACES, keep_pieces

FIRST_VERTEBRA, LAST_VERTEBRA = 1, 24
"""Values of C1 and L5 in the tables of the vertebrae tasks, which count downwards along the spine."""


def after_work(
    labels: np.ndarray,
    steps: Iterable[AfterWork],
    table: LabelTable,
    spacing_mm: Sequence[float] | np.ndarray,
    mask_of: Callable[[AfterWork], np.ndarray],
) -> np.ndarray:
    """Return the labels after all steps, in their order.

    Parameters
    ----------
    labels : numpy.ndarray
        uint8 ``[x, y, z]``: canonical on the model's grid, as stored on the scan's.
    steps : iterable of AfterWork
        Those of this grid.
    table : LabelTable
        Of the task.
    spacing_mm : sequence of float
        Voxel sizes, by axis.
    mask_of : callable
        Makes the mask of a step that keeps only what another task finds: of the structure in which, or of those near
        which.
    """
    voxel_mm3 = float(np.prod(spacing_mm))
    for step in steps:
        settings = step.settings
        match step.step:
            case "keep_largest_piece":
                labels = keep_largest_piece(labels, _value(table, settings["structure"]))
            case "remove_small_pieces":
                most = settings["largest_mm3"] / voxel_mm3
                labels = remove_pieces_up_to(labels, _value(table, settings["structure"]), most)
            case "number_vertebrae":
                labels = number_vertebrae(labels, settings["least_mm3"] / voxel_mm3)
            case "dilate_into_background":
                labels = dilate_into_background(labels, spacing_mm, settings["radius_mm"])
            case "keep_inside_task":
                labels = np.where(mask_of(step), labels, 0)
            case "keep_near_crop":
                labels = np.where(dilated(mask_of(step), spacing_mm, settings["distance_mm"]), labels, 0)
            case unknown:
                raise ValueError(f"There is no after-work '{unknown}'.")
    return labels


def _value(table: LabelTable, name: str) -> int:
    label = table.named(name)
    if label is None:
        raise ValueError(f"The label table '{table.name}' has no '{name}'.")
    return label.value


def keep_largest_piece(labels: np.ndarray, value: int) -> np.ndarray:
    """Return the labels with only the largest piece of one label, the first of equals."""
    return keep_pieces(labels, FACES, lambda sizes: np.arange(len(sizes)) == np.argmax(sizes), value)


def remove_pieces_up_to(labels: np.ndarray, value: int, most_voxels: float) -> np.ndarray:
    """Return the labels without those pieces of one label that are no larger than this."""
    return keep_pieces(labels, FACES, lambda sizes: sizes > most_voxels, value)


def number_vertebrae(labels: np.ndarray, least_voxels: float) -> np.ndarray:
    """Return vertebrae that are numbered by their places, if any two of them touch; pieces that are smaller are gone.

    They are counted from the lowest one upwards, beginning with the largest value there is, or from the top downwards
    where C1 is there and L5 is not.
    """
    from scipy import ndimage

    if not _labels_touch(labels):
        return labels
    pieces, count = ndimage.label(labels > 0)
    sizes = np.bincount(pieces.ravel())
    kept = [piece for piece in range(1, count + 1) if sizes[piece] >= least_voxels]
    present = set(np.unique(labels[np.isin(pieces, kept)])) - {0}
    if not present:
        return np.zeros_like(labels)
    planes = np.broadcast_to(np.arange(labels.shape[2], dtype=np.float64), labels.shape)
    heights = np.bincount(pieces.ravel(), planes.ravel()) / sizes
    from_top = LAST_VERTEBRA not in present and FIRST_VERTEBRA in present
    ordered = sorted(kept, key=lambda piece: heights[piece], reverse=from_top)
    values = range(1, LAST_VERTEBRA + 1) if from_top else range(int(max(present)), 0, -1)
    numbers = np.zeros(count + 1, labels.dtype)
    for piece, value in zip(ordered, values, strict=False):  # what is beyond the last vertebra has no name
        numbers[piece] = value
    return np.asarray(numbers[pieces])


def _labels_touch(labels: np.ndarray) -> bool:
    """Whether two voxels of different labels share a face."""
    for axis in range(labels.ndim):
        planes = np.moveaxis(labels, axis, 0)
        before, after = planes[:-1], planes[1:]
        if ((before > 0) & (after > 0) & (before != after)).any():
            return True
    return False


def dilate_into_background(
    labels: np.ndarray, spacing_mm: Sequence[float] | np.ndarray, radius_mm: float
) -> np.ndarray:
    """Return the labels, each grown by a ball where there was background; smaller values are served first.

    The ball's voxels are counted from its lower end, so that it is lopsided where the radius is no whole number of
    voxels. That is a peculiarity of TotalSegmentator, and the labels depend on it.
    """
    from scipy import ndimage

    radii = [radius_mm / size for size in spacing_mm]
    offsets = np.ogrid[tuple(slice(-radius, radius + 1) for radius in radii)]
    ball = sum(offset**2 / radius**2 for offset, radius in zip(offsets, radii, strict=True)) <= 1
    reach = [int(np.ceil(radius)) for radius in radii]
    result = labels.copy()
    for value, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        place = _wider(box, reach, labels.shape)
        grown = ndimage.binary_dilation(labels[place] == value, structure=ball)
        part = result[place]
        part[(part == 0) & grown] = value
    return result


def _wider(box: Box, reach: Sequence[int], shape: Sequence[int]) -> Box:
    i, j, k = (
        slice(max(part.start - more, 0), min(part.stop + more, size))
        for part, more, size in zip(box, reach, shape, strict=True)
    )
    return i, j, k


def dilated(mask: np.ndarray, spacing_mm: Sequence[float] | np.ndarray, distance_mm: float) -> np.ndarray:
    """Return a mask that has grown by a distance, counted in whole voxels of the mean size from face to face.

    A distance of less than a voxel is none; TotalSegmentator would let the mask fill the scan.
    """
    from scipy import ndimage

    times = int(distance_mm / np.mean(spacing_mm))
    return np.asarray(ndimage.binary_dilation(mask, iterations=times)) if times else mask
