"""A batch's report as files: one HTML page that holds all it shows, the same as Markdown, and the document as JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path

from ..base.files import make_folder
from ..base.outputs import OutputFiles
from ..base.text import counted, html_text
from ..pages.charts import Bar, bar_chart, legend
from ..pages.frame import html_page
from ..pages.markdown import markdown_table, markdown_text
from ..pages.text_tables import SORTING, items, muted, table
from .report_building import BatchReport
from .report_plots import Document, report_plots
from .report_text import (
    FINDING_HEADS,
    KIND_HEADS,
    ORGAN_HEADS,
    RANGE_HEADS,
    SCAN_HEADS,
    VALIDATION_HEADS,
    conclusion,
    facts_of,
    failure_rows,
    finding_rows_text,
    kind_rows_text,
    method_lines,
    organ_rows_text,
    range_rows_text,
    remark_rows,
    scan_rows_text,
    uncounted_organs,
    validation_rows,
)
from .scan_agreement import OUTCOME_MEANINGS

OUTPUT_NAMES = ("report.json", "report.md", "report.html")
"""What a report writes."""
BETWEEN = " \N{MIDDLE DOT} "
STAGE_TITLES = {
    "preprocessing": "preprocessing",
    "inference": "inference",
    "postprocessing": "postprocessing",
    "passport_extraction": "passport",
}
STAGE_COLOURS = dict(zip(STAGE_TITLES, ("stage2", "stage3", "stage5", "stage7"), strict=True))
CLASSES = {"PASS": "pass", "FAIL": "fail", "error": "fail"}


def write_batch_report(report: BatchReport, folder: Path) -> tuple[Path, Path, Path]:
    """Write `OUTPUT_NAMES` into a folder and return their paths."""
    make_folder(folder)
    contents = (
        json.dumps(report.document, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        report_markdown(report.document),
        report_page(report),
    )
    with OutputFiles() as outputs:
        for name, text in zip(OUTPUT_NAMES, contents, strict=True):
            outputs.path(folder / name).write_text(text, encoding="utf-8", newline="\n")
    document, markdown, page = (folder / name for name in OUTPUT_NAMES)
    return document, markdown, page


def report_page(report: BatchReport) -> str:
    """Return the report as a page."""
    document = report.document
    drawn, lacking = report_plots(document)
    sections = [
        _heading(document),
        _time(document, drawn.get("latency", ""), lacking),
        _agreement(document, drawn.get("agreement", "")),
        _outliers(report),
        _findings(document),
        _failures(document),
        _scans(document),
        f"<h2>How it was computed</h2>\n{items([*method_lines(document), *document['notes']])}",
    ]
    return html_page("TotalPassport report", sections, script=SORTING)


def _heading(document: Document) -> str:
    rows = [[_cell(cell) for cell in row] for row in validation_rows(document)]
    explained = [f"{check['title']}: {check['explanation']}" for check in document["checks"] if check["explanation"]]
    return (
        f"<h1>Validation report of a batch</h1>\n<p>{muted(BETWEEN.join(facts_of(document)))}</p>\n"
        f"{table(VALIDATION_HEADS, rows, words=[0, 4])}\n<p><b>{html_text(conclusion(document))}</b></p>\n"
        f"<details><summary>What is judged</summary>{items(explained, 'small')}</details>"
    )


def _cell(text: str) -> str:
    kind = CLASSES.get(text)
    return f'<span class="{kind}">{html_text(text)}</span>' if kind else html_text(text)


def _two_lines(text: str) -> str:
    """Return a median over its quartiles."""
    median, _, quartiles = text.partition(" (")
    return html_text(median) + (f" <br/>{muted(quartiles.removesuffix(')'))}" if quartiles else "")


def _rows(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[_cell(cell) for cell in row] for row in rows]


def _time(document: Document, plot: str, lacking: str) -> str:
    measures = document["measures"]
    seconds = {stage: measures.get(f"{stage}_mean_sec") for stage in STAGE_TITLES}
    told = {stage: value for stage, value in seconds.items() if value is not None}
    chart = ""
    if told:
        parts = [
            (value, STAGE_COLOURS[stage], f"{STAGE_TITLES[stage]}: {value:.2f} s") for stage, value in told.items()
        ]
        bar = Bar(label="mean of all scans", parts=parts, text=f"{sum(told.values()):.2f} s")
        swatches = legend([(STAGE_TITLES[stage], STAGE_COLOURS[stage]) for stage in told])
        chart = f"<figure>{swatches}{bar_chart('Where the time goes', [bar], 's')}</figure>"
    figure = f"<figure>{plot}</figure>" if plot else f"<p>{muted(lacking)}</p>" if lacking else ""
    kinds = table(KIND_HEADS, _rows(kind_rows_text(document)), "Mean, lowest and highest.", words=[0])
    return (
        f"<h2>Time and organs</h2>\n{figure}{chart}\n"
        f"{table(RANGE_HEADS, _rows(range_rows_text(document)), words=[0, 1])}\n"
        + (f"<h3>By kind of scan</h3>\n{kinds}" if kinds else "")
    )


def _agreement(document: Document, plot: str) -> str:
    if not document["organs"]:
        return ""
    figure = f"<figure>{plot}</figure>" if plot else ""
    caption = f"Medians over the scans that count, quartiles below. {uncounted_organs(document)}"
    heads, rows = ORGAN_HEADS, [[_two_lines(cell) for cell in row] for row in organ_rows_text(document)]
    meanings = [f"{outcome}: {meaning}" for outcome, meaning in OUTCOME_MEANINGS.items()]
    return (
        f"<h2>Agreement with ground truth</h2>\n<p>{counted(document['scans_compared'], 'scan')} compared.</p>\n"
        f"{figure}{table(heads, rows, caption, words=[0], sortable=True)}\n"
        f"<details><summary>What counts</summary>{items(meanings, 'small')}</details>"
    )


def _outliers(report: BatchReport) -> str:
    found = report.document["outliers"]
    if not found:
        return "<h2>Outliers</h2>\n<p>Nothing stands out.</p>"
    shown = [(each, picture) for each, picture in zip(found, report.pictures, strict=False) if picture is not None]
    cards = "".join(_card(each, picture) for each, picture in shown)
    gallery = f'<figure class="gallery">{cards}</figure>' if cards else ""
    legend_line = (
        "Coronal, sagittal and axial slices in radiological view, where the two differ most: what was found is filled "
        "in orange, the ground truth is a blue line."
    )
    note = f"<p>{muted(legend_line)}</p>" if cards else ""
    rows = _rows([[each["subject"], each["structure"] or "", each["reason"]] for each in found])
    listed = table(("Scan", "Structure", "Why"), rows, words=[0, 1, 2], sortable=True)
    return (
        f"<h2>Outliers</h2>\n<p>{counted(len(found), 'structure or scan', 'structures and scans')} to look at, the "
        "gravest first: what disagrees with ground truth, errors of the passports' checks, volumes and times that "
        f"stand apart from those of the other scans.</p>\n{note}\n{gallery}\n"
        f"<details><summary>All of them</summary>{listed}</details>"
    )


def _card(outlier: Document, picture: bytes) -> str:
    code = base64.b64encode(picture).decode("ascii")
    what = f"{outlier['structure']}, {outlier['subject']}"
    return (
        f'<div><img src="data:image/png;base64,{code}" alt="{html_text(what)}"/><b>{html_text(what)}</b><br/>'
        f"{html_text(outlier['reason'])}</div>"
    )


def _findings(document: Document) -> str:
    rows = _rows(finding_rows_text(document))
    explained = [f"{row['title']}: {row['explanation']}" for row in document["findings"] if row["explanation"]]
    body = table(FINDING_HEADS, rows, words=[0, 1, 4], sortable=True) if rows else "<p>None has fired.</p>"
    what = f"<details><summary>What they mean</summary>{items(explained, 'small')}</details>" if explained else ""
    return f"<h2>Checks of the passports that fired</h2>\n{body}{what}"


def _failures(document: Document) -> str:
    rows = _rows(failure_rows(document))
    return f"<h2>Scans that failed</h2>\n{table(('Scan', 'Why'), rows, words=[0, 1])}" if rows else ""


def _scans(document: Document) -> str:
    rows = _rows(scan_rows_text(document))
    remarks = table(("Scan", "Remark"), _rows(remark_rows(document)), words=[0, 1])
    listed = table(SCAN_HEADS, rows, "Times in seconds.", words=[0], sortable=True)
    return f"<h2>All scans</h2>\n{remarks}\n<details><summary>{counted(len(rows), 'scan')}</summary>{listed}</details>"


def report_markdown(document: Document) -> str:
    """Return the report as Markdown, without plots and pictures."""
    outliers = [[each["subject"], each["structure"] or "", each["reason"]] for each in document["outliers"]]
    tables = (
        ("Results", VALIDATION_HEADS, validation_rows(document), (0, 4)),
        ("Time and organs", RANGE_HEADS, range_rows_text(document), (0, 1)),
        ("By kind of scan", KIND_HEADS, kind_rows_text(document), (0,)),
        ("Agreement with ground truth", ORGAN_HEADS, organ_rows_text(document), (0,)),
        ("Outliers", ("Scan", "Structure", "Why"), outliers, (0, 1, 2)),
        ("Checks of the passports that fired", FINDING_HEADS, finding_rows_text(document), (0, 1, 4)),
        ("Scans that failed", ("Scan", "Why"), failure_rows(document), (0, 1)),
        ("Remarks", ("Scan", "Remark"), remark_rows(document), (0, 1)),
        ("All scans", SCAN_HEADS, scan_rows_text(document), (0,)),
    )
    facts = "".join(f"- {markdown_text(fact)}\n" for fact in facts_of(document))
    parts = [f"# Validation report of a batch\n\n{facts}"]
    parts += [f"## {title}\n\n{markdown_table(heads, rows, words)}" for title, heads, rows, words in tables if rows]
    told = [*method_lines(document), *document["notes"], uncounted_organs(document)]
    lines = "".join(f"- {markdown_text(line)}\n" for line in told if line)
    parts.insert(2, f"## Conclusion\n\n{markdown_text(conclusion(document))}\n")
    return "\n".join([*parts, f"## How it was computed\n\n{lines}"])
