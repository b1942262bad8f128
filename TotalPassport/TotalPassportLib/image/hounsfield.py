"""What speaks against an image being a CT in Hounsfield units: only what no CT has, so that none is suspected."""

from __future__ import annotations

import math

import numpy as np

from .stored_image import Remark

FAT_HU = -50.0
"""Fat has -120 to -60, lungs and air less. Of real CTs 20 % of the voxels and more lie below; of an MR that was
resampled, whose negative values are ringing, none."""
LEAST_BELOW_FAT = 1e-3
"""Part of the voxels; a single fold of skin in the picture has more."""
LOWEST_AIR_HU = -900.0
"""Of an image that reaches further down, nothing that a network sees is cut off."""
MOST_AT_LOWEST = 0.05
"""Part of the voxels with the very lowest value. A CT of which no air is seen has a few there; one that was windowed
has all its air and lungs there: 0.48 of the whole body at -160."""
DENSE_BONE_HU = 1000.0
MOST_AT_HIGHEST = 2e-3
"""Part of the voxels with the very highest value, if that is below dense bone. A CT has one or a few there; one that
was windowed has its bones there: 0.018 of the whole body at 240."""
BELOW_AIR_HU = -1100.0
MOST_BELOW_AIR = 0.02
"""Part of the voxels below what noise makes of air, without those of the very lowest value, by which scanners fill the
corners. Measured in CTs: 0."""
SAMPLES = 2**18
"""About so many voxels are looked at, evenly spread."""


def remark_on_intensities(voxels: np.ndarray, lowest: float, highest: float) -> Remark | None:
    """Return what is to be said of values that are hardly Hounsfield units; None of a CT.

    Parameters
    ----------
    voxels : numpy.ndarray
        Finite numbers ``[i, j, k]``.
    lowest, highest : float
        Of all of them.
    """
    step = max(1, math.ceil((voxels.size / SAMPLES) ** (1 / 3)))
    sample = voxels[::step, ::step, ::step]
    reason = _reason(sample, lowest, highest)
    if reason is None:
        return None
    return Remark(
        code="not_hounsfield",
        sentence=f"The values of {{image}} go from {lowest:g} to {highest:g}, and {reason}. A CT in Hounsfield units "
        "has other values: it may be another modality or a rescaled image, and the result would mean nothing.",
    )


def _reason(sample: np.ndarray, lowest: float, highest: float) -> str | None:
    def part(chosen: np.ndarray) -> float:
        return float(np.count_nonzero(chosen)) / sample.size

    if part(sample < FAT_HU) < LEAST_BELOW_FAT:
        return "almost none is as low as those of fat and air"
    if lowest > LOWEST_AIR_HU and (share := part(sample == lowest)) > MOST_AT_LOWEST:
        return f"{100 * share:.0f} % of the voxels have the lowest, as if all below had been cut off"
    if highest < DENSE_BONE_HU and (share := part(sample == highest)) > MOST_AT_HIGHEST:
        return f"{100 * share:.1f} % of the voxels have the highest, as if all above had been cut off"
    if (share := part((sample < BELOW_AIR_HU) & (sample > lowest))) > MOST_BELOW_AIR:
        return f"{100 * share:.0f} % of the voxels are lower than air"
    return None
