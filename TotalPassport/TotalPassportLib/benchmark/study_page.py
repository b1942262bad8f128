"""A study as files: its table as Markdown, as a page with charts and the whole benchmark behind it, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..base.files import make_folder
from ..base.outputs import OutputFiles
from ..base.text import counted, html_text, shown_name
from ..pages.charts import Bar, bar_chart
from ..pages.frame import html_page
from ..pages.markdown import markdown_table, markdown_text
from ..pages.text_tables import DASH, items, table
from .aggregation import OFFICIAL, PLAIN
from .benchmark_text import MEBIBYTE
from .page import benchmark_sections

STUDY_FILES = ("study.json", "study.md", "study.html")
"""What a study writes."""
HEADS = ("Implementation", "Typical latency", "Range", "Mean Dice", "Speed-up", "Peak MiB", "Scans", "Environment")
TRUTH_HEAD = "Dice, ground truth"
COLOURS = {OFFICIAL: "official", PLAIN: "plain", "plain-windows": "plain", "exact-auto": "ours0", "turbo-auto": "ours1"}
Study = Mapping[str, Any]
"""A study, see ``data/schemas/study.schema.json``."""


def write_study(document: Study, folder: Path) -> tuple[Path, Path, Path]:
    """Write `STUDY_FILES` into a folder and return their paths."""
    make_folder(folder)
    contents = (json.dumps(document, indent=1) + "\n", study_markdown(document), study_page(document))
    with OutputFiles() as outputs:
        for name, text in zip(STUDY_FILES, contents, strict=True):
            outputs.path(folder / name).write_text(text, encoding="utf-8", newline="\n")
    first, second, third = (folder / name for name in STUDY_FILES)
    return first, second, third


def study_heads(document: Study) -> list[str]:
    """Return the heads of the study's table."""
    heads = list(HEADS)
    if any(row["dice_truth"] is not None for row in document["rows"]):
        heads.insert(4, TRUTH_HEAD)
    return heads


def study_rows(document: Study) -> list[list[str]]:
    """Return the study's table; a dash where something was not measured."""
    with_truth = TRUTH_HEAD in study_heads(document)
    total = len(document["benchmark"]["scans"])
    rows = []
    for row in document["rows"]:
        seconds = row["seconds"]
        dice = "reference" if row["is_reference"] else _text(row["dice"], ".4f")
        rows.append(
            [
                row["title"],
                DASH if seconds is None else f"{seconds['median']:.2f} s",
                DASH if seconds is None else f"{seconds['lowest']:.2f} to {seconds['highest']:.2f} s",
                dice,
                *([_text(row["dice_truth"], ".4f")] if with_truth else []),
                DASH if row["times_as_fast"] is None else f"{row['times_as_fast']:.2f}x",
                DASH if row["peak_bytes"] is None else f"{row['peak_bytes'] / MEBIBYTE:.0f}",
                f"{row['scans']} of {total}",
                row["environment"] if row["scans"] else DASH,
            ]
        )
    return rows


def _text(value: float | None, form: str) -> str:
    return DASH if value is None else format(value, form)


def reasons(document: Study) -> list[str]:
    """Return what did not run, and why."""
    return [
        f"{row['title']} {'did not finish on every scan' if row['scans'] else 'did not run'}: {row['why_not']}"
        for row in document["rows"]
        if row["why_not"]
    ]


def study_facts(document: Study) -> list[str]:
    """Return what the numbers are compared with, and how they were taken."""
    titles = {row["implementation"]: row["title"] for row in document["rows"]}
    baseline, reference = (titles.get(document[name] or "", "nothing") for name in ("baseline", "reference"))
    settings = document["benchmark"]["settings"]
    return [
        f"Model {settings['model']}; {counted(settings['repeats'], 'run')} of each on every scan, with "
        f"{counted(settings['threads'], 'thread')}.",
        f"Speed-up: times as fast as {baseline}, median over the scans. Latency: wall time of the whole process, from "
        "its start to its end; typical is the median over the scans.",
        f"Mean Dice: with the labels of {reference}, over the structures that either has, then over the scans"
        + (" (the official package has not run)." if document["reference"] != OFFICIAL else "."),
        "Plain onnxruntime computes in float32 on the CPU provider with its default options; in windows as the method "
        "has them, or once over the whole volume, which is another method.",
    ]


def recommendation(document: Study) -> str:
    """Return the sentence that a study ends with."""
    row = next((row for row in document["rows"] if row["implementation"] == document["recommended"]), None)
    if row is None:
        return f"Recommendation: none; nothing that was measured has a mean Dice of {document['least_dice']:.2f}."
    truth = row["dice_truth"]
    told = "with ground truth" if truth is not None else "with the reference"
    dice = truth if truth is not None else row["dice"]
    agrees = "it is the reference" if dice is None else f"mean Dice {told} {dice:.4f}"
    return (
        f"Recommendation: {row['title']}, the fastest with a mean Dice of at least {document['least_dice']:.2f} "
        f"({row['times_as_fast']:.2f}x, {agrees})."
    )


def study_markdown(document: Study) -> str:
    """Return the study as Markdown."""
    heads = study_heads(document)
    lines = [*study_facts(document), *reasons(document), *document["notes"]]
    listed = "".join(f"- {markdown_text(line)}\n" for line in lines)
    body = markdown_table(heads, study_rows(document), words=(0, len(heads) - 1))
    return f"# Study of implementations\n\n{body}\n{markdown_text(recommendation(document))}\n\n{listed}"


def study_page(document: Study) -> str:
    """Return the study as a page."""
    heads = study_heads(document)
    rows = [[html_text(cell) for cell in row] for row in study_rows(document)]
    sections = [
        f"<h1>Study of implementations</h1>\n{table(heads, rows, words=[0, len(heads) - 1])}\n"
        f"<p><b>{html_text(recommendation(document))}</b></p>",
        _chart(document["rows"]),
        "".join(f'<p class="failure">{html_text(line)}</p>\n' for line in reasons(document)),
        items([*study_facts(document), *document["notes"]]),
        f"<h2>Dice by scan</h2>\n{_by_scan(document)}",
        *benchmark_sections(document["benchmark"]),
    ]
    return html_page("TotalPassport study", sections)


def _chart(rows: Sequence[Mapping[str, Any]]) -> str:
    bars = [
        Bar(
            label=row["title"],
            parts=[(row["seconds"]["median"], COLOURS[row["implementation"]], f"{row['seconds']['median']:.2f} s")],
            text=f"{row['seconds']['median']:.2f} s",
            lowest=row["seconds"]["lowest"],
            highest=row["seconds"]["highest"],
        )
        for row in rows
        if row["seconds"] is not None
    ]
    return f"<figure>{bar_chart('Typical latency', bars, 's')}</figure>" if bars else ""


def _by_scan(document: Study) -> str:
    titles = {row["implementation"]: row["title"] for row in document["rows"]}
    rows = [
        [html_text(each["scan"]), html_text(titles[each["implementation"]]), _text(each["dice"], ".4f"),
         _text(each["dice_truth"], ".4f")]
        for each in document["agreements"]
    ]  # fmt: skip
    return table(("Scan", "Implementation", "Dice", TRUTH_HEAD), rows, words=[0, 1])


def study_text(document: Study) -> str:
    """Return the study for a terminal."""
    rows = [study_heads(document), *study_rows(document)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    told = [*reasons(document), *document["notes"], recommendation(document)]
    return "\n".join([*lines, *(shown_name(line, 2000) for line in told)])
