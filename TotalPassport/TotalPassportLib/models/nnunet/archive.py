"""Unpacking a zip of official weights as if it were hostile: three small kinds of files come out, or none."""

from __future__ import annotations

import io
import lzma
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NoReturn

from ...base.errors import ModelError
from ...base.events import StepCallback
from ...base.files import make_folder, require_regular
from .layout import CHECKPOINT, DATASET_FOLDER, FOLD_CHECKPOINT, LEVELS_BELOW, NEEDED_FILES

MOST_MEMBERS = 10_000
LARGEST_DIRECTORY_BYTES = 4 * 2**20
"""A table of contents of `MOST_MEMBERS` entries needs about 1.5 MB."""
LARGEST_MEMBER_BYTES = {CHECKPOINT: 4 * 2**30, "model.pt": 2**30, "model_lowres.pt": 2**30}
"""An official checkpoint has 165 MB to about 250 MB."""
LARGEST_TEXT_BYTES = 32 * 2**20
LARGEST_TOTAL_BYTES = 16 * 2**30
LARGEST_RATIO = 200
"""Trained weights hardly shrink and JSON shrinks 30-fold at most; deflate itself reaches 1030."""
SMALL_BYTES = 2**20
"""A member up to this size is no bomb, whatever its ratio."""
CHUNK_BYTES = 2**20
FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,149}(?<!\.)")
HINT = "Download the archive again; an official one is not like this."


def unpack_weights(archive: Path, destination: Path, step: StepCallback) -> list[Path]:
    """Unpack plans, dataset description and checkpoint of every dataset in an archive.

    The whole archive is refused if anything in it is suspicious, also what would not be unpacked.

    Parameters
    ----------
    destination : Path
        An empty folder; what is unpacked lies below it as in the archive.
    step : StepCallback
        Receives bytes done and total; its exceptions stop the unpacking.

    Returns
    -------
    The dataset folders, in the order of their names.

    Raises
    ------
    ModelError
        The archive is damaged, hostile, or holds no official weights.
    """
    if archive.exists():
        require_regular(archive)
    with _zip_errors(archive), _BoundedFile(io.FileIO(archive)) as file, zipfile.ZipFile(file) as opened:
        members = opened.infolist()
        _check_names(members, archive)
        needed = [member for member in members if _dataset_of(member.filename)]
        if not any(PurePosixPath(member.filename).name == CHECKPOINT for member in needed):
            _refuse_archive(archive, "it holds no weights in nnU-Net's layout")
        _check_sizes(needed, archive)
        total = sum(member.file_size for member in needed)
        done = 0
        for member in needed:
            for count in _extract(opened, member, destination):
                done += count
                step(done, total)
    return sorted({destination / str(_dataset_of(member.filename)) for member in needed})


def unpack_members(archive: Path, destination: Path, names: Sequence[str]) -> list[Path]:
    """Unpack the files of an archive that have certain names, also in one folder more, as `unpack_weights` does.

    Returns
    -------
    What was unpacked, ``destination / name`` each; nothing if no file is called so.

    Raises
    ------
    ModelError
        The archive is damaged or hostile.
    """
    if archive.exists():
        require_regular(archive)
    with _zip_errors(archive), _BoundedFile(io.FileIO(archive)) as file, zipfile.ZipFile(file) as opened:
        members = opened.infolist()
        _check_names(members, archive)
        found = {name: _member_called(members, name) for name in names}
        needed = {name: member for name, member in found.items() if member is not None}
        _check_sizes(list(needed.values()), archive)
        for name, member in needed.items():
            for _ in _extract(opened, member, destination, name):
                pass
    return [destination / name for name in needed]


def _member_called(members: list[zipfile.ZipInfo], name: str) -> zipfile.ZipInfo | None:
    """Return the member of a name that lies least deep, at most in one folder more."""
    found = [member for member in members if member.filename == name or member.filename.endswith(f"/{name}")]
    level = name.count("/") + 1
    return min(
        (member for member in found if member.filename.count("/") <= level),
        key=lambda member: member.filename.count("/"),
        default=None,
    )


class _BoundedFile(io.BufferedReader):
    """A file that refuses what zipfile asks for without thinking: a table of contents of any declared size at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > LARGEST_DIRECTORY_BYTES:
            raise zipfile.BadZipFile("a table of contents of that size cannot be")
        return super().read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_SET and offset < 0:
            raise zipfile.BadZipFile("its table of contents points before its beginning")
        return super().seek(offset, whence)


@contextmanager
def _zip_errors(archive: Path) -> Iterator[None]:
    """Turn what zipfile raises into sentences."""
    try:
        yield
    except FileNotFoundError as error:
        raise ModelError(f"There is no archive '{archive}'.", "Check the path.") from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        reason = str(error)[:200] or "it ends too early"
        raise ModelError(f"The archive '{archive}' is damaged or no zip file: {reason}.", HINT) from error
    except OSError as error:
        if error.errno is not None:
            raise
        # So says bz2 of what it cannot unpack.
        raise ModelError(f"The archive '{archive}' is damaged: {str(error)[:200]}.", HINT) from error
    except (NotImplementedError, RuntimeError, ValueError, LookupError) as error:
        # Compression methods, encryption and flags that zipfile does not know, and names in wrong encodings.
        raise ModelError(f"The archive '{archive}' cannot be unpacked: {str(error)[:200]}.", HINT) from error


def _refuse_archive(archive: Path, reason: str) -> NoReturn:
    raise ModelError(f"The archive '{archive}' was not unpacked: {reason}.", HINT)


def _check_names(members: list[zipfile.ZipInfo], archive: Path) -> None:
    if len(members) > MOST_MEMBERS:
        _refuse_archive(archive, f"it has {len(members):,} members")
    seen: set[str] = set()
    for member in members:
        reason = _suspicion(member)
        # Some file systems do not tell upper and lower case apart.
        folded = member.filename.rstrip("/").casefold()
        if not reason and folded in seen:
            reason = "stands in it twice"
        if reason:
            _refuse_archive(archive, f"its member '{_printable(member.orig_filename)}' {reason}")
        seen.add(folded)


def _suspicion(member: zipfile.ZipInfo) -> str:
    """Return what is wrong with a member, or nothing."""
    name = member.orig_filename  # `filename` has backslashes and what follows a NUL already tidied away
    mode = stat.S_IFMT(member.external_attr >> 16)
    if not name or any(ord(letter) < 32 for letter in name):
        return "has a name with control characters"
    if "\\" in name or ":" in name:
        return "has a name with a backslash or a colon"
    if name.startswith("/") or any(part in ("", ".", "..") for part in name.removesuffix("/").split("/")):
        return "would lie outside of the archive's own folder"
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device, not a file"
    if member.flag_bits & 0x2041:
        return "is encrypted"
    return ""


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:120]


def _dataset_of(name: str) -> str | None:
    """Return the dataset's folder of a member ``[<folders>/]Dataset.../<trainer>/`` + a needed file; None of others.

    People pack weights anew, with the folders around them. Checkpoints of further folds are needed too.
    """
    needed = next((needed for needed in NEEDED_FILES if name.endswith(f"/{needed}")), None)
    if needed is None:
        fold = FOLD_CHECKPOINT.search(name)
        needed = fold[0] if fold else None
    folders = name.removesuffix(f"/{needed}").split("/")
    if needed is None or not 2 <= len(folders) <= LEVELS_BELOW or not DATASET_FOLDER.match(folders[-2]):
        return None
    return "/".join(folders[:-1]) if all(map(FOLDER_NAME.fullmatch, folders)) else None


def _check_sizes(needed: list[zipfile.ZipInfo], archive: Path) -> None:
    for member in needed:
        largest = LARGEST_MEMBER_BYTES.get(PurePosixPath(member.filename).name, LARGEST_TEXT_BYTES)
        ratio = member.file_size / max(member.compress_size, 1)
        if member.file_size > largest or (member.file_size > SMALL_BYTES and ratio > LARGEST_RATIO):
            _refuse_archive(archive, f"'{member.filename}' would become {member.file_size:,} bytes")
    if sum(member.file_size for member in needed) > LARGEST_TOTAL_BYTES:
        _refuse_archive(archive, "it would become absurdly large")


def _extract(opened: zipfile.ZipFile, member: zipfile.ZipInfo, destination: Path, name: str = "") -> Iterator[int]:
    """Write one member and yield the size of every piece; zipfile checks its length and CRC at the end."""
    target = destination / (name or member.filename)
    make_folder(target.parent)
    written = 0
    with opened.open(member) as source, target.open("xb") as file:
        while chunk := source.read(CHUNK_BYTES):
            written += len(chunk)
            file.write(chunk)
            yield len(chunk)
    if written != member.file_size:
        raise EOFError
