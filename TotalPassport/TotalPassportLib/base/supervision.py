"""Work in a child process that ends when it is told to, whatever the libraries in it are doing.

Python answers Ctrl-C between two of its own instructions. A network that loops for ever, or whose constants take hours
to be computed while it is opened, never lets it come to that; and a library that crashes takes the process with it.
Here a process that does nothing else waits for the one that works.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable

from .errors import Cancelled, ModelError, OutOfMemory, TotalPassportError
from .temporaries import keep_journal, settle_journal

PATIENCE_SECONDS = 0.8
"""How long the child may take to end by itself; a user waits for a second."""
POLL_SECONDS = 0.02
PR_SET_PDEATHSIG = 1
"""Of Linux: which signal a process gets when its parent is gone."""


def run_supervised(work: Callable[[], None]) -> None:
    """Do some work in a child process; in the parent, raise `SystemExit` with the child's exit code.

    The child returns from here as if there were no other process, and ends as its caller lets it. To be called while
    this process has no other threads. Where processes cannot fork (Windows, or too many), the work is done here.

    Raises
    ------
    SystemExit
        In the parent: the child has ended by itself.
    Cancelled, OutOfMemory, ModelError
        In the parent: the child was ended, by us, by the system, or by a crash.
    """
    if not hasattr(os, "fork"):
        work()
        return
    sys.stdout.flush()
    sys.stderr.flush()
    signals = {signal.SIGINT, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # until both are where they can answer
    journal = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 -- it has no name, and goes with the last of us
    try:
        child = os.fork()
    except OSError:  # the system allows no more processes
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        work()
        return
    if child == 0:
        keep_journal(journal.fileno())
        end_with_parent()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        work()
        return
    raise SystemExit(_exit_code(child, before, journal.fileno()))


def end_with_parent() -> None:
    """Let the system end this process when its parent is gone, where it can do that (Linux)."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _exit_code(child: int, mask: set[int | signal.Signals], journal: int) -> int:
    """Wait for the child and hand on what would end it; return its exit code.

    What a child leaves that could not end by itself is removed by its ``journal``.
    """
    asked: float | None = None
    while True:
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            ended, status = os.waitpid(child, os.WNOHANG)  # waiting in it might miss a signal
            if ended:
                break
            if asked is not None and time.monotonic() - asked > PATIENCE_SECONDS:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                raise _cancelled(journal)
            time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            asked = asked or time.monotonic()
            os.kill(child, signal.SIGINT)  # from a terminal it has got its own as well; it counts as one
    if os.WIFEXITED(status):
        return os.WEXITSTATUS(status)
    if asked is not None:
        raise _cancelled(journal)
    settle_journal(journal)
    raise crash_error(os.WTERMSIG(status))


def _cancelled(journal: int) -> Cancelled:
    return Cancelled(hint="What was written until then stays.") if settle_journal(journal) else Cancelled()


def crash_error(number: int) -> TotalPassportError:
    """Return what the signal means that has ended a process while it ran a network."""
    if number == signal.SIGKILL:
        return OutOfMemory(
            "The system ended the run, most likely because there was no more memory.",
            "Close other programs, crop the scan, or use a machine with more memory.",
        )
    return ModelError(
        f"The libraries that run the network have crashed ({signal.Signals(number).name}).",
        "Try another provider; if it repeats, the model is damaged or made to do harm.",
    )
