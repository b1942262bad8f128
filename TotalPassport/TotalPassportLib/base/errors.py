"""Everything that can go wrong, as a sentence for the user.

Each error carries what happened and why (``message``), what to do next (``hint``), a stable ``code`` for programs,
and the ``exit_code`` of the process. Only these errors are meant for users; anything else is a defect of ours.

A hint is a sentence where every face of the program would say the same, and a `Hint` where the command line names a
command and the window a button.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from .hints import Hint, HintCode

NO_MEMORY_SIGNS = ("Cannot allocate memory", "failed to map segment", "cannot apply additional memory protection")
"""What dynamic loaders say when a library does not fit into memory."""


class TotalPassportError(Exception):
    """A failure that the user can read.

    Parameters
    ----------
    message : str
        What happened and why, one sentence.
    hint : Hint or str
        What to do next, one sentence.
    """

    code = "internal"
    exit_code = 1

    def __init__(self, message: str, hint: Hint | str = "") -> None:
        message = " ".join(message.splitlines())  # other libraries' reasons may have several lines
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class BadInput(TotalPassportError):
    """An input that cannot be used, or an output that cannot be written."""

    code = "bad_input"
    exit_code = 2


class OutOfMemory(TotalPassportError):
    """The work does not fit into memory."""

    code = "out_of_memory"
    exit_code = 3


class ModelError(TotalPassportError):
    """A model is missing, incomplete or corrupt."""

    code = "model"
    exit_code = 4


class PoorResult(TotalPassportError):
    """What was asked for was done and written, but its own measure says that nobody should rely on it."""

    code = "poor_result"
    exit_code = 6


class SomeFailed(TotalPassportError):
    """Of a batch, some scans have no results; those of the others are written."""

    code = "some_failed"
    exit_code = 7


class AllFailed(TotalPassportError):
    """Of a batch, no scan has results."""

    code = "all_failed"
    exit_code = 8


class Cancelled(TotalPassportError):
    """The user stopped the run."""

    code = "cancelled"
    exit_code = 5

    def __init__(self, message: str = "Cancelled.", hint: Hint | str = "Nothing was written.") -> None:
        super().__init__(message, hint)


def user_error(error: BaseException) -> TotalPassportError:
    """Translate any exception into one that a user can read."""
    if isinstance(error, TotalPassportError):
        return error
    if isinstance(error, MemoryError):
        return OutOfMemory(
            "There is not enough memory for this scan.",
            "Close other programs, crop the scan, or use a machine with more memory.",
        )
    if isinstance(error, KeyboardInterrupt):
        return Cancelled()
    if isinstance(error, OSError):
        return os_error(error)
    return _failure_of_libraries(error) or TotalPassportError(
        f"Internal error: {type(error).__name__}: {error}.",
        "This is a defect of TotalPassport; please report it with the log.",
    )


def _failure_of_libraries(error: BaseException) -> TotalPassportError | None:
    """Return the sentence for what Python's own errors mean where a system's limit or a name is behind them."""
    reason = str(error)
    if isinstance(error, ImportError) and any(sign in reason for sign in NO_MEMORY_SIGNS):
        return OutOfMemory(
            "There is not enough memory to load the libraries that this program needs.",
            Hint(HintCode.RAISE_LIMIT, limit="ulimit -v"),
        )
    if isinstance(error, RuntimeError) and "can't start new thread" in reason:
        return OutOfMemory(
            "The system allows no more threads.", Hint(HintCode.RAISE_LIMIT, limit="ulimit -u, or of memory: ulimit -v")
        )
    if isinstance(error, UnicodeEncodeError) or (isinstance(error, ValueError) and "null " in reason):
        return BadInput("A name holds characters that no file's name can have.", "Correct the path.")
    return None


def os_error(error: OSError) -> TotalPassportError:
    """Translate an operating system's error about a file into a sentence."""
    path = f" '{error.filename}'" if error.filename else ""
    if error.errno == errno.ENOMEM:
        return OutOfMemory("The system has no more memory to give.", "Close other programs, or raise the limit.")
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return BadInput("The system allows no more open files.", Hint(HintCode.RAISE_LIMIT, limit="ulimit -n"))
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return BadInput(f"The disk is full; writing{path} failed.", Hint(HintCode.FREE_DISK))
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return BadInput(f"No permission to access{path}.", "Check the permissions or choose another folder.")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return BadInput(f"There is no file or folder{path}.", "Check the path.")
    if error.errno == errno.EISDIR:
        return BadInput(f"Expected a file but found a folder:{path}.", "Give the path of a file.")
    return BadInput(f"Reading or writing{path} failed: {error.strerror or error}.", "Check the disk and the path.")


@contextmanager
def as_user_error() -> Iterator[None]:
    """Re-raise any exception inside as its `TotalPassportError`."""
    try:
        yield
    except TotalPassportError:
        raise
    except (Exception, KeyboardInterrupt) as error:
        raise user_error(error) from error
