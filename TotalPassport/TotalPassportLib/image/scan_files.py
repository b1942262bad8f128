"""The files that a scan is made of, and a hash of all of them, without reading it as an image."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..base.errors import BadInput
from ..base.files import open_regular
from . import itk_reader, nifti
from .byte_stream import BYTES_AT_ONCE


def files_of_scan(path: Path) -> list[Path]:
    """Return the files of a scan, in the order in which `Volume.sha256` goes through them.

    Of a folder all files in it: which of them a series is made of, their headers would have to tell.

    Raises
    ------
    BadInput
        There is no such scan.
    """
    if path.is_dir():
        files = sorted(entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith("."))
        if not files:
            raise BadInput(f"There is no file in the folder '{path}'.", "Give the folder that the slices are in.")
        return files
    if path.name.lower().endswith(nifti.SUFFIXES):
        return nifti.files_of_nifti(path)
    if path.name.lower().endswith((*itk_reader.NRRD_SUFFIXES, *itk_reader.META_SUFFIXES)):
        return itk_reader.files_of_itk(path)
    return [path]


def sha256_of_scan(path: Path) -> str:
    """Return the SHA-256 of the bytes of all files of a scan, one after another, in hexadecimal.

    Raises
    ------
    BadInput
        One of them cannot be read.
    """
    digest = hashlib.sha256()
    for file_path in files_of_scan(path):
        with open_regular(file_path) as file:
            while chunk := file.read(BYTES_AT_ONCE):
                digest.update(chunk)
    return digest.hexdigest()


def bytes_of_scan(path: Path) -> int:
    """Return how many bytes the files of a scan have; 0 where that cannot be told."""
    try:
        return sum(file.stat().st_size for file in files_of_scan(path))
    except (BadInput, OSError):
        return 0
