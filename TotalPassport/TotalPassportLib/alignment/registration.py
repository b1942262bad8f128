"""From two passports to their alignment."""

from __future__ import annotations

import numpy as np

from ..base.errors import BadInput
from ..base.hints import Hint, HintCode
from ..passport.organ import Passport
from .correspondences import Correspondences, find_correspondences, kish_effective_count
from .deformable import DisplacementField, fit_field
from .icp import CentroidTerm, refine, surfaces
from .result import Alignment, OrganResidual, moving_from_fixed
from .robust import require_agreement, robust_linear, weighted_median

KINDS = ("rigid", "similarity", "affine", "deformable")
SMALLEST_CENTROID_ERROR_MM = 0.3
"""Centroids are believed no better than this: a tenth of a voxel of 3 mm."""
FEWEST_SURFACE_POINTS = 100
"""Fewer boundary points in common say nothing that the centroids do not."""


def align(fixed: Passport, moving: Passport, kind: str = "rigid", icp: bool = True, seed: int = 0) -> Alignment:
    """Align two scans of a patient by their passports.

    Parameters
    ----------
    fixed, moving : Passport
        Passports of the two scans.
    kind : str
        One of `KINDS`; ``deformable`` is an affine map with a smooth displacement field.
    icp : bool
        Refine by the organs' surfaces; milliseconds without, a few tenths of a second with.
    seed : int
        Of the choice of hypotheses; the same passports and seed give the same alignment.

    Raises
    ------
    BadInput
        The passports cannot tell how the scans lie: nothing in common, in a line, or contradicting each other.
    """
    if kind not in KINDS:
        raise BadInput(f"There is no kind of alignment '{kind}'.", f"Use one of {', '.join(KINDS)}.")
    linear = "affine" if kind == "deformable" else kind
    organs = find_correspondences(fixed, moving)
    matrix, trusted = robust_linear(linear, organs.fixed_ras_mm, organs.moving_ras_mm, organs.weights, seed)
    field, distance_mm = None, None
    if icp or kind == "deformable":
        sides = surfaces(fixed, organs.fixed), surfaces(moving, organs.moving)
        if min(len(side.rank) for side in sides) < FEWEST_SURFACE_POINTS:
            hint = Hint(HintCode.MEASURE_AGAIN_OR_OMIT_ICP)
            raise BadInput("The passports have too few boundary points to align surfaces.", hint)
        if icp:
            centroids = _centroid_term(organs, trusted, matrix)
            matrix, distance_mm = refine(linear, matrix, *sides, organs.surface_weights, centroids)
            require_agreement(matrix, organs.fixed_ras_mm, organs.moving_ras_mm, organs.weights)
        if kind == "deformable":
            field = fit_field(matrix, organs, trusted, *sides, fixed)
    return Alignment(
        kind=kind,
        fixed_from_moving_ras_mm=matrix,
        field=field,
        organs=_organ_residuals(organs, matrix, field),
        surface_distance_mm=distance_mm,
    )


def _residuals_mm(organs: Correspondences, matrix: np.ndarray, field: DisplacementField | None) -> np.ndarray:
    reached = moving_from_fixed(matrix, field, organs.fixed_ras_mm)
    return np.asarray(np.linalg.norm(reached - organs.moving_ras_mm, axis=1))


def _centroid_term(organs: Correspondences, trusted: np.ndarray, matrix: np.ndarray) -> CentroidTerm:
    """Weigh the centroids in ICP by their own scatter, corrected for the 6 numbers that were fitted to 3 n."""
    count = kish_effective_count(trusted)
    correction = np.sqrt(count / max(count - 2, 0.1))
    error_mm = max(
        SMALLEST_CENTROID_ERROR_MM, weighted_median(_residuals_mm(organs, matrix, None), organs.weights) * correction
    )
    return CentroidTerm(
        fixed_ras_mm=organs.fixed_ras_mm, moving_ras_mm=organs.moving_ras_mm, weights=trusted, error_mm=error_mm
    )


def _organ_residuals(
    organs: Correspondences, matrix: np.ndarray, field: DisplacementField | None
) -> tuple[OrganResidual, ...]:
    residuals_mm = _residuals_mm(organs, matrix, field)
    columns = zip(organs.fixed, organs.moving, residuals_mm, organs.weights, organs.truncated, strict=True)
    return tuple(
        OrganResidual(
            name=fixed.name,
            fixed_label=fixed.label,
            moving_label=moving.label,
            residual_mm=float(residual_mm),
            weight=float(weight),
            truncated=bool(truncated),
        )
        for fixed, moving, residual_mm, weight, truncated in columns
    )
