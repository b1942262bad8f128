"""What lies beside a passport: the segmentation that it was made of, and the scan, under the names that we write.

Needs nothing installed, for a passport is opened in a Slicer that has just been installed. Files are found by their
names only; whoever opens them checks that they are the passport's (`passport.segmentation_match`, the scan's hash).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .base.errors import TotalPassportError
from .batches.batch_folder import FOLDERS, BatchFolder
from .options import OutputPaths, RunOptions

PASSPORT_ENDINGS = ("_passport.json", ".passport.json", ".json")
SEGMENTATION_FORMATS = ("seg.nrrd", "nrrd", "mha")
"""Of those that are written beside NIfTI the ones that Slicer opens; the first keeps overlapping structures whole."""
_IMAGE_ENDINGS = (".seg.nrrd", ".nii.gz", ".nii", ".nrrd", ".mha")


@dataclass(frozen=True)
class NearbyFiles:
    """Files that may belong to a passport.

    Attributes
    ----------
    stem : str
        The scan's name, as the passport's file has it.
    segmentations, scans : tuple of Path
        What is there, the likeliest first. A folder is one of masks.
    """

    stem: str
    segmentations: tuple[Path, ...]
    scans: tuple[Path, ...]


def files_near_passport(passport: Path) -> NearbyFiles:
    """Return the files beside a passport that may belong to it."""
    stem, folder = passport_stem(passport), passport.parent
    options = RunOptions(format=SEGMENTATION_FORMATS, masks=True)
    usual = OutputPaths.in_folder(folder, stem, options)
    # Of a passport made of a segmentation, and of a run whose result was given a name, the file is called as its stem.
    named = [folder / f"{stem}{ending}" for ending in _IMAGE_ENDINGS]
    places = [folder, folder.parent]
    written = [usual]
    if folder.name == FOLDERS["passport"]:
        batch = BatchFolder(folder.parent)
        written.append(batch.outputs(stem, options))
        places.append(batch.path.parent)
    segmentations = [path for paths in written for path in _segmentations(paths)]
    scans = [place / f"{stem}{ending}" for place in places for ending in _IMAGE_ENDINGS]
    masks = [path for path in (folder / stem, *(paths.masks for paths in written)) if path is not None]
    return NearbyFiles(
        stem,
        (*_present([*segmentations, *named]), *_present(masks, Path.is_dir)),
        tuple(_present([*scans, *_scans_of_batch(folder, passport)])),
    )


def passport_stem(passport: Path) -> str:
    """Return what a passport's file is called after.

    >>> passport_stem(Path("out/ct_passport.json")), passport_stem(Path("liver.JSON"))
    ('ct', 'liver')
    """
    name = passport.name
    ending = next((end for end in PASSPORT_ENDINGS if name.lower().endswith(end) and len(name) > len(end)), "")
    return name[: len(name) - len(ending)]


def _segmentations(paths: OutputPaths) -> Iterator[Path]:
    for path in (paths.seg_nrrd, paths.segmentation, paths.nrrd, paths.mha):
        if path is not None:
            yield path


def _scans_of_batch(folder: Path, passport: Path) -> Iterator[Path]:
    """Yield the file that a batch says it has read, wherever that is; its hash tells whether it still is the scan."""
    if folder.name != FOLDERS["passport"]:
        return
    try:
        from .report.result_files import read_batch_results  # lazily: it needs packages, and may do without

        entries = read_batch_results(folder.parent)
    except (TotalPassportError, ImportError):
        return
    for entry in entries:
        if entry.scan is not None and entry.passport is not None and entry.passport.name == passport.name:
            yield entry.scan.path


def _present(paths: Iterable[Path], is_there: Callable[[Path], bool] = Path.is_file) -> Iterator[Path]:
    """Yield the paths at which there is a file, or a folder, each once."""
    for path in dict.fromkeys(paths):
        try:
            if is_there(path):
                yield path
        except (OSError, ValueError):  # such as a name that is too long
            continue
