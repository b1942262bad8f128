"""A zip of DICOM files, unpacked as if it were hostile, for as long as it is read."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...base.errors import BadInput
from ...base.files import open_regular
from ...base.temporaries import private_folder

MOST_MEMBERS = 100_000
LARGEST_RATIO = 400
"""Of the whole archive: air outside of the patient is all but nothing, and deflate itself reaches 1030."""
SMALL_BYTES = 64 * 2**20
"""What unpacks to no more than this is no bomb, whatever its ratio."""
CHUNK_BYTES = 2**20
HINT = "Make the zip again, or unpack it and give the folder."


@contextmanager
def unpacked(archive: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield a folder with the files of an archive, and what each of them is called in the archive.

    The files have numbers for names, in the order of the archive's own names; the folder is gone afterwards, and one
    that a killed run has left is removed by the next.

    Raises
    ------
    BadInput
        The archive is damaged, encrypted, or unpacks to more than it can hold or than the disk has.
    """
    with private_folder("dicom-archive") as folder, open_regular(archive) as file:
        try:
            with zipfile.ZipFile(file) as opened:
                names = _unpack(opened, folder, archive)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            reason = str(error)[:200] or "it ends too early"
            raise BadInput(f"'{archive}' is damaged or no zip file: {reason}.", HINT) from error
        yield folder, names


def _unpack(opened: zipfile.ZipFile, folder: Path, archive: Path) -> dict[str, str]:
    members = sorted((each for each in opened.infolist() if not each.is_dir()), key=lambda each: each.filename)
    total = sum(member.file_size for member in members)
    stored = max(archive.stat().st_size, 1)
    if len(members) > MOST_MEMBERS or (total > SMALL_BYTES and total > LARGEST_RATIO * stored):
        raise BadInput(f"'{archive}' claims to unpack to more than any scan: it was not unpacked.", HINT)
    if total > shutil.disk_usage(folder).free:
        raise BadInput(
            f"'{archive}' unpacks to {total / 2**20:.0f} MB, and the disk of temporary files has not that much left.",
            "Make room there, or unpack it and give the folder.",
        )
    names = {}
    for number, member in enumerate(members):
        if stat.S_ISLNK(member.external_attr >> 16):
            raise BadInput(f"'{archive}' holds a link, '{member.filename}': it was not unpacked.", HINT)
        target = folder / f"{number:06d}.bin"
        left = member.file_size
        with opened.open(member) as source, target.open("wb") as copy:
            while chunk := source.read(CHUNK_BYTES):
                left -= len(chunk)
                if left < 0:
                    raise zipfile.BadZipFile("a member is larger than it says")
                copy.write(chunk)
        names[target.name] = member.filename
    return names
