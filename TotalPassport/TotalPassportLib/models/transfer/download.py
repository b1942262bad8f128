"""One file from the network: resumed where it was cut, bounded, checked, and there only when it is whole.

While a download is under way it is ``<name>.part``, beside a ``<name>.part.json`` that says which version of which
address it belongs to. Nothing else ever lies there, so a process that is killed leaves something to resume.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, BinaryIO

from ...base.errors import BadInput, ModelError, os_error
from ...base.files import make_folder, read_json, sha256_of
from ...base.hints import Hint, HintCode
from ...base.temporaries import sync
from .connection import Interrupted, Opener, check_address, failed

CHUNK_BYTES = 2**18
DOWNLOAD_AGAIN = Hint(HintCode.DOWNLOAD_AGAIN)

BytesCallback = Callable[[int, int | None], None]
"""Receives the bytes that are there and the bytes there will be, if known; its exceptions stop the download."""


def free_bytes(folder: Path) -> int:
    """Return how many bytes this user can still write into a folder."""
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, kw_only=True)
class DownloadSettings:
    """How patient a download is; the defaults are for the internet, tests bring their own.

    ``attempts`` counts failures in a row: an attempt that gained ``worthwhile_bytes`` starts the count again, so that
    a poor line gets there, yet never for ever, because sizes are bounded.
    """

    timeout_s: float = 30.0
    attempts: int = 5
    first_pause_s: float = 1.0
    worthwhile_bytes: int = 2**20
    most_redirects: int = 5
    reserve_bytes: int = 64 * 2**20
    free_bytes: Callable[[Path], int] = free_bytes
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, kw_only=True)
class Source:
    """What to download: its address, its size and SHA-256 if known, and the size beyond which it cannot be it."""

    url: str
    largest_bytes: int
    size_bytes: int | None = None
    sha256: str | None = None


def download(source: Source, destination: Path, step: BytesCallback, settings: DownloadSettings | None = None) -> None:
    """Bring a file to ``destination``; what an earlier attempt left in its ``.part`` file is not fetched again.

    Raises
    ------
    ModelError
        The address cannot be reached, or sends something else; the message shows the address.
    BadInput
        There is no space, or the folder cannot be written to.
    """
    settings = settings or DownloadSettings()
    check_address(source.url)
    make_folder(destination.parent)
    opener = Opener(settings.most_redirects, settings.timeout_s)
    part = _PartialFile(destination, source)
    failures = 0
    try:
        while not part.is_whole:
            before = part.size
            try:
                _attempt(source, part, opener, step, settings)
            except Interrupted as interruption:
                failures = 1 if part.size - before >= settings.worthwhile_bytes else failures + 1
                if failures >= settings.attempts:
                    raise failed(source.url, str(interruption)) from interruption
                _pause(settings.first_pause_s * 2 ** (failures - 1), part, step, settings)
        _check_content(source, part)
        part.finish()
    except OSError as error:
        raise os_error(error) from error


def _pause(seconds: float, part: _PartialFile, step: BytesCallback, settings: DownloadSettings) -> None:
    """Wait before another attempt, but not for a user who wants to stop."""
    while seconds > 0:
        step(part.size, part.total)
        settings.sleep(min(seconds, 0.2))
        seconds -= 0.2


def _attempt(
    source: Source, part: _PartialFile, opener: Opener, step: BytesCallback, settings: DownloadSettings
) -> None:
    headers = {"Accept-Encoding": "identity"}
    if part.resumable:
        headers |= {"Range": f"bytes={part.size}-", "If-Range": part.etag}
    try:
        response = opener.open(source.url, headers)
    except Interrupted as interruption:
        if interruption.status == 416:  # there is nothing behind what we have: it is no beginning of that file
            part.discard()
        raise
    with response:
        offset, total = _granted(response, part, source)
        part.begin(offset, _strong_etag(response), total)
        _check_space(part, source, settings)
        _receive(response, part, source, step)


def _granted(response: HTTPResponse, part: _PartialFile, source: Source) -> tuple[int, int | None]:
    """Return the position that the answer begins at and the size of the whole file, after checking both."""
    kind = response.headers.get_content_type()
    if response.headers.get("Content-Encoding", "identity") != "identity" or kind == "text/html":
        raise failed(
            source.url,
            f"a page of the kind {kind} came instead of the file, perhaps a proxy's",
            DOWNLOAD_AGAIN,
        )
    if response.status == 206:
        found = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})", response.headers.get("Content-Range", ""))
        same = _strong_etag(response) in ("", part.etag) and found and part.total in (None, int(found[2]))
        if not found or not same or int(found[1]) != part.size:
            part.discard()
            raise Interrupted("the server continued at another place than asked for")
        offset: int = part.size
        total: int | None = int(found[2])
    else:
        length = response.headers.get("Content-Length", "")
        offset, total = 0, int(length) if re.fullmatch(r"\d{1,18}", length) else None
    if total is not None and (total > source.largest_bytes or (source.size_bytes or total) != total):
        part.discard()
        expected = f"{source.size_bytes:,}" if source.size_bytes else f"at most {source.largest_bytes:,}"
        raise failed(source.url, f"the file has {total:,} bytes instead of {expected}", DOWNLOAD_AGAIN)
    return offset, total


def _strong_etag(response: HTTPResponse) -> str:
    """Return the name of this very version of the file, or nothing: weak names stand for similar ones, too."""
    etag = str(response.headers.get("ETag", ""))
    return etag if re.fullmatch(r'"[\x21\x23-\x7e]{1,200}"', etag) else ""


def _check_space(part: _PartialFile, source: Source, settings: DownloadSettings) -> None:
    require_space(part.path.parent, (part.total or source.size_bytes or 0) - part.size, settings)


def require_space(folder: Path, needed_bytes: int, settings: DownloadSettings) -> None:
    """Raise `BadInput` when a folder's disk has not that much space and some reserve."""
    needed_bytes += settings.reserve_bytes
    free = settings.free_bytes(folder)
    if needed_bytes > free:
        raise BadInput(
            f"The download needs {needed_bytes / 1e6:.0f} MB in '{folder}', where {free / 1e6:.0f} MB are free.",
            Hint(HintCode.FREE_DISK_OF_MODELS),
        )


def _receive(response: HTTPResponse, part: _PartialFile, source: Source, step: BytesCallback) -> None:
    with part.open() as file:
        while part.total is None or part.size < part.total:
            step(part.size, part.total)
            chunk = _read_chunk(response)
            if not chunk:
                break
            if part.total is not None:
                chunk = chunk[: part.total - part.size]  # some servers go on; what was announced counts
            file.write(chunk)
            part.size += len(chunk)
            if part.size > source.largest_bytes:
                break
    if part.size > source.largest_bytes:
        part.discard()
        raise failed(source.url, f"it does not end after {source.largest_bytes:,} bytes", DOWNLOAD_AGAIN)
    if part.total is None:
        part.total = part.size  # announced no length: the end of the connection is the end of the file
    if part.size < part.total:
        raise Interrupted(f"the connection ended after {part.size:,} of {part.total:,} bytes")
    step(part.size, part.total)


def _read_chunk(response: HTTPResponse) -> bytes:
    try:
        return response.read1(CHUNK_BYTES)
    except (OSError, HTTPException) as error:
        reason = " ".join(str(error).split())[:200]
        raise Interrupted(f"the connection broke: {reason or type(error).__name__}") from error


def _check_content(source: Source, part: _PartialFile) -> None:
    if source.size_bytes is not None and part.size != source.size_bytes:
        problem = f"the file has {part.size:,} bytes instead of {source.size_bytes:,}"
    elif source.sha256 is not None and sha256_of(part.path) != source.sha256:
        problem = "the file is not the released one (its SHA-256 differs)"
    else:
        return
    part.discard()
    raise failed(source.url, problem, DOWNLOAD_AGAIN)


class _PartialFile:
    """The ``.part`` file of a download and its note about where it comes from."""

    def __init__(self, destination: Path, source: Source) -> None:
        self._destination = destination
        self._url = source.url
        self._note = destination.with_name(destination.name + ".part.json")
        self.path = destination.with_name(destination.name + ".part")
        note = self._read_note()
        self.etag: str = note.get("etag", "")
        self.total: int | None = note.get("total")
        self.size = self.path.stat().st_size if self.path.exists() else 0
        """Bytes that are there."""
        if note.get("url") != source.url or not self.etag or self.size > (self.total or source.largest_bytes):
            self.discard()

    def _read_note(self) -> dict[str, Any]:
        try:
            note = read_json(self._note, ModelError) if self._note.exists() else {}
        except ModelError:
            return {}
        kinds = {"url": str, "etag": str, "total": int | None}
        sound = isinstance(note, dict) and all(isinstance(note.get(key), kind) for key, kind in kinds.items())
        return note if sound else {}

    @property
    def resumable(self) -> bool:
        """Whether asking for the rest makes sense: only where the server can tell versions of the file apart."""
        return self.size > 0 and bool(self.etag)

    @property
    def is_whole(self) -> bool:
        """Whether all bytes are there."""
        return self.total is not None and self.size == self.total and self.path.exists()

    def begin(self, offset: int, etag: str, total: int | None) -> None:
        """Take down what the server promised, and drop what does not belong before ``offset``."""
        self.size, self.total = offset, total
        if offset == 0:
            # In this order, so that a kill in between cannot leave old bytes beside a new note. A note that was cut
            # off cannot be read and means a new start, so it needs no care of its own.
            self.path.unlink(missing_ok=True)
            self.etag = etag
            self._note.write_text(json.dumps({"url": self._url, "etag": etag, "total": total}), encoding="utf-8")

    def open(self) -> BinaryIO:
        """Open the file to append to it."""
        return self.path.open("ab")

    def discard(self) -> None:
        """Forget all: the next attempt starts from nothing."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
        self.size, self.total, self.etag = 0, None, ""

    def finish(self) -> None:
        """Give the file its name, after the disk has it."""
        sync(self.path)
        self.path.replace(self._destination)
        self._note.unlink(missing_ok=True)
