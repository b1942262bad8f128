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

from .hints import Hint


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
    return TotalPassportError(
        f"Internal error: {type(error).__name__}: {error}.",
        "This is a defect of TotalPassport; please report it with the log.",
    )


def os_error(error: OSError) -> BadInput:
    """Translate an operating system's error about a file into a sentence."""
    path = f" '{error.filename}'" if error.filename else ""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return BadInput(f"The disk is full; writing{path} failed.", "Free some space or choose another output folder.")
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
