"""The files that a scan is made of, and a hash of all of them, without reading it as an image."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from ..base.files import open_regular
from . import itk_reader, nifti
from .byte_stream import BYTES_AT_ONCE


def files_of_scan(path: Path) -> list[Path]:
    """Return the files of a scan that is no DICOM, in the order in which `Volume.sha256` goes through them.

    Raises
    ------
    BadInput
        Voxels that should lie beside a header are not there.
    """
    if path.name.lower().endswith(nifti.SUFFIXES):
        return nifti.files_of_nifti(path)
    if path.name.lower().endswith((*itk_reader.NRRD_SUFFIXES, *itk_reader.META_SUFFIXES)):
        return itk_reader.files_of_itk(path)
    return [path]


def sha256_of_files(paths: Iterable[Path]) -> str:
    """Return the SHA-256 of the bytes of some files, one after another, in hexadecimal.

    Raises
    ------
    BadInput
        One of them cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        with open_regular(path) as file:
            while chunk := file.read(BYTES_AT_ONCE):
                digest.update(chunk)
    return digest.hexdigest()


def sha256_of_scan(path: Path) -> str:
    """Return the SHA-256 of all files of a scan that is no DICOM; see `sha256_of_files` for the rest."""
    return sha256_of_files(files_of_scan(path))
