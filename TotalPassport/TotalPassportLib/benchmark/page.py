"""The report as one HTML file: well-formed XML, no scripts, nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..base.files import make_folder
from ..base.outputs import OutputFiles
from ..base.text import html_text
from ..pages.frame import html_page
from ..pages.text_tables import items, muted
from .aggregation import PLAIN_WINDOWS
from .benchmark_text import REPORT_FILES, Document
from .sections import PlotStyle, install_section, roofline_section, scale_section, scan_section

BETWEEN = " \N{MIDDLE DOT} "
QUIET_SHARE = 0.25
"""Of the cores may be busy with other work before that is worth a word."""


def benchmark_page(document: Document) -> str:
    """Return the report of a benchmark; see ``data/schemas/benchmark.schema.json`` for the document."""
    return html_page("TotalPassport benchmark", benchmark_sections(document))


def benchmark_sections(document: Document) -> list[str]:
    """Return the parts of the report, some of them empty."""
    style = PlotStyle(document)
    real = [scan for scan in document["scans"] if not scan["synthetic"]]
    return [
        _heading(document),
        *(scan_section(scan, style) for scan in real),
        scale_section(document, style),
        roofline_section(document, style),
        install_section(document),
        _method(document),
    ]


def write_report(document: Document, folder: Path) -> tuple[Path, Path]:
    """Write ``benchmark.json`` and ``benchmark.html`` into a folder and return their paths."""
    make_folder(folder)
    contents = (json.dumps(document, indent=1) + "\n", benchmark_page(document))
    with OutputFiles() as outputs:
        for name, text in zip(REPORT_FILES, contents, strict=True):
            outputs.path(folder / name).write_text(text, encoding="utf-8", newline="\n")
    document_file, page_file = REPORT_FILES
    return folder / document_file, folder / page_file


def _heading(document: Document) -> str:
    settings, program = document["settings"], document["program"]
    runs = "one run" if settings["repeats"] == 1 else f"medians of {settings['repeats']} runs"
    date = document["created"].replace("T", " ").replace("Z", " UTC")
    model = f"model {settings['model']} ({settings['model_title']})"
    facts = (f"{program['name']} {program['version']}", model, runs, date)
    rows = "".join(
        f"<dt>{html_text(name)}</dt><dd>{html_text(value)}</dd>" for name, value in _machine(document).items()
    )
    return (
        f"<h1>Benchmark: whole processes, from file to file</h1>\n<p>{muted(BETWEEN.join(facts))}</p>\n<dl>{rows}</dl>"
    )


def _machine(document: Document) -> dict[str, str]:
    machine: Mapping[str, Any] = document["machine"]
    runtime, memory = machine["onnxruntime"], machine["memory_bytes"]
    sets, load = machine["instruction_sets"], machine["load_average"]
    return {
        "Processor": machine["cpu"] or "not told by the system",
        "Instruction sets": "not told by the system" if sets is None else " ".join(sets) or "none of those that matter",
        "Cores": f"{machine['usable_cores']} used, of {machine['cores'] or 'unknown'}",
        "Memory": "not told by the system" if memory is None else f"{memory / 2**30:.1f} GiB",
        "System": f"{machine['system']}, Python {machine['python']}",
        "onnxruntime": f"{' and '.join(runtime['distributions']) or 'unknown distribution'} {runtime['version']}, with "
        + ", ".join(name.removesuffix("ExecutionProvider") for name in runtime["providers"]),
        "Other load": "not told by the system" if load is None else f"load average {load:.2f} before the first run",
    }


def _method(document: Document) -> str:
    method = [
        "Each run is a process of its own, from its start to its end: starting Python, importing, reading the NIfTI "
        "file, resampling, the network, restoring to the input's grid, writing. Ours writes a passport, too.",
        "All run in turns on one scan before the next scan, and each round begins with another one. Only the scan has "
        "been read before. Bars are medians, whiskers the fastest and the slowest run.",
        "Peak memory is the highest of all runs: resident memory of the process and all its children together, sampled "
        "every 50 ms or more seldom, shared pages counted once, and no less than the system's own count for the "
        "largest process. 1 MiB is 1,048,576 bytes.",
        "Processor time is that of all cores. Labels alike are voxels with the same label: of all voxels, background "
        "included, and of those to which either of the two gives a label.",
        "Stages are what the median run has told of itself; start-up is the rest of its wall time. The first run of a "
        "network on a machine also tries the engine that it takes, once for all.",
    ]
    if document["settings"]["official"]:
        method.append(
            "TotalSegmentator is called by its Python interface for one label image on a CPU, with the same weights, "
            "offline, the reporting of its use switched off, on all cores."
        )
    if any(contender["key"] == PLAIN_WINDOWS for contender in document["contenders"]):
        method.append(
            "Plain onnxruntime in windows computes in float32 with default options on the CPU, in the method's own "
            "windows, and sums the logits of the whole volume in float32; it writes no passport."
        )
    if document["settings"]["whole_volume"]:
        method.append(
            "The plain pass is one call of onnxruntime with its default options on the CPU over the whole resampled "
            "volume, without windows and without a passport. Its labels are not those of the method."
        )
    return f"<h2>How it was measured</h2>\n{items(method)}\n<h3>What was not measured</h3>\n{items(notes(document))}"


def notes(document: Document) -> list[str]:
    """Return what a reader might take for granted but is not in the numbers."""
    settings = document["settings"]
    finished = [result for scan in document["scans"] for result in scan["results"] if result["failure"] is None]
    found = ["Whether labels are right: they are compared with one another, not with anatomy."]
    if not settings["official"]:
        found.append("The official TotalSegmentator: its python was not given.")
    if not settings["whole_volume"]:
        found.append("A plain pass over the whole volume: it was not asked for.")
    if settings["repeats"] < 3:
        found.append("The spread of the times: that takes at least 3 repeats.")
    if any(result["peak_bytes"] is None for result in finished):
        found.append("Memory with children: this system does not tell it of other processes.")
    if not any(peak["arithmetic"] == "bfloat16" for peak in document["matrix_peaks"]):
        found.append("The processor's peak in bfloat16: nothing that computes in it is installed.")
    found += load_notes(document)
    found.append("Energy, other machines, and the time that installing takes.")
    return found


def load_notes(document: Document) -> list[str]:
    """Return what has to be said where the machine was not a benchmark's own."""
    load, cores = document["machine"]["load_average"], document["machine"]["usable_cores"]
    if load is None or load <= QUIET_SHARE * cores:
        return []
    return [
        f"A quiet machine: others were at work (load average {load:.2f} on {cores} cores), which lengthens wall "
        "times. Ratios and processor times say more."
    ]
