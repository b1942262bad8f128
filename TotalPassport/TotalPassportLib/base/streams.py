"""Standard streams that can be written to, whatever they were connected to, or not, when this process was started."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from .events import Event, EventCallback
from .text import visible

DEBUG_VARIABLE = "TOTALPASSPORT_DEBUG"
"""The environment variable that shows what only developers want to see."""


def open_standard_streams() -> frozenset[int]:
    """Connect those of standard input, output and error that are closed to the null device; return their numbers.

    Else the next file to be opened would get such a number, and whatever prints would write into it.
    """
    closed = set()
    for number, mode in ((0, "r"), (1, "w"), (2, "w")):
        try:
            os.fstat(number)
        except OSError:
            closed.add(number)
            with contextlib.suppress(OSError):
                os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest number that is free
                name = ("stdin", "stdout", "stderr")[number]
                if getattr(sys, name) is None:
                    setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", errors="backslashreplace"))
    return frozenset(closed)


def claim_standard_output() -> TextIO:
    """Keep standard output for events: whatever else a library prints goes to standard error, the log."""
    sys.stdout.flush()
    events = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    return events


def line_writer(stream: TextIO) -> EventCallback:
    """Return what writes an event as one line of JSON."""

    def emit(event: Event) -> None:
        # A parent that is gone breaks the pipe, and its watch ends the run; a full disk behind it loses no results.
        with contextlib.suppress(OSError):
            stream.write(json.dumps(event) + "\n")
            stream.flush()

    return emit


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep what libraries say to developers from the user, unless this user is one."""
    if os.environ.get(DEBUG_VARIABLE):
        yield
        return
    level = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(level)


@contextmanager
def quiet_native_code() -> Iterator[None]:
    """Keep what code beneath Python writes straight to standard error from the user, unless this user is a developer.

    It is the whole process that is quiet meanwhile, so the block should be short.
    """
    try:
        kept = None if os.environ.get(DEBUG_VARIABLE) else os.dup(2)
    except OSError:  # closed
        kept = None
    if kept is None:
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


class SafeStream(io.TextIOBase):
    """Text for people, on a stream that may be full, closed, or of few letters; what is written never raises.

    Characters that would act on a terminal are written as escapes, and so are those that the stream's encoding lacks.

    Parameters
    ----------
    stream : TextIO
        Where the text goes.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: OSError | None = None
        """Why something could not be written; that nobody reads any more is no failure."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write a text, made visible."""
        self.draw(visible(text, keep="\n\t"))
        return len(text)

    def draw(self, text: str) -> None:
        """Write a text that may steer a terminal: ours, and never from elsewhere."""
        known = text.encode(self.encoding, "backslashreplace").decode(self.encoding)
        with self._noting_failure():
            self._stream.write(known)

    def flush(self) -> None:
        """Hand on what was written so far."""
        with self._noting_failure():
            self._stream.flush()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        try:
            return self._stream.isatty()
        except ValueError:  # closed
            return False

    def fileno(self) -> int:
        """Return the stream's number."""
        return self._stream.fileno()

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            self._lead_nowhere()
        except OSError as error:
            self.failure = self.failure or error
            self._lead_nowhere()
        except ValueError:  # closed
            pass

    def _lead_nowhere(self) -> None:
        """Connect the stream to the null device: the interpreter's end writes once more what is still held back."""
        with contextlib.suppress(OSError, ValueError):
            number = self._stream.fileno()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)


@contextmanager
def safe_streams() -> Iterator[tuple[SafeStream, SafeStream]]:
    """Put safe streams in the place of standard output and standard error for the length of a block."""
    out, err = SafeStream(sys.stdout), SafeStream(sys.stderr)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            yield out, err
        finally:
            out.flush()
            err.flush()
