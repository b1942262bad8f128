"""How a state looks: a sign and a colour beside its words, so that nobody has to tell colours apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .columns import RGB


@dataclass(frozen=True)
class Mark:
    """A sign, which differs in shape, and a colour that is readable on light and on dark backgrounds."""

    sign: str
    color_rgb: RGB | None

    def before(self, sentence: str) -> str:
        """Return a sentence with the sign before it."""
        return f"{self.sign} {sentence}"


GOOD = Mark("✔", (38, 127, 64))
WARNING = Mark("▲", (191, 111, 0))
ERROR = Mark("✖", (204, 41, 41))
NOTE = Mark("•", None)
NOT_NEEDED = Mark("○", (128, 128, 128))
"""Of what need not be there."""

OF_SEVERITIES: Mapping[str, Mark] = {"error": ERROR, "warning": WARNING, "note": NOTE}
"""Marks of findings."""


def grave_color(severity: str) -> RGB | None:
    """Return the colour of a finding that speaks against the numbers; None for notes, and where there is none."""
    mark = OF_SEVERITIES.get(severity)
    return mark.color_rgb if mark is not None else None
