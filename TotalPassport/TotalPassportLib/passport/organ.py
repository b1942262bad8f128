"""The types of a passport. Lengths are millimetres, positions are in RAS, intensities are Hounsfield units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np

from ..base.labels import Terminology
from .axes import axis_separation
from .rules import Finding, load_rules

MeasuredOn = Literal["input", "model"]
INPUT_GRID: Final = "input"
MODEL_GRID: Final = "model"


@dataclass(frozen=True, kw_only=True)
class OrganPassport:
    """One organ.

    What is None was not measured: the passport comes from an older version, or what it takes was not known.

    Attributes
    ----------
    label, name
        Value in the label image, and name in the label table.
    voxel_count : int
        Number of voxels.
    volume_mm3 : float
        Their volume.
    centroid_ras_mm : np.ndarray
        float64 ``[3]``.
    covariance_mm2 : np.ndarray
        float64 ``[3, 3]``, of the voxel centres, divided by their number.
    eigenvalues_mm2 : np.ndarray
        float64 ``[3]``, ascending.
    eigenvectors : np.ndarray
        float64 ``[3, 3]``, unit columns in the eigenvalues' order; signs as `axes.principal_axes` says.
    boundary_points_ras_mm : np.ndarray
        float64 ``[n, 3]``, at most about 500 voxel centres of the surface; any first k of them are a good coarser
        sample, and those on stray pieces come last.
    touches_border : bool
        Whether the organ reaches a face of the image, so that a part of it may be missing.
    checks : tuple[str, ...]
        Codes of what speaks against trusting the numbers, see `CHECKS`.
    hu_mean, hu_sd : float | None
        Mean and standard deviation (divided by the voxel count) where the CT is known.
    hu_percentiles : Mapping[int, float] | None
        Per cent -> value (5, 25, 50, 75, 95), by nearest rank, of values rounded to whole units.
    intensity_mean, intensity_sd, intensity_percentiles
        The same of a scan without a unit, such as an MR; those in Hounsfield units are then None.
    border_faces : tuple[str, ...]
        The faces that it reaches, as the direction closest to them: left, right, posterior, anterior, inferior,
        superior.
    near_border : bool | None
        Whether a voxel lies among the three outermost layers of the image, as TotalSegmentator asks.
    bounding_box_ras_mm : np.ndarray | None
        float64 ``[2, 3]``, lowest and highest R, A and S of its voxels with their whole extent.
    obb_origin_ras_mm, obb_size_mm : np.ndarray | None
        float64 ``[3]`` each: the box along the principal axes around its voxels. The box begins at the origin and
        reaches ``obb_size_mm[n]`` along column n of ``eigenvectors``.
    surface_area_mm2 : float | None
        By the Crofton formula with 13 directions; where the image cuts the organ the cut counts.
    n_components, largest_component_fraction
        Number of pieces that do not touch even by a corner, and the part of the voxels that the largest holds.
    terminology : Terminology | None
        SNOMED CT codes where the label table has them.
    confidence : float | None
        0 to 1, where the model says how sure it is.
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
    hu_percentiles: Mapping[int, float] | None = None
    intensity_mean: float | None = None
    intensity_sd: float | None = None
    intensity_percentiles: Mapping[int, float] | None = None
    border_faces: tuple[str, ...] = ()
    near_border: bool | None = None
    bounding_box_ras_mm: np.ndarray | None = None
    obb_origin_ras_mm: np.ndarray | None = None
    obb_size_mm: np.ndarray | None = None
    surface_area_mm2: float | None = None
    n_components: int | None = None
    largest_component_fraction: float | None = None
    terminology: Terminology | None = None
    confidence: float | None = None

    @property
    def semi_axes_mm(self) -> np.ndarray:
        """Semi-axes of the ellipsoid with the same covariance, ascending: sqrt(5 lambda) for a solid ellipsoid."""
        return np.asarray(np.sqrt(5 * self.eigenvalues_mm2))

    @property
    def axis_separation(self) -> tuple[float, float]:
        """Gaps between the eigenvalues (longest to middle, middle to shortest) as parts of the largest one."""
        return axis_separation(self.eigenvalues_mm2)

    @property
    def elongation(self) -> float | None:
        """Longest by middle axis, sqrt(l3 / l2) >= 1 as in ITK and Slicer; None for a line. Pyradiomics inverts it."""
        return _root_of_ratio(self.eigenvalues_mm2[2], self.eigenvalues_mm2[1])

    @property
    def flatness(self) -> float | None:
        """Middle by shortest axis, sqrt(l2 / l1) >= 1 as in ITK and Slicer; None for a plane. Pyradiomics differs."""
        return _root_of_ratio(self.eigenvalues_mm2[1], self.eigenvalues_mm2[0])

    @property
    def roundness(self) -> float | None:
        """Surface of the ball of the same volume by its own surface, as in ITK and Slicer; 1 for a ball."""
        if not self.surface_area_mm2:
            return None
        return float(math.pi ** (1 / 3) * (6 * self.volume_mm3) ** (2 / 3) / self.surface_area_mm2)


def _root_of_ratio(larger: float, smaller: float) -> float | None:
    return math.sqrt(larger / smaller) if smaller > 0 else None


CHECKS: Mapping[str, str] = {rule.code: rule.explanation for rule in load_rules()}
"""Code of each check -> what it means for the reader; ``data/checks.json`` is where they are defined."""


@dataclass(frozen=True, kw_only=True)
class Passport:
    """The organs of one scan, ordered by label, and where they come from.

    ``shape`` and ``affine`` are those of the label image that was measured (voxel indices to RAS mm). ``measured_on``
    says whose grid that is: ``input``, that of the segmentation's file and so of its scan, or ``model``, the network's;
    None where an older version wrote the passport, which took the network's in a run. ``source``, ``model`` and
    ``software`` are free-form records of provenance; ``created`` is a UTC time stamp, ISO 8601. ``findings`` is what
    the checks found, the gravest first; `OrganPassport.checks` holds the same by organ.
    """

    organs: Mapping[int, OrganPassport]
    shape: tuple[int, int, int]
    affine: np.ndarray
    created: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    software: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    measured_on: MeasuredOn | None = None
