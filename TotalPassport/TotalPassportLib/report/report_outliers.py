"""What a person should look at first: what disagrees with ground truth, and what stands apart from all others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.robust_statistics import FEWEST_VALUES, MAD_TO_SD
from ..passport.organ import Passport
from .scan_agreement import COUNTED, EXTRA, MISSED, StructureAgreement

LEAST_DICE = 0.85
"""Below it a structure is shown; what many studies take for agreement that is good enough for use."""
LEAST_ML = 0.1
"""Structures of which neither side has so much are too small to be judged by Dice."""
MOST_Z = 3.5
"""Robust z-score beyond which a value stands apart (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993)."""
MEAN_AD_TO_SD = 1.253314
"""Of a normal distribution: its standard deviation by its mean absolute deviation."""


@dataclass(frozen=True, kw_only=True)
class Outlier:
    """One thing to look at: the scan by its place in the batch, the structure if it is about one, and why."""

    scan: int
    structure: str | None
    reason: str
    rank: tuple[int, float]
    """The lowest is the gravest: of its kind, and within its kind."""


def batch_outliers(
    passports: Sequence[Passport | None],
    agreements: Sequence[Sequence[StructureAgreement] | None],
    seconds: Sequence[float | None],
) -> list[Outlier]:
    """Return what stands out, the gravest first; a structure of a scan stands once.

    Parameters
    ----------
    passports : sequence of Passport
        Of each scan; None where there is none.
    agreements : sequence of StructureAgreement
        Of each scan with ground truth; None elsewhere.
    seconds : sequence of float
        Latency of each scan.
    """
    found = [*_disagreeing(agreements), *_told_by_checks(passports), *_of_other_size(passports), *_slow(seconds)]
    first: dict[tuple[int, str | None], Outlier] = {}
    for each in sorted(found, key=lambda each: each.rank):
        first.setdefault((each.scan, each.structure), each)
    return list(first.values())


def _disagreeing(agreements: Sequence[Sequence[StructureAgreement] | None]) -> list[Outlier]:
    found = []
    for number, scan in enumerate(agreements):
        for each in scan or ():
            if each.outcome not in COUNTED or each.overlap is None or each.overlap.dice is None:
                continue
            largest_ml = max(each.overlap.truth_mm3, each.overlap.found_mm3) / 1000
            if each.overlap.dice < LEAST_DICE and largest_ml >= LEAST_ML:
                found.append(
                    Outlier(
                        scan=number,
                        structure=each.name,
                        reason=_disagreement(each),
                        rank=(0, each.overlap.dice - min(largest_ml, 1e4) * 1e-5),
                    )
                )
    return found


def _disagreement(each: StructureAgreement) -> str:
    assert each.overlap is not None  # `_disagreeing`
    found_ml, truth_ml = each.overlap.found_mm3 / 1000, each.overlap.truth_mm3 / 1000
    if each.outcome == MISSED:
        return f"missed: {truth_ml:.1f} ml were not found"
    if each.outcome == EXTRA:
        return f"made up: {found_ml:.1f} ml where the ground truth has none"
    return f"Dice {each.overlap.dice:.3f}: {found_ml:.1f} ml found, {truth_ml:.1f} ml true"


def _told_by_checks(passports: Sequence[Passport | None]) -> list[Outlier]:
    found = []
    for number, passport in enumerate(passports):
        if passport is None:
            continue
        for finding in passport.findings:
            if finding.severity == "error":
                names = (passport.organs[label].name for label in finding.labels if label in passport.organs)
                reason = f"error: {finding.message}"
                found.append(Outlier(scan=number, structure=next(names, None), reason=reason, rank=(1, 0.0)))
    return found


def _of_other_size(passports: Sequence[Passport | None]) -> list[Outlier]:
    """Return organs whose volume stands apart from that of the same organ in other scans; cut ones are left out."""
    volumes: dict[str, dict[int, float]] = {}
    for number, passport in enumerate(passports):
        for organ in passport.organs.values() if passport else ():
            if not organ.touches_border and organ.volume_mm3 > 0:
                volumes.setdefault(organ.name, {})[number] = math.log(organ.volume_mm3)
    found = []
    for name, by_scan in volumes.items():
        middle_ml = math.exp(float(np.median(list(by_scan.values())))) / 1000
        for number, z in _far_apart(by_scan).items():
            own_ml = math.exp(by_scan[number]) / 1000
            reason = f"volume {own_ml:.1f} ml, in the median {middle_ml:.1f} ml (robust z of its logarithm {z:+.1f})"
            found.append(Outlier(scan=number, structure=name, reason=reason, rank=(2, -abs(z))))
    return found


def _slow(seconds: Sequence[float | None]) -> list[Outlier]:
    known = {number: value for number, value in enumerate(seconds) if value is not None}
    middle = float(np.median(list(known.values()))) if known else 0.0
    return [
        Outlier(
            scan=number,
            structure=None,
            reason=f"took {known[number]:.1f} s, and {middle:.1f} s in the median (robust z {z:+.1f})",
            rank=(3, -abs(z)),
        )
        for number, z in _far_apart(known).items()
    ]


def _far_apart(values: Mapping[int, float]) -> dict[int, float]:
    """Return the robust z-scores beyond `MOST_Z`; none where there are too few values, or all of them are equal."""
    if len(values) < FEWEST_VALUES:
        return {}
    numbers = np.array(list(values.values()))
    middle = float(np.median(numbers))
    spread = MAD_TO_SD * float(np.median(np.abs(numbers - middle)))
    if spread == 0:  # more than half of them are equal; then as Iglewicz and Hoaglin do
        spread = MEAN_AD_TO_SD * float(np.mean(np.abs(numbers - middle)))
    if spread == 0:
        return {}
    scores = {key: (value - middle) / spread for key, value in values.items()}
    return {key: score for key, score in scores.items() if abs(score) > MOST_Z}


def outlier_document(outlier: Outlier, subjects: Sequence[str]) -> dict[str, Any]:
    """Return an outlier for the report's document."""
    return {"subject": subjects[outlier.scan], "structure": outlier.structure, "reason": outlier.reason}
