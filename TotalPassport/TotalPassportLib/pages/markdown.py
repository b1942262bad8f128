"""Reports as Markdown: tables, and texts of others made harmless for it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from ..base.text import visible

_ACTING = re.compile(r"([\\`*_{}\[\]<>|#~!$&])")


def markdown_text(text: object) -> str:
    r"""Return a text in which nothing acts in Markdown, nor in the HTML that may stand in it.

    >>> markdown_text("a|b <script>")
    'a\\|b \\<script\\>'
    """
    return _ACTING.sub(r"\\\1", " ".join(visible(str(text)).split()))


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[object]], words: Collection[int] = (0,)) -> str:
    """Return a table with numbers to the right; ``words`` are the columns that hold none. Nothing without rows."""
    if not rows:
        return ""
    ruler = [":---" if column in words else "---:" for column in range(len(heads))]
    lines = [[markdown_text(head) for head in heads], ruler, *([markdown_text(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
