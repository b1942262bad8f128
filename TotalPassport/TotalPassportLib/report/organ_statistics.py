"""The agreement of each organ over all scans: median and quartiles, and how often it was missed or made up."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .overlap import Overlap, json_number
from .scan_agreement import BOTH, COUNTED, OUTCOME_MEANINGS, StructureAgreement

METRICS: dict[str, Callable[[Overlap], float | None]] = {
    "dice": lambda each: each.dice,
    "surface_dice": lambda each: each.surface_dice,
    "surface_distance_mm": lambda each: each.surface_distance_mm,
    "hausdorff_95_mm": lambda each: each.hausdorff_95_mm,
    "volume_error_ml": lambda each: each.volume_error_mm3 / 1000,
    "volume_error_percent": lambda each: each.volume_error_percent,
}
"""Name -> value of one scan's structure; None counts nowhere."""


def organ_summaries(scans: Sequence[Sequence[StructureAgreement]]) -> list[dict[str, Any]]:
    """Return the statistics of each structure, by name.

    A scan in which only one side has the structure counts with Dice 0 and infinite distances, so that a median can be
    infinite; one in which neither has it does not count.
    """
    by_name: dict[str, list[StructureAgreement]] = {}
    for scan in scans:
        for agreement in scan:
            by_name.setdefault(agreement.name, []).append(agreement)
    return [_row(name, agreements) for name, agreements in sorted(by_name.items())]


def _row(name: str, agreements: Sequence[StructureAgreement]) -> dict[str, Any]:
    outcomes = Counter(agreement.outcome for agreement in agreements)
    overlaps = [each.overlap for each in agreements if each.overlap is not None]
    return {
        "name": name,
        "counted": sum(outcomes[outcome] for outcome in COUNTED),
        "outcomes": {outcome: outcomes[outcome] for outcome in OUTCOME_MEANINGS},
        **{metric: _summary(value(each) for each in overlaps) for metric, value in METRICS.items()},
        "dice_where_in_both": _summary(
            each.overlap.dice for each in agreements if each.overlap and each.outcome == BOTH
        ),
    }


def _summary(values: Iterable[float | None]) -> dict[str, Any] | None:
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    numbers = {
        "median": quantile(known, 0.5),
        "q1": quantile(known, 0.25),
        "q3": quantile(known, 0.75),
        "lowest": known[0],
        "highest": known[-1],
        "mean": math.inf if math.isinf(known[-1]) else statistics.fmean(known),
    }
    return {"n": len(known), **{key: json_number(number) for key, number in numbers.items()}}


def quantile(ordered: Sequence[float], part: float) -> float:
    """Return a quantile of rising numbers, linearly interpolated as numpy does, also where the highest are infinite.

    >>> quantile([1.0, 2.0, float("inf")], 0.5), quantile([1.0, 2.0, float("inf")], 0.75)
    (2.0, inf)
    """
    place = part * (len(ordered) - 1)
    before = math.floor(place)
    weight = place - before
    if weight == 0 or ordered[before] == ordered[before + 1]:
        return ordered[before]
    return ordered[before] + weight * (ordered[before + 1] - ordered[before])


def mean_dice_of(agreements: Sequence[StructureAgreement]) -> float | None:
    """Return the mean Dice over the structures of one scan that count."""
    return _mean(each.overlap.dice for each in agreements if each.overlap is not None)


def mean_surface_dice_of(agreements: Sequence[StructureAgreement]) -> float | None:
    """Return the mean surface Dice over the structures of one scan that count."""
    return _mean(each.overlap.surface_dice for each in agreements if each.overlap is not None)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None
