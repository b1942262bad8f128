"""A phantom whose every figure is known without counting voxels: five ellipsoids in a block of soft tissue.

It proves orientation and geometry. The ellipsoids lie at places that no flip or permutation of axes maps onto each
other, and carry labels of organs that lie on that side of a real body. The frame is RAS in millimetres: +x is the
patient's right, +y the front, +z the head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .contrast import Phase
from .generator import Phantom
from .rasterise import voxel_points_mm
from .scanner import Grid, grid_around
from .shapes import Ellipsoid, Vector, rotation


@dataclass(frozen=True)
class KnownOrgan:
    """An ellipsoid and what follows from it exactly.

    Parameters
    ----------
    center_ras_mm : also its centroid.
    radii_mm : half axes, ascending.
    axes : 3 x 3, column i is the RAS direction of half axis i.
    """

    name: str
    label: int
    hu: int
    center_ras_mm: Vector
    radii_mm: Vector
    axes: np.ndarray

    @property
    def volume_mm3(self) -> float:
        """Volume of the ellipsoid."""
        return float(4 / 3 * np.pi * np.prod(self.radii_mm))

    @property
    def eigenvalues_mm2(self) -> np.ndarray:
        """Variances along the half axes, ascending: a solid ellipsoid has r^2 / 5."""
        return np.asarray(self.radii_mm) ** 2 / 5

    @property
    def covariance_mm2(self) -> np.ndarray:
        """Covariance of the solid's points in RAS, 3 x 3."""
        return self.axes @ np.diag(self.eigenvalues_mm2) @ self.axes.T

    @property
    def shape(self) -> Ellipsoid:
        """The solid itself."""
        return Ellipsoid(self.center_ras_mm, self.radii_mm, self.axes)


KNOWN_ORGANS: tuple[KnownOrgan, ...] = (
    KnownOrgan("liver", 5, 100, (45.0, 10.0, 20.0), (20.0, 28.0, 36.0), rotation(20, 0, 30)),
    KnownOrgan("spleen", 1, 150, (-52.0, -22.0, 28.0), (11.0, 15.0, 24.0), rotation(0, 25, -15)),
    KnownOrgan("kidney_right", 2, 200, (34.0, -38.0, -40.0), (12.0, 14.0, 26.0), rotation(10, -15, 0)),
    KnownOrgan("urinary_bladder", 21, 10, (-8.0, 36.0, -70.0), (13.0, 17.0, 21.0), rotation(40, 10, 60)),
    KnownOrgan("heart", 51, 250, (-22.0, 30.0, 74.0), (16.0, 19.0, 27.0), rotation(-30, 35, 10)),
)
"""Right and large, left and behind, right and behind, front and low, front and high."""

SOFT_TISSUE_HU, AIR_HU = 40, -1000

BLOCK = Ellipsoid((0.0, 0.0, 5.0), (88.0, 66.0, 118.0), exponent=6.0)
"""The body around the organs."""


def make_known_phantom(shape: tuple[int, int, int], affine: np.ndarray) -> Phantom:
    """The known phantom on a grid of one's choice, without noise and without blur.

    Parameters
    ----------
    affine : 4 x 4, voxel indices to RAS mm; it may be oblique, flipped, permuted, anisotropic or sheared.
    """
    points = voxel_points_mm(shape, affine)
    ct_hu = np.where(BLOCK.distance_mm(points) < 0, SOFT_TISSUE_HU, AIR_HU).astype(np.int16)
    labels = np.zeros(shape, np.uint8)
    for organ in KNOWN_ORGANS:
        inside = organ.shape.distance_mm(points) < 0
        ct_hu[inside], labels[inside] = organ.hu, organ.label
    return Phantom(ct_hu, labels, np.asarray(affine, float), Phase.NATIVE)


def covering_grid(
    spacing_mm: Sequence[float] = (2.0, 2.0, 2.0), orientation: str = "RAS", tilt_deg: Vector = (0.0, 0.0, 0.0)
) -> Grid:
    """A grid that holds the whole phantom.

    Parameters
    ----------
    spacing_mm : along i, j, k.
    orientation : where i, j, k run to, as in "LPS" or "SAR".
    tilt_deg : rotation about x, y, z on top of that, degrees.
    """
    directions = {"R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}
    axes = np.array([directions[letter] for letter in orientation], float).T
    extent_ras = np.array([210.0, 165.0, 270.0]) + 40.0 * np.any(tilt_deg)
    return grid_around(np.array([0.0, 0.0, 5.0]), np.abs(axes.T) @ extent_ras, spacing_mm, rotation(*tilt_deg) @ axes)
