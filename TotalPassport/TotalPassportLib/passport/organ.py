"""The types of a passport. Lengths are millimetres, positions are in RAS, intensities are Hounsfield units.

>>> from TotalPassportLib.base.files import DATA_FOLDER
>>> from TotalPassportLib.description_run import describe
>>> passport = describe(DATA_FOLDER / "demo" / "demo_ct_labels.nii.gz")
>>> passport  # doctest: +ELLIPSIS
<Passport of 40 organs: spleen, kidney_right, kidney_left, gallbladder, ...; 293 x 220 x 214 voxels of ... mm; ...>
>>> passport["liver"]
<OrganPassport 5 liver: 1415.6 ml at RAS (57.6, 40.0, 229.5) mm>
>>> len(passport), "liver" in passport, passport["liver"] == passport[5]
(40, True, True)
>>> round(passport.distance_mm("liver", "spleen"), 1)
167.9
>>> passport["livr"]
Traceback (most recent call last):
KeyError: This scan has no organ 'livr'. Did you mean liver?
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from ..base.content_equality import EqualByContent
from ..base.labels import Terminology
from ..base.suggestions import did_you_mean
from ..base.text import counted, shown_name
from .axes import axis_separation
from .rules import Finding, load_rules

if TYPE_CHECKING:
    import pandas

MeasuredOn = Literal["input", "model"]
View = Literal["coronal", "sagittal", "axial"]
INPUT_GRID: Final = "input"
MODEL_GRID: Final = "model"
_NAMED = 4
"""Organs whose names stand in a passport's short form."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class OrganPassport(EqualByContent):
    """One organ.

    What is None was not measured: the passport comes from an older version, or what it takes was not known. Two are
    equal where all their fields are, number by number.

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
        0 to 1, where the model says how sure it is: 1 less the entropy of its classes' probabilities, by the most that
        it can be with so many classes; mean of the voxels.
    entropy_bits : float | None
        That entropy itself, in bits: 1 is a choice between two equally likely structures. Of networks of different
        numbers of classes this can be compared.
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
    entropy_bits: float | None = None

    def __repr__(self) -> str:
        """Return a line; the points and matrices have their own attributes."""
        place = ", ".join(f"{value:.1f}" for value in self.centroid_ras_mm)
        told = f", checks: {', '.join(map(shown_name, self.checks))}" if self.checks else ""
        return (
            f"<OrganPassport {self.label} {shown_name(self.name)}: {self.volume_ml:.1f} ml at RAS ({place}) mm{told}>"
        )

    @property
    def volume_ml(self) -> float:
        """Volume in millilitres."""
        return self.volume_mm3 / 1000

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


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Passport(EqualByContent):
    """The organs of one scan, ordered by label, and where they come from.

    ``passport["liver"]`` and ``passport[5]`` are organs, and so are what it iterates over; ``in`` takes names, labels
    and organs. Two passports are equal where all that they say is, number by number and ``created`` aside: of the same
    scan, measured the same way. One that was written and read again is rounded as its file says. They have no hash, for
    the arrays in them can change; ``passport.source["sha256"]`` is a key for the scan.

    ``shape`` and ``affine`` are those of the label image that was measured (voxel indices to RAS mm). ``measured_on``
    says whose grid that is: ``input``, that of the segmentation's file and so of its scan, or ``model``, the network's;
    None where an older version wrote the passport, which took the network's in a run. ``source``, ``model`` and
    ``software`` are free-form records of provenance; ``created`` is a UTC time stamp, ISO 8601. ``findings`` is what
    the checks found, the gravest first; `OrganPassport.checks` holds the same by organ.
    """

    organs: Mapping[int, OrganPassport]
    shape: tuple[int, int, int]
    affine: np.ndarray
    created: str = field(default="", compare=False)
    source: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    software: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    measured_on: MeasuredOn | None = None

    def __getitem__(self, key: str | int) -> OrganPassport:
        """Return an organ by its name or its label.

        Raises
        ------
        KeyError
            The scan has none; similar names are told.
        """
        organ = self.get(key)
        if organ is None:
            raise KeyError(_Sentence(self._absent(key)))
        return organ

    def get(self, key: str | int) -> OrganPassport | None:
        """Return an organ by its name or its label, and None where the scan has none."""
        if isinstance(key, str):
            return next((organ for organ in self if organ.name == key), None)
        return self.organs.get(key)

    def __iter__(self) -> Iterator[OrganPassport]:
        return iter(self.organs.values())

    def __len__(self) -> int:
        return len(self.organs)

    def __bool__(self) -> bool:
        """Return True: a passport without organs is still one."""
        return True

    def __contains__(self, key: object) -> bool:
        if isinstance(key, OrganPassport):
            return any(organ == key for organ in self)
        return (
            isinstance(key, str | int | np.integer) and self.get(key if isinstance(key, str) else int(key)) is not None
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The organs' names, by label."""
        return tuple(organ.name for organ in self)

    def distance_mm(
        self, one: str | int, other: str | int, between: Literal["centroids", "surfaces"] = "centroids"
    ) -> float:
        """Return how far two organs lie apart, in mm.

        Parameters
        ----------
        one, other : str or int
            Names or labels.
        between : {"centroids", "surfaces"}
            Between their centres of mass, or between those two of their boundary points that lie nearest: about 500 an
            organ, so that this is never less than the surfaces' distance and up to some voxels more.

        Raises
        ------
        KeyError
            The scan does not have one of them.
        ValueError
            One has no boundary points, or ``between`` is something else.
        """
        first, second = self[one], self[other]
        if between == "centroids":
            return float(np.linalg.norm(first.centroid_ras_mm - second.centroid_ras_mm))
        if between != "surfaces":
            raise ValueError(f"between is 'centroids' or 'surfaces', not {between!r}")
        clouds = [organ.boundary_points_ras_mm for organ in (first, second)]
        if not all(map(len, clouds)):
            raise ValueError("An organ without boundary points has no surface to measure from.")
        from scipy.spatial import KDTree

        return float(KDTree(clouds[0]).query(clouds[1])[0].min())

    def to_dataframe(self) -> pandas.DataFrame:
        """Return a pandas DataFrame with one organ a row, indexed by name; the columns are those of the CSV table.

        Raises
        ------
        BadInput
            pandas is not installed (the extra ``cohort``).
        """
        from .dataframe import passport_dataframe

        return passport_dataframe(self)

    def plot(
        self,
        organs: Iterable[str | int] | None = None,
        *,
        view: View = "coronal",
        ax: Any = None,
    ) -> Any:
        """Draw the organs' boundary points and names as seen from one side; see `drawing.plot_passport`."""
        from .drawing import plot_passport

        return plot_passport(self, organs, view=view, ax=ax)

    def __repr__(self) -> str:
        """Return a line of a few words."""
        names = [shown_name(name) for name in self.names[:_NAMED]] + (["..."] if len(self) > _NAMED else [])
        shape, spacing = (" x ".join(f"{value:.3g}" for value in values) for values in (self.shape, self.spacing_mm))
        told = f"; {counted(len(self.findings), 'finding')}" if self.findings else ""
        organs = f"{counted(len(self), 'organ')}{': ' if names else ''}{', '.join(names)}"
        return f"<Passport of {organs}; {shape} voxels of {spacing} mm{told}>"

    def _repr_html_(self) -> str:
        """Return a table for notebooks."""
        from .table_page import passport_html

        return passport_html(self)

    @property
    def spacing_mm(self) -> np.ndarray:
        """Voxel sizes of the grid that was measured, float64 ``[3]``."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))

    def _absent(self, key: str | int) -> str:
        if isinstance(key, str):
            return f"This scan has no organ '{shown_name(key)}'. {did_you_mean(key, self.names, 'It has')}"
        return f"This scan has no organ with the label {key}; its labels are {', '.join(map(str, self.organs))}."


class _Sentence(str):
    """A message that stands in a traceback as it is, where `KeyError` would show its quoted form."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)
