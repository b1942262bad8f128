"""The frame of every page: one file that holds all it shows, asks nothing of any network, and is well-formed XML."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

from ..base.text import html_text
from .style import STYLE


def html_page(title: str, sections: Iterable[str], script: str = "") -> str:
    """Return a whole page.

    Parameters
    ----------
    title : str
        What the window is called.
    sections : iterable of str
        Markup; whoever makes it escapes what comes from elsewhere. Empty ones are left out.
    script : str
        What makes it handier where scripts run; nothing may depend on it. No other script will run in the page.

    Returns
    -------
    Markup with a policy under which a browser loads nothing from anywhere, whatever the sections hold.
    """
    # As XML a script is a part of the document, so that what it may not hold is left out: & and <.
    if set(script) & set("&<"):
        raise ValueError("a script of a page has & or <")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    scripts = f"; script-src 'sha256-{digest}'" if script else ""
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:{scripts}"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"/>\n'
        f"<title>{html_text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(section for section in sections if section)
        + "\n</main>\n"
        + (f"<script>{script}</script>\n" if script else "")
        + "</body>\n</html>\n"
    )
