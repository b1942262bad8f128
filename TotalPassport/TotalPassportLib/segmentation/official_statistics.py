"""Volume and mean intensity of every structure exactly as TotalSegmentator's ``--statistics`` gives them.

They are there for studies that were made with its numbers. A structure near the border counts as absent in them; the
passport tells its true numbers and says that a part may be missing.
"""

from __future__ import annotations

import json
from collections.abc import Collection

import numpy as np

from ..base.labels import LabelTable

BORDER_VOXELS = 3
"""A structure in one of the outer three voxels of any face is given as 0, unless asked for."""
INTENSITY_DECIMALS = 5


def official_statistics(
    labels: np.ndarray,
    hounsfield: np.ndarray,
    voxel_volume_mm3: float,
    table: LabelTable,
    values: Collection[int],
    *,
    include_incomplete: bool = False,
) -> dict[str, dict[str, float]]:
    """Return name -> ``{"volume": mm3, "intensity": mean HU}``, in the order of the values.

    Parameters
    ----------
    labels : np.ndarray
        uint8 ``[i, j, k]``.
    hounsfield : np.ndarray
        The CT on the same grid; fractions are cut off, as TotalSegmentator does.
    voxel_volume_mm3 : float
        Product of the nominal voxel sizes.
    values : Collection[int]
        The structures to list; absent ones, and those at the border, are 0.
    include_incomplete : bool
        Give structures at the border with what is seen of them.
    """
    inside = labels != 0
    found = labels[inside]
    counts = np.bincount(found, minlength=256)
    # Sums of whole numbers are exact in float64, so the order of summation makes no difference.
    sums = np.bincount(found, weights=hounsfield[inside].astype(np.int16), minlength=256)
    if not include_incomplete:
        counts[list(_labels_near_border(labels))] = 0
    statistics = {}
    for value in sorted(values):
        # numpy's rounding, not Python's: they disagree about some halves.
        mean = float(np.round(sums[value] / counts[value], INTENSITY_DECIMALS)) if counts[value] else 0.0
        statistics[table[value].name] = {"volume": float(counts[value] * voxel_volume_mm3), "intensity": mean}
    return statistics


def statistics_text(statistics: dict[str, dict[str, float]]) -> str:
    """Return the statistics as the JSON text that TotalSegmentator writes."""
    return json.dumps(statistics, indent=4)


def _labels_near_border(labels: np.ndarray) -> set[int]:
    outer = np.ones(labels.shape, bool)
    outer[(slice(BORDER_VOXELS, -BORDER_VOXELS),) * 3] = False
    return {int(value) for value in np.unique(labels[outer])}
