"""The document of a batch's report, see ``data/schemas/report.schema.json``, of what is known of its scans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from .. import __version__
from ..base.text import counted
from ..passport import Passport
from ..passport.findings_text import title
from ..passport.rules import SEVERITIES, rule_named
from .batch_measures import Checks, QualityCheck, batch_measures, kind_rows, quality_checks, range_rows, scan_kind
from .organ_statistics import mean_dice_of, mean_surface_dice_of, organ_summaries
from .overlap import overlap_document
from .report_outliers import Outlier, outlier_document
from .result_files import BatchEntry
from .scan_agreement import StructureAgreement

SCHEMA = "totalpassport-report/1"


@dataclass(kw_only=True)
class BatchScan:
    """All that is known of one scan.

    Attributes
    ----------
    result : BatchEntry
        How it went.
    passport : Passport, optional
        What was found; None where it cannot be read.
    agreements : sequence of StructureAgreement, optional
        With its ground truth; None where it was not compared.
    remarks : list of str
        What has to be said of it, a sentence each.
    names_assumed : bool
        Whether nobody says what the labels of its ground truth are.
    """

    result: BatchEntry
    passport: Passport | None = None
    agreements: Sequence[StructureAgreement] | None = None
    remarks: list[str] = field(default_factory=list)
    names_assumed: bool = False


def report_document(
    scans: Sequence[BatchScan], found: Sequence[Outlier], checks: Checks, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the document.

    Parameters
    ----------
    scans : sequence of BatchScan
        All scans of the batch.
    found : sequence of Outlier
        What is to be looked at.
    checks : Checks
        What a batch should reach.
    settings : mapping
        As the document has them.
    """
    results = [scan.result for scan in scans]
    compared = [scan.agreements for scan in scans if scan.agreements is not None]
    kinds = [_kind(scan, checks) for scan in scans]
    measures = batch_measures(results) | {
        "dice_mean": _mean([mean_dice_of(each) for each in compared]),
        "surface_dice_mean": _mean([mean_surface_dice_of(each) for each in compared]),
        "scans_with_errors_percent": _percent_with_errors([scan.passport for scan in scans if scan.passport]),
    }
    return {
        "schema": SCHEMA,
        "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "program": {"name": "TotalPassport", "version": __version__},
        "settings": dict(settings),
        "scans_total": len(scans),
        "scans_failed": sum(result.error is not None for result in results),
        "scans_compared": len(compared),
        "measures": {name: None if value is None else round(value, 6) for name, value in measures.items()},
        "checks": [_check_entry(check) for check in quality_checks(measures, checks)],
        "ranges": range_rows(results, checks),
        "kinds": kind_rows(kinds, results, checks),
        "findings": _finding_rows(scans),
        "organs": organ_summaries(compared),
        "outliers": [outlier_document(each, [result.subject for result in results]) for each in found],
        "scans": [_scan_entry(scan, kind) for scan, kind in zip(scans, kinds, strict=True)],
        "notes": _notes(scans, bool(settings["ground_truth"])),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _percent_with_errors(passports: Sequence[Passport]) -> float | None:
    if not passports:
        return None
    wrong = sum(any(finding.severity == "error" for finding in passport.findings) for passport in passports)
    return 100 * wrong / len(passports)


def _kind(scan: BatchScan, checks: Checks) -> str | None:
    passport = scan.passport
    if passport is None:
        return scan_kind(scan.result.subject, (), None, checks)
    extents_mm = np.abs(passport.affine[2, :3]) @ np.array(passport.shape, np.float64)
    return scan_kind(scan.result.subject, [organ.name for organ in passport.organs.values()], float(extents_mm), checks)


def _check_entry(check: QualityCheck) -> dict[str, Any]:
    return {
        "name": check.name,
        "title": check.title,
        "value": None if check.value is None else round(check.value, 6),
        "unit": check.unit,
        "decimals": check.decimals,
        "bounds": dict(check.bounds),
        "target": check.target,
        "expected": check.expected,
        "explanation": check.explanation,
        "status": check.status,
    }


def _finding_rows(scans: Sequence[BatchScan]) -> list[dict[str, Any]]:
    """Return each check that fired: in how many scans, how often, and in which ones first."""
    rows: dict[str, dict[str, Any]] = {}
    for scan in scans:
        for finding in scan.passport.findings if scan.passport else ():
            rule = rule_named(finding.code)
            row = rows.setdefault(
                finding.code,
                {
                    "code": finding.code,
                    "severity": finding.severity,
                    "title": title(finding.code),
                    "explanation": rule.explanation if rule else "",
                    "findings": 0,
                    "subjects": [],
                },
            )
            row["findings"] += 1
            if scan.result.subject not in row["subjects"]:
                row["subjects"].append(scan.result.subject)
    ordered = sorted(rows.values(), key=lambda row: (SEVERITIES.index(row["severity"]), -row["findings"]))
    return [{**row, "scans": len(row["subjects"])} for row in ordered]


def _scan_entry(scan: BatchScan, kind: str | None) -> dict[str, Any]:
    result, agreements = scan.result, scan.agreements
    severities = [finding.severity for finding in scan.passport.findings] if scan.passport else None
    return {
        "subject": result.subject,
        "error": result.error,
        "latency_total_sec": result.seconds,
        "breakdown": dict(result.breakdown),
        "num_organs": result.organs,
        "passport_size_kb": result.passport_kb,
        "kind": kind,
        "findings": None if severities is None else {name: severities.count(name) for name in SEVERITIES},
        "dice_mean": None if agreements is None else mean_dice_of(agreements),
        "surface_dice_mean": None if agreements is None else mean_surface_dice_of(agreements),
        "structures": None if agreements is None else [_structure_entry(each) for each in agreements],
        "remarks": scan.remarks,
    }


def _structure_entry(each: StructureAgreement) -> dict[str, Any]:
    numbers = {} if each.overlap is None else overlap_document(each.overlap)
    return {"name": each.name, "outcome": each.outcome, **numbers}


def _notes(scans: Sequence[BatchScan], with_truth: bool) -> list[str]:
    """Return what a reader might take for granted but is not so."""
    notes = []
    unread = sum(scan.result.error is None and scan.passport is None for scan in scans)
    if unread:
        notes.append(f"The checks of {counted(unread, 'scan')} are not counted: their passports cannot be read.")
    if not with_truth:
        notes.append("No ground truth was given: whether labels are right is not known.")
        return notes
    lacking = sum(scan.result.error is None and scan.agreements is None for scan in scans)
    if lacking:
        notes.append(
            f"{counted(lacking, 'scan')} could not be compared with ground truth; the table of scans says why."
        )
    assumed = sum(any(remark.startswith("Names of its ground truth") for remark in scan.remarks) for scan in scans)
    if assumed:
        notes.append(
            f"The ground truth of {counted(assumed, 'scan')} does not name its labels; their numbers were taken for "
            "those of TotalSegmentator's 'total'. Say which table of labels they are of."
        )
    return notes
