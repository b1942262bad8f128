"""How much of a change is only the grid's: the floor below which no change is reported.

The same anatomy sampled on two grids gives two volumes, centroids and axes. How far apart they lie follows from how
each grid cuts the organ's surface, and so from voxel sizes, slice thickness, and the organ's extent and surface; the
factors between that estimate and what was observed are data (``data/repeatability.json``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from ..base.files import DATA_FOLDER, read_json
from ..passport.organ import OrganPassport, Passport

REPEATABILITY_FILE = DATA_FOLDER / "repeatability.json"
_REACH = 12
"""Terms of the lattice sum along each axis; further ones add less than one part in a thousand."""


@dataclass(frozen=True, kw_only=True)
class Floor:
    """The change that an organ may show though nothing but the voxel grid has changed.

    Attributes
    ----------
    volume_percent : float
        Of its volume.
    position_mm : float
        Of its centroid.
    semi_axes_percent : tuple[float, float, float]
        Of its semi-axes, ascending.
    """

    volume_percent: float
    position_mm: float
    semi_axes_percent: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Uncertainty:
    """Standard deviations of what is measured of one organ on one grid, over all places that the grid might have.

    Attributes
    ----------
    volume_fraction : float
        Of the volume, by the volume.
    centroid_mm : float
        Of the centroid's distance from where it truly is.
    semi_axes_fraction : np.ndarray
        Of the semi-axes, by each of them, float64 ``[3]``, ascending.
    """

    volume_fraction: float
    centroid_mm: float
    semi_axes_fraction: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Factors:
    """Floors by the standard deviation of the difference, for organs of at least so many voxels."""

    fewest_voxels: int
    volume_factor: float
    position_factor: float
    semi_axis_factor: float


def floor_of(
    first: OrganPassport, first_affine: np.ndarray, second: OrganPassport, second_affine: np.ndarray
) -> Floor | None:
    """Return what the grids of two scans may do to an organ; None where it is too small, or they are too coarse.

    Parameters
    ----------
    first, second : OrganPassport
        The organ in both scans.
    first_affine, second_affine : np.ndarray
        Voxel indices to RAS mm of the grids that they were found on, see `label_affine`.
    """
    factors = factors_of(min(voxels_of(first, first_affine), voxels_of(second, second_affine)))
    if factors is None:
        return None
    one, other = uncertainty(first, first_affine), uncertainty(second, second_affine)
    volume_percent = 100 * factors.volume_factor * float(np.hypot(one.volume_fraction, other.volume_fraction))
    if not volume_percent <= most_volume_percent():
        return None
    axes = 100 * factors.semi_axis_factor * np.hypot(one.semi_axes_fraction, other.semi_axes_fraction)
    shortest, middle, longest = (float(value) for value in axes)
    return Floor(
        volume_percent=volume_percent,
        position_mm=factors.position_factor * float(np.hypot(one.centroid_mm, other.centroid_mm)),
        semi_axes_percent=(shortest, middle, longest),
    )


def label_affine(passport: Passport) -> np.ndarray:
    """Return the affine, ``[4, 4]``, of a grid as coarse as the labels are: the scan's, or the network's where coarser.

    A network's labels at 3 mm are written on the scan's grid of perhaps 0.8 mm, voxel by voxel several times: that grid
    measures them, but cannot say more of the anatomy than the network saw. A run's passport tells how much that was.
    """
    affine = np.array(passport.affine, np.float64)
    found_mm = passport.model.get("label_spacing_mm")
    if not (isinstance(found_mm, list) and len(found_mm) == 3 and all(isinstance(size, float) for size in found_mm)):
        return affine
    own_mm = np.linalg.norm(affine[:3, :3], axis=0)
    affine[:3, :3] *= np.maximum(found_mm, own_mm) / own_mm
    return affine


def voxels_of(organ: OrganPassport, affine: np.ndarray) -> int:
    """Return how many voxels of a grid that is no finer than its own have the volume of an organ."""
    voxel_mm3 = abs(float(np.linalg.det(affine[:3, :3])))
    return round(min(organ.volume_mm3 / voxel_mm3, organ.voxel_count)) if voxel_mm3 > 0 else organ.voxel_count


def volume_repeatability(organ: OrganPassport, affine: np.ndarray) -> tuple[float | None, int]:
    """Return what a grid does to an organ's volume, which is all that is needed to judge a change of it later.

    Parameters
    ----------
    organ : OrganPassport
        Measured.
    affine : np.ndarray
        Of the grid that it was found on, see `label_affine`.

    Returns
    -------
    sd_percent : float or None
        The volume's standard deviation over all places that the grid might have; None where that means nothing.
    voxels : int
        How many voxels of the grid it has.
    """
    voxels = voxels_of(organ, affine)
    if organ.volume_mm3 <= 0:
        return None, voxels
    percent = 100 * uncertainty(organ, affine).volume_fraction
    return (percent if percent < _SENSELESS_PERCENT else None), voxels


_SENSELESS_PERCENT = 1e6


def factors_of(voxel_count: int) -> Factors | None:
    """Return the factors for an organ of so many voxels; None where it is too small to be judged."""
    fitting = [factors for factors in _classes() if factors.fewest_voxels <= voxel_count]
    return fitting[-1] if fitting else None


def uncertainty(organ: OrganPassport, affine: np.ndarray) -> Uncertainty:
    """Return how exactly a grid can measure an organ.

    The volume's variance has two parts. A smooth body of surface S whose orientation to the grid is unknown has
    S / (8 pi^3) times the sum of ``|k|**-4`` over the grid's reciprocal lattice (0.0666 h^4 S for cubes: Matérn,
    Spatial Variation, 1960). A body with faces along the grid, as vertebrae have to axial slices and a label image has
    to another one, gains or loses up to half a layer at each end: h^2 / 6 times the square of its mean section along
    each axis. Both are taken for errors that are spread evenly over the surface, which gives the centroid's and the
    second moments' variance by the boundary points' positions.

    Parameters
    ----------
    organ : OrganPassport
        Measured, with its boundary points.
    affine : np.ndarray
        Voxel indices to RAS mm of the grid, ``[4, 4]``.
    """
    linear = np.asarray(affine, np.float64)[:3, :3]
    steps_mm = np.linalg.norm(linear, axis=0)
    points_mm = organ.boundary_points_ras_mm - organ.centroid_ras_mm
    if not len(points_mm):  # it fills the image
        points_mm = np.zeros((1, 3))
    extents_mm = np.ptp(points_mm @ (linear / steps_mm), axis=0) + steps_mm
    smooth = _surface_mm2(organ) / (8 * np.pi**3) * _reciprocal_sum(linear.tobytes())
    flat = float(((organ.volume_mm3 / extents_mm) ** 2 * steps_mm**2).sum() / 6)
    variance = (smooth + flat) / organ.volume_mm3**2
    along_axes = points_mm @ organ.eigenvectors
    spread = ((along_axes**2 - organ.eigenvalues_mm2) ** 2).mean(axis=0)
    # A line or a plane has an axis of no length, of which nothing can be said.
    semi_axes = np.sqrt(variance * spread) / np.maximum(2 * organ.eigenvalues_mm2, 1e-9)
    return Uncertainty(
        volume_fraction=float(np.sqrt(variance)),
        centroid_mm=float(np.sqrt(variance * (points_mm**2).sum(axis=1).mean())),
        semi_axes_fraction=semi_axes,
    )


def _surface_mm2(organ: OrganPassport) -> float:
    """Return the surface; of a passport that does not have it, that of a ball of the same volume."""
    return organ.surface_area_mm2 or float(np.pi ** (1 / 3) * (6 * organ.volume_mm3) ** (2 / 3))


@lru_cache(maxsize=16)
def _reciprocal_sum(linear: bytes) -> float:
    """Return the sum of ``|k|**-4`` (mm^4) over the reciprocal lattice of a grid, given its 3 x 3 matrix' bytes."""
    reciprocal = np.linalg.inv(np.frombuffer(linear).reshape(3, 3))
    numbers = np.arange(-_REACH, _REACH + 1)
    indices = np.stack(np.meshgrid(numbers, numbers, numbers, indexing="ij"), axis=-1).reshape(-1, 3)
    squares = ((indices @ reciprocal) ** 2).sum(axis=1)
    return float((1 / squares[squares > 0] ** 2).sum())


@cache
def most_volume_percent() -> float:
    """Return the floor of the volume above which an organ is not judged."""
    return float(read_json(REPEATABILITY_FILE)["most_volume_percent"])


@cache
def _classes() -> tuple[Factors, ...]:
    classes = (Factors(**entry) for entry in read_json(REPEATABILITY_FILE)["classes"])
    return tuple(sorted(classes, key=lambda factors: factors.fewest_voxels))
