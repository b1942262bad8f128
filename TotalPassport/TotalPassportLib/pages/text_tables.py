"""Tables of the report. Cells are markup: whoever makes them escapes what comes from elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..base.text import html_text

DASH = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    caption: str = "",
    words: Collection[int] = (),
    sortable: bool = False,
) -> str:
    """Return a table with numbers to the right; ``words`` are columns that hold none. Nothing without rows.

    One that is ``sortable`` has heads to click on where `SORTING` is the page's script, and is a plain one elsewhere.
    """
    if not rows:
        return ""
    kinds = [' class="text"' if column in words else "" for column in range(len(heads))]
    head = "".join(f"<th{kind}>{html_text(text)}</th>" for text, kind in zip(heads, kinds, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>\n"
        for row in rows
    )
    below = f"<figcaption>{html_text(caption)}</figcaption>" if caption else ""
    kind = ' class="sortable"' if sortable else ""
    markup = f"<table{kind}><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>{below}"
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


SORTING = """
const number = text => text.trim() === '\N{INFINITY}' ? Infinity : parseFloat(text.replace(/\u202f/g, ''));
const compare = (a, b) => {
  const x = number(a), y = number(b);
  if (isNaN(x) || isNaN(y)) return isNaN(x) ? (isNaN(y) ? a.localeCompare(b) : 1) : -1;
  return x > y ? 1 : y > x ? -1 : 0;
};
for (const table of document.querySelectorAll('table.sortable')) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener('click', () => {
      const up = head.getAttribute('aria-sort') !== 'ascending';
      heads.forEach(other => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const body = table.tBodies[0];
      const text = row => row.cells[column].textContent;
      const rows = [...body.rows].sort((a, b) => (up ? 1 : -1) * compare(text(a), text(b)));
      body.replaceChildren(...rows);
    });
  });
}
"""
"""Sorts sortable tables by the head that is clicked; it has neither ampersands nor less-than signs, see `html_page`."""
