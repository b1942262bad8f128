"""The parts of the report that show results: a scan, growth, the network's speed, the size on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base.text import html_text
from ..pages.charts import Bar, Curve, bar_chart, curve_charts, legend, number_text
from ..pages.text_tables import DASH, TIMES, items, muted, product, table
from .aggregation import OFFICIAL, PLAIN, STAGES
from .benchmark_text import MEBIBYTE, Document, failures, mebibytes, percent_alike, times
from .official_package import OFFICIAL_PACKAGES

STAGE_COLOURS = {stage: f"stage{number}" for number, stage in enumerate(STAGES)}
OURS_COLOURS = 6
SMALL_SHARE = 0.02
"""Packages that take less of the disk are shown together, except those of `ALWAYS_NAMED`."""
ALWAYS_NAMED = ("totalpassport", *OFFICIAL_PACKAGES)

Scan = Mapping[str, Any]
Result = Mapping[str, Any]


class PlotStyle:
    """How contenders are shown, the same in all parts: titles and colour classes by key."""

    def __init__(self, document: Document) -> None:
        self.titles: dict[str, str] = {}
        self.colours: dict[str, str] = {}
        ours = 0
        for contender in document["contenders"]:
            key, kind = contender["key"], contender["kind"]
            self.titles[key] = contender["title"]
            self.colours[key] = kind if kind in (OFFICIAL, PLAIN) else f"ours{ours % OURS_COLOURS}"
            ours += kind not in (OFFICIAL, PLAIN)

    def bar(self, result: Result, value: float, text: str, **whisker: float) -> Bar:
        """Return the bar of one result."""
        title = self.titles[result["contender"]]
        return Bar(
            label=title, parts=[(value, self.colours[result["contender"]], f"{title}: {text}")], text=text, **whisker
        )


def scan_section(scan: Scan, style: PlotStyle) -> str:
    """Return one scan: its table and its charts."""
    done = _finished(scan)
    parts = [
        f"<h2>{html_text(scan['name'])}</h2>",
        f"<p>{muted(_size(scan))}</p>",
        _table(scan, style),
        *((_time_chart(done, style), _memory_chart(done, style), _stages(done, style)) if done else ()),
    ]
    return "\n".join(part for part in parts if part)


def _size(scan: Scan) -> str:
    return f"{product(scan['shape'])} voxels ({scan['voxels'] / 1e6:.1f} million) of {product(scan['spacing_mm'])} mm"


def _finished(scan: Scan) -> list[Result]:
    return [result for result in scan["results"] if result["failure"] is None]


def _table(scan: Scan, style: PlotStyle) -> str:
    """Return the table of a scan, and below it why some have not finished."""
    baseline, reference = (style.titles.get(scan[name]) for name in ("baseline", "reference"))
    heads = ["", "ran on", "wall time s", "times as fast", "processor s", "peak MiB", "labels alike"]
    labels = f"labels with {reference}" if reference else "labels with nothing"
    caption = f"Times are compared with {baseline}, {labels}." if baseline else "None of them has finished."
    failed = "".join(
        f'<p class="failure"><b>{html_text(style.titles[result["contender"]])}</b> did not finish: '
        f"{html_text(result['failure'])}</p>\n"
        for result in failures(scan)
    )
    return table(heads, [_row(result, scan, style) for result in scan["results"]], caption, words=[1]) + failed


def _row(result: Result, scan: Scan, style: PlotStyle) -> list[str]:
    title = html_text(style.titles[result["contender"]])
    if result["failure"] is not None:
        return [title, muted("failed"), *[DASH] * 5]
    seconds, processor = result["seconds"], result["processor_seconds"]
    several = seconds["lowest"] < seconds["highest"]
    spread = "<br/>" + muted(f"{seconds['lowest']:.2f} {DASH} {seconds['highest']:.2f}") if several else ""
    return [
        title,
        html_text(_ran_on(result)),
        f"<b>{seconds['median']:.2f}</b>{spread}",
        f"<b>{times(result).replace('x', TIMES)}</b>",
        DASH if processor is None else f"{processor:.1f}",
        mebibytes(result),
        _alike(result, scan),
    ]


def _ran_on(result: Result) -> str:
    told = [(result["provider"] or "").removesuffix("ExecutionProvider"), result["arithmetic"] or ""]
    return ", ".join(word for word in told if word) or DASH


def _alike(result: Result, scan: Scan) -> str:
    if result["contender"] == scan["reference"]:
        return muted("reference")
    agreement = result["agreement"]
    if agreement is None:
        return DASH
    labelled = agreement["labelled_equal_percent"]
    of_labelled = "" if labelled is None else "<br/>" + muted(f"{percent_alike(labelled)} of labelled")
    return percent_alike(agreement["equal_percent"]) + of_labelled


def _time_chart(done: Sequence[Result], style: PlotStyle) -> str:
    bars = []
    for result in done:
        seconds = result["seconds"]
        whisker = {name: seconds[name] for name in ("lowest", "highest")}
        bars.append(style.bar(result, seconds["median"], f"{seconds['median']:.2f} s", **whisker))
    return f"<h3>Wall time of the whole process</h3>\n<figure>{bar_chart('Wall time', bars, 's')}</figure>"


def _memory_chart(done: Sequence[Result], style: PlotStyle) -> str:
    known = [(result, result["peak_bytes"]["highest"] / MEBIBYTE) for result in done if result["peak_bytes"]]
    bars = [style.bar(result, amount, f"{number_text(round(amount))} MiB") for result, amount in known]
    chart = bar_chart("Peak memory", bars, "MiB")
    return f"<h3>Peak memory, children included</h3>\n<figure>{chart}</figure>" if bars else ""


def _stages(done: Sequence[Result], style: PlotStyle) -> str:
    told = [result for result in done if result["stages"]]
    if not told:
        return ""
    shown = [stage for stage in STAGES if any(stage in result["stages"] for result in told)]
    bars, rows = [], []
    for result in told:
        stages, title = result["stages"], style.titles[result["contender"]]
        parts = [(value, STAGE_COLOURS[name], f"{title}, {name}: {value:.2f} s") for name, value in stages.items()]
        bars.append(Bar(label=title, parts=parts, text=f"{sum(stages.values()):.2f} s"))
        rows.append([html_text(title), *(f"{stages[name]:.2f}" if name in stages else DASH for name in shown)])
    chart = legend([(stage, STAGE_COLOURS[stage]) for stage in shown]) + bar_chart("Stages", bars, "s")
    return f"<h3>Where the time goes</h3>\n<figure>{chart}</figure>{table(['seconds', *shown], rows)}"


def scale_section(document: Document, style: PlotStyle) -> str:
    """Return how time and memory grow with the size of the scan; nothing if that was not measured."""
    scans = sorted((scan for scan in document["scans"] if scan["synthetic"]), key=lambda scan: scan["voxels"])
    if not scans:
        return ""
    panels = [
        ("Wall time, s", "million voxels", _curves(scans, style, "seconds", "median", 1)),
        ("Peak memory, MiB", "million voxels", _curves(scans, style, "peak_bytes", "highest", MEBIBYTE)),
    ]
    shown = [(style.titles[key], colour) for key, colour in style.colours.items()]
    tables = [f"<h3>{html_text(scan['name'])}</h3>\n<p>{muted(_size(scan))}</p>{_table(scan, style)}" for scan in scans]
    return (
        "<h2>How time and memory grow</h2>\n<p>Synthetic scans of realistic sizes, made of the bundled phantom: good "
        "for time and memory, and for nothing else.</p>\n"
        f"<figure>{legend(shown)}{curve_charts('Growth', panels)}</figure>\n" + "\n".join(tables)
    )


def _curves(scans: Sequence[Scan], style: PlotStyle, field: str, which: str, unit: float) -> list[Curve]:
    curves = []
    for key, colour in style.colours.items():
        points = [
            (scan["voxels"] / 1e6, result[field][which] / unit)
            for scan in scans
            for result in _finished(scan)
            if result["contender"] == key and result[field] is not None
        ]
        if points:
            curves.append(Curve(label=style.titles[key], colour=colour, points=points))
    return curves


def roofline_section(document: Document, style: PlotStyle) -> str:
    """Return how near the network comes to what the processor can do."""
    peaks = ", ".join(
        f"{peak['gflops']:.0f} ({peak['arithmetic']}, {peak['engine']})" for peak in document["matrix_peaks"]
    )
    heads = ["", "arithmetic", "achieved GFLOP/s", "peak GFLOP/s", "of the peak"]
    told = [(scan, result) for scan in document["scans"] for result in _finished(scan) if result["network"]]
    rows = [_network_row(scan, result, style) for scan, result in told if result["network"]["gflops"] is not None]
    missing = [
        f"{style.titles[result['contender']]}, {scan['name']}: {result['network']['missing']}."
        for scan, result in told
        if result["network"]["missing"]
    ]
    left_out = f"<h3>Left out</h3>\n{items(missing, 'small')}" if missing else ""
    return (
        "<h2>The network against the processor</h2>\n<p>Multiplications and additions of the network in a second, "
        "against the best product of two large matrices, measured on this machine before and after with the same "
        f"number of threads ({document['settings']['threads']}): {html_text(peaks)} GFLOP/s.</p>\n"
        f"{table(heads, rows, words=[1])}{left_out}"
    )


def _network_row(scan: Scan, result: Result, style: PlotStyle) -> list[str]:
    network = result["network"]
    return [
        html_text(f"{style.titles[result['contender']]}, {scan['name']}"),
        html_text(result["arithmetic"] or DASH),
        f"{network['gflops']:.0f}",
        DASH if network["peak_gflops"] is None else f"{network['peak_gflops']:.0f}",
        DASH if network["percent"] is None else f"<b>{network['percent']:.0f} %</b>",
    ]


def install_section(document: Document) -> str:
    """Return what has to be on disk, package by package."""
    sizes = {"TotalPassport": document["install"]["ours"], "TotalSegmentator": document["install"]["official"]}
    bars, details = [], []
    for name, size in sizes.items():
        if size is not None:
            pieces = [(piece, amount / MEBIBYTE) for piece, amount in _pieces(size)]
            parts = [
                (amount, f"stage{number % len(STAGES)}", f"{piece}: {amount:.0f} MiB")
                for number, (piece, amount) in enumerate(pieces)
            ]
            bars.append(Bar(label=name, parts=parts, text=f"{number_text(round(size['bytes'] / MEBIBYTE))} MiB"))
            listed = ", ".join(f"{piece} {amount:.0f}" for piece, amount in pieces)
            details.append(f"{name}, {len(size['packages'])} packages, in MiB: {listed}.")
    return (
        "<h2>Size on disk</h2>\n<p>Installed files of each program and of all packages that it needs, without what "
        "only extras ask for, Python itself, weights, and compiled caches.</p>\n"
        f"<figure>{bar_chart('Size on disk', bars, 'MiB')}</figure>\n{items(details, 'small')}"
    )


def _pieces(size: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Return name and bytes of the large packages, and of all others together."""
    known = [(entry["name"], entry["bytes"] or 0) for entry in size["packages"]]
    large = sorted(
        ((name, taken) for name, taken in known if taken >= SMALL_SHARE * size["bytes"]), key=lambda e: -e[1]
    )
    return [*large, ("all others", size["bytes"] - sum(taken for _, taken in large))]
