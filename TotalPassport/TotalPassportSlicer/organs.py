"""What is told about an organ: names for people, numbers in the units that are shown, checks in a few words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from slicer.i18n import tr as _
from TotalPassportLib.labels import load_label_table

if TYPE_CHECKING:
    from TotalPassportLib.passport import OrganPassport, Passport

AXIS_COLORS = ((0.90, 0.22, 0.21), (0.26, 0.70, 0.32), (0.24, 0.48, 0.95))
"""Red, green and blue for the major, the middle and the least axis."""


@dataclass(frozen=True)
class OrganRow:
    """One row of the organ table; semi-axes from the longest to the shortest."""

    label: int
    name: str
    color_rgb: tuple[int, int, int]
    volume_ml: float
    centroid_ras_mm: tuple[float, float, float]
    semi_axes_mm: tuple[float, float, float]
    checks: tuple[str, ...]

    @property
    def checks_text(self) -> str:
        """The checks in a few words, for a cell of a table."""
        return ", ".join(_short_check(code) for code in self.checks)


def organ_rows(passport: Passport) -> list[OrganRow]:
    """Return the rows of a passport, in order of labels."""
    return [_row(organ) for organ in passport.organs.values()]


def _row(organ: OrganPassport) -> OrganRow:
    name, color = name_and_color(organ)
    least, middle, major = (float(length) for length in organ.semi_axes_mm)
    r, a, s = (float(coordinate) for coordinate in organ.centroid_ras_mm)
    return OrganRow(
        organ.label, name, color, organ.volume_mm3 / 1000, (r, a, s), (major, middle, least), tuple(organ.checks)
    )


def name_and_color(organ: OrganPassport) -> tuple[str, tuple[int, int, int]]:
    """Return an organ's name for people and its colour; the bundled table's if it is one of its structures."""
    label = load_label_table("total").describe(organ.label)
    return (label.display_name, label.color_rgb) if label.name == organ.name else (organ.name, (160, 160, 160))


def axis_ends(organ: OrganPassport) -> np.ndarray:
    """Return the ends of the principal axes in RAS mm, float64 ``[axis, end, coordinate]``, the major axis first.

    Each axis reaches one semi-axis, sqrt(5 lambda), from the centroid in both directions.
    """
    half = (organ.eigenvectors * organ.semi_axes_mm).T[::-1]
    return organ.centroid_ras_mm + np.stack([-half, half], axis=1)


def check_explanation(code: str) -> str:
    """Return what a check means, in a sentence."""
    from TotalPassportLib.passport.organ import CHECKS  # lazily: see the package's note

    return CHECKS.get(code, code)


def _short_check(code: str) -> str:
    texts = {
        "touches_border": _("cut by the image's edge"),
        "few_voxels": _("very small"),
        "unreliable_axes": _("axes not distinct"),
    }
    return texts.get(code, code.replace("_", " "))
