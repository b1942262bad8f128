"""Figures of matplotlib in a page: inline SVG whose colours are those of the page's style sheet, light and dark.

    from ..pages.figures import figure_markup, page_figure

    with page_figure(height_inches=3) as (figure, axes):
        axes.boxplot(...)
        markup = figure_markup(figure, "Dice by organ")

matplotlib is an extra (``plots``).
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..base.optional_packages import optional_package
from ..base.text import html_text, visible
from .style import LIGHT_COLOURS

WIDTH_INCHES = 9.0
"""As wide as the page's text at `DOTS_PER_INCH`."""
DOTS_PER_INCH = 100


@contextmanager
def page_figure(
    height_inches: float, columns: int = 1, width_inches: float = WIDTH_INCHES
) -> Iterator[tuple[Any, Any]]:
    """Yield a figure of matplotlib and its axes, an array of them for several columns; in here the page's style holds.

    Raises
    ------
    BadInput
        matplotlib is not installed.
    """
    mpl = optional_package("matplotlib", "A plot")
    figures = optional_package("matplotlib.figure", "A plot")
    with mpl.rc_context(_settings()):
        figure = figures.Figure(figsize=(WIDTH_INCHES, height_inches), dpi=DOTS_PER_INCH, layout="constrained")
        yield figure, figure.subplots(1, columns)


def figure_markup(figure: Any, title: str) -> str:
    """Return a figure of `page_figure` as inline SVG; ``title`` is what a reader who does not see it is told.

    The same figure gives the same text. Text in it stays text.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    markup: str = buffer.getvalue()
    # Its style sheet would hold for the whole page.
    markup = re.sub(r"<(metadata|style)\b.*?</\1>", "", markup[markup.index("<svg") :], flags=re.DOTALL)
    opening, _, rest = markup.partition(">")
    box = re.search(r'viewBox="[^"]*"', opening)
    head: str = f'<svg class="chart plot" {box[0] if box else ""} role="img" aria-label="{html_text(title)}">'
    # Identifiers are the whole page's, and matplotlib's are the same in every figure.
    prefix = f"plot{hashlib.sha256(f'{title}{rest}'.encode()).hexdigest()[:8]}-"
    rest = rest.replace("xlink:href", "href")
    rest = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}", rest)
    coloured: str = re.sub("|".join(LIGHT_COLOURS), lambda found: f"var(--{LIGHT_COLOURS[found[0]]})", rest)
    return head + coloured


def plot_text(text: object) -> str:
    """Return a text for a label of a figure: nothing in it acts, and matplotlib takes none of it for mathematics."""
    return visible(str(text)).replace("$", r"\$")


def colour(name: str) -> str:
    """Return the colour of a variable of the style sheet, for matplotlib; a page shows it in light and dark."""
    return next(code for code, variable in LIGHT_COLOURS.items() if variable == name)


def _settings() -> dict[str, Any]:
    from cycler import cycler  # comes with matplotlib

    text, muted, rule = colour("text"), colour("muted"), colour("rule")
    line, middle = colour("ours0"), colour("stage3")
    return {
        "axes.prop_cycle": cycler(color=[colour(f"ours{number}") for number in range(6)]),
        **{f"boxplot.{part}props.color": line for part in ("box", "whisker", "cap")},
        "boxplot.medianprops.color": middle,
        "boxplot.flierprops.color": line,
        "boxplot.flierprops.markeredgecolor": line,
        "boxplot.flierprops.markersize": 3.5,
        "svg.fonttype": "none",
        "svg.hashsalt": "totalpassport",
        "font.family": "sans-serif",
        "font.size": 9.5,
        "text.color": text,
        "axes.labelcolor": muted,
        "axes.edgecolor": rule,
        "axes.titlecolor": text,
        "axes.titlesize": 10.5,
        "axes.titleweight": "semibold",
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": rule,
        "grid.linewidth": 0.6,
        "xtick.color": muted,
        "ytick.color": muted,
        "xtick.labelcolor": muted,
        "ytick.labelcolor": text,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "legend.frameon": False,
        "legend.fontsize": 9,
    }
