"""Charts as SVG for a page without scripts; colours come from the page's style sheet, by class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..base.text import html_text

WIDTH = 900
LABEL_WIDTH = 270
RIGHT_MARGIN = 120
ROW = 30
AXIS = 28
PLOT = WIDTH - LABEL_WIDTH - RIGHT_MARGIN
PANEL = 270
"""Height of a chart of curves."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One row of a bar chart.

    Attributes
    ----------
    label : str
        What stands before it.
    parts : Sequence[tuple[float, str, str]]
        Value, colour class and hover text of its segments; one for a plain bar.
    text : str
        What stands behind it.
    lowest, highest : float | None
        Ends of the whisker, if any.
    """

    label: str
    parts: Sequence[tuple[float, str, str]]
    text: str
    lowest: float | None = None
    highest: float | None = None

    @property
    def length(self) -> float:
        """Where its last segment ends."""
        return sum(value for value, _, _ in self.parts)


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One line of a chart of curves: its colour class and its points with rising x."""

    label: str
    colour: str
    points: Sequence[tuple[float, float]]


def bar_chart(title: str, bars: Sequence[Bar], unit: str) -> str:
    """Return horizontal bars, in their order, on an axis that begins at 0."""
    ticks = nice_ticks(max((max(bar.length, bar.highest or 0) for bar in bars), default=0))
    scale = PLOT / ticks[-1]
    bottom = ROW * len(bars) + 6
    lines = [_grid(tick, LABEL_WIDTH + tick * scale, bottom) for tick in ticks]
    for number, bar in enumerate(bars):
        lines += _bar(bar, 6 + ROW * number, scale)
    lines.append(_text(LABEL_WIDTH + PLOT + 32, bottom + 18, unit, "muted"))
    return _svg(title, bottom + AXIS, lines)


def _bar(bar: Bar, top: float, scale: float) -> Iterable[str]:
    middle = top + ROW / 2
    yield _text(LABEL_WIDTH - 10, middle + 4.5, bar.label, "end")
    left = float(LABEL_WIDTH)
    for value, colour, hover in bar.parts:
        width = value * scale
        shape = f'x="{left:.1f}" y="{top + 5:.1f}" width="{width:.2f}" height="{ROW - 10}"'
        yield f'<rect class="{colour}" {shape}><title>{html_text(hover)}</title></rect>'
        left += width
    end = left
    if bar.lowest is not None and bar.highest is not None and bar.highest > bar.lowest:
        low, end = (LABEL_WIDTH + value * scale for value in (bar.lowest, bar.highest))
        caps = "".join(f"M{x:.1f} {middle - 5:.1f}V{middle + 5:.1f}" for x in (low, end))
        yield f'<path class="whisker" d="M{low:.1f} {middle:.1f}H{end:.1f}{caps}"/>'
    yield _text(max(left, end) + 8, middle + 4.5, bar.text, "value")


def curve_charts(title: str, panels: Sequence[tuple[str, str, Sequence[Curve]]]) -> str:
    """Return charts of curves side by side; each has a heading, the unit of its x axis, and its curves."""
    width = WIDTH / len(panels)
    lines: list[str] = []
    for number, (heading, x_unit, curves) in enumerate(panels):
        lines += _panel(heading, x_unit, curves, width * number + 56, width - 90)
    return _svg(title, PANEL + 60, lines)


def _panel(heading: str, x_unit: str, curves: Sequence[Curve], left: float, width: float) -> Iterable[str]:
    points = [point for curve in curves for point in curve.points]
    x_ticks, y_ticks = (nice_ticks(max((point[axis] for point in points), default=0)) for axis in (0, 1))
    top, bottom = 30.0, PANEL + 10.0

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x, y = point
        return left + width * x / x_ticks[-1], bottom - (bottom - top) * y / y_ticks[-1]

    yield _text(left, 16, heading, "heading")
    for tick in y_ticks:
        y = place((0, tick))[1]
        yield f'<path class="grid" d="M{left:.1f} {y:.1f}H{left + width:.1f}"/>'
        yield _text(left - 8, y + 4, number_text(tick), "end muted")
    for tick in x_ticks:
        yield _text(place((tick, 0))[0], bottom + 18, number_text(tick), "middle muted")
    yield _text(left + width / 2, bottom + 38, x_unit, "middle muted")
    for curve in curves:
        places = [place(point) for point in curve.points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        yield f'<path class="curve {curve.colour}" d="M{path}"/>'
        for (x, y), point in zip(places, curve.points, strict=True):
            hover = html_text(f"{curve.label}: {point[1]:.4g} at {point[0]:.4g}")
            yield f'<circle class="{curve.colour}" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{hover}</title></circle>'


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """Return a legend of labels and their colour classes."""

    def swatch(colour: str) -> str:
        return f'<svg viewBox="0 0 12 12"><rect class="{colour}" width="12" height="12"/></svg>'

    items = (f"<li>{swatch(colour)}{html_text(label)}</li>" for label, colour in entries)
    return f'<ul class="legend">{"".join(items)}</ul>'


def nice_ticks(highest: float) -> list[float]:
    """Return 0 and some round numbers up to the first one that is not below ``highest``."""
    if highest <= 0:
        return [0.0, 1.0]
    rough = highest / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    return [index * step for index in range(math.ceil(highest / step * (1 - 1e-9)) + 1)]


def number_text(value: float) -> str:
    """Return a number for an axis, with blanks between thousands."""
    return f"{value:,.6g}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _grid(tick: float, x: float, bottom: float) -> str:
    line = f'<path class="grid" d="M{x:.1f} 2V{bottom:.1f}"/>'
    return line + _text(x, bottom + 18, number_text(tick), "middle muted")


def _text(x: float, y: float, text: str, classes: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{classes}">{html_text(text)}</text>'


def _svg(title: str, height: float, lines: Iterable[str]) -> str:
    body = "\n".join(lines)
    label = html_text(title)
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{label}">\n{body}\n</svg>'
