"""Tables of the report. Cells are markup: whoever makes them escapes what comes from elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..base.text import html_text

DASH = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "", words: Collection[int] = ()) -> str:
    """Return a table with numbers to the right; ``words`` are columns that hold none. Nothing without rows."""
    if not rows:
        return ""
    kinds = [' class="text"' if column in words else "" for column in range(len(heads))]
    head = "".join(f"<th{kind}>{html_text(text)}</th>" for text, kind in zip(heads, kinds, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>\n"
        for row in rows
    )
    below = f"<figcaption>{html_text(caption)}</figcaption>" if caption else ""
    markup = f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>{below}"
    return f'<figure class="scroll">{markup}</figure>'


def muted(text: str) -> str:
    """Return text that stands back."""
    return f'<span class="muted">{html_text(text)}</span>'


def product(numbers: Sequence[float]) -> str:
    """Return numbers with multiplication signs between them."""
    return f" {TIMES} ".join(f"{number:g}" for number in numbers)


def items(lines: Sequence[str], classes: str = "") -> str:
    """Return a list of plain lines."""
    return f'<ul class="{classes}">' + "".join(f"<li>{html_text(line)}</li>\n" for line in lines) + "</ul>"
