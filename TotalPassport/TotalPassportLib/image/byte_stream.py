"""The bytes of an image file: read once, in bounded pieces, and unpacked where they are packed.

Whether a file is compressed is told by its first bytes, whatever its name says.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..base.errors import BadInput
from ..base.files import open_regular

GZIP_MAGIC = b"\x1f\x8b"
MAX_DEFLATE_RATIO = 1032
"""No deflate stream unpacks to more than this many times its size (zlib's documentation)."""
BYTES_AT_ONCE = 2**20
"""Small enough for the processor's cache."""


def impossible_size(path: Path, claimed_bytes: int, stored_bytes: int) -> BadInput:
    """Return the error for an image whose header asks for more voxels than its file can hold."""
    return BadInput(
        f"'{path}' claims {claimed_bytes / 2**20:.0f} MB of voxels, but its {stored_bytes} bytes cannot hold them.",
        "The file is truncated or damaged; copy or convert it again.",
    )


class ByteStream:
    """What a file holds, unpacked, from its beginning to its end.

    Parameters
    ----------
    file : io.BufferedReader
        The file, at its beginning.
    on_bytes : callable
        Receives the bytes as the file has them, such as a digest's ``update``.

    Attributes
    ----------
    stored_bytes : int
        Size of the file.
    most_bytes : int
        More than this cannot be in it.
    """

    def __init__(self, file: io.BufferedReader, on_bytes: Callable[[bytes], object]) -> None:
        self.stored_bytes = os.fstat(file.fileno()).st_size
        self._raw = _Watched(file, on_bytes)
        self._file: _Watched | gzip.GzipFile = self._raw
        self.most_bytes = self.stored_bytes
        if file.peek(2)[:2] == GZIP_MAGIC:
            self._file = gzip.GzipFile(fileobj=self._raw, mode="rb")  # type: ignore[call-overload]
            self.most_bytes *= MAX_DEFLATE_RATIO

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer of any type and return how many bytes came before the end."""
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and (chunk := self._file.read1(min(len(view) - filled, BYTES_AT_ONCE))):
            view[filled : filled + len(chunk)] = chunk
            filled += len(chunk)
        return filled

    def read(self, size: int) -> bytes:
        """Return so many bytes, or those that are left."""
        chunks = []
        while size > 0 and (chunk := self._file.read1(min(size, BYTES_AT_ONCE))):
            chunks.append(chunk)
            size -= len(chunk)
        return b"".join(chunks)

    def skip(self, size: int) -> None:
        """Pass over so many bytes."""
        while size > 0 and (chunk := self._file.read1(min(size, BYTES_AT_ONCE))):
            size -= len(chunk)

    def finish(self) -> None:
        """Read to the very end, where a compressed file has its checksum."""
        for file in (self._file, self._raw):
            while file.read1(BYTES_AT_ONCE):
                pass


class _Watched:
    """A file whose bytes are passed on as they are read; as much of a file as `gzip` asks for."""

    def __init__(self, file: io.BufferedReader, on_bytes: Callable[[bytes], object]) -> None:
        self._file = file
        self._on_bytes = on_bytes

    def read(self, size: int) -> bytes:
        chunk = self._file.read(size)
        self._on_bytes(chunk)
        return chunk

    read1 = read


@contextmanager
def open_stream(path: Path, on_bytes: Callable[[bytes], object]) -> Iterator[ByteStream]:
    """Open a file; its bytes, as the disk has them, go to ``on_bytes`` as they are read.

    Raises
    ------
    BadInput
        The file cannot be opened or read, is no regular file, or is damaged.
    """
    with open_regular(path) as file:
        try:
            yield ByteStream(file, on_bytes)
        # Here, for `open_regular` would take some of it for the disk's errors.
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BadInput(f"'{path}' is truncated or damaged: {error}.", "Copy or convert the file again.") from error
