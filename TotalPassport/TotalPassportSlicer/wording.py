"""The library's sentences as they read in the panel."""

from __future__ import annotations

import re

from slicer.i18n import tr as _


def in_the_window(sentence: str) -> str:
    """Return a sentence with the shell's commands replaced by what does the same in the panel."""
    replacements = (
        (r"'?totalpassport models import (?:FILE|PATH)\b'?(?! --as)", _("'Import file…' in the section Models")),
        (r"'totalpassport models info [^']*'", _("the tooltip of 'Download' in the section Models")),
        (r"'totalpassport models download [^']*'", _("'Download' in the section Models")),
        (r"'totalpassport models list'", _("the section Models")),
    )
    for command, words in replacements:
        sentence = re.sub(command, lambda _match, words=words: words, sentence)
    return sentence
