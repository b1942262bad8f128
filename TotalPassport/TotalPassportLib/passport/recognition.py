"""Whether a file is a passport, told from its first letters wherever that is possible.

Programs ask this of every JSON file that somebody opens, so that it has to be cheap and may be asked of anything.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

from ..base.errors import TotalPassportError
from ..base.files import MAX_JSON_BYTES, open_regular, read_json

_AT_ONCE = 2**16
_BEGINNING = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"schema"\s*:\s*"totalpassport-passport/[0-9]{1,9}"')
"""As everything that writes our format writes it: the schema first."""
_MENTION = b'"totalpassport-passport/'
_VERSION = re.compile(r"totalpassport-passport/[0-9]{1,9}")


def is_passport_file(path: Path) -> bool:
    """Tell whether a file is a passport of any version; False of what cannot be read.

    A passport that another program wrote anew, with its keys in another order, is found too: then all of the file is
    looked through, and read as JSON only if it speaks of the format.
    """
    try:
        with open_regular(path) as file:
            beginning = file.read(_AT_ONCE)
            if _BEGINNING.match(beginning):
                return True
            if not beginning.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") or not _mentions(beginning, file):
                return False
        document = read_json(path)
    except (TotalPassportError, OSError, ValueError):  # a ValueError: a path with a zero byte
        return False
    schema = document.get("schema") if isinstance(document, dict) else None
    return isinstance(schema, str) and _VERSION.fullmatch(schema) is not None


def _mentions(part: bytes, file: io.BufferedReader) -> bool:
    """Whether the rest of a file, up to the largest size that is read, speaks of the format."""
    end, size = b"", 0
    while part and size <= MAX_JSON_BYTES:
        if _MENTION in end + part:
            return True
        end, size = part[-len(_MENTION) :], size + len(part)
        part = file.read(_AT_ONCE)
    return False
