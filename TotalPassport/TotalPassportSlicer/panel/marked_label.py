"""Labels that say a state: in words, with a sign and in a colour."""

from __future__ import annotations

from typing import Any

from ..nodes.columns import RGB
from ..nodes.marks import Mark


def show_marked(label: Any, sentence: str, mark: Mark | None) -> None:
    """Show a sentence in a label, with a mark or as any other text; without a sentence the label is hidden."""
    label.text = mark.before(sentence) if mark is not None and sentence else sentence
    label.styleSheet = style_of(mark.color_rgb) if mark is not None else ""
    label.visible = bool(sentence)


def style_of(color_rgb: RGB | None) -> str:
    """Return a style sheet that gives a label's text a colour, or leaves it as it is."""
    return f"color: rgb{color_rgb}" if color_rgb is not None else ""
