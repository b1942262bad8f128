"""Volume and mean intensity of every structure exactly as TotalSegmentator's ``--statistics`` gives them.

They are there for studies that were made with its numbers. A structure near the border counts as absent in them; the
passport tells its true numbers and says that a part may be missing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.labels import LabelTable

BORDER_VOXELS = 3
"""A structure in one of the outer three voxels of any face is given as 0, unless asked for."""
INTENSITY_DECIMALS = 5
NO_EXTRA: dict[str, Any] = {
    "n_voxels": 0, "intensity_std": 0.0, "intensity_min": 0.0, "intensity_max": 0.0, "centroid_vox": None,
    "bbox_vox": None,
}  # fmt: skip
"""Of a structure that does not count."""


@dataclass(frozen=True, kw_only=True)
class StatisticsKind:
    """What is told of each structure; see `official_statistics`."""

    include_incomplete: bool = False
    median: bool = False
    extra: bool = False
    normalized: bool = False


MEANS = StatisticsKind()
Measures = dict[str, Any]


def official_statistics(
    labels: np.ndarray,
    hounsfield: np.ndarray,
    voxel_volume_mm3: float,
    table: LabelTable,
    values: Collection[int],
    kind: StatisticsKind = MEANS,
) -> dict[str, Measures]:
    """Return name -> ``{"volume": mm3, "intensity": mean HU}``, in the order of the values.

    Parameters
    ----------
    labels : np.ndarray
        uint8 ``[i, j, k]``.
    hounsfield : np.ndarray
        The scan on the same grid; fractions are cut off, as TotalSegmentator does.
    voxel_volume_mm3 : float
        Product of the nominal voxel sizes.
    values : Collection[int]
        The structures to list; absent ones, and those at the border, are 0.
    kind : StatisticsKind
        ``include_incomplete``: structures at the border with what is seen of them. ``median``: that of the
        intensities, not their mean. ``extra``: number of voxels, spread and range of the intensities, centre and box in
        voxels. ``normalized``: intensities as parts of the whole scan's range.
    """
    inside = labels != 0
    found = labels[inside]
    intensities = hounsfield[inside].astype(np.int16)
    counts = np.bincount(found, minlength=256)
    if not kind.include_incomplete:
        counts[list(_labels_near_border(labels))] = 0
    if kind.median or kind.extra or kind.normalized:
        if kind.normalized:
            low, high = (int(np.int16(extreme(hounsfield))) for extreme in (np.min, np.max))
            intensities = (intensities.astype(np.int64) - low) / max(high - low, 1)
        measures = _measured(labels, inside, found, intensities, counts, kind)
    else:
        # Sums of whole numbers are exact in float64, so the order of summation makes no difference.
        sums = np.bincount(found, weights=intensities, minlength=256)
        # numpy's rounding, not Python's: they disagree about some halves.
        measures = {
            value: {"intensity": float(np.round(sums[value] / counts[value], INTENSITY_DECIMALS))}
            for value in values
            if counts[value]
        }
    nothing = {"intensity": 0.0, **(NO_EXTRA if kind.extra else {})}
    return {
        table[value].name: {"volume": float(counts[value] * voxel_volume_mm3), **measures.get(value, nothing)}
        for value in sorted(values)
    }


def _measured(
    labels: np.ndarray,
    inside: np.ndarray,
    found: np.ndarray,
    intensities: np.ndarray,
    counts: np.ndarray,
    kind: StatisticsKind,
) -> dict[int, Measures]:
    """Return what is told of every structure that counts, from its own voxels."""
    order = np.argsort(found, kind="stable")
    ends = np.searchsorted(found[order], np.arange(len(counts)), side="right")
    places = np.argwhere(inside) if kind.extra else None
    measures: dict[int, Measures] = {}
    for value in map(int, np.flatnonzero(counts)):
        if not value:
            continue
        own = order[ends[value - 1] : ends[value]]
        values = intensities[own]
        centre = np.median(values) if kind.median else values.mean(dtype=np.float64)
        measures[value] = {"intensity": float(np.round(centre, INTENSITY_DECIMALS))}
        if places is not None:
            measures[value] |= _extra(values, places[own])
    return measures


def _extra(values: np.ndarray, places: np.ndarray) -> Measures:
    return {
        "n_voxels": len(values),
        "intensity_std": float(np.round(np.std(values), INTENSITY_DECIMALS)),
        "intensity_min": float(values.min()),
        "intensity_max": float(values.max()),
        "centroid_vox": [round(float(place), 2) for place in places.mean(axis=0)],
        "bbox_vox": [[int(low), int(high)] for low, high in zip(places.min(axis=0), places.max(axis=0), strict=True)],
    }


def voxel_volume_mm3(spacing_mm: Sequence[float]) -> float:
    """Return the product of a header's voxel sizes, multiplied in single precision as TotalSegmentator does."""
    first, second, third = (np.float32(size) for size in spacing_mm)
    return float(first * second * third)


def statistics_text(statistics: dict[str, Measures]) -> str:
    """Return the statistics as the JSON text that TotalSegmentator writes."""
    return json.dumps(statistics, indent=4)


def _labels_near_border(labels: np.ndarray) -> set[int]:
    outer = np.ones(labels.shape, bool)
    outer[(slice(BORDER_VOXELS, -BORDER_VOXELS),) * 3] = False
    return {int(value) for value in np.unique(labels[outer])}
