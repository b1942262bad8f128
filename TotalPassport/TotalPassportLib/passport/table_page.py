"""A passport as a small HTML table, for notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..base.text import LONGEST_NAME, html_text, shown_name

if TYPE_CHECKING:
    from .organ import OrganPassport, Passport

MOST_ROWS = 200
"""Organs that are shown; no task finds more, but a passport of anything may have thousands."""
_HEADINGS = ("label", "organ", "volume ml", "centroid R, A, S mm", "mean HU", "checks")


def passport_html(passport: Passport) -> str:
    """Return a table of the organs, escaped, under the line that is the passport's short form."""
    heading = "".join(f"<th>{html_text(text)}</th>" for text in _HEADINGS)
    rows = "".join(f"<tr>{''.join(_cells(organ))}</tr>" for organ in list(passport)[:MOST_ROWS])
    more = len(passport) - MOST_ROWS
    rest = f"<p>and {more} more organs</p>" if more > 0 else ""
    findings = "".join(
        f"<li><b>{html_text(finding.severity)}</b> {html_text(shown_name(finding.message, 3 * LONGEST_NAME))}</li>"
        for finding in passport.findings
        if finding.severity != "note"
    )
    title = html_text(repr(passport).strip("<>"))
    table = f"<table><thead><tr>{heading}</tr></thead><tbody>{rows}</tbody></table>"
    return f"<div><p>{title}</p>{f'<ul>{findings}</ul>' if findings else ''}{table}{rest}</div>"


def _cells(organ: OrganPassport) -> Iterator[str]:
    centroid = ", ".join(f"{value:.1f}" for value in organ.centroid_ras_mm)
    mean = "" if organ.hu_mean is None else f"{organ.hu_mean:.1f}"
    checks = ", ".join(map(shown_name, organ.checks))
    for text in (organ.label, shown_name(organ.name), f"{organ.volume_ml:.1f}", centroid, mean, checks):
        yield f"<td>{html_text(text)}</td>"
