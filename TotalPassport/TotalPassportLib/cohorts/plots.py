"""Answers drawn with matplotlib, written as PNG or SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..base.errors import BadInput
from ..base.outputs import atomic_write
from ..base.text import shown_name
from ..pages.figures import colour, page_figure, plot_text
from .answers import Answer
from .shapes import DESCRIPTORS

ENDINGS = (".png", ".svg")
MOST_ROWS = 120
"""Organs, or pairs, that are drawn in one figure."""
MOST_ORGANS = 8
"""Organs of a follow-up in one figure: as many as can be told apart."""
MOST_POINTS = 5000


def check_plot(path: Path) -> None:
    """Raise `BadInput` if a plot cannot be written under a name."""
    if path.suffix.lower() not in ENDINGS:
        raise BadInput(f"'{path}' does not end with {' or '.join(ENDINGS)}.", "The ending chooses the plot's format.")


def write_plot(answer: Answer, draw: Callable[[Answer], Any], path: Path) -> None:
    """Draw an answer and write it, whole or not at all.

    Parameters
    ----------
    answer : Answer
        What is drawn.
    draw : callable
        One of this module's functions; a context that yields a figure.
    path : Path
        Ends with .png or .svg.

    Raises
    ------
    BadInput
        There is nothing to draw, matplotlib is missing, or the file cannot be written.
    """
    check_plot(path)
    if not answer.rows:
        raise BadInput("There is nothing to draw: the answer has no rows.", "Ask for something else.")
    with draw(answer) as figure, atomic_write(path) as temporary:
        metadata = {"Date": None, "Creator": None} if path.suffix.lower() == ".svg" else {"Software": None}
        figure.savefig(temporary, format=path.suffix[1:].lower(), facecolor="white", metadata=metadata, dpi=150)


def _height(rows: int) -> float:
    return 1.2 + 0.24 * rows


def _names(axes: Any, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [plot_text(shown_name(name)) for name in names])
    axes.invert_yaxis()


@contextmanager
def plot_distribution(answer: Answer, field: str) -> Iterator[Any]:
    """Draw boxes from the quartiles, whiskers from the 5th to the 95th percentile, and the extremes as points."""
    rows = list(answer)[:MOST_ROWS]
    with page_figure(_height(len(rows))) as (figure, axes):
        _boxes(axes, rows)
        for row in range(len(rows)):
            ends = [rows[row]["lowest"], rows[row]["highest"]]
            axes.plot(ends, [row, row], ".", color=colour("muted"), markersize=3)
        _names(axes, [f"{row['organ']} ({row['scans']})" for row in rows])
        axes.set_xlabel(plot_text(field))
        yield figure


def _boxes(axes: Any, rows: Sequence[dict[str, Any]]) -> None:
    statistics = [
        {"med": row["median"], "q1": row["p25"], "q3": row["p75"], "whislo": row["p5"], "whishi": row["p95"]}
        for row in rows
    ]
    axes.bxp(statistics, positions=range(len(rows)), orientation="horizontal", widths=0.6, showfliers=False)


@contextmanager
def plot_outliers(answer: Answer, field: str) -> Iterator[Any]:
    """Draw the robust z-scores of the outliers, organ by organ, the farthest named."""
    rows = list(answer)[:MOST_POINTS]
    organs = list(dict.fromkeys(row["organ"] for row in rows))[:MOST_ROWS]
    place = {organ: number for number, organ in enumerate(organs)}
    rows = [row for row in rows if row["organ"] in place]
    with page_figure(_height(len(organs))) as (figure, axes):
        axes.plot(
            [row["robust_z"] for row in rows], [place[row["organ"]] for row in rows], "o", markersize=3, alpha=0.6
        )
        for row in rows[:10]:
            point = row["robust_z"], place[row["organ"]]
            text = plot_text(shown_name(row["scan"]))
            axes.annotate(text, point, xytext=(4, 3), textcoords="offset points", fontsize=7)
        axes.axvline(0, color=colour("muted"), linewidth=0.8)
        _names(axes, organs)
        axes.set_xlabel(plot_text(f"robust z-score of {field}"))
        yield figure


@contextmanager
def plot_asymmetry(answer: Answer, field: str) -> Iterator[Any]:
    """Draw boxes of the differences between left and right, pair by pair."""
    rows = list(answer)[:MOST_ROWS]
    if "p25" not in answer.columns:
        raise BadInput("Single scans are not drawn.", "Draw the pairs of organs, not the scans.")
    with page_figure(_height(len(rows))) as (figure, axes):
        _boxes(axes, rows)
        axes.axvline(0, color=colour("muted"), linewidth=0.8)
        _names(axes, [f"{row['left_organ']} ({row['scans']})" for row in rows])
        axes.set_xlabel(plot_text(answer.notes[0].rstrip(".")))
        yield figure


@contextmanager
def plot_missing(answer: Answer, field: str = "") -> Iterator[Any]:
    """Draw in how many per cent of the scans each organ is missing, those that some scan lacks."""
    if "missing_percent" not in answer.columns:
        raise BadInput("Single scans are not drawn.", "Draw the organs, not the scans.")
    rows = [row for row in answer if row["missing"]][:MOST_ROWS]
    if not rows:
        raise BadInput("There is nothing to draw: no organ is missing anywhere.", "Ask for something else.")
    several = len({row["model"] for row in rows}) > 1
    with page_figure(_height(len(rows))) as (figure, axes):
        axes.barh(range(len(rows)), [row["missing_percent"] for row in rows], height=0.6)
        _names(axes, [f"{row['organ']}, {row['model']}" if several else row["organ"] for row in rows])
        axes.set_xlim(0, 100)
        axes.set_xlabel("scans without it, %")
        yield figure


@contextmanager
def plot_follow_up(answer: Answer, field: str = "") -> Iterator[Any]:
    """Draw volumes over time with the floor's error bars, and mean Hounsfield units, each organ in its colour."""
    rows = [row for row in answer if not row["remark"].startswith("cut")]
    if not rows:
        raise BadInput("There is nothing to draw: an image's edge cuts all of these organs.", "Ask for others.")
    organs = list(dict.fromkeys(row["organ"] for row in rows))[:MOST_ORGANS]
    with_hu = any(row["mean_hu"] is not None for row in rows)
    with page_figure(4.2, 2 if with_hu else 1) as (figure, axes):
        volumes, units = axes if with_hu else (axes, None)
        for organ in organs:
            own = [row for row in rows if row["organ"] == organ]
            days, label = [row["date"] for row in own], plot_text(shown_name(organ))
            first = own[0]["volume_ml"]
            errors = [100 * (row["volume_error_ml"] or 0) / first for row in own]
            volumes.errorbar(
                days, [100 * row["volume_ml"] / first for row in own], errors, label=label, marker="o", capsize=3
            )
            if units is not None:
                known = [(row["date"], row["mean_hu"]) for row in own if row["mean_hu"] is not None]
                units.plot([day for day, _ in known], [mean for _, mean in known], marker="o", label=label)
        volumes.set_ylabel("volume, % of the first; bars: what the grid may do")
        volumes.legend(fontsize=7)
        if units is not None:
            units.set_ylabel("mean HU (no measured floor)")
        figure.autofmt_xdate()
        yield figure


@contextmanager
def plot_nearest(answer: Answer, field: str = "") -> Iterator[Any]:
    """Draw the descriptors of the nearest shapes as lines from one to the next, the scan itself in front."""
    rows = list(answer)
    with page_figure(4.2) as (figure, axes):
        for row in reversed(rows):
            is_first = row is rows[0]
            values = [row[name] for name in DESCRIPTORS]
            line = colour("ours0") if is_first else colour("muted")
            axes.plot(values, "o-", color=line, linewidth=2 if is_first else 0.8, alpha=1 if is_first else 0.6)
        axes.set_xticks(range(len(DESCRIPTORS)), [plot_text(name.replace("_", " ")) for name in DESCRIPTORS])
        nearest = ", ".join(shown_name(row["scan"]) for row in rows[1:4])
        axes.set_title(plot_text(f"{shown_name(rows[0]['scan'])} (blue); nearest: {nearest}"), fontsize=9)
        yield figure
