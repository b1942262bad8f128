"""nnU-Net's z-score normalisation, to the last bit of its float32 mean.

numpy adds float32 numbers in an order that depends on how they lie in memory, and with it the last bits of a mean.
nnU-Net takes it of a box that is cut out of a larger array, so a copy of that box has to lie in memory alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

STD_FLOOR = 1e-8
"""nnU-Net divides by no less than this."""


def cut_out(voxels: np.ndarray, box: Sequence[slice]) -> np.ndarray:
    """Return a box of an array as float32 numbers that numpy adds in the order in which it would add the box itself.

    Parameters
    ----------
    voxels : numpy.ndarray
        ``[z, y, x]`` of any type and order in memory; nnU-Net's own lies in C order.
    box : sequence of slice
        What to cut out, without steps.
    """
    places = [part.indices(size) for part, size in zip(box, voxels.shape, strict=True)]
    shape = [stop - start for start, stop, _ in places]
    # A row that is not cut goes on in the next one; whether it does decides the order, and the rest does not.
    gaps = [int(wanted < size) for wanted, size in zip(shape, voxels.shape, strict=True)]
    room = np.empty([shape[0], *(wanted + gap for wanted, gap in zip(shape[1:], gaps[1:], strict=True))], np.float32)
    inside = room[tuple(slice(size) for size in shape)]
    np.copyto(inside, voxels[tuple(box)], casting="unsafe")
    return inside


def filled(intensities: np.ndarray) -> np.ndarray:
    """Return which voxels are not 0 or lie in holes between such ones.

    That is nnU-Net's mask of the whole scan, though only the box that holds everything is looked at: what is connected
    with the outside of the box is connected with the outside of the scan.
    """
    from scipy import ndimage  # lazily: it takes longer to import than most scans to load, and few runs need it

    return np.asarray(ndimage.binary_fill_holes(intensities != 0))


def z_score(intensities: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Return the image with a mean of 0 and a standard deviation of 1, float32.

    Parameters
    ----------
    intensities : numpy.ndarray
        float32, lying in memory as `cut_out` makes it, its axes in the order that the network wants.
    mask : numpy.ndarray, optional
        Where mean and deviation are taken, and where the image changes; nnU-Net's is `filled`. Without one that is
        everywhere.
    """
    scored = intensities.copy(order="K")
    if mask is None:
        # The mean of the image that was given: its copy has lost the gaps.
        mean, deviation = intensities.mean(), intensities.std()
        scored -= mean
        scored /= max(deviation, STD_FLOOR)
    elif mask.any():
        inside = intensities[mask]
        scored[mask] = (inside - inside.mean()) / max(inside.std(), STD_FLOOR)
    return scored
