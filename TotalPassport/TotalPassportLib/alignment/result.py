"""What an alignment is: the transform with its direction in its names, and how well every organ fits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base.content_equality import EqualByContent
from ..base.text import counted, shown_name
from ..image.image_objects import ImageObject
from ..passport.organ import Passport
from .closed_form import apply
from .deformable import DisplacementField
from .resampling import Interpolation, resampled_onto
from .robust import COARSE_SCALE_MM, weighted_median

GOOD_MM = 3.0
FAIR_MM = 10.0
"""Median distances of corresponding centroids up to which an alignment is called good (a voxel of the fast models) or
fair (about the motion of organs with breath)."""

MOST_NAMED = 12
"""Organs that a verdict names."""


@dataclass(frozen=True, kw_only=True)
class OrganResidual:
    """How well one organ fits.

    ``residual_mm`` is the distance between the moving centroid and where the fixed one is taken, in the moving scan;
    ``weight`` the trust in this pair of centroids before any fit (0 to 1); ``truncated`` whether an image's edge cuts
    the organ in either scan, so that a large residual is no fault.
    """

    name: str
    fixed_label: int
    moving_label: int
    residual_mm: float
    weight: float
    truncated: bool

    @property
    def is_misfit(self) -> bool:
        """Whether the organ has moved by itself or is mislabelled: it lies far off though it is whole."""
        return self.residual_mm > COARSE_SCALE_MM and not self.truncated


@dataclass(frozen=True, kw_only=True, eq=False)
class Alignment(EqualByContent):
    """How the moving scan lies on the fixed one; two are equal where all their numbers are.

    Attributes
    ----------
    kind : str
        ``rigid``, ``similarity``, ``affine`` or ``deformable``.
    fixed_from_moving_ras_mm : np.ndarray
        float64 ``[4, 4]``; maps a moving point (RAS mm) to the fixed point (RAS mm).
    field : DisplacementField | None
        For ``deformable``, what is added in the fixed frame, see `moving_from_fixed`; else None.
    organs : tuple[OrganResidual, ...]
        The organs in common, in the order of the fixed scan's labels.
    surface_distance_mm : float | None
        Weighted median distance of the surfaces along their normals after ICP; None without ICP.
    """

    kind: str
    fixed_from_moving_ras_mm: np.ndarray
    field: DisplacementField | None
    organs: tuple[OrganResidual, ...]
    surface_distance_mm: float | None = None

    @property
    def moving_from_fixed_ras_mm(self) -> np.ndarray:
        """The inverse of the linear part, ``[4, 4]``: maps a fixed point to the moving one, as resampling needs it."""
        return np.linalg.inv(self.fixed_from_moving_ras_mm)

    def moving_from_fixed(self, points_ras_mm: np.ndarray) -> np.ndarray:
        """Map points ``[n, 3]`` of the fixed scan to the moving scan, both RAS mm, with the field if there is one."""
        return moving_from_fixed(self.fixed_from_moving_ras_mm, self.field, points_ras_mm)

    def resample(
        self,
        moving: Path | str | ImageObject,
        fixed: Path | str | ImageObject | Passport,
        *,
        interpolation: Interpolation = "linear",
        outside: float | None = None,
    ) -> Any:
        """Return the moving image as it lies on the fixed scan, on that one's grid.

        Parameters
        ----------
        moving : Path, str or image
            A file, a nibabel image, a SimpleITK image, or a pair of an array and its affine.
        fixed : Path, str, image or Passport
            Whose grid; of a passport the one that was measured.
        interpolation : {"linear", "nearest"}
            ``nearest`` for labels.
        outside : float, optional
            Value of what the moving image does not show; by default -1000 (air) in what looks like a CT, else 0.

        Returns
        -------
        image
            Of the moving image's kind, nibabel's for a file, and of its type of voxels; whole numbers are rounded.

        Raises
        ------
        BadInput
            One of them is no image.
        OutOfMemory
            There is no room for it.
        """
        return resampled_onto(fixed, moving, self.moving_from_fixed, interpolation=interpolation, outside=outside)

    @property
    def median_residual_mm(self) -> float:
        """Median of the organs' residuals by their weights."""
        return weighted_median(
            np.array([organ.residual_mm for organ in self.organs]), np.array([organ.weight for organ in self.organs])
        )

    @property
    def is_acceptable(self) -> bool:
        """Whether the organs' centres lie no further apart than they move with breath; else the verdict is poor."""
        return bool(self.median_residual_mm <= FAIR_MM)

    @property
    def verdict(self) -> str:
        """One word and the reason, for people."""
        median_mm = self.median_residual_mm
        word = "Good" if median_mm <= GOOD_MM else "Fair" if self.is_acceptable else "Poor"
        organs = counted(len(self.organs), "organ")
        text = f"{word}: the centres of {organs} lie {median_mm:.1f} mm apart (weighted median)"
        if self.surface_distance_mm is not None:
            text += f", their surfaces {self.surface_distance_mm:.1f} mm"
        misfits = [shown_name(organ.name) for organ in self.organs if organ.is_misfit]
        if len(misfits) > MOST_NAMED:
            misfits = [*misfits[:MOST_NAMED], f"{len(misfits) - MOST_NAMED} more"]
        return text + (f". Moved by themselves or mislabelled: {', '.join(misfits)}." if misfits else ".")


def moving_from_fixed(
    fixed_from_moving_ras_mm: np.ndarray, field: DisplacementField | None, points_ras_mm: np.ndarray
) -> np.ndarray:
    """Return inverse(matrix) (x + d(x)) for points x ``[n, 3]`` of the fixed scan, RAS mm; d is the field or 0."""
    shifted = points_ras_mm if field is None else points_ras_mm + field.at(points_ras_mm)
    return apply(np.linalg.inv(fixed_from_moving_ras_mm), shifted)
