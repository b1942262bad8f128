"""A smooth displacement field on top of a linear alignment.

Gaussian process regression (kriging; Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, eq. 2.25)
of the displacements that centroids and surface points ask for. Far from every organ the field fades to nothing, and
the linear alignment alone is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.content_equality import EqualByContent
from ..base.errors import BadInput
from ..passport.organ import Passport
from .closed_form import apply
from .correspondences import Correspondences, kish_effective_count
from .icp import LARGEST_DISTANCE_MM, Surfaces, with_label
from .robust import geman_mcclure

CORRELATION_MM = 70.0
"""Distance over which displacements are alike (standard deviation of the Gaussian kernel)."""
AMPLITUDE_MM = 10.0
"""Displacements to expect, such as those of breathing."""
CENTROID_ERROR_MM = 1.0
SURFACE_ERROR_MM = 2.0
"""Errors of the displacements that a centroid and a single surface point ask for; normals from few points are rough."""
SMALLEST_WEIGHT = 1e-3
"""A centroid that is trusted less is left out: its error would be 30 times that of others, and the equations badly
scaled."""
POINTS = 40
MOST_POINTS = 2400
"""Surface points of an organ, and of all organs together: the equations grow with the square of their number."""
ITERATIONS = 4
OUTLIER_MM = 8.0
CELL_MM = 15.0
"""Spacing of the field's grid: linear interpolation between its nodes is then good to 0.2 mm."""
MOST_CELLS = 60
"""Along an axis."""
FEWEST_WHOLE_ORGANS = 8
"""Fewer organs that no image edge cuts leave the field to guesses: centroids of cut ones may lie centimetres off."""
SMALLEST_JACOBIAN = 0.1
"""A field that shrinks space to less than this share folds or is about to."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DisplacementField(EqualByContent):
    """Displacements on a regular grid.

    ``vectors_ras_mm`` is float64 ``[i, j, k, 3]``; node (0, 0, 0) lies at ``origin_ras_mm``, the axes run along R, A
    and S in steps of ``spacing_mm``. Between nodes the field is linear, outside it is 0.
    """

    vectors_ras_mm: np.ndarray
    origin_ras_mm: np.ndarray
    spacing_mm: float

    def at(self, points_ras_mm: np.ndarray) -> np.ndarray:
        """Return the displacement at points ``[n, 3]``, in mm."""
        from scipy.interpolate import RegularGridInterpolator  # lazily: see the package's note

        axes = [
            origin + self.spacing_mm * np.arange(size)
            for origin, size in zip(self.origin_ras_mm, self.vectors_ras_mm.shape[:3], strict=True)
        ]
        interpolator = RegularGridInterpolator(axes, self.vectors_ras_mm, bounds_error=False, fill_value=0.0)
        return np.asarray(interpolator(points_ras_mm))

    @property
    def smallest_jacobian(self) -> float:
        """Return the smallest local change of volume; at or below 0 the field folds."""
        gradients = np.stack([np.gradient(self.vectors_ras_mm, self.spacing_mm, axis=axis) for axis in range(3)], -1)
        return float(np.linalg.det(np.eye(3) + gradients).min())


def fit_field(
    matrix: np.ndarray,
    organs: Correspondences,
    weights: np.ndarray,
    fixed: Surfaces,
    moving: Surfaces,
    fixed_passport: Passport,
) -> DisplacementField:
    """Fit the displacements that are left after a linear alignment.

    Parameters
    ----------
    matrix : np.ndarray
        4 x 4, maps moving RAS mm to fixed RAS mm.
    organs : Correspondences
        The organs in common.
    weights : np.ndarray
        ``[n]``, trust in each organ's centroid after the linear alignment.
    fixed, moving : Surfaces
        Their surfaces.
    fixed_passport : Passport
        Says which space the grid has to cover.

    Returns
    -------
    d such that the fixed point x corresponds to the moving point inverse(matrix) (x + d(x)).

    Raises
    ------
    BadInput
        Too few organs are whole, or the field folds.
    """
    whole = ~organs.truncated
    count = kish_effective_count(weights[whole])
    if count < FEWEST_WHOLE_ORGANS:
        raise BadInput(
            f"{whole.sum()} of the {len(whole)} organs in common are whole in both scans, worth {count:.1f} by their "
            f"weights; a deformable alignment needs {FEWEST_WHOLE_ORGANS}.",
            "Align rigidly or by an affine map, which allow for organs that are cut.",
        )
    centroids = _of_centroids(matrix, organs, weights)
    model = _regression(*centroids)
    for _ in range(ITERATIONS):
        surface = _of_surfaces(matrix, fixed, moving, model)
        model = _regression(*(np.concatenate(pair) for pair in zip(centroids, surface, strict=True)))
    field = _sampled(model, fixed_passport)
    if field.smallest_jacobian < SMALLEST_JACOBIAN:
        raise BadInput(
            "The deformation that the organs ask for folds the anatomy.", "Align rigidly or by an affine map."
        )
    return field


@dataclass(frozen=True, kw_only=True)
class _Regression:
    """d(x) = sum over j of coefficient_j k(x, point_j) direction_j."""

    points: np.ndarray
    directions: np.ndarray
    coefficients: np.ndarray

    def at(self, points_ras_mm: np.ndarray) -> np.ndarray:
        """Return the displacements at points ``[n, 3]``; in blocks, so that memory stays bounded."""
        forces = self.directions * self.coefficients[:, None]
        blocks = np.array_split(points_ras_mm, max(1, len(points_ras_mm) // 2000))
        return np.concatenate([_kernel(block, self.points) @ forces for block in blocks])


_Observations = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Points ``[n, 3]``, directions ``[n, 3]``, displacements along them ``[n]`` and their errors ``[n]``, in mm."""


def _regression(
    points: np.ndarray, directions: np.ndarray, displacements_mm: np.ndarray, errors_mm: np.ndarray
) -> _Regression:
    """Regress a vector field from what is known of it along single directions: a surface says nothing of sliding."""
    from scipy.linalg import solve

    covariance = _kernel(points, points) * (directions @ directions.T)
    covariance[np.diag_indices_from(covariance)] += errors_mm**2
    return _Regression(
        points=points, directions=directions, coefficients=solve(covariance, displacements_mm, assume_a="pos")
    )


def _kernel(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist

    squares = cdist(points, others, "sqeuclidean")
    return np.asarray(AMPLITUDE_MM**2 * np.exp(squares / (-2 * CORRELATION_MM**2)))


def _of_centroids(matrix: np.ndarray, organs: Correspondences, weights: np.ndarray) -> _Observations:
    """Return what the centroids of whole organs ask for, along the three axes."""
    kept = ~organs.truncated & (weights > SMALLEST_WEIGHT)
    points = organs.fixed_ras_mm[kept]
    wanted = apply(matrix, organs.moving_ras_mm[kept]) - points
    errors = np.repeat(CENTROID_ERROR_MM / np.sqrt(weights[kept]), 3)
    return np.repeat(points, 3, axis=0), np.tile(np.eye(3), (len(points), 1)), wanted.ravel(), errors


def _of_surfaces(matrix: np.ndarray, fixed: Surfaces, moving: Surfaces, model: _Regression) -> _Observations:
    """Return what surface points ask for, along the normal of the surface that the present field takes them to."""
    count = min(POINTS, max(1, MOST_POINTS // (1 + int(fixed.organ.max()))))
    sources = np.flatnonzero(fixed.rank < count)
    points = fixed.points_ras_mm[sources]
    inverse = np.linalg.inv(matrix)
    reached = points + model.at(points)
    reached_moving = apply(inverse, reached)
    distances, nearest = moving.tree.query(
        with_label(reached_moving, fixed.organ[sources]), distance_upper_bound=LARGEST_DISTANCE_MM
    )
    found = np.isfinite(distances) & moving.shows(reached_moving)
    nearest = np.where(found, nearest, 0)
    partners, normals = apply(matrix, moving.points_ras_mm[nearest]), moving.normals[nearest] @ inverse[:3, :3]
    found &= normals.any(axis=1) & fixed.shows(partners)
    points, reached, partners, normals = points[found], reached[found], partners[found], normals[found]
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    left_mm = ((partners - reached) * normals).sum(axis=1)
    trust = geman_mcclure(left_mm, OUTLIER_MM)
    return points, normals, ((partners - points) * normals).sum(axis=1), SURFACE_ERROR_MM / np.sqrt(trust)


def _sampled(model: _Regression, passport: Passport) -> DisplacementField:
    """Evaluate the regression on a grid that covers the fixed image and one cell around it."""
    corners = np.stack(np.meshgrid(*[(0, size - 1) for size in passport.shape], indexing="ij"), -1).reshape(-1, 3)
    corners = apply(passport.affine, corners)
    lowest, highest = corners.min(axis=0), corners.max(axis=0)
    cell_mm = max(CELL_MM, float((highest - lowest).max()) / MOST_CELLS)
    sizes = np.ceil((highest - lowest) / cell_mm).astype(int) + 3
    origin = lowest - cell_mm
    nodes = np.moveaxis(np.indices(sizes), 0, -1).reshape(-1, 3) * cell_mm + origin
    return DisplacementField(
        vectors_ras_mm=model.at(nodes).reshape(*sizes, 3), origin_ras_mm=origin, spacing_mm=cell_mm
    )
