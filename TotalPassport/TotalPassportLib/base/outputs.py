"""Files that are written: all together or not at all, and wherever their names lead.

    with OutputFiles(inputs=[scan]) as outputs:
        outputs.path(folder / "labels.nii.gz").write_bytes(...)
        outputs.path(folder / "passport.json").write_text(...)

Each file is written under a temporary name beside its own; at the end of the block all of them take their names, or,
if one cannot, none does. Names are what ``open(path, "w")`` would make of them: a symbolic link is followed, a pipe
and standard output (``-``) are written through, a file that exists keeps its permissions. What is no file, a device
for one, is refused and never replaced.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from .errors import BadInput, Cancelled, os_error
from .events import signals_deferred
from .temporaries import LONGEST_SUFFIX, PREFIX, claim, forget, note_results, remove_leftovers, sync, temporary_name

STANDARD_OUTPUT = "-"
_DESCRIPTOR = re.compile(r"/(?:dev|proc/(?:self|thread-self|\d+))/fd/(\d+)")

_results: list[Path] = []
"""What this process has written for its user so far."""


@dataclass(kw_only=True)
class _Output:
    """One file on its way."""

    destination: Path
    """Where it goes, links followed; what is written through keeps the name that the user gave."""
    temporary: Path
    streamed: bool
    former: Path | None = None
    """The file that stood there, kept until all outputs are in place."""
    in_place: bool = False


class OutputFiles:
    """Several files that appear together or not at all; see the module.

    Parameters
    ----------
    inputs : iterable of Path
        Files that are read and must not be written over.
    durable : bool
        Wait until the disk has the files, for what cannot be made again in seconds.
    internal : bool
        They are notes of ours, such as a cache's, and not what the user asked for.
    """

    def __init__(self, *, inputs: Iterable[Path] = (), durable: bool = False, internal: bool = False) -> None:
        self._inputs = tuple(inputs)
        self._durable = durable
        self._internal = internal
        self._outputs: list[_Output] = []

    def __enter__(self) -> OutputFiles:
        return self

    def path(self, destination: Path) -> Path:
        """Return the temporary file in which to write what will be ``destination``.

        Raises
        ------
        BadInput
            It cannot be written, see `check_destination`.
        """
        refuse_overwriting(Path(destination), *self._inputs)
        target = _target(Path(destination))
        with signals_deferred():  # a file that was made and is not yet known here would be left
            output = _Output(
                destination=target or Path(destination),
                temporary=_stream_buffer(Path(destination)) if target is None else _create_beside(target),
                streamed=target is None,
            )
            self._outputs.append(output)
        return output.temporary

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._write_through()
                self._put_in_place()
        finally:
            with signals_deferred():
                for output in self._outputs:
                    forget(output.temporary, output.former)

    def _write_through(self) -> None:
        # First, and open to signals: nobody knows for how long a pipe keeps its writer waiting.
        for output in self._outputs:
            if output.streamed:
                with _sentence_about(output.destination), output.temporary.open("rb") as source:
                    _copy_through(source.fileno(), output.destination)

    def _put_in_place(self) -> None:
        files = [output for output in self._outputs if not output.streamed]
        if self._durable:
            for output in files:
                with _sentence_about(output.destination):
                    sync(output.temporary)
        with signals_deferred() as received:
            try:
                for output in files:
                    with _sentence_about(output.destination):
                        _replace(output)
                    if received:
                        raise Cancelled()
            except BaseException:
                for output in reversed(files):
                    _restore(output)
                raise
            if not self._internal:
                _results.extend(output.destination for output in self._outputs)
                note_results(output.destination for output in self._outputs)
        if self._durable:
            for folder in {output.destination.parent for output in files}:
                sync(folder)


@contextmanager
def atomic_write(path: Path, *, durable: bool = False, internal: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; give it that name if all went well, else remove it; see `OutputFiles`.

    Raises
    ------
    BadInput
        The folder cannot be written to, the disk is full, or what stands at ``path`` is no file.
    """
    with OutputFiles(durable=durable, internal=internal) as outputs:
        temporary = outputs.path(path)
        try:
            yield temporary
        except OSError as error:
            error.filename = str(path)
            raise os_error(error) from error


def check_destination(path: Path, *inputs: Path) -> None:
    """Find out before any work whether a file can be written.

    Parameters
    ----------
    path : Path
        The file to be.
    *inputs : Path
        Files that are read and must not be written over.

    Raises
    ------
    BadInput
        It is one of the inputs, a folder, a device, or in a place where this user may not write.
    """
    refuse_overwriting(path, *inputs)
    target = _target(path)
    if target is not None:
        with signals_deferred():
            forget(_create_beside(target))


def refuse_overwriting(output: Path, *inputs: Path) -> None:
    """Raise `BadInput` if a file that is to be written is one of those that are read."""
    for path in inputs:
        if output.exists() and path.exists() and output.samefile(path):
            raise BadInput(f"The output '{output}' is the input itself.", "Choose another name or folder.")


def is_standard_output(path: Path) -> bool:
    """Whether an output's name means this process's standard output."""
    return _descriptor(path) == 1


def results_written() -> int:
    """Return how many files this process has written for its user so far."""
    return len(_results)


def _descriptor(path: Path) -> int | None:
    """Return the number of the open file that a name means, such as ``-`` or ``/dev/stdout``."""
    name = str(path)
    if name in (STANDARD_OUTPUT, "/dev/stdout"):
        return 1
    if name == "/dev/stderr":
        return 2
    found = _DESCRIPTOR.fullmatch(name)
    return int(found[1]) if found else None


def _target(path: Path) -> Path | None:
    """Return the file that a name leads to, or None if what stands there is written through.

    Raises
    ------
    BadInput
        No file can be there.
    """
    if _descriptor(path) is not None:
        return None
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return _behind_links(path)
    except OSError as error:
        raise os_error(error) from error
    if stat.S_ISREG(mode):
        if not os.access(path, os.W_OK):
            raise BadInput(f"No permission to access '{path}'.", "Check the permissions or choose another name.")
        return _behind_links(path)
    if stat.S_ISDIR(mode):
        raise BadInput(f"The output '{path}' is a folder, not a file.", "Choose another name, or remove the folder.")
    if stat.S_ISFIFO(mode) or path.samefile(os.devnull):
        return None
    raise BadInput(f"The output '{path}' is a device or a socket, not a file.", "Choose the name of a file.")


def _behind_links(path: Path) -> Path:
    # Without a link the user's own name stays, for the sentences that say it.
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _create_beside(target: Path) -> Path:
    """Create an empty file beside ``target`` with the permissions that ``target`` has or will have."""
    remove_leftovers(target)
    temporary = target.with_name(temporary_name(target))
    try:
        former = target.stat() if target.exists() else None
        # The system applies the umask, or what a folder's access list says in its place.
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
        claim(temporary)
        os.close(os.open(temporary, flags, 0o666 if former is None else 0o600))
        if former is not None:
            _take_over_permissions(temporary, former)
    except OSError as error:
        error.filename = str(target.parent)
        raise os_error(error) from error
    return temporary


def _take_over_permissions(temporary: Path, former: os.stat_result) -> None:
    if hasattr(os, "chown"):
        with contextlib.suppress(OSError):  # only the superuser gives files away
            os.chown(temporary, former.st_uid, former.st_gid)
    temporary.chmod(stat.S_IMODE(former.st_mode))


def _stream_buffer(destination: Path) -> Path:
    """Create the private file that collects what is written through."""
    handle, name = tempfile.mkstemp(prefix=PREFIX, suffix="".join(destination.suffixes[-2:])[-LONGEST_SUFFIX:])
    os.close(handle)
    return Path(name)


def _copy_through(source: int, destination: Path) -> None:
    number = _descriptor(destination)
    if number == 1 and sys.stdout is not None:
        sys.stdout.flush()
    # Opened anew, the file behind a descriptor would be written from its beginning.
    target = os.open(destination, os.O_WRONLY) if number is None else os.dup(number)
    with os.fdopen(target, "wb", buffering=0) as file, os.fdopen(os.dup(source), "rb") as content:
        shutil.copyfileobj(content, file)


def _replace(output: _Output) -> None:
    if output.destination.exists():
        former = output.destination.with_name(temporary_name(output.destination, mark="~"))
        claim(former)
        output.former = former
        try:
            os.link(output.destination, former)
        except OSError:  # no second names on this file system
            os.replace(output.destination, former)
    os.replace(output.temporary, output.destination)
    output.in_place = True


def _restore(output: _Output) -> None:
    """Bring back what stood at a destination; as far as it goes, for another error is on its way."""
    with contextlib.suppress(OSError):
        if output.former is not None and output.former.exists():
            os.replace(output.former, output.destination)
        elif output.in_place:
            output.destination.unlink(missing_ok=True)


@contextmanager
def _sentence_about(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise os_error(error) from error
