"""The file formats that images are read from: a new one is a reader, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ..base.errors import BadInput
from ..base.files import require_regular
from . import itk_reader, nifti
from .dicom.dicom_header import ARCHIVE_ENDING, DICOM_ENDINGS, is_segmentation, looks_like_dicom
from .dicom.dicom_labels import read_dicom_labels
from .dicom.dicom_scan import read_dicom
from .nifti_header import HINT
from .stored_image import StoredImage


@dataclass(frozen=True, kw_only=True)
class FileFormat:
    """One format.

    Attributes
    ----------
    name : str
        As users know it.
    suffixes : tuple of str
        Ends of its files' names in small letters, a longer one before its own end.
    read : callable
        Returns the image of a file, or raises `BadInput` or `OutOfMemory`.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path], StoredImage]


FORMATS = (
    FileFormat(name="NIfTI", suffixes=nifti.SUFFIXES, read=nifti.read_nifti),
    FileFormat(name="NRRD", suffixes=itk_reader.NRRD_SUFFIXES, read=itk_reader.read_nrrd),
    FileFormat(name="MetaImage", suffixes=itk_reader.META_SUFFIXES, read=itk_reader.read_meta),
)


def read_image(path: Path, series: str = "", modality: str | None = None) -> StoredImage:
    """Read an image by the reader of its format, which the file's name tells; DICOM also by its content.

    Parameters
    ----------
    path : Path
        The file; or the folder, the zip, the DICOMDIR or one of the files of a DICOM series.
    series, modality : str
        Which series of DICOM, see `dicom.read_dicom`.

    Raises
    ------
    BadInput
        There is no such file, its format is unknown, or its reader refuses it.
    OutOfMemory
        The image does not fit into memory.
    """
    if not path.exists():
        raise BadInput(f"There is no file '{path}'.", "Check the path.")
    if path.is_dir():
        return read_dicom(path, series, modality)
    require_regular(path)
    kind = _format_of(path)
    if kind is None and (path.name.lower().endswith(ARCHIVE_ENDING) or looks_like_dicom(path)):
        return read_dicom_labels(path) if is_segmentation(path) else read_dicom(path, series, modality)
    if series:
        raise BadInput(f"'{path}' is no DICOM, and nothing else has series.", "Leave the series out.")
    if kind is None:
        *others, last = (known.name for known in FORMATS)
        names = f"{', '.join(others)} or {last}"
        raise BadInput(f"'{path}' is not a {names} file by its name, nor DICOM by its content.", HINT)
    return kind.read(path)


def has_image_name(path: Path) -> bool:
    """Tell whether a file has a name as files of a known format have."""
    return _format_of(path) is not None


def image_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files that are images by their names, one for each image."""
    return [path for path in paths if has_image_name(path) and not nifti.is_second_half(path)]


def _format_of(path: Path) -> FileFormat | None:
    return next((kind for kind in FORMATS if path.name.lower().endswith(kind.suffixes)), None)


def stem_of(path: Path) -> str:
    """Return the file name without the suffix of its format.

    >>> stem_of(Path("scans/ct.nii.gz"))
    'ct'
    """
    for suffix in (*(suffix for kind in FORMATS for suffix in kind.suffixes), *DICOM_ENDINGS, ARCHIVE_ENDING):
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.stem or path.resolve().name or "scan"
