"""One at a time: a lock between processes that dies with the process that holds it."""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .errors import os_error
from .files import make_folder

POLL_SECONDS = 0.1
NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, getattr(errno, "ENOTSUP", errno.ENOSYS)}
"""What file systems without locks answer, such as some of clusters."""


@contextmanager
def exclusive(path: Path, on_wait: Callable[[], None], check: Callable[[], None]) -> Iterator[int]:
    """Hold the lock file ``path``; wait while another process or thread holds it. Yields the number of the open file.

    The operating system owns the lock, so a file left by a process that was killed is taken over at once. The file
    itself stays: removing it would let two processes hold locks on two files of one name.

    Parameters
    ----------
    on_wait : Callable[[], None]
        Called once if the lock is not free.
    check : Callable[[], None]
        Called again and again while waiting; an exception of its ends the wait.

    Raises
    ------
    BadInput
        The file cannot be written.
    """
    make_folder(path.parent)
    try:
        file = path.open("ab")
    except OSError as error:
        raise os_error(error) from error
    with file:
        waiting = False
        while not _try_lock(file):
            if not waiting:
                on_wait()
            waiting = True
            check()
            time.sleep(POLL_SECONDS)
        yield file.fileno()


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: BinaryIO) -> bool:
        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(file: BinaryIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            # Without locks two downloads at once may spoil each other, which the checks afterwards notice;
            # refusing would leave such machines without any model.
            return error.errno in NO_LOCKS
        return True
