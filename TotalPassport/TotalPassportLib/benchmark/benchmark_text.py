"""What a benchmark says in the end, as a table for a terminal, and its numbers as texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..base.text import LONGEST_SENTENCE, shown_name

MEBIBYTE = 2**20

REPORT_FILES = ("benchmark.json", "benchmark.html")
"""What a benchmark writes: its document, and that as a page."""
Document = Mapping[str, Any]
"""A benchmark, see ``data/schemas/benchmark.schema.json``."""


def benchmark_text(document: Document) -> str:
    """Return the results as text tables: medians of time and how many times as fast that is, highest memory, labels."""
    titles = {contender["key"]: contender["title"] for contender in document["contenders"]}
    width = max(len(title) for title in titles.values())
    lines: list[str] = []
    for scan in document["scans"]:
        size = " x ".join(map(str, scan["shape"]))
        lines += [
            f"{shown_name(scan['name'])} ({size})",
            _row(width, "", "wall s", "faster", "peak MiB", "of peak", "labels alike"),
        ]
        for result in scan["results"]:
            cells = _cells(result, scan)
            lines.append(_row(width, titles[result["contender"]], *cells))
        lines += [
            f"  {titles[result['contender']]}: {shown_name(result['failure'], LONGEST_SENTENCE)}"
            for result in failures(scan)
        ]
        lines.append("")
    sizes = (("TotalPassport", document["install"]["ours"]), ("TotalSegmentator", document["install"]["official"]))
    installed = [f"{name} {size['bytes'] / MEBIBYTE:.0f} MiB" for name, size in sizes if size is not None]
    return "\n".join([*lines, f"installed: {', '.join(installed)}"])


def failures(scan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the results of those contenders that did not finish on a scan."""
    return [result for result in scan["results"] if result["failure"] is not None]


def _cells(result: Mapping[str, Any], scan: Mapping[str, Any]) -> list[str]:
    if result["failure"] is not None:
        return ["failed", "-", "-", "-", "-"]
    seconds = f"{result['seconds']['median']:.2f}"
    return [seconds, times(result), mebibytes(result), of_peak(result), alike(result, scan)]


def times(result: Mapping[str, Any]) -> str:
    """Return how many times as fast a result is as the baseline."""
    return "-" if result["times_as_fast"] is None else f"{result['times_as_fast']:.2f}x"


def mebibytes(result: Mapping[str, Any]) -> str:
    """Return the highest memory of all runs in MiB, children included."""
    return "-" if result["peak_bytes"] is None else f"{result['peak_bytes']['highest'] / MEBIBYTE:.0f}"


def of_peak(result: Mapping[str, Any]) -> str:
    """Return how much of the processor's peak the network achieves."""
    network = result["network"]
    return "-" if network is None or network["percent"] is None else f"{network['percent']:.0f} %"


def alike(result: Mapping[str, Any], scan: Mapping[str, Any]) -> str:
    """Return the percentage of voxels with the reference's label, never rounded up to all of them."""
    if result["contender"] == scan["reference"]:
        return "reference"
    agreement = result["agreement"]
    return "-" if agreement is None else percent_alike(agreement["equal_percent"])


def percent_alike(percent: float) -> str:
    """Return a percentage with five places; cut off, as 100 would say that nothing differs."""
    return f"{int(percent * 1e5) / 1e5:.5f} %"


def _row(width: int, first: str, *cells: str) -> str:
    return "  " + first.ljust(width) + "".join(cell.rjust(14) for cell in cells)
