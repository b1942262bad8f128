"""The numbers of a report as texts, the same in its page, its Markdown and the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base.text import counted
from .overlap import INFINITY, number_of
from .report_plots import Document
from .scan_agreement import EXTRA, MISSED, NEITHER, NOT_ANNOTATED, NOT_SEARCHED

DASH = "\N{EN DASH}"
SIGNS = {"pass": "PASS", "fail": "FAIL", "not measured": "not measured"}
VALIDATION_HEADS = ("Metric", "Result", "Target", "Expected", "Status")
RANGE_HEADS = ("Metric", "Description", "Mean (lowest to highest)", "Share", "Expected", "Expected share", "Outside")
KIND_HEADS = ("Kind of scan", "Scans", "Latency, s", "Typical latency, s", "Organs", "Typical organs")
ORGAN_HEADS = (
    *("Organ", "Scans", "Dice", "Surface Dice", "Surface distance, mm", "95 % Hausdorff, mm"),
    *("Volume error, ml", "Volume error, %", "Missed", "Made up", "In neither", "Not counted"),
)
SCAN_HEADS = (
    "Scan",
    "Latency, s",
    "Pre",
    "Inference",
    "Post",
    "Passport",
    "Organs",
    "kB",
    "Errors",
    "Warnings",
    "Dice",
)


def shown_number(value: float | str | None, decimals: int = 2) -> str:
    """Return a number with so many decimals, a dash for none, and a sign for an infinite one.

    >>> shown_number(1.005, 1), shown_number("infinity"), shown_number(-0.001)
    ('1.0', '∞', '0.00')
    """
    if value is None:
        return DASH
    if value == INFINITY:
        return "\N{INFINITY}"
    text = f"{float(value):.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def shown_span(values: Mapping[str, float] | Sequence[float] | None, decimals: int = 1) -> str:
    """Return lowest, mean and highest, or the two ends of a range."""
    if values is None:
        return DASH
    if isinstance(values, Mapping):
        ends = DASH.join(shown_number(values[name], decimals) for name in ("lowest", "highest"))
        return f"{shown_number(values['mean'], decimals)} ({ends})"
    return DASH.join(f"{value:g}" for value in values)


def validation_rows(document: Document) -> list[list[str]]:
    """Return the quality checks: metric, result, target, what was expected, status."""
    return [
        [check["title"], _result(check, document), check["target"], check["expected"], SIGNS[check["status"]]]
        for check in document["checks"]
    ]


def _result(check: Mapping[str, Any], document: Document) -> str:
    if check["value"] is None:
        return DASH
    unit = f" {check['unit']}" if check["unit"] else ""
    value = f"{shown_number(check['value'], check['decimals'])}{unit}"
    measures = document["measures"]
    stage = check["name"].removesuffix("_share")
    seconds = measures.get(f"{'passport_extraction' if stage == 'passport' else stage}_mean_sec")
    if check["name"] == "success_rate":
        done = document["scans_total"] - document["scans_failed"]
        return f"{done}/{document['scans_total']} ({value})"
    if check["name"] == "organs_found":
        return f"{value} \N{PLUS-MINUS SIGN} {shown_number(measures['organs_sd'], 1)}"
    if check["name"].endswith("_share") and seconds is not None:
        return f"{shown_number(seconds, 2)} s ({value})"
    return value


def range_rows_text(document: Document) -> list[list[str]]:
    """Return each number of a scan: what it was over the scans, its share of the time, and what is expected."""
    rows = []
    for row in document["ranges"]:
        decimals, unit = row["decimals"], f" {row['unit']}" if row["unit"] else ""
        share = document["measures"].get(f"{row['measure']}_percent")
        shares = row["share_percent"]
        rows.append(
            [
                row["title"],
                row["explanation"],
                DASH if row["mean"] is None else f"{shown_span(row, decimals)}{unit}",
                DASH if share is None else f"{shown_number(share, 1)} %",
                f"{row['least']:g}{DASH}{row['most']:g}{unit}",
                DASH if shares is None else f"{shown_span(shares)} %",
                f"{row['outside']} of {row['scans']}",
            ]
        )
    return rows


def kind_rows_text(document: Document) -> list[list[str]]:
    """Return latency and organs by kind of scan."""
    return [
        [
            row["title"],
            str(row["scans"]),
            shown_span(row["latency_sec"], 2),
            shown_span(row["expected_latency_sec"]),
            shown_span(row["organs"]),
            shown_span(row["expected_organs"]),
        ]
        for row in document["kinds"]
    ]


def organ_rows_text(document: Document) -> list[list[str]]:
    """Return the agreement of each organ that counts somewhere: medians with quartiles behind, and how it came out."""
    rows = []
    for organ in document["organs"]:
        if not organ["counted"]:
            continue
        outcomes = organ["outcomes"]
        rows.append(
            [
                organ["name"],
                str(organ["counted"]),
                median_and_quartiles(organ["dice"], 4),
                median_and_quartiles(organ["surface_dice"], 4),
                median_and_quartiles(organ["surface_distance_mm"]),
                median_and_quartiles(organ["hausdorff_95_mm"]),
                median_and_quartiles(organ["volume_error_ml"]),
                median_and_quartiles(organ["volume_error_percent"], 1),
                *(str(outcomes[name]) for name in (MISSED, EXTRA, NEITHER)),
                str(outcomes[NOT_ANNOTATED] + outcomes[NOT_SEARCHED]),
            ]
        )
    return rows


def uncounted_organs(document: Document) -> str:
    """Return which organs count in no scan, and why; nothing where all do."""
    why = {
        NEITHER: "In neither, and so not counted",
        NOT_ANNOTATED: "Found, but not annotated, and so not counted",
        NOT_SEARCHED: "True, but not looked for by the model, and so not counted",
    }
    sentences = []
    for outcome, words in why.items():
        names = [
            organ["name"] for organ in document["organs"] if not organ["counted"] and organ["outcomes"].get(outcome)
        ]
        if names:
            sentences.append(f"{words}: {', '.join(names)}.")
    return " ".join(sentences)


def median_and_quartiles(summary: Mapping[str, Any] | None, decimals: int = 2) -> str:
    """Return a median, with the quartiles in brackets where there are several values."""
    if summary is None:
        return DASH
    median = shown_number(summary["median"], decimals)
    if summary["n"] < 2:
        return median
    return f"{median} ({shown_number(summary['q1'], decimals)} to {shown_number(summary['q3'], decimals)})"


def finding_rows_text(document: Document) -> list[list[str]]:
    """Return the checks that fired: what, how grave, in how many scans, how often, which scans first."""
    rows = []
    for row in document["findings"]:
        more = len(row["subjects"]) - 3
        first = ", ".join(row["subjects"][:3]) + (f" and {more} more" if more > 0 else "")
        rows.append([row["title"], row["severity"], str(row["scans"]), str(row["findings"]), first])
    return rows


FINDING_HEADS = ("Check", "Severity", "Scans", "Findings", "Where")


def scan_rows_text(document: Document) -> list[list[str]]:
    """Return one row a scan that gave results."""
    rows = []
    for scan in document["scans"]:
        if scan["error"] is not None:
            continue
        findings, parts = scan["findings"] or {}, scan["breakdown"]
        stages = ("preprocessing", "inference", "postprocessing", "passport_extraction")
        rows.append(
            [
                scan["subject"],
                shown_number(scan["latency_total_sec"], 3),
                *(shown_number(parts.get(stage), 3) for stage in stages),
                shown_number(scan["num_organs"], 0),
                shown_number(scan["passport_size_kb"], 1),
                *(shown_number(findings.get(name), 0) for name in ("error", "warning")),
                shown_number(scan["dice_mean"], 4),
            ]
        )
    return rows


def failure_rows(document: Document) -> list[list[str]]:
    """Return the scans that failed, and why."""
    return [[scan["subject"], scan["error"]] for scan in document["scans"] if scan["error"] is not None]


def remark_rows(document: Document) -> list[list[str]]:
    """Return what has to be said of single scans."""
    return [[scan["subject"], " ".join(scan["remarks"])] for scan in document["scans"] if scan["remarks"]]


def facts_of(document: Document) -> list[str]:
    """Return date, data set and number of scans, as an example report of the study has them."""
    return [
        document["created"].replace("T", " ").replace("Z", " UTC"),
        f"folder {document['settings']['folder']}",
        counted(document["scans_total"], "scan"),
        f"{document['scans_failed']} failed",
        f"{document['scans_compared']} compared with ground truth",
        f"{document['program']['name']} {document['program']['version']}",
    ]


def conclusion(document: Document) -> str:
    """Return one sentence: what was reached and what was not."""
    failed = [check["title"] for check in document["checks"] if check["status"] == "fail"]
    passed = sum(check["status"] == "pass" for check in document["checks"])
    unmeasured = sum(check["status"] == "not measured" for check in document["checks"])
    rest = f" {counted(unmeasured, 'check')} could not be measured." if unmeasured else ""
    if not failed:
        return f"All {counted(passed, 'quality check')} that could be measured passed.{rest}"
    return f"{counted(passed, 'quality check')} passed, {len(failed)} failed: {', '.join(failed)}.{rest}"


def method_lines(document: Document) -> list[str]:
    """Return how the numbers came about."""
    tolerance = document["settings"]["tolerance_mm"]
    lines = [
        "Latency and organs are those of results.json, of the scans that gave results; scans that failed count for the "
        "success rate alone. Percentiles are interpolated linearly; standard deviations divide by the number of scans.",
        "Shares are all seconds of a stage over all seconds.",
        "Targets and expected values are data, of a study of 49 CTs"
        if not document["settings"]["own_checks"]
        else "Targets and expected values are the user's own",
    ]
    lines[-1] += "; they hold for its computer, model and scans, and say little of others."
    if document["scans_compared"]:
        lines += [
            "Dice, average symmetric surface distance, 95 % Hausdorff distance (the larger of the two directed 95th "
            f"percentiles) and surface Dice (tolerance {tolerance:g} mm) as in Metrics Reloaded (Nature Methods 21, "
            "2024); surfaces are centres of voxels with a face neighbour outside, distances are in millimetres.",
            "Only one side has a structure: Dice 0, infinite distance; that counts, and a median may be infinite. "
            "Neither has it: agreed, and not counted. What the ground truth does not annotate, or the model does not "
            "look for, is not counted either.",
            "Structures are matched by their names. Mean Dice: over the structures of each scan that count, then over "
            "scans.",
        ]
    return lines


def report_summary(document: Document) -> str:
    """Return the report's most important numbers for a terminal."""
    rows = [VALIDATION_HEADS, *validation_rows(document)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(VALIDATION_HEADS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    known = [organ for organ in document["organs"] if organ["dice"] is not None]
    if known:
        worst = sorted(known, key=lambda organ: number_of(organ["dice"]["median"]) or 0.0)[:5]
        named = ", ".join(f"{organ['name']} {shown_number(organ['dice']['median'], 3)}" for organ in worst)
        lines.append(f"Lowest median Dice: {named}.")
    return "\n".join([*lines, *document["notes"], conclusion(document)])
