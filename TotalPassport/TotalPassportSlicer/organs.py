"""What is told about an organ: names for people, numbers in the units that are shown, checks in a few words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from TotalPassportLib.labels import load_label_table

if TYPE_CHECKING:
    from TotalPassportLib.passport import OrganPassport, Passport

SEVERITY_COLORS = {"error": (204, 41, 41), "warning": (191, 111, 0)}
"""Red and amber for findings that speak against an organ's numbers; readable on light and on dark backgrounds."""
AXIS_COLORS = ((0.90, 0.22, 0.21), (0.26, 0.70, 0.32), (0.24, 0.48, 0.95))
"""Red, green and blue for the major, the middle and the least axis."""


@dataclass(frozen=True)
class OrganRow:
    """One row of the organ table; semi-axes from the longest to the shortest.

    ``findings`` are sentences for a tooltip, and ``severity`` that of the gravest of them, empty where there is none.
    """

    label: int
    name: str
    color_rgb: tuple[int, int, int]
    volume_ml: float
    centroid_ras_mm: tuple[float, float, float]
    semi_axes_mm: tuple[float, float, float]
    checks: tuple[str, ...]
    findings: tuple[str, ...] = ()
    severity: str = ""

    @property
    def checks_text(self) -> str:
        """The checks in a few words, for a cell of a table."""
        return ", ".join(_short_check(code) for code in self.checks)


def organ_rows(passport: Passport) -> list[OrganRow]:
    """Return the rows of a passport, in order of labels."""
    return [_row(organ, passport) for organ in passport.organs.values()]


def _row(organ: OrganPassport, passport: Passport) -> OrganRow:
    name, color = name_and_color(organ)
    least, middle, major = (float(length) for length in organ.semi_axes_mm)
    r, a, s = (float(coordinate) for coordinate in organ.centroid_ras_mm)
    concerning = [finding for finding in passport.findings if organ.label in finding.labels]  # the gravest first
    sentences = [f"{finding.message} {check_explanation(finding.code)}" for finding in concerning]
    return OrganRow(
        *(organ.label, name, color, organ.volume_mm3 / 1000, (r, a, s), (major, middle, least), tuple(organ.checks)),
        findings=tuple(sentences) or tuple(check_explanation(code) for code in organ.checks),
        severity=concerning[0].severity if concerning else "",
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
    from TotalPassportLib.passport.summary import title  # lazily: see the package's note

    return title(code)
