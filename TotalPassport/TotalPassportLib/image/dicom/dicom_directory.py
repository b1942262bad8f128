"""A DICOMDIR, which lists the files of a disc: read by pydicom, and never beyond its own folder."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...base.errors import BadInput
from ...base.files import open_regular
from .dicom_header import pydicom_module

DIRECTORY_NAME = "DICOMDIR"
"""The standard allows no other name."""


def is_directory_file(path: Path) -> bool:
    """Tell whether a file is a DICOMDIR, by its name."""
    return path.name.upper() == DIRECTORY_NAME


def listed_files(path: Path) -> list[Path]:
    """Return the images that a DICOMDIR lists, those that are there.

    Raises
    ------
    UnfitImage
        pydicom is missing.
    BadInput
        It is damaged, or names a file that is not below its own folder.
    """
    pydicom = pydicom_module(f"'{path.name}'")
    try:
        with open_regular(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            records = pydicom.dcmread(file).get("DirectoryRecordSequence") or []
            names = [list(_parts(record)) for record in records if record.get("DirectoryRecordType") == "IMAGE"]
    except BadInput:
        raise
    except MemoryError:
        raise
    except Exception as error:  # whatever pydicom stumbles over in a file of anybody's
        raise BadInput(f"'{path}' is damaged: what it lists cannot be read.", "Give the folder itself.") from error
    return [listed for parts in names if (listed := _below(path, parts)).is_file()]


def _parts(record: Any) -> Iterator[str]:
    value = record.get("ReferencedFileID") or []
    yield from [str(value)] if isinstance(value, str) else (str(part) for part in value)


def _below(path: Path, parts: list[str]) -> Path:
    plain = [part for part in parts if part not in ("", ".", "..") and not {"/", "\\", ":", "\0"} & set(part)]
    file = path.parent.joinpath(*plain)
    root = os.path.realpath(path.parent)
    if plain != parts or os.path.commonpath([root, os.path.realpath(file)]) != root:
        raise BadInput(
            f"'{path}' lists a file outside of its own folder: it was not read.", "Give the folder of the scan."
        )
    return file
