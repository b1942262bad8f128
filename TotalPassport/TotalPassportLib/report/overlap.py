"""How far a structure that was found agrees with the one that is true: Dice, surface distances, volume error.

Definitions are those of *Metrics Reloaded* (Maier-Hein, Reinke et al., Nature Methods 21, 2024): Dice; the average
symmetric surface distance; the 95 % Hausdorff distance, as the larger of the two directed 95th percentiles; the surface
Dice at a tolerance (normalised surface distance). Surfaces are the centres of voxels with a face neighbour outside the
structure; what lies beyond the image counts as outside. Distances are measured between points in millimetres, so that
uneven voxels, oblique and tilted grids need no correction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..base.errors import BadInput

PERCENTILE = 95.0
DEFAULT_TOLERANCE_MM = 3.0
"""Of the surface Dice: a voxel of the fast model."""
_ROUNDING_MM = 1e-6
"""What rounding may add to a distance that is the tolerance itself."""


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """Agreement of one structure; None where it has no value because neither has the structure.

    Attributes
    ----------
    truth_mm3, found_mm3 : float
        Volumes.
    dice : float, optional
        0 to 1; 0 where only one has the structure.
    surface_distance_mm : float, optional
        Average symmetric surface distance; infinite where only one has the structure.
    hausdorff_95_mm : float, optional
        95 % Hausdorff distance; infinite likewise.
    surface_dice : float, optional
        Part of both surfaces that lies within the tolerance of the other; 0 likewise.
    """

    truth_mm3: float
    found_mm3: float
    dice: float | None
    surface_distance_mm: float | None
    hausdorff_95_mm: float | None
    surface_dice: float | None

    @property
    def volume_error_mm3(self) -> float:
        """Found minus true volume."""
        return self.found_mm3 - self.truth_mm3

    @property
    def volume_error_percent(self) -> float | None:
        """The same as a percentage of the true volume; None where that is 0."""
        return 100 * self.volume_error_mm3 / self.truth_mm3 if self.truth_mm3 else None


def overlap(found: np.ndarray, truth: np.ndarray, affine: np.ndarray, tolerance_mm: float) -> Overlap:
    """Compare two masks on one grid.

    Parameters
    ----------
    found, truth : numpy.ndarray
        Boolean arrays ``[i, j, k]`` of one shape. They may be cut to what they hold.
    affine : numpy.ndarray
        Voxel indices to mm, 4 x 4.
    tolerance_mm : float
        Of the surface Dice.

    Raises
    ------
    BadInput
        Their shapes differ.
    """
    if found.shape != truth.shape:
        raise BadInput("Two masks have different shapes.", "Give masks on the same grid.")
    linear = np.asarray(affine, np.float64)[:3, :3]
    voxel_mm3 = abs(float(np.linalg.det(linear)))
    counts = int(np.count_nonzero(found)), int(np.count_nonzero(truth))
    dice = surface_distance = hausdorff = surface_dice = None
    if all(counts):
        # Dice, Ecology 26, 1945.
        dice = 2 * int(np.count_nonzero(found & truth)) / sum(counts)
        surface_distance, hausdorff, surface_dice = _surface_agreement(found, truth, linear, tolerance_mm)
    elif any(counts):
        dice, surface_distance, hausdorff, surface_dice = 0.0, math.inf, math.inf, 0.0
    return Overlap(
        found_mm3=counts[0] * voxel_mm3,
        truth_mm3=counts[1] * voxel_mm3,
        dice=dice,
        surface_distance_mm=surface_distance,
        hausdorff_95_mm=hausdorff,
        surface_dice=surface_dice,
    )


def _surface_agreement(
    found: np.ndarray, truth: np.ndarray, linear: np.ndarray, tolerance_mm: float
) -> tuple[float, float, float]:
    surfaces = [surface_voxels(mask) for mask in (found, truth)]
    there = _distances_mm(surfaces[0], surfaces[1], linear)
    back = _distances_mm(surfaces[1], surfaces[0], linear)
    count = len(there) + len(back)
    average = float(there.sum() + back.sum()) / count
    hausdorff = max(float(np.percentile(distances, PERCENTILE)) for distances in (there, back))
    near = sum(int(np.count_nonzero(distances <= tolerance_mm + _ROUNDING_MM)) for distances in (there, back))
    return average, hausdorff, near / count


def _distances_mm(surface: np.ndarray, other: np.ndarray, linear: np.ndarray) -> np.ndarray:
    """Return how far each voxel of a surface is from the nearest one of another, in no particular order."""
    from scipy.spatial import cKDTree  # takes long to import

    apart = np.argwhere(surface & ~other) @ linear.T
    # Voxels of both are 0 apart, which nobody has to look up: in good segmentations they are most.
    distances = np.zeros(int(np.count_nonzero(surface)))
    if len(apart):
        distances[: len(apart)] = cKDTree(np.argwhere(other) @ linear.T).query(apart)[0]
    return distances


def surface_voxels(mask: np.ndarray) -> np.ndarray:
    """Return which voxels of a mask have a face neighbour outside of it, or none at all; bool ``[i, j, k]``."""
    inner = np.array(mask, bool)
    for axis in range(3):
        along = np.moveaxis(mask, axis, 0)
        kept = np.moveaxis(inner, axis, 0)  # a view
        kept[1:] &= along[:-1]
        kept[:-1] &= along[1:]
        kept[[0, -1]] = False
    return np.asarray(mask & ~inner)


def overlap_document(result: Overlap) -> Mapping[str, float | str | None]:
    """Return the numbers as JSON has them, which knows no infinity."""
    return {
        "truth_ml": round(result.truth_mm3 / 1000, 4),
        "found_ml": round(result.found_mm3 / 1000, 4),
        "dice": json_number(result.dice),
        "surface_distance_mm": json_number(result.surface_distance_mm),
        "hausdorff_95_mm": json_number(result.hausdorff_95_mm),
        "surface_dice": json_number(result.surface_dice),
        "volume_error_ml": json_number(result.volume_error_mm3 / 1000),
        "volume_error_percent": json_number(result.volume_error_percent),
    }


INFINITY = "infinity"


def json_number(value: float | None, decimals: int = 5) -> float | str | None:
    """Return a number for JSON, rounded; an infinite one as a word.

    >>> json_number(0.123456789), json_number(float("inf")), json_number(None)
    (0.12346, 'infinity', None)
    """
    if value is None:
        return None
    return INFINITY if math.isinf(value) else round(float(value), decimals) + 0.0


def number_of(value: float | str | None) -> float | None:
    """Return the number that `json_number` wrote.

    >>> number_of("infinity")
    inf
    """
    return math.inf if value == INFINITY else None if value is None else float(value)
