"""What has changed from a first scan to a second one, organ by organ.

Positions are compared after the second scan is laid onto the first one by a rigid, robust alignment of all organs,
since no two scans have the same origin. What may be only the grid's or the image edge's doing is not called a change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..alignment.closed_form import apply
from ..alignment.correspondences import find_correspondences
from ..alignment.robust import robust_linear
from ..base.content_equality import EqualByContent
from ..base.errors import BadInput
from ..passport.organ import OrganPassport, Passport
from .repeatability import Floor, factors_of, floor_of, label_affine, voxels_of


@dataclass(frozen=True, kw_only=True, eq=False)
class OrganChange(EqualByContent):
    """One organ in both scans.

    Attributes
    ----------
    first, second : OrganPassport
        The organ's passports.
    displacement_mm : np.ndarray | None
        float64 ``[3]`` along R, A and S of the first scan, from its centroid there to that of the second scan laid onto
        it; None where the scans cannot be aligned.
    floor : Floor | None
        What the grids alone may do; None for organs that are too small for them to tell.
    voxels : int
        How many voxels it has in the scan that has fewer, of the grid that the labels were found on.
    """

    first: OrganPassport
    second: OrganPassport
    displacement_mm: np.ndarray | None
    floor: Floor | None
    voxels: int

    @property
    def name(self) -> str:
        """The organ's name."""
        return self.first.name

    @property
    def volume_change_percent(self) -> float:
        """Change of the volume in per cent of the first one."""
        return 100 * (self.second.volume_mm3 / self.first.volume_mm3 - 1)

    @property
    def distance_mm(self) -> float | None:
        """Length of the displacement."""
        return None if self.displacement_mm is None else float(np.linalg.norm(self.displacement_mm))

    @property
    def semi_axes_change_percent(self) -> np.ndarray:
        """Change of the semi-axes, ascending, in per cent; 0 for an axis that the first organ does not have."""
        before, after = self.first.semi_axes_mm, self.second.semi_axes_mm
        return np.asarray(100 * np.divide(after - before, before, out=np.zeros(3), where=before > 0))

    @property
    def hu_change(self) -> float | None:
        """Change of the mean in Hounsfield units, where both scans have it."""
        if self.first.hu_mean is None or self.second.hu_mean is None:
            return None
        return self.second.hu_mean - self.first.hu_mean

    @property
    def cut(self) -> bool:
        """Whether the edge of either image cuts it, so that its numbers cannot be compared."""
        return self.first.touches_border or self.second.touches_border

    @property
    def shape_change_percent(self) -> float:
        """Change of the semi-axis that has changed most, measured by what the grids alone may do to it."""
        return float(self.semi_axes_change_percent[self._telling_axis])

    @property
    def shape_floor_percent(self) -> float | None:
        """What the grids alone may do to that semi-axis."""
        return None if self.floor is None else self.floor.semi_axes_percent[self._telling_axis]

    @property
    def _telling_axis(self) -> int:
        changes = np.abs(self.semi_axes_change_percent)
        return int(np.argmax(changes if self.floor is None else changes / self.floor.semi_axes_percent))

    @property
    def beyond_floor(self) -> tuple[str, ...]:
        """What has changed by more than the grids can do: of ``volume``, ``position`` and ``shape``."""
        if self.cut or self.floor is None or self.shape_floor_percent is None:
            return ()
        found = {
            "volume": abs(self.volume_change_percent) > self.floor.volume_percent,
            "position": self.distance_mm is not None and self.distance_mm > self.floor.position_mm,
            "shape": abs(self.shape_change_percent) > self.shape_floor_percent,
        }
        return tuple(name for name, changed in found.items() if changed)

    @property
    def remark(self) -> str:
        """Why nothing is said of its changes; empty if something is."""
        if self.cut:
            return "cut by the image's edge"
        if self.floor is not None:
            return ""
        few = factors_of(self.voxels) is None
        return "too small to tell" if few else "voxels too coarse to tell"


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison(EqualByContent):
    """Two scans compared.

    Attributes
    ----------
    organs : tuple[OrganChange, ...]
        Those that both have, by the first scan's labels.
    only_first, only_second : tuple[str, ...]
        Names of those that only one has.
    first_from_second_ras_mm : np.ndarray | None
        4 x 4, takes positions of the second scan to the first one; None if they cannot be aligned.
    alignment_problem : str
        Why not; empty if they can.
    """

    organs: tuple[OrganChange, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    first_from_second_ras_mm: np.ndarray | None
    alignment_problem: str

    @property
    def too_coarse(self) -> bool:
        """Whether the voxels are too coarse for most of the organs that no edge cuts, so that little can be judged."""
        whole = [organ for organ in self.organs if not organ.cut]
        return 2 * sum(organ.floor is None for organ in whole) > len(whole)


def compare(first: Passport, second: Passport) -> Comparison:
    """Compare the passports of two scans.

    Raises
    ------
    BadInput
        They have no organ in common, or hold positions or volumes that no scan has.
    """
    pairs = find_correspondences(first, second)
    matrix, problem = None, ""
    try:
        matrix, _ = robust_linear("rigid", pairs.fixed_ras_mm, pairs.moving_ras_mm, pairs.weights)
    except BadInput as error:
        problem = str(error)
    one_affine, other_affine = label_affine(first), label_affine(second)
    laid = None if matrix is None else apply(matrix, pairs.moving_ras_mm) - pairs.fixed_ras_mm
    organs = tuple(
        OrganChange(
            first=before,
            second=after,
            displacement_mm=None if laid is None else laid[row],
            floor=floor_of(before, one_affine, after, other_affine),
            voxels=min(voxels_of(before, one_affine), voxels_of(after, other_affine)),
        )
        for row, (before, after) in enumerate(zip(pairs.fixed, pairs.moving, strict=True))
    )
    return Comparison(
        organs=organs,
        only_first=_missing(first, second),
        only_second=_missing(second, first),
        first_from_second_ras_mm=matrix,
        alignment_problem=problem,
    )


def _missing(present: Passport, absent: Passport) -> tuple[str, ...]:
    names = {organ.name for organ in absent.organs.values()}
    return tuple(organ.name for organ in present.organs.values() if organ.name not in names)
