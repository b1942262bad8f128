"""Names that anybody may have chosen, made harmless for where they are shown.

The names of files, organs, models and findings come from other people's files. A terminal obeys control characters, a
spreadsheet runs formulas, a browser runs markup, and text that runs from right to left can make one name look like
another.
"""

from __future__ import annotations

import html
import re
import unicodedata

LONGEST_NAME = 60
"""Characters of a name that are shown; the longest of the bundled tables has half as many."""
LONGEST_SENTENCE = 2000
"""Characters of a sentence that has names in it."""
LONGEST_CELL = 32_000
"""Characters of a table's cell; spreadsheets hold 32,767."""
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of what is not seen but acts: controls, formats, surrogates, separators of lines."""
_JOINERS = frozenset("\u200c\u200d")
"""Formats that words of Persian and of Indian languages are written with."""
_FORMULA = re.compile(r"""(^|[;\t\r\n])(?=[\s"']*[=+\-@\uff1d\uff0b\uff0d\uff20])""")
"""Where a cell would begin with a formula: at its start, on a new line, and after what other countries separate by."""


def visible(text: str, keep: str = "") -> str:
    r"""Return a text in which every character that would act unseen is written as an escape.

    Parameters
    ----------
    text : str
        Anything, lone surrogates included.
    keep : str
        Characters that stay as they are.

    Examples
    --------
    >>> visible("liver\x1b[2J")
    'liver\\x1b[2J'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if letter in keep or not _acts_unseen(letter) else _escape(letter) for letter in text)


def shown_name(text: str, longest: int = LONGEST_NAME) -> str:
    r"""Return a name for a line of text: nothing in it acts, and it is of bounded length.

    Examples
    --------
    >>> shown_name("liver\nspleen"), shown_name("abcdef", longest=4)
    ('liver\\nspleen', 'abc…')
    """
    shorter = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return visible(shorter)


def counted(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun; the plural is the singular with an s unless it is given.

    Examples
    --------
    >>> counted(1, "organ"), counted(0, "organ"), counted(2, "vertebra", "vertebrae")
    ('1 organ', '0 organs', '2 vertebrae')
    """
    return f"{number} {singular if number == 1 else plural or f'{singular}s'}"


def csv_cell(text: str) -> str:
    """Return a text for a table's cell: one that a spreadsheet would take for a formula, and run, gets a quote.

    The characters that spreadsheets of East Asia take for the same are meant, too.

    Examples
    --------
    >>> csv_cell("=1+1"), csv_cell("liver; =1+1"), csv_cell("liver")
    ("'=1+1", "liver;' =1+1", 'liver')
    """
    if text.startswith(("\t", "\r", "\n")):
        text = f"'{text}"
    return visible(_FORMULA.sub(r"\1'", text)[:LONGEST_CELL], keep="\n")


def html_text(text: object) -> str:
    """Return a text for a page, be it between tags or in an attribute's quotes."""
    return html.escape(visible(str(text), keep="\n"), quote=True)


def _acts_unseen(letter: str) -> bool:
    return unicodedata.category(letter) in _HIDDEN_CATEGORIES and letter not in _JOINERS


def _escape(letter: str) -> str:
    return letter.encode("ascii", "backslashreplace").decode("ascii") if ord(letter) > 127 else repr(letter)[1:-1]
