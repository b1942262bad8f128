"""What the checks found, in a few lines for a terminal."""

from __future__ import annotations

from collections import Counter

from ..base.text import LONGEST_SENTENCE, counted, shown_name
from .organ import Passport
from .rules import SEVERITIES, rule_named

MOST_SENTENCES = 8
"""More errors and warnings than this are only counted: the passport has them all."""


def findings_text(passport: Passport) -> str:
    """Return the number of findings, the sentences of errors and warnings, and the notes counted by kind."""
    counts = Counter(finding.severity for finding in passport.findings)
    totals = [counted(counts[severity], severity) for severity in SEVERITIES if counts[severity]]
    lines = [f"checks: {', '.join(totals) or 'nothing found'}"]
    grave = [finding for finding in passport.findings if finding.severity != "note"]
    lines += [
        f"  {finding.severity}: {title(finding.code)}: {shown_name(finding.message, LONGEST_SENTENCE)}"
        for finding in grave[:MOST_SENTENCES]
    ]
    if len(grave) > MOST_SENTENCES:
        lines.append(f"  and {len(grave) - MOST_SENTENCES} more, see the passport")
    notes = Counter(title(finding.code) for finding in passport.findings if finding.severity == "note")
    if notes:
        lines.append("  notes: " + ", ".join(f"{name} ({number})" for name, number in notes.items()))
    return "\n".join(lines)


def finding_codes(passport: Passport) -> dict[str, int]:
    """Return how often each check has found something, the gravest kinds first, for programs."""
    return dict(Counter(finding.code for finding in passport.findings))


def error_titles(passport: Passport) -> list[str]:
    """Return what is wrong, in a few words each, the first finding first."""
    return list(dict.fromkeys(title(finding.code) for finding in passport.findings if finding.severity == "error"))


def title(code: str) -> str:
    """Return a few words for a check; of a later version's, its code."""
    rule = rule_named(code)
    return rule.title if rule else shown_name(code.replace("_", " "))
