"""What a question is answered with: rows under column names, and what has to be known of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import BadInput
from ..base.optional_packages import optional_package
from ..base.outputs import atomic_write
from ..base.text import csv_cell, html_text, shown_name, visible

if TYPE_CHECKING:
    import pandas

SHOWN_ROWS = 20
_WIDEST = 40


@dataclass(frozen=True, kw_only=True, repr=False)
class Answer:
    """An answer as a table.

    Attributes
    ----------
    columns : tuple of str
        Their names, with units.
    rows : tuple of tuple
        Values; None where nothing is known.
    notes : tuple of str
        Sentences about what was left out, and what is not of one kind.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the rows, each by column names."""
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)

    def column(self, name: str) -> list[Any]:
        """Return the values of one column."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def to_dataframe(self) -> pandas.DataFrame:
        """Return a pandas DataFrame; the notes are in its ``attrs``."""
        frame = optional_package("pandas", "A DataFrame").DataFrame(list(self.rows), columns=list(self.columns))
        frame.attrs["notes"] = list(self.notes)
        return frame

    def __repr__(self) -> str:
        return self.text(SHOWN_ROWS)

    def _repr_html_(self) -> str:
        """Return a table for notebooks."""
        head = "".join(f"<th>{html_text(shown_name(name))}</th>" for name in self.columns)
        body = "".join(
            f"<tr>{''.join(f'<td>{html_text(_shown(value))}</td>' for value in row)}</tr>"
            for row in self.rows[:SHOWN_ROWS]
        )
        more = f"<p>{html_text(self._rest(SHOWN_ROWS))}</p>" if len(self) > SHOWN_ROWS else ""
        notes = "".join(f"<p>{html_text(note)}</p>" for note in self.notes)
        return f"<div><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}{notes}</div>"

    def text(self, most_rows: int = 0) -> str:
        """Return the answer as a text table with its notes; 0 shows all rows."""
        shown = self.rows[:most_rows] if most_rows else self.rows
        cells = [[shown_name(name, _WIDEST) for name in self.columns]]
        cells += [[_shown(value) for value in row] for row in shown]
        right = [all(_is_number(row[place]) for row in shown) for place in range(len(self.columns))]
        widths = [max(len(row[place]) for row in cells) for place in range(len(self.columns))]
        lines = [_line(row, widths, right) for row in cells]
        if len(shown) < len(self.rows):
            lines.append(self._rest(len(shown)))
        return "\n".join([*lines, *([""] if self.notes else []), *self.notes])

    def _rest(self, shown: int) -> str:
        return f"and {len(self.rows) - shown} more rows"


def write_answer(answer: Answer, path: Path) -> None:
    """Write an answer as CSV or JSON, by the name's ending, whole or not at all.

    Raises
    ------
    BadInput
        The ending is none of them, or the file cannot be written.
    """
    text = answer_format(path)(answer)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def answer_format(path: Path) -> Any:
    """Return what makes the text of a file of this name."""
    formats = {".csv": _csv_text, ".json": _json_text}
    writer = formats.get(path.suffix.lower())
    if writer is None:
        raise BadInput(f"'{path}' does not end with .csv or .json.", "The ending chooses the format.")
    return writer


def _csv_text(answer: Answer) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([csv_cell(name) for name in answer.columns])
    writer.writerows([csv_cell(value) if isinstance(value, str) else value for value in row] for row in answer.rows)
    return text.getvalue()


def _json_text(answer: Answer) -> str:
    return json.dumps({"rows": plain_rows(answer), "notes": list(answer.notes)}, indent=1, allow_nan=False) + "\n"


def plain_rows(answer: Answer) -> list[dict[str, Any]]:
    """Return the rows as JSON can hold them: what is no number of JSON's is a text."""
    return [{name: _plain(value) for name, value in row.items()} for row in answer]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
    return shown_name(value, _WIDEST) if isinstance(value, str) else visible(str(value))


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = (
        cell.rjust(width) if to_right else cell.ljust(width)
        for cell, width, to_right in zip(cells, widths, right, strict=True)
    )
    return "  ".join(padded).rstrip()
