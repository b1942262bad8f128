"""Passports of a folder, found, recognised and read, by several processes where there are many."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..base.errors import TotalPassportError, user_error
from ..base.files import open_regular, sha256_of
from ..passport import read_passport
from .record import SourceFile
from .table_columns import Row, row_of_scan, rows_of_organs

_SNIFFED_BYTES = 4096
_SIGN = b'"totalpassport-passport/'
PASSPORTS_FOLDER, PASSPORT_ENDING = "passports", "_passport"
FEW = 8
"""Passports that are read before other processes would have started."""
WAITING = 4
"""Passports for each process that are on their way, so that a cancelled build stops soon."""


@dataclass(frozen=True, kw_only=True)
class FoundFiles:
    """What a folder holds: path below it -> size and time of the passports, and how many other JSON files there are."""

    passports: dict[str, os.stat_result]
    others: int


@dataclass(frozen=True, kw_only=True)
class ReadPassport:
    """What was made of one file; no rows where it is damaged."""

    file: SourceFile
    scan: Row | None = None
    organs: list[Row] | None = None


def find_passports(folder: Path, leave_out: Path | None = None) -> FoundFiles:
    """Return the passports in a folder and the folders below it, by path; ``leave_out`` is not looked into.

    A passport is what begins as one, and what is called as one, even if it is damaged.
    """
    passports, others = {}, 0
    skipped = None if leave_out is None else leave_out.resolve()
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and (here / name).resolve() != skipped)
        if here.resolve() == skipped:
            continue
        for name in sorted(files):
            if not name.lower().endswith(".json") or name.startswith("."):
                continue
            path = here / name
            if _is_called_passport(path) or _begins_as_passport(path):
                passports[path.relative_to(folder).as_posix()] = path.stat()
            else:
                others += 1
    return FoundFiles(passports=passports, others=others)


def _is_called_passport(path: Path) -> bool:
    stem = path.name[: -len(".json")]
    in_folder = path.parent.name == PASSPORTS_FOLDER and "." not in stem
    return path.is_file() and (in_folder or stem.endswith(PASSPORT_ENDING))


def _begins_as_passport(path: Path) -> bool:
    try:
        with open_regular(path) as file:
            return _SIGN in file.read(_SNIFFED_BYTES)
    except TotalPassportError:
        return False


def scan_names(paths: Sequence[str]) -> dict[str, str]:
    """Return path -> the scan's name: the path without folders called ``passports``, ``_passport`` and the suffix.

    >>> scan_names(["b/ct_passport.json", "passports/s1.json"])
    {'b/ct_passport.json': 'b/ct', 'passports/s1.json': 's1'}

    Where two would have one name, the later ones keep their paths.

    >>> scan_names(["a.json", "a_passport.json"])
    {'a.json': 'a', 'a_passport.json': 'a_passport.json'}
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for path in sorted(paths):
        name = _short_name(path)
        names[path] = name if name not in taken else path
        taken.add(names[path])
    return names


def _short_name(path: str) -> str:
    pure = PurePosixPath(path)
    stem = pure.name[: -len(".json")]
    folders = [folder for folder in pure.parent.parts if folder != PASSPORTS_FOLDER]
    return "/".join([*folders, stem.removesuffix(PASSPORT_ENDING) or stem])


def read_rows(folder: Path, path: str, scan: str) -> ReadPassport:
    """Read one passport into rows; what is wrong with it is part of what is returned."""
    file = folder / path
    sha256, before = "0" * 64, None
    try:
        before = file.stat()
        sha256 = sha256_of(file)
        passport = read_passport(file)
        rows = row_of_scan(scan, path, passport), rows_of_organs(scan, passport)
        after = file.stat()
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            return _damaged(sha256, after, "It changed while it was read.")
    except Exception as error:  # a defect of ours must not hide what thousands of others say
        return _damaged(sha256, before, user_error(error).message.replace(str(file), path))
    source = SourceFile(sha256=sha256, size=before.st_size, mtime_ns=before.st_mtime_ns, scan=scan)
    return ReadPassport(file=source, scan=rows[0], organs=rows[1])


def _damaged(sha256: str, state: os.stat_result | None, problem: str) -> ReadPassport:
    size, mtime_ns = (state.st_size, state.st_mtime_ns) if state else (0, 0)
    return ReadPassport(file=SourceFile(sha256=sha256, size=size, mtime_ns=mtime_ns, problem=problem[:1000]))


def read_all(folder: Path, scans: dict[str, str], jobs: int) -> Iterator[tuple[str, ReadPassport]]:
    """Yield path and rows of many passports, path -> scan's name, in any order; ``jobs`` is the number of processes."""
    if jobs <= 1 or len(scans) <= FEW:
        for path, scan in scans.items():
            yield path, read_rows(folder, path, scan)
        return
    with closing(_in_processes(folder, scans, jobs)) as results:
        yield from results


def _in_processes(folder: Path, scans: dict[str, str], jobs: int) -> Generator[tuple[str, ReadPassport], None, None]:
    context = multiprocessing.get_context("spawn")  # threads of libraries do not survive a fork
    pool = ProcessPoolExecutor(jobs, context, initializer=_end_with_parent)
    try:
        waiting: dict[Future[ReadPassport], str] = {}
        for path, scan in scans.items():
            waiting[pool.submit(read_rows, folder, path, scan)] = path
            if len(waiting) >= WAITING * jobs:
                yield from _finished(waiting)
        while waiting:
            yield from _finished(waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def _finished(waiting: dict[Future[ReadPassport], str]) -> Iterator[tuple[str, ReadPassport]]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        yield waiting.pop(future), future.result()


def _end_with_parent() -> None:
    """Let a process of the pool end when the one that started it is killed: its own queue would keep it waiting."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_exit, args=(parent.join,), daemon=True).start()


def _wait_and_exit(join: Callable[[], None]) -> None:
    join()
    os._exit(1)
