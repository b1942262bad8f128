"""What a batch is judged by: its numbers over all scans, and each against a threshold that is data.

The bundled thresholds (``data/quality_checks.json``) are those of a study of 49 CTs in 3 mm; a file of one's own takes
their place.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..base.files import DATA_FOLDER, read_json, validate
from ..image.formats import stem_of
from .result_files import BatchEntry

CHECKS_FILE = DATA_FOLDER / "quality_checks.json"
STAGES = ("preprocessing", "inference", "postprocessing", "passport_extraction")
"""Of the breakdown, in their order."""

Status = Literal["pass", "fail", "not measured"]
_SIGNS = {"above": ">", "below": "<", "least": "at least", "most": "at most"}
Checks = Mapping[str, Any]
"""A document of ``data/schemas/quality_checks.schema.json``."""


def load_checks(path: Path | None = None) -> Checks:
    """Return the bundled quality checks, or those of a file.

    Raises
    ------
    BadInput
        The file is none of quality checks.
    """
    document: Checks = read_json(path or CHECKS_FILE)
    validate(document, "quality_checks", f"'{path or CHECKS_FILE.name}'")
    return document


@dataclass(frozen=True, kw_only=True)
class QualityCheck:
    """One check: what was measured, the bounds as data, and what follows."""

    name: str
    title: str
    value: float | None
    unit: str
    decimals: int
    bounds: Mapping[str, float]
    expected: str
    explanation: str
    status: Status

    @property
    def target(self) -> str:
        """The bounds in signs, such as ``> 95 %`` or ``50 to 90``."""
        unit = f" {self.unit}" if self.unit else ""
        if "least" in self.bounds and "most" in self.bounds:
            return f"{self.bounds['least']:g} to {self.bounds['most']:g}{unit}"
        return " and ".join(f"{_SIGNS[name]} {value:g}{unit}" for name, value in self.bounds.items())


def quality_checks(measures: Mapping[str, float | None], checks: Checks) -> list[QualityCheck]:
    """Return each check with what it found; see `batch_measures` for the measures."""
    return [_check(entry, measures.get(entry["measure"])) for entry in checks["checks"]]


def _check(entry: Mapping[str, Any], value: float | None) -> QualityCheck:
    bounds = {name: float(entry[name]) for name in ("above", "below", "least", "most") if name in entry}
    return QualityCheck(
        name=entry["name"],
        title=entry["title"],
        value=value,
        unit=entry.get("unit", ""),
        decimals=entry.get("decimals", 2),
        bounds=bounds,
        expected=entry.get("expected", ""),
        explanation=entry.get("explanation", ""),
        status="not measured" if value is None else "pass" if _within(value, bounds) else "fail",
    )


def _within(value: float, bounds: Mapping[str, float]) -> bool:
    return (
        value > bounds.get("above", -np.inf)
        and value < bounds.get("below", np.inf)
        and bounds.get("least", -np.inf) <= value <= bounds.get("most", np.inf)
    )


def batch_measures(results: Sequence[BatchEntry]) -> dict[str, float | None]:
    """Return the numbers of a batch over all scans; None where nothing was measured.

    Scans that failed count for the success rate alone.
    """
    done = [result for result in results if result.error is None]
    seconds = [result.seconds for result in done if result.seconds is not None]
    organs = [result.organs for result in done if result.organs is not None]
    sizes = [result.passport_kb for result in done if result.passport_kb is not None]
    measures: dict[str, float | None] = {
        "success_rate_percent": 100 * len(done) / len(results) if results else None,
        "latency_mean_sec": _mean(seconds),
        "latency_sd_sec": float(np.std(seconds)) if seconds else None,
        "latency_p95_sec": float(np.percentile(seconds, 95)) if seconds else None,
        "latency_lowest_sec": min(seconds, default=None),
        "latency_highest_sec": max(seconds, default=None),
        "organs_mean": _mean(organs),
        "organs_sd": float(np.std(organs)) if organs else None,
        "passport_size_mean_kb": _mean(sizes),
    }
    for stage in STAGES:
        told = [(result.breakdown[stage], result.seconds) for result in done if stage in result.breakdown]
        whole = sum(total for _, total in told if total is not None)
        measures[f"{stage}_mean_sec"] = _mean([part for part, _ in told])
        measures[f"{stage}_percent"] = 100 * sum(part for part, _ in told) / whole if whole else None
    return measures


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def value_of(result: BatchEntry, measure: str) -> float | None:
    """Return a scan's number by the name that it has in ``results.json``."""
    fields = {
        "latency_total_sec": result.seconds,
        "num_organs": result.organs,
        "passport_size_kb": result.passport_kb,
    }
    return fields[measure] if measure in fields else result.breakdown.get(measure)


def range_rows(results: Sequence[BatchEntry], checks: Checks) -> list[dict[str, Any]]:
    """Return for each expected range what the scans have: lowest, mean, highest, and how many lie outside."""
    rows = []
    done = [result for result in results if result.error is None]
    for entry in checks.get("ranges", ()):
        values = [value for result in done if (value := value_of(result, entry["measure"])) is not None]
        outside = sum(not entry["least"] <= value <= entry["most"] for value in values)
        rows.append(
            {
                **{name: entry[name] for name in ("measure", "title", "unit", "least", "most")},
                "decimals": entry.get("decimals", 2),
                "share_percent": entry.get("share_percent"),
                "explanation": entry.get("explanation", ""),
                "scans": len(values),
                "lowest": min(values, default=None),
                "mean": _mean(values),
                "highest": max(values, default=None),
                "outside": outside,
            }
        )
    return rows


def scan_kind(subject: str, organs: Sequence[str], superior_mm: float | None, checks: Checks) -> str | None:
    """Return the name of the first kind of scan that fits; None where none does.

    Parameters
    ----------
    subject : str
        The scan's file name.
    organs : sequence of str
        Names of what was found.
    superior_mm : float, optional
        The image's length from foot to head; None where it is not known.
    """
    found = set(organs)
    for kind in checks.get("scan_kinds", ()):
        ends = kind.get("name_ends")
        longest = kind.get("most_superior_mm")
        if ends is not None and not stem_of(Path(subject)).casefold().endswith(tuple(end.casefold() for end in ends)):
            continue
        if longest is not None and (superior_mm is None or superior_mm > longest):
            continue
        if all(found.intersection(group) for group in kind.get("any_of", ())):
            return str(kind["name"])
    return None


def kind_rows(kinds: Sequence[str | None], results: Sequence[BatchEntry], checks: Checks) -> list[dict[str, Any]]:
    """Return latency and organs by kind of scan, beside what is expected; kinds without a scan are left out.

    Parameters
    ----------
    kinds : sequence of str
        Name of each scan's kind, None where none fits; in the order of ``results``.
    """
    rows = []
    titles = [*checks.get("scan_kinds", ()), {"name": None, "title": "Others"}]
    for kind in titles:
        of_kind = [
            result
            for result, its_kind in zip(results, kinds, strict=True)
            if result.error is None and its_kind == kind["name"]
        ]
        seconds = [result.seconds for result in of_kind if result.seconds is not None]
        organs = [result.organs for result in of_kind if result.organs is not None]
        if of_kind:
            rows.append(
                {
                    "title": kind["title"],
                    "scans": len(of_kind),
                    "latency_sec": _spread(seconds),
                    "organs": _spread(organs),
                    "expected_latency_sec": kind.get("latency_sec"),
                    "expected_organs": kind.get("organs"),
                }
            )
    return rows


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {"lowest": min(values), "mean": statistics.fmean(values), "highest": max(values)}
