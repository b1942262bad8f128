"""All scans of a folder and of those below it, of every format, without reading their voxels.

>>> from TotalPassportLib.base.files import DATA_FOLDER
>>> [scan.path.name for scan in find_scans(DATA_FOLDER / "demo")]
['demo_ct.nii.gz', 'demo_ct_labels.nii.gz']
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..base.errors import BadInput
from ..base.text import shown_name
from .dicom.dicom_archive import unpacked
from .dicom.dicom_directory import is_directory_file, listed_files
from .dicom.dicom_header import ARCHIVE_ENDING, looks_like_dicom
from .dicom.dicom_series import Series, series_in, series_of_files
from .formats import image_files
from .stored_image import UnfitImage


@dataclass(frozen=True, kw_only=True)
class FoundScan:
    """One scan of a folder: a file, or one stack of slices in DICOM.

    ``read_image(scan.path, scan.series)`` reads it, and ``load_ct`` takes the same two.

    Attributes
    ----------
    path : Path
        Its file; of DICOM, the innermost folder that has all of its series, or the zip.
    series : str
        Which series of the folder or the zip: its UID, and behind a slash the stack's number where a series has
        several. Empty for what is no DICOM.
    description, modality : str
        As DICOM has them; empty for all else.
    size : tuple of int, optional
        Columns, rows and slices; None where only reading the file would tell.
    files : tuple of Path
        Of DICOM, those that it is made of, by rising name; else the one that was found, beside which its voxels may lie
        in a second one.
    """

    path: Path
    series: str = ""
    description: str = ""
    modality: str = ""
    size: tuple[int, int, int] | None = None
    files: tuple[Path, ...] = ()

    @property
    def slices(self) -> int | None:
        """How many there are, where that is known."""
        return None if self.size is None else self.size[2]

    def __str__(self) -> str:
        if self.size is None:
            return shown_name(self.path.name)
        columns, rows, slices = self.size
        what = shown_name(self.description) or "no description"
        return f"{what} ({shown_name(self.modality) or 'no modality'}, {slices} slices of {columns} x {rows})"


def find_scans(place: Path, modality: str | None = None) -> list[FoundScan]:
    """Return the scans of a folder and of those below it, sorted by path; links to folders are not followed.

    Localizers, pictures and series of fewer than four slices are left out. A file that is damaged, or a zip, is among
    them by its path alone, so that whoever reads it is told what is wrong.

    Parameters
    ----------
    place : Path
        The folder; or a file, a zip or a DICOMDIR, which may have several scans too.
    modality : str, optional
        CT or MR: series in DICOM that are something else are left out.

    Raises
    ------
    UnfitImage
        There is DICOM, and pydicom is not installed.
    """
    found: list[FoundScan] = []
    if place.is_file():
        found += _in_file(place)
    else:
        for folder, folders, names in os.walk(place):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            paths = [Path(folder, name) for name in sorted(names) if not name.startswith(".")]
            found += [FoundScan(path=path, files=(path,)) for path in image_files(paths)]
            archives = [path for path in paths if path.name.lower().endswith(ARCHIVE_ENDING)]
            found += [scan for path in archives for scan in _in_archive(path)]
        found += _in_folder(place)
    fitting = (scan for scan in found if modality is None or scan.modality in ("", modality))
    return sorted(fitting, key=lambda scan: (scan.path, scan.series))


def _in_file(path: Path) -> list[FoundScan]:
    """Return the scans of a file that was named; a slice stands for the series that is around it."""
    if path.name.lower().endswith(ARCHIVE_ENDING):
        return _in_archive(path)
    if is_directory_file(path):
        series = _volumes(series_of_files(listed_files(path)))
        return [_found(each, path, tuple(sorted(each.files))) for each in series]
    return [FoundScan(path=path, files=(path,))]


def _in_folder(folder: Path) -> Iterator[FoundScan]:
    damaged: list[Path] = []
    series = series_in(folder, lambda path, error: damaged.append(path))
    yield from (FoundScan(path=path, files=(path,)) for path in damaged)
    around: dict[str, list[Path]] = defaultdict(list)
    for each in series:
        around[each.uid] += [file.parent for file in each.files]
    for each in _volumes(series):
        # Of all of its stacks, so that they have the same numbers there as here; without a UID each folder is a series.
        parents = around[each.uid] if each.uid else [file.parent for file in each.files]
        yield _found(each, Path(os.path.commonpath(parents)), tuple(sorted(each.files)))


def _in_archive(archive: Path) -> list[FoundScan]:
    """Return the scans of a zip; itself, where it cannot be read, and nothing, where it has nothing of DICOM."""
    try:
        with unpacked(archive) as (folder, _):
            series = series_of_files(sorted(path for path in folder.iterdir() if looks_like_dicom(path)))
    except UnfitImage:
        raise
    except BadInput:
        return [FoundScan(path=archive, files=(archive,))]
    return [_found(each, archive, (archive,)) for each in _volumes(series)]


def _volumes(series: Iterable[Series]) -> list[Series]:
    return [each for each in series if each.is_volume]


def _found(series: Series, path: Path, files: tuple[Path, ...]) -> FoundScan:
    columns, rows = series.planes[0].size
    return FoundScan(
        path=path,
        series=series.key,
        description=series.title,
        modality=series.modality,
        size=(columns, rows, len(series.planes)),
        files=files,
    )
