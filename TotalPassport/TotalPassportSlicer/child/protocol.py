"""The child's standard output, bytes in and events out, whatever the bytes are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_MAX_LINE_BYTES = 2**20
"""No event comes near this; a child that prints endlessly without a line break must not fill the memory."""


class LineReader:
    """Cuts a stream of bytes into lines, keeping an unfinished one for later."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """Take the next bytes and yield the lines that they complete; bytes that are not UTF-8 are replaced."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > _MAX_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            yield _decoded(line)

    def close(self) -> Iterator[str]:
        """Yield what is left when the stream ends without a line break."""
        rest, self._rest = self._rest, b""
        if rest:
            yield _decoded(rest)


def _decoded(line: bytes) -> str:
    return line.decode("utf-8", errors="replace").rstrip("\r")


def parse_event(line: str) -> dict[str, Any] | None:
    """Return the event that a line carries, or None if it is something else, which belongs into the log."""
    if not line.startswith("{"):
        return None
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None
