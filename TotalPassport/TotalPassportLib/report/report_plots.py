"""The plots of a report, by matplotlib: latencies, organs found, agreement by organ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..base.errors import BadInput
from ..pages.figures import colour, figure_markup, page_figure, plot_text
from .overlap import number_of

Document = Mapping[str, Any]
"""A report, see ``data/schemas/report.schema.json``."""
MOST_ORGANS = 40
"""In the plot of agreement: those with the lowest median Dice."""
ROW_INCHES = 0.19
SHOWN_ERROR_PERCENT = (-105.0, 205.0)
"""A structure of almost no true volume would leave no room for all others."""


def latency_plot(document: Document) -> str:
    """Return how the latencies and the numbers of organs are distributed; nothing without scans that gave results."""
    done = [scan for scan in document["scans"] if scan["error"] is None]
    seconds = [scan["latency_total_sec"] for scan in done if scan["latency_total_sec"] is not None]
    organs = [scan["num_organs"] for scan in done if scan["num_organs"] is not None]
    if not seconds or not organs:
        return ""
    measures = document["measures"]
    with page_figure(height_inches=2.6, columns=2) as (figure, (left, right)):
        left.hist(seconds, bins=_bins(len(seconds)), color=colour("ours4"))
        for name, text, line in (("latency_mean_sec", "mean", "-"), ("latency_p95_sec", "95th percentile", "--")):
            label = f"{text} {measures[name]:.2f} s"
            left.axvline(measures[name], color=colour("stage3"), linestyle=line, label=label)
        left.set(title="Latency", xlabel="s", ylabel="scans")
        left.legend()
        lowest, highest = min(organs), max(organs)
        width = max(math.ceil((highest - lowest + 1) / 30), 1)
        edges = [lowest - 0.5 + width * step for step in range(math.ceil((highest - lowest + 1) / width) + 1)]
        right.hist(organs, bins=edges, color=colour("ours4"))
        right.set(title="Organs found", xlabel="organs", ylabel="scans")
        for axes in (left, right):
            axes.yaxis.get_major_locator().set_params(integer=True)
        right.xaxis.get_major_locator().set_params(integer=True)
        return figure_markup(figure, "How latencies and numbers of organs are distributed")


def _bins(count: int) -> int:
    """Return a number of bins by Sturges' rule (1926)."""
    return max(math.ceil(math.log2(count)) + 1, 5)


def agreement_plot(document: Document) -> str:
    """Return Dice, 95 % Hausdorff distance and volume error of the organs as boxes; nothing without ground truth."""
    known = [organ for organ in document["organs"] if organ["dice"] is not None]
    if not known:
        return ""
    shown = sorted(known, key=lambda organ: float(organ["dice"]["median"]))[:MOST_ORGANS]
    values = _values(document, [organ["name"] for organ in shown])
    panels = (("dice", "Dice", ""), ("hausdorff_95_mm", "95 % Hausdorff distance", "mm"),
              ("volume_error_percent", "Volume error", "%"))  # fmt: skip
    with page_figure(height_inches=0.9 + ROW_INCHES * len(shown), columns=len(panels)) as (figure, row):
        for axes, (metric, title, unit) in zip(row, panels, strict=True):
            finite = [[value for value in values[organ["name"]][metric] if math.isfinite(value)] for organ in shown]
            # By number of position, the lowest Dice on top.
            places = range(len(shown), 0, -1)
            axes.boxplot(finite, positions=list(places), orientation="horizontal", widths=0.6)
            names = [plot_text(organ["name"]) for organ in shown] if axes is row[0] else []
            axes.set_yticks(list(places) if names else [], names)
            axes.set(title=title, xlabel=unit, ylim=(0.3, len(shown) + 0.7))
        row[0].set_xlim(-0.02, 1.02)
        row[2].set_xlim(*SHOWN_ERROR_PERCENT)
        return figure_markup(figure, "Agreement with ground truth by organ")


def _values(document: Document, names: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    """Return the numbers of all scans, by organ and metric."""
    metrics = ("dice", "hausdorff_95_mm", "volume_error_percent")
    values: dict[str, dict[str, list[float]]] = {name: {metric: [] for metric in metrics} for name in names}
    for scan in document["scans"]:
        for structure in scan["structures"] or ():
            if structure["name"] in values:
                for metric in metrics:
                    number = number_of(structure.get(metric))
                    if number is not None:
                        values[structure["name"]][metric].append(number)
    return values


def report_plots(document: Document) -> tuple[dict[str, str], str]:
    """Return the plots by name, and why there are none where matplotlib is not installed."""
    try:
        return {"latency": latency_plot(document), "agreement": agreement_plot(document)}, ""
    except BadInput as error:
        return {}, f"Plots are left out. {error}"
