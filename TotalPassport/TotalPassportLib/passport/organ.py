"""The types of a passport. Lengths are millimetres, positions are in RAS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class OrganPassport:
    """One organ.

    Attributes
    ----------
    label, name : value in the label image, and name in the label table.
    voxel_count : number of voxels.
    volume_mm3 : their volume.
    centroid_ras_mm : float64 ``[3]``.
    covariance_mm2 : float64 ``[3, 3]``, of the voxel centres, divided by their number.
    eigenvalues_mm2 : float64 ``[3]``, ascending.
    eigenvectors : float64 ``[3, 3]``, unit columns in the eigenvalues' order; signs as `axes.principal_axes` says.
    boundary_points_ras_mm : float64 ``[n, 3]``, at most about 500 voxel centres of the surface; any first k of them
        are a good coarser sample.
    touches_border : whether the organ reaches a face of the image, so that a part of it may be missing.
    checks : codes of what speaks against trusting the numbers, see `CHECKS`.
    hu_mean, hu_sd : mean and standard deviation in Hounsfield units where the CT is known.
    """

    label: int
    name: str
    voxel_count: int
    volume_mm3: float
    centroid_ras_mm: np.ndarray
    covariance_mm2: np.ndarray
    eigenvalues_mm2: np.ndarray
    eigenvectors: np.ndarray
    boundary_points_ras_mm: np.ndarray
    touches_border: bool
    checks: tuple[str, ...] = ()
    hu_mean: float | None = None
    hu_sd: float | None = None

    @property
    def semi_axes_mm(self) -> np.ndarray:
        """Semi-axes of the ellipsoid with the same covariance, ascending: sqrt(5 lambda) for a solid ellipsoid."""
        return np.asarray(np.sqrt(5 * self.eigenvalues_mm2))


CHECKS: Mapping[str, str] = {
    "touches_border": "It reaches the edge of the image: a part may be missing; volume and centroid are of the rest.",
    "few_voxels": "It has fewer than 20 voxels: volume and shape are rough.",
    "unreliable_axes": "Its longest axis is not clearly the longest: in another scan the axes may point elsewhere.",
}
"""Code of each check -> what it means for the reader."""


@dataclass(frozen=True)
class Passport:
    """The organs of one scan, ordered by label, and where they come from.

    ``shape`` and ``affine`` are those of the label image that was measured (voxel indices to RAS mm). ``source``,
    ``model`` and ``software`` are free-form records of provenance; ``created`` is a UTC time stamp, ISO 8601.
    """

    organs: Mapping[int, OrganPassport]
    shape: tuple[int, int, int]
    affine: np.ndarray
    created: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    software: Mapping[str, Any] = field(default_factory=dict)
