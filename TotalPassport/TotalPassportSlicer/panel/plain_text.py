"""Texts that Qt shows as they are. Where it has no setting for that, it reads whatever looks like HTML as HTML."""

from __future__ import annotations

import html


def literally(text: str) -> str:
    """Return a text for a tooltip or a message, in which names such as ``<b>CT</b>`` stay names.

    >>> literally("3 mm & more"), literally("<b>CT</b>")
    ('3 mm & more', "<p style='white-space: pre-wrap'>&lt;b&gt;CT&lt;/b&gt;</p>")
    """
    if "<" not in text:  # Qt takes it for plain text anyway
        return text
    return f"<p style='white-space: pre-wrap'>{html.escape(text, quote=False)}</p>"
