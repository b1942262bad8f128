"""Temporary names: what is being made stands beside what it will be; what killed runs left there is removed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from .events import signals_deferred

PREFIX = ".totalpassport-"
UNKNOWN_OWNER_SECONDS = 24 * 3600.0
"""After a day a temporary file of another machine or container is debris; writing takes seconds."""
LONGEST_SUFFIX = 24
_TEMPORARY = re.compile(
    re.escape(PREFIX) + r"[0-9a-f]{8}-(?P<machine>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{8}(?P<former>~?)(?:\..*)?",
    re.DOTALL,
)

in_use: set[Path] = set()
"""Temporary files of this very process; any other with its number is left from an earlier process of that number."""


_journal: int | None = None
"""Descriptor of the file in which this process keeps what it makes, for the one that may have to end it."""
_TEMPORARY_ENTRY, _RESULT_ENTRY, _END = b"t", b"r", b"\0"


def claim(path: Path) -> None:
    """Take a temporary name for this process's own."""
    in_use.add(path)
    _note(_TEMPORARY_ENTRY + os.fsencode(os.path.abspath(path)))


def note_results(paths: Iterable[Path]) -> None:
    """Note what was written for the user."""
    for path in paths:
        _note(_RESULT_ENTRY + os.fsencode(path))


def keep_journal(descriptor: int) -> None:
    """Note from now on what this process makes in an open file that another process shares, see `settle_journal`."""
    global _journal
    _journal = descriptor


def _note(entry: bytes) -> None:
    if _journal is not None:
        os.write(_journal, entry + _END)


def settle_journal(descriptor: int) -> bool:
    """Remove the temporary files of a process that was killed, by its journal; tell whether it had written results.

    A file that was being exchanged is left to the next run that writes it, see `remove_leftovers`.
    """
    entries = os.pread(descriptor, os.fstat(descriptor).st_size, 0).split(_END)[:-1]
    for entry in entries:
        path = Path(os.fsdecode(entry[1:]))
        found = _TEMPORARY.fullmatch(path.name) if entry.startswith(_TEMPORARY_ENTRY) else None
        if found is not None and not found["former"]:
            with contextlib.suppress(OSError):
                _remove(path)
    return any(entry.startswith(_RESULT_ENTRY) for entry in entries)


@contextmanager
def private_folder(purpose: str) -> Iterator[Path]:
    """Yield a new folder among the system's temporary ones that nobody else can look into; it is gone afterwards.

    One that a killed run has left is removed by the next of the same purpose.
    """
    with folder_beside(Path(tempfile.gettempdir()) / purpose, mode=0o700) as folder:
        yield folder


@contextmanager
def folder_beside(destination: Path, mode: int = 0o777) -> Iterator[Path]:
    """Yield a new folder on the same disk as ``destination``, in which to make what will be renamed to it."""
    remove_leftovers(destination)
    folder = destination.with_name(temporary_name(destination))
    try:
        claim(folder)
        folder.mkdir(mode)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        in_use.discard(folder)


def rename_folder(folder: Path, destination: Path) -> None:
    """Give a finished folder its name, after the disk has all that is in it: after a power cut it is there or not."""
    for path in (*sorted(folder.rglob("*")), folder):
        sync(path)
    folder.rename(destination)
    sync(destination.parent)


def replace_folder(folder: Path, destination: Path) -> None:
    """Give a finished folder its name in the place of what stands there, which stays if that fails.

    ``folder`` is inside another one for work in progress, such as a `folder_beside`, with which the former one goes.
    """
    former = folder.with_name(f"{folder.name}~")
    with signals_deferred():
        if destination.exists():
            destination.rename(former)
        try:
            rename_folder(folder, destination)
        except BaseException:
            if former.exists():
                former.rename(destination)
            raise


def sync(path: Path) -> None:
    """Wait until the disk has a file's content or a folder's names; where a system cannot, it is as good as done."""
    with contextlib.suppress(OSError):  # Windows opens no folders, some file systems know no fsync
        handle = os.open(path, os.O_RDONLY if path.is_dir() or sys.platform != "win32" else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def temporary_name(target: Path, mark: str = "") -> str:
    """Return a name that tells whose it is and what it will be; writers choose the format by its suffix."""
    suffix = "".join(target.suffixes[-2:])
    kept = suffix if len(suffix) <= LONGEST_SUFFIX else ""
    return f"{PREFIX}{_tag(target.name)}-{_machine()}-{os.getpid()}-{secrets.token_hex(4)}{mark}{kept}"


def _tag(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:8]


@cache
def _machine() -> str:
    """Return a mark of where process numbers mean the same: this machine, or this container of it."""
    import platform

    try:
        numbers = os.readlink("/proc/self/ns/pid")
    except OSError:
        numbers = ""
    return _tag(f"{platform.node()} {numbers}")


def remove_leftovers(target: Path) -> None:
    """Remove what earlier runs, killed while they wrote this same file, left beside it."""
    with contextlib.suppress(OSError):
        for path in target.parent.glob(f"{PREFIX}{_tag(target.name)}-*"):
            found = _TEMPORARY.fullmatch(path.name)
            if found is None or not _is_left_over(path, found):
                continue
            if found["former"] and not target.exists():
                os.replace(path, target)  # killed while it exchanged the two
            else:
                _remove(path)


def remove_all_leftovers(folder: Path) -> None:
    """Remove every temporary file in a folder that nobody but the caller writes into, whoever has left it."""
    with contextlib.suppress(OSError):
        for path in folder.glob(f"{PREFIX}*"):
            if _TEMPORARY.fullmatch(path.name) is not None and path not in in_use:
                _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_left_over(path: Path, found: re.Match[str]) -> bool:
    if found["machine"] != _machine() or sys.platform == "win32":
        return path not in in_use and time.time() - path.lstat().st_mtime > UNKNOWN_OWNER_SECONDS
    pid = int(found["pid"])
    if pid == os.getpid():
        return path not in in_use
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False  # it lives, but belongs to somebody else
    return False


def forget(*temporaries: Path | None) -> None:
    for path in temporaries:
        if path is not None:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            in_use.discard(path)
