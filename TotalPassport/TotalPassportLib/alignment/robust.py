"""Aligning centroids although some organs are cut, moved, mixed up or wrong.

Many rigid hypotheses from three organs each, judged by a truncated cost, lead near the answer; weights that fall with
the distance (Geman-McClure) are then tightened step by step. What cannot be decided is refused with its reason.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..base.errors import BadInput
from .closed_form import apply, rotation_angle_deg, weighted_affine, weighted_rigid, weighted_similarity
from .correspondences import kish_effective_count

HYPOTHESES = 300
"""Triples of organs that are tried. With half of the weight on wrong organs one triple in eight is right."""
LARGEST_ROTATION_DEG = 90.0
"""Patients lie the way their scan says; beyond this a fit is a flip of nearly collinear centroids."""
SMALLEST_SPREAD_MM = 10.0
"""Root mean square distance of the centroids from the best line through them. Below it the rotation about that line
hangs on a few millimetres: triples of nearly collinear centroids gave fits turned by 180 degrees."""
COARSE_SCALE_MM = 20.0
FINE_SCALE_MM = 6.0
"""Distances at which a pair of centroids loses three quarters of its weight, at the first step and at the last. Going
on to 1 mm is better on perfect labels (0.10 for 0.23 mm) but follows few organs on noisy ones (13.9 for 2.9 mm at
worst; synthetic pairs of the benchmark)."""
STEPS = 12
SETTLING_STEPS = 8
SMALLEST_AGREEMENT = 0.5
"""Least share of the votes within `COARSE_SCALE_MM` for an answer to be believed: the majority."""
FEWEST_EFFECTIVE_ORGANS = 8
"""An affine map has 12 numbers; with fewer (effective) organs it follows the errors of single ones."""

ClosedForm = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
CLOSED_FORMS: dict[str, ClosedForm] = {
    "rigid": weighted_rigid,
    "similarity": weighted_similarity,
    "affine": weighted_affine,
}


def robust_linear(
    kind: str, fixed: np.ndarray, moving: np.ndarray, weights: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Align paired points.

    Parameters
    ----------
    kind : str
        ``rigid``, ``similarity`` or ``affine``.
    fixed, moving : np.ndarray
        float64 ``[n, 3]`` in mm.
    weights : np.ndarray
        float64 ``[n]``, prior trust in each pair.
    seed : int
        Of the choice of triples; the same input gives the same answer.

    Returns
    -------
    The matrix that maps ``moving`` onto ``fixed`` (4 x 4), and the weights ``[n]`` after the misfits lost theirs.

    Raises
    ------
    BadInput
        The points cannot tell: too few, in a line, mirrored, or contradicting each other.
    """
    _require_spread(fixed, moving, weights)
    matrix = _best_hypothesis(fixed, moving, weights, seed)
    matrix, trusted = _refined(weighted_rigid, matrix, fixed, moving, weights)
    require_agreement(matrix, fixed, moving, weights)
    if kind != "rigid":
        residuals = np.linalg.norm(apply(matrix, moving) - fixed, axis=1)
        _require_organs_for(kind, weights * geman_mcclure(residuals, COARSE_SCALE_MM))
        matrix, trusted = _refined(CLOSED_FORMS[kind], matrix, fixed, moving, weights)
        _require_plausible(matrix)
        require_agreement(matrix, fixed, moving, weights)
    return matrix, trusted


def _require_organs_for(kind: str, weights: np.ndarray) -> None:
    """Raise `BadInput` unless there are enough organs for this kind of transform."""
    count = kish_effective_count(weights)
    if kind == "affine" and count < FEWEST_EFFECTIVE_ORGANS:
        raise BadInput(
            f"The organs in common are worth {count:.1f} whole ones; an affine alignment needs "
            f"{FEWEST_EFFECTIVE_ORGANS}.",
            "Align rigidly or by a similarity.",
        )


def spread_mm(points: np.ndarray, weights: np.ndarray) -> float:
    """Return the weighted root mean square distance (mm) of points ``[n, 3]`` from the best line through them."""
    share = weights / weights.sum()
    centred = points - share @ points
    eigenvalues = np.linalg.eigvalsh((share[:, None] * centred).T @ centred)
    return float(np.sqrt(max(eigenvalues[0] + eigenvalues[1], 0.0)))


def geman_mcclure(residuals_mm: np.ndarray, scale_mm: float) -> np.ndarray:
    """Return the factors (s^2 / (s^2 + r^2))^2 that weights get from residuals (Geman and McClure, 1985)."""
    return np.asarray((scale_mm**2 / (scale_mm**2 + residuals_mm**2)) ** 2)


def weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    """Return the smallest value at which half of the weight is reached."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])


def _require_spread(fixed: np.ndarray, moving: np.ndarray, weights: np.ndarray) -> None:
    if len(fixed) < 3:
        raise BadInput(
            f"The two passports have {len(fixed)} organ{'s' * (len(fixed) != 1)} in common; an alignment needs 3.",
            "Segment more organs, or scans that show more of the same.",
        )
    smallest = min(spread_mm(fixed, weights), spread_mm(moving, weights))
    if smallest < SMALLEST_SPREAD_MM:
        raise BadInput(
            f"The centres of the organs in common lie nearly in one line (within {smallest:.1f} mm), so that the "
            "rotation about it cannot be told.",
            "Segment organs beside that line, too.",
        )


def _best_hypothesis(fixed: np.ndarray, moving: np.ndarray, weights: np.ndarray, seed: int) -> np.ndarray:
    """Return the rigid matrix with the least truncated cost among many triples' and that of all organs together."""
    triples = _triples(len(fixed), weights, seed)
    matrices = weighted_rigid(fixed[triples], moving[triples], weights[triples])
    matrices = np.concatenate([weighted_rigid(fixed, moving, weights)[None], matrices])
    wide = np.concatenate([[True], _are_wide(fixed[triples]) & _are_wide(moving[triples])])
    matrices = matrices[wide & (rotation_angle_deg(matrices) < LARGEST_ROTATION_DEG)]
    if len(matrices) == 0:
        raise BadInput(
            "The organs of the two scans fit only when one is turned by more than 90 degrees.",
            "Check that both scans say correctly how the patient lay.",
        )
    squares = ((apply(matrices, moving) - fixed) ** 2).sum(axis=-1)
    costs = np.minimum(squares, COARSE_SCALE_MM**2) @ _votes(weights)
    return np.asarray(matrices[np.argmin(costs)])


def _votes(weights: np.ndarray) -> np.ndarray:
    """Return what each organ counts in choosing between answers: the roots of the weights.

    Weights are about precision. With them alone, three whole organs of which two are mixed up outvote dozens of cut
    ones that agree.
    """
    return np.asarray(np.sqrt(weights))


def _triples(count: int, weights: np.ndarray, seed: int) -> np.ndarray:
    """Return indices ``[HYPOTHESES, 3]``; heavier organs are drawn more often (Gumbel's trick, without replacement)."""
    noise = np.random.default_rng(seed).gumbel(size=(HYPOTHESES, count))
    return np.argpartition(-(noise + np.log(weights)), 2, axis=1)[:, :3]


def _are_wide(triples: np.ndarray) -> np.ndarray:
    """Tell which triangles ``[m, 3, 3]`` are wide enough: their second singular value is the spread about a line."""
    centred = triples - triples.mean(axis=1, keepdims=True)
    return np.asarray(np.linalg.svd(centred, compute_uv=False)[:, 1] >= SMALLEST_SPREAD_MM)


def require_agreement(matrix: np.ndarray, fixed: np.ndarray, moving: np.ndarray, weights: np.ndarray) -> None:
    """Refuse when too few organs fit: other patients, mixed-up labels, or a mirrored scan."""
    near = np.linalg.norm(apply(matrix, moving) - fixed, axis=1) <= COARSE_SCALE_MM
    votes = _votes(weights)
    enough = near.sum() >= 3 and votes[near].sum() >= SMALLEST_AGREEMENT * votes.sum()
    if enough and spread_mm(fixed[near], weights[near]) >= SMALLEST_SPREAD_MM:
        return
    raise BadInput(
        f"The organs contradict each other: in the best position {near.sum()} of {len(near)} lie within "
        f"{COARSE_SCALE_MM:g} mm.",
        "Check that the labels mean the same organs, and that neither scan is mirrored.",
    )


def _refined(
    closed_form: ClosedForm, matrix: np.ndarray, fixed: np.ndarray, moving: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Solve again and again with weights that fall with the distance, ever more steeply."""
    trusted = weights
    for scale_mm in [*np.geomspace(COARSE_SCALE_MM, FINE_SCALE_MM, STEPS), *[FINE_SCALE_MM] * SETTLING_STEPS]:
        residuals = np.linalg.norm(apply(matrix, moving) - fixed, axis=1)
        trusted = weights * geman_mcclure(residuals, scale_mm)
        matrix = closed_form(fixed, moving, trusted)
    return matrix, trusted


def _require_plausible(matrix: np.ndarray) -> None:
    scales = np.linalg.svd(matrix[:3, :3], compute_uv=False)
    if np.linalg.det(matrix[:3, :3]) <= 0 or scales.min() < 0.5 or scales.max() > 2:
        raise BadInput(
            f"The best fit would scale the anatomy by {scales.min():.2f} to {scales.max():.2f}.",
            "Align rigidly, and check the voxel sizes of both scans.",
        )
