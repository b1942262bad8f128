"""A passport drawn with matplotlib: the organs' surfaces as seen from one side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..base.errors import BadInput
from ..base.labels import GREY_RGB, load_label_table
from ..base.optional_packages import optional_package
from ..base.text import shown_name

if TYPE_CHECKING:
    from .organ import OrganPassport, Passport, View

_SIDES = {
    "coronal": ((0, 2), ("R", "S")),
    "sagittal": ((1, 2), ("A", "S")),
    "axial": ((0, 1), ("R", "A")),
}
MOST_NAMED = 30
"""Of more organs than this only the largest have their names beside them."""


def plot_passport(
    passport: Passport, organs: Iterable[str | int] | None = None, *, view: View = "coronal", ax: Any = None
) -> Any:
    """Draw the organs' boundary points, in their colours, with their names at their centroids.

    Parameters
    ----------
    passport : Passport
        What is drawn.
    organs : iterable of str or int, optional
        Names or labels of those to draw; by default all.
    view : {"coronal", "sagittal", "axial"}
        As radiologists look: from the front, the patient's right on the left; from the patient's left, the front on
        the left; from the feet, the patient's right on the left.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Axes in RAS mm.

    Raises
    ------
    BadInput
        matplotlib is not installed, or there is no such view.
    KeyError
        The scan does not have one of the organs.
    """
    if view not in _SIDES:
        raise BadInput(f"There is no view '{view}'.", f"Use one of {', '.join(_SIDES)}.")
    pyplot = optional_package("matplotlib.pyplot", "A plot")
    (across, up), (x_words, y_words) = _SIDES[view]
    drawn = list(passport) if organs is None else [passport[key] for key in organs]
    if ax is None:
        _, ax = pyplot.subplots(figsize=(7, 8), layout="constrained")
    named = {organ.label for organ in sorted(drawn, key=lambda organ: -organ.volume_mm3)[:MOST_NAMED]}
    for organ in drawn:
        points = organ.boundary_points_ras_mm
        ax.scatter(points[:, across], points[:, up], s=2, color=_colour(organ), alpha=0.5, linewidths=0)
        if organ.label in named:
            place = organ.centroid_ras_mm[[across, up]]
            ax.annotate(
                _plain(shown_name(organ.name)), place, ha="center", va="center", fontsize=7,
                bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.75, "linewidth": 0},
            )  # fmt: skip
    ax.set_aspect("equal")
    ax.invert_xaxis()
    ax.set_xlabel(f"{x_words} / mm")
    ax.set_ylabel(f"{y_words} / mm")
    return ax


def _colour(organ: OrganPassport) -> tuple[float, float, float]:
    label = load_label_table("total").named(organ.name)
    red, green, blue = label.color_rgb if label is not None else GREY_RGB
    return red / 255, green / 255, blue / 255


def _plain(text: str) -> str:
    """Return a text that matplotlib does not take for a formula."""
    return text.replace("$", r"\$")
