"""What a mistyped name may have meant: one rule for models, structures, tasks, tables and commands."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MOST_LISTED = 150
"""Names that are listed where none is alike; the largest label table has fewer."""
FEW = 12
"""Up to so many names are listed even where one is alike."""
LEAST_LIKENESS = 0.7
"""By difflib's measure, 0 to 1: cpu is not what gpu means."""


def did_you_mean(given: str, known: Iterable[str], use_one_of: str = "Use one of") -> str:
    """Return a sentence with the names that are most like a mistyped one, and with all where they are few or none is.

    Case does not matter, nor whether words are put together with blanks, hyphens or underscores.

    Parameters
    ----------
    given : str
        What was typed.
    known : iterable of str
        What there is.
    use_one_of : str
        How the sentence begins where nothing is alike.

    Examples
    --------
    >>> did_you_mean("Left Kidny", ["kidney_left", "liver"])
    'Did you mean kidney_left? Use one of kidney_left, liver.'
    >>> did_you_mean("gpu", ["cpu", "cuda"])
    'Use one of cpu, cuda.'
    """
    by_words: dict[str, str] = {}
    for name in known:
        by_words.setdefault(_words(name), name)
    names = list(by_words.values())
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    listed = f"{use_one_of} {', '.join(names[:MOST_LISTED])}{more}."
    close = get_close_matches(_words(given), by_words, n=3, cutoff=LEAST_LIKENESS)
    if not close:
        return listed
    meant = f"Did you mean {' or '.join(by_words[words] for words in close)}?"
    return f"{meant} {listed}" if len(names) <= FEW else meant


def _words(name: str) -> str:
    return " ".join(sorted(name.casefold().replace("_", " ").replace("-", " ").split()))
