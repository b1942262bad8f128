"""The library's sentences as they read in the panel."""

from __future__ import annotations

import re

from slicer.i18n import tr as _

from .engine_titles import precision_titles, provider_titles


def in_the_window(sentence: str) -> str:
    """Return a sentence with the shell's commands replaced by what does the same in the panel."""
    replacements = (
        (r"'?totalpassport models import (?:FILE|PATH)\b'?(?! --as)", _("'Import file…' in the section Models")),
        (r"'totalpassport models info [^']*'", _("the tooltip of 'Download' in the section Models")),
        (r"'totalpassport models download [^']*'", _("'Download' in the section Models")),
        (r"'totalpassport models list'", _("the section Models")),
    )
    for command, words in replacements:
        sentence = re.sub(command, words.replace("\\", r"\\"), sentence)
    return re.sub(r"'?--(provider|precision) (\w+)'?", _choice, sentence)


def _choice(option: re.Match[str]) -> str:
    """Return an option of the command line as the panel's choice."""
    kind, name = option.groups()
    titles = provider_titles() if kind == "provider" else precision_titles()
    of_kind = _("the provider '{title}' in the section Advanced")
    if kind == "precision":
        of_kind = _("the precision '{title}' in the section Advanced")
    return str(of_kind.format(title=titles.get(name, name)))
