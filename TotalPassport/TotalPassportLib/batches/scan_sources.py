"""The scans of a batch: what folders, patterns, lists and files come to."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base.errors import BadInput
from ..base.files import open_regular
from ..image.formats import image_files

LIST_ENDINGS = (".txt", ".lst", ".list")
"""Of a file that names scans, one a line."""
LONGEST_LIST_BYTES = 64 * 2**20
COMMENT = "#"

OnFolder = Callable[[Path, int], None]
"""Receives a folder that is being looked through, and how many scans were found so far."""


@dataclass(frozen=True, order=True)
class ScanSource:
    """One scan to be segmented.

    Attributes
    ----------
    path : Path
        Its file, or the folder of its DICOM slices.
    series : str
        Which series of the folder, where it has several.
    """

    path: Path
    series: str = ""


def find_sources(inputs: Sequence[Path | str], output: Path, series: str = "") -> list[ScanSource]:
    """Return the scans that some inputs mean, each once, sorted by their paths.

    Parameters
    ----------
    inputs : sequence of Path or str
        Scans; folders, which are looked through with all below them; patterns such as ``scans/*/ct.nii.gz``; lists
        (``.txt``), one of these a line, relative to the list's folder.
    output : Path
        The batch's own folder, in which no scans are looked for.
    series : str
        Which series of a DICOM folder that is given itself.

    Raises
    ------
    BadInput
        An input is not there, or none of them has a scan.
    """
    found: dict[tuple[Path, str], ScanSource] = {}
    for given in inputs:
        for path in _paths_meant(given):
            for source in _sources_of(path, output, series):
                found.setdefault((source.path.resolve(), source.series), source)
    if not found:
        shown = ", ".join(f"'{given}'" for given in inputs)
        raise BadInput(f"There is no scan in {shown}.", "Give scans, or folders that have some in them.")
    return sorted(found.values())


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


def _sources_of(path: Path, output: Path, series: str) -> Iterator[ScanSource]:
    """Yield the scans of a file, which is one whatever it is called, or of a folder."""
    if path.is_dir():
        yield from _sources_in(path, output, series)
    else:
        yield ScanSource(path)


def _sources_in(folder: Path, output: Path, series: str) -> Iterator[ScanSource]:
    own = output.resolve()
    waiting = [folder]
    while waiting:
        present = waiting.pop()
        if present.resolve() == own:
            continue
        entries = sorted(entry for entry in present.iterdir() if not entry.name.startswith("."))
        waiting += [entry for entry in reversed(entries) if entry.is_dir() and not entry.is_symlink()]
        yield from (ScanSource(path) for path in image_files(entry for entry in entries if entry.is_file()))
