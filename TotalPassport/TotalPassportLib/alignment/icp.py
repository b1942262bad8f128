"""Label-aware iterative closest points: every surface point looks for its partner on the same organ of the other scan.

Distances are measured along the surface's normal (Chen and Medioni, Image and Vision Computing 10 (1992) 145), for
boundary points are too sparse for distances between points; in both directions, so that neither scan's sampling
decides; and only where both fields of view show the organ's surface.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..base.errors import BadInput
from ..passport.organ import OrganPassport, Passport
from .closed_form import apply
from .robust import geman_mcclure, weighted_median

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

COARSE_POINTS = 30
FINE_POINTS = 100
"""Points of an organ that look for partners, on the way and at the end: the first of the farthest-point order are a
good sample of any size."""
TARGET_POINTS = 500
"""Points of an organ among which partners are found."""
NEIGHBOURS = 8
"""Points from which a surface's normal is estimated."""
FLATTEST = 0.25
"""Largest share of a neighbourhood's variance along the normal; where it is larger there is no one normal."""
LARGEST_DISTANCE_MM = 30.0
"""Partners farther apart belong to parts of the organ that the other scan does not show."""
FIRST_SCALE_MM = 8.0
LAST_SCALE_MM = 1.5
"""Distances from the plane at which a pair loses most of its say, first and last; half a voxel of 3 mm is the last."""
COARSE_ITERATIONS = 8
FINE_ITERATIONS = 6
SETTLED_MM = 0.03
"""A fine iteration that moves no point by more than this is the last."""
INDEPENDENT_POINTS = 30
"""The gaps of one organ's points err together; they are worth about this many independent ones. An organ with fewer
partners counts less."""
LABEL_DISTANCE_MM = 1e4
"""A fourth coordinate keeps the labels apart, so that one search tree serves all organs."""

FEWEST_PARTNERS = 30
"""More than twice the numbers of an affine map; fewer would say little."""
DEGREES_OF_FREEDOM = {"rigid": 6, "similarity": 7, "affine": 12}


@dataclass(frozen=True, kw_only=True)
class Surfaces:
    """The boundary points of the common organs in one scan.

    ``points_ras_mm`` and ``normals`` (unit, of either sign; 0 where the surface has none) are ``[n, 3]``, ``organ``
    ``[n]`` is the organ's place in the correspondences, ``rank`` a point's place in its organ's farthest-point order.
    ``index_from_ras`` (4 x 4) and ``shape`` say what the image shows.
    """

    points_ras_mm: np.ndarray
    normals: np.ndarray
    organ: np.ndarray
    rank: np.ndarray
    tree: cKDTree
    index_from_ras: np.ndarray
    shape: np.ndarray

    def shows(self, points_ras_mm: np.ndarray) -> np.ndarray:
        """Tell which points lie inside the image, farther than a voxel from its faces, where surfaces are cuts."""
        indices = apply(self.index_from_ras, points_ras_mm)
        return np.asarray(((indices >= 1) & (indices <= self.shape - 2)).all(axis=1))


def surfaces(passport: Passport, organs: Sequence[OrganPassport]) -> Surfaces:
    """Gather the boundary points of the organs of one passport."""
    from scipy.spatial import cKDTree  # lazily: see the package's note

    parts = [organ.boundary_points_ras_mm[:TARGET_POINTS] for organ in organs]
    points = np.concatenate(parts)
    sizes = [len(part) for part in parts]
    organ = np.repeat(np.arange(len(parts)), sizes)
    rank = np.concatenate([np.arange(size) for size in sizes])
    tree = cKDTree(with_label(points, organ))
    return Surfaces(
        points_ras_mm=points,
        normals=_normals(points, organ, tree),
        organ=organ,
        rank=rank,
        tree=tree,
        index_from_ras=np.linalg.inv(passport.affine),
        shape=np.array(passport.shape),
    )


@dataclass(frozen=True, kw_only=True)
class CentroidTerm:
    """Paired centroids ``[n, 3]`` that hold the surfaces in place, their weights ``[n]``, and their error in mm."""

    fixed_ras_mm: np.ndarray
    moving_ras_mm: np.ndarray
    weights: np.ndarray
    error_mm: float


def refine(
    kind: str, matrix: np.ndarray, fixed: Surfaces, moving: Surfaces, weights: np.ndarray, centroids: CentroidTerm
) -> tuple[np.ndarray, float]:
    """Improve an alignment by the surfaces of the organs.

    Parameters
    ----------
    kind : str
        ``rigid``, ``similarity`` or ``affine``: what the steps may change.
    matrix : np.ndarray
        4 x 4, maps moving RAS mm to fixed RAS mm, right within some `LARGEST_DISTANCE_MM`.
    fixed, moving : Surfaces
        The organs' surfaces.
    weights : np.ndarray
        ``[n]``, trust in each organ's surface.
    centroids : CentroidTerm
        What the centroids say; they count by their error against that of the surfaces.

    Returns
    -------
    The better matrix, and the weighted median distance of the partners along the normals in mm.

    Raises
    ------
    BadInput
        Too few points find a partner.
    """
    distance_mm = np.inf
    coarse = [(scale_mm, COARSE_POINTS) for scale_mm in np.geomspace(FIRST_SCALE_MM, LAST_SCALE_MM, COARSE_ITERATIONS)]
    for scale_mm, count in coarse + [(LAST_SCALE_MM, FINE_POINTS)] * FINE_ITERATIONS:
        pairs = _pairs(matrix, fixed, moving, weights, count)
        if len(pairs.gaps) < FEWEST_PARTNERS:
            raise BadInput(
                f"The surfaces of the organs do not meet: only {len(pairs.gaps)} points find a partner within "
                f"{LARGEST_DISTANCE_MM:g} mm.",
                "Leave ICP out, and check that the boundary points belong to the organs.",
            )
        distance_mm = weighted_median(np.abs(pairs.gaps), pairs.weights)
        step = _step(kind, pairs.reweighted(scale_mm).joined(_centroid_pairs(matrix, centroids, distance_mm)))
        shift = np.abs(apply(step, pairs.points) - pairs.points).max()
        matrix = step @ matrix
        if shift < SETTLED_MM and count == FINE_POINTS:
            break
    return matrix, distance_mm


@dataclass(frozen=True, kw_only=True)
class _Pairs:
    """Points in the fixed frame ``[n, 3]``, unit directions ``[n, 3]``, gaps along them ``[n]`` in mm, weights."""

    points: np.ndarray
    directions: np.ndarray
    gaps: np.ndarray
    weights: np.ndarray

    def reweighted(self, scale_mm: float) -> _Pairs:
        weights = self.weights * geman_mcclure(self.gaps, scale_mm)
        return _Pairs(points=self.points, directions=self.directions, gaps=self.gaps, weights=weights)

    def joined(self, other: _Pairs) -> _Pairs:
        columns = {name: np.concatenate([values, getattr(other, name)]) for name, values in vars(self).items()}
        return _Pairs(**columns)


def _centroid_pairs(matrix: np.ndarray, centroids: CentroidTerm, surface_error_mm: float) -> _Pairs:
    """Return the centroids as gaps along the three axes, weighted by inverse variance relative to a surface's."""
    points = apply(matrix, centroids.moving_ras_mm)
    gaps = centroids.fixed_ras_mm - points
    surface_variance = max(surface_error_mm, 0.1) ** 2 / INDEPENDENT_POINTS
    weights = centroids.weights * surface_variance / max(centroids.error_mm, 0.1) ** 2
    directions = np.tile(np.eye(3), (len(points), 1))
    return _Pairs(
        points=np.repeat(points, 3, axis=0), directions=directions, gaps=gaps.ravel(), weights=np.repeat(weights, 3)
    )


def _pairs(matrix: np.ndarray, fixed: Surfaces, moving: Surfaces, weights: np.ndarray, count: int) -> _Pairs:
    """Pair the surfaces in both directions; an organ counts by its weight, not by the number of its points."""
    inverse = np.linalg.inv(matrix)
    forth, back = _partners(matrix, moving, fixed, count), _partners(inverse, fixed, moving, count)
    points = apply(matrix, moving.points_ras_mm[np.concatenate([forth[0], back[1]])])
    target = fixed.points_ras_mm[np.concatenate([forth[1], back[0]])]
    # A plane's normal is mapped by the transposed inverse of what maps its points.
    turned = moving.normals[back[1]] @ inverse[:3, :3]
    turned /= np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-12)
    normals = np.concatenate([fixed.normals[forth[1]], turned])
    organ = np.concatenate([moving.organ[forth[0]], fixed.organ[back[0]]])
    found = np.maximum(np.bincount(organ, minlength=len(weights)), INDEPENDENT_POINTS)
    return _Pairs(
        points=points,
        directions=normals,
        gaps=((target - points) * normals).sum(axis=1),
        weights=(weights / found)[organ],
    )


def _partners(matrix: np.ndarray, source: Surfaces, target: Surfaces, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return indices of source points and of the nearest target points of their organs, where both scans show them."""
    moved = np.flatnonzero(source.rank < count)
    mapped = apply(matrix, source.points_ras_mm[moved])
    shown = target.shows(mapped)
    moved, mapped = moved[shown], mapped[shown]
    distances, nearest = target.tree.query(
        with_label(mapped, source.organ[moved]), distance_upper_bound=LARGEST_DISTANCE_MM
    )
    found = np.isfinite(distances)
    moved, nearest = moved[found], nearest[found]
    both = source.shows(apply(np.linalg.inv(matrix), target.points_ras_mm[nearest]))
    both &= target.normals[nearest].any(axis=1)
    return moved[both], nearest[both]


def _step(kind: str, pairs: _Pairs) -> np.ndarray:
    """Return the 4 x 4 motion that closes the gaps best, by linearised least squares about the points' mean."""
    from scipy.linalg import expm

    centre = pairs.points.mean(axis=0)
    generators = _generators()[: DEGREES_OF_FREEDOM[kind]]
    homogeneous = np.column_stack([pairs.points - centre, np.ones(len(pairs.points))])
    jacobian = np.einsum("ni,kij,nj->nk", pairs.directions, generators[:, :3], homogeneous, optimize=True)
    weighted = jacobian * pairs.weights[:, None]
    solution = np.linalg.lstsq(weighted.T @ jacobian, weighted.T @ pairs.gaps, rcond=1e-9)[0]
    motion = expm(np.tensordot(solution, generators, axes=1))
    to_centre, from_centre = np.eye(4), np.eye(4)
    to_centre[:3, 3], from_centre[:3, 3] = -centre, centre
    return np.asarray(from_centre @ motion @ to_centre)


def _generators() -> np.ndarray:
    """Return a basis of affine motions ``[12, 4, 4]``: 3 translations, 3 rotations, scale, 5 shears and stretches.

    The linear ones move a point 100 mm from the centre by about 1 mm, as the translations do, so that the equations are
    of one size.
    """
    basis = np.zeros((12, 4, 4))
    for axis in range(3):
        basis[axis, axis, 3] = 1
        one, other = (axis + 1) % 3, (axis + 2) % 3
        basis[3 + axis, other, one], basis[3 + axis, one, other] = 1, -1
        basis[7 + axis, other, one] = basis[7 + axis, one, other] = 1
    basis[6, :3, :3] = np.eye(3)
    basis[10, :3, :3], basis[11, :3, :3] = np.diag([1, -1, 0]), np.diag([1, 1, -2])
    basis[3:, :3, :3] /= 100
    return basis


def _normals(points: np.ndarray, organ: np.ndarray, tree: cKDTree) -> np.ndarray:
    """Return the direction of least spread of each point's neighbourhood, or 0 where there is no one direction."""
    distances, nearest = tree.query(
        with_label(points, organ), k=NEIGHBOURS + 1, distance_upper_bound=LABEL_DISTANCE_MM / 2
    )
    found = np.isfinite(distances)
    neighbours = points[np.where(found, nearest, np.arange(len(points))[:, None])]
    centred = neighbours - neighbours.mean(axis=1, keepdims=True)
    eigenvalues, vectors = np.linalg.eigh(np.swapaxes(centred, 1, 2) @ centred)
    flat = found.all(axis=1) & (eigenvalues[:, 0] < FLATTEST * eigenvalues[:, 1])
    return np.where(flat[:, None], vectors[:, :, 0], 0.0)


def with_label(points: np.ndarray, organ: np.ndarray) -> np.ndarray:
    """Return points ``[n, 4]`` whose fourth coordinate keeps those of different organs apart."""
    return np.column_stack([points, LABEL_DISTANCE_MM * organ])
