"""The scans of a batch: what folders, patterns, lists and files come to."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..base.errors import BadInput
from ..base.files import open_regular, sha256_of_files
from ..base.text import counted, shown_name
from ..image.dicom.dicom_directory import is_directory_file
from ..image.dicom.dicom_header import looks_like_dicom
from ..image.discovery import FoundScan, find_scans
from ..image.formats import has_image_name
from ..image.scan_files import files_of_scan

LIST_ENDINGS = (".txt", ".lst", ".list")
"""Of a file that names scans, one a line."""
LONGEST_LIST_BYTES = 64 * 2**20
COMMENT = "#"

Warn = Callable[[str, str], None]


def _ignore(code: str, sentence: str) -> None:
    """Take a warning and do nothing with it."""


@dataclass(frozen=True, order=True)
class ScanSource:
    """One scan to be segmented; `read_image` takes its path and series.

    Attributes
    ----------
    path : Path
        Its file; of DICOM, the folder that has all of its slices, or the zip.
    series : str
        Which series of the folder or the zip; empty for what is no DICOM.
    files : tuple of Path
        Of DICOM, those that it is made of.
    """

    path: Path
    series: str = ""
    files: tuple[Path, ...] = field(default=(), compare=False)

    @property
    def sha256(self) -> str:
        """Of the bytes of all its files, as `Volume.sha256` is when it has been read.

        Raises
        ------
        BadInput
            One of them cannot be read.
        """
        return sha256_of_files(self._all_files)

    @property
    def bytes(self) -> int:
        """How large its files are together; 0 where that cannot be told."""
        try:
            return sum(file.stat().st_size for file in self._all_files)
        except (BadInput, OSError):
            return 0

    @property
    def _all_files(self) -> Sequence[Path]:
        return self.files or files_of_scan(self.path)


def find_sources(
    inputs: Sequence[Path | str], output: Path, *, series: str = "", modality: str | None = None, warn: Warn = _ignore
) -> list[ScanSource]:
    """Return the scans that some inputs mean, each once, sorted by their paths.

    Parameters
    ----------
    inputs : sequence of Path or str
        Scans; folders, which are looked through with all below them; patterns such as ``scans/*/ct.nii.gz``; lists
        (``.txt``), one of these a line, relative to the list's folder.
    output : Path
        The batch's own folder, in which no scans are looked for.
    series : str
        The UID of the only series to take of what is DICOM.
    modality : str, optional
        CT or MR: series in DICOM that are something else are left out, and told of.
    warn : callable
        Receives a code and a sentence.

    Raises
    ------
    BadInput
        An input is not there, or none of them has a scan.
    """
    own = output.resolve()
    found: dict[tuple[Path, str], ScanSource] = {}
    others: set[tuple[Path, str]] = set()
    known: dict[Path, list[FoundScan]] = {}
    for given in inputs:
        for path in _paths_meant(given):
            for scan in _scans_of(path, known):
                key = (scan.path.resolve(), scan.series)
                if key[0].is_relative_to(own) or not _is_series(scan, series):
                    continue
                if modality is not None and scan.modality not in ("", modality):
                    others.add(key)
                    continue
                files = scan.files if scan.series else ()
                found.setdefault(key, ScanSource(scan.path, scan.series, files))
    if others:
        warn("other_modality", f"{counted(len(others), 'series', 'series')} of DICOM left out that are no {modality}.")
    if not found:
        shown = ", ".join(f"'{given}'" for given in inputs)
        which = f" of series '{shown_name(series)}'" if series else ""
        raise BadInput(f"There is no scan{which} in {shown}.", "Give scans, or folders that have some in them.")
    return sorted(found.values())


def _is_series(scan: FoundScan, wanted: str) -> bool:
    """Whether a scan is of the series that is wanted, if one is; stacks of one series have numbers behind its UID."""
    return not wanted or scan.series == wanted or scan.series.startswith(f"{wanted}/")


def _paths_meant(given: Path | str, listed_in: Path | None = None) -> Iterator[Path]:
    """Yield the files and folders that an input names."""
    path = Path(given) if listed_in is None else listed_in.parent / given
    if path.exists():
        if listed_in is None and path.is_file() and path.name.lower().endswith(LIST_ENDINGS):
            for line in _lines_of(path):
                yield from _paths_meant(line, path)
        else:
            yield path
        return
    matches = sorted(Path(match) for match in glob.iglob(str(path), recursive=True))
    if not matches:
        where = f", which '{listed_in}' names" if listed_in is not None else ""
        raise BadInput(f"There is no file or folder '{path}'{where}.", "Check the path or the pattern.")
    yield from matches


def _lines_of(path: Path) -> Iterable[str]:
    with open_regular(path) as file:
        content = file.read(LONGEST_LIST_BYTES + 1)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"'{path}' is no list of scans: it is not text in UTF-8.", "Write one path a line.") from error
    if len(content) > LONGEST_LIST_BYTES or "\0" in text:
        raise BadInput(f"'{path}' is no list of scans.", "Write one path a line.")
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith(COMMENT)]


def _scans_of(path: Path, known: dict[Path, list[FoundScan]]) -> list[FoundScan]:
    """Return the scans of a folder, or of a file, which is one whatever it is called.

    A slice of DICOM stands for the series around it, so that all slices of one are one scan; ``known`` keeps what was
    found around others.
    """
    if path.is_dir() or has_image_name(path) or not looks_like_dicom(path) or is_directory_file(path):
        return find_scans(path)
    place = path.resolve()
    if place.parent not in known:
        known[place.parent] = find_scans(place.parent)
    around = [scan for scan in known[place.parent] if place in scan.files]
    return around or [FoundScan(path=path, files=(path,))]
