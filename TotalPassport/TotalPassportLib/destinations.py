"""Where results go: into a folder or to the file that the user named, and never over another scan's.

Many scans have the same name: TotalSegmentator's data set calls each of its 1,228 ``ct.nii.gz``. The passport beside a
result says which scan it is of, by its SHA-256.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from .base.errors import BadInput, TotalPassportError
from .base.files import read_json
from .base.hints import Hint, HintCode
from .base.outputs import STANDARD_OUTPUT
from .image.formats import stem_of
from .options import OutputPaths, RunOptions

OTHER_ENDINGS = (".nrrd", ".mha", ".mhd", ".img", ".hdr", ".mgz", ".gz", ".zip", ".dcm", ".png", ".txt", ".xlsx")
"""Of files that nothing of ours is, so that a name with one is a mistake and no folder's name."""
WRITTEN_ENDINGS = (".nii.gz", ".nii")
"""Of the names under which a segmentation is written; more kinds of images are read."""
TABLE_ENDINGS = (".json", ".csv")


def paths_of_run(output: Path | str, scan: Path, options: RunOptions) -> OutputPaths:
    """Return the files of a run.

    Parameters
    ----------
    output : Path or str
        A folder, or the name of the segmentation, ``NAME.nii.gz`` or ``NAME.nii``, beside which the rest is put.
    scan : Path
        What is segmented; its name is the results' in a folder.
    options : RunOptions
        What is written.

    Raises
    ------
    BadInput
        The name is that of a file that a run does not write.
    """
    file = Path(output)
    if not _means_folder(output):
        if _ends_with(file, WRITTEN_ENDINGS):
            return replace(OutputPaths.in_folder(file.parent, stem_of(file), options), segmentation=file)
        if str(output) == STANDARD_OUTPUT or _ends_with(file, (*OTHER_ENDINGS, *TABLE_ENDINGS)):
            raise BadInput(
                f"A run cannot write its results to '{output}'.",
                "Give a folder, or the name of the segmentation: NAME.nii.gz; the passport is put beside it.",
            )
    return OutputPaths.in_folder(file, stem_of(scan), options)


def path_of_passport(output: Path | str, segmentation: Path) -> Path:
    """Return the file that the passport of a segmentation is written to.

    Parameters
    ----------
    output : Path or str
        A file, or a folder that is there or whose name ends with a slash: in it, ``<stem>_passport.json``.
    segmentation : Path
        What is measured.
    """
    return Path(output) / f"{stem_of(segmentation)}_passport.json" if _means_folder(output) else Path(output)


def refuse_names_of_other_formats(output: Path) -> None:
    """Raise `BadInput` if a passport is to be written to a name that files of another kind have."""
    if _ends_with(output, (*WRITTEN_ENDINGS, *OTHER_ENDINGS)):
        raise BadInput(
            f"A passport cannot be written to '{output}'.",
            "Give a name that ends with .json, .csv, .mrk.json or .seed.json, or a folder.",
        )


def _ends_with(file: Path, endings: tuple[str, ...]) -> bool:
    """Whether a file's name ends with one of some endings, and has something before it."""
    return any(file.name.lower().endswith(ending) and len(file.name) > len(ending) for ending in endings)


def _means_folder(output: Path | str) -> bool:
    separators = tuple(filter(None, (os.sep, os.altsep)))
    return str(output).endswith(separators) or Path(output).is_dir()


def refuse_other_scans_results(scan: Path, passport: Path, *others: Path, sha256: str) -> None:
    """Refuse to replace results unless the passport among them says that they are of this very scan.

    Parameters
    ----------
    scan : Path
        What the new results are of.
    passport : Path
        Where their passport will be.
    *others : Path
        Where more of them will be.
    sha256 : str
        The scan's.

    Raises
    ------
    BadInput
        They are of another scan, or nobody can tell of which.
    """
    present = next((path for path in (passport, *others) if path.is_file()), None)
    if present is None:
        return
    source = _source_sha256(passport)
    if source is None:
        raise BadInput(
            f"'{present}' is there already, and nothing says that it is of '{scan}'.", Hint(HintCode.OVERWRITE)
        )
    if source != sha256:
        raise BadInput(f"'{present}' is of another scan than '{scan}'.", Hint(HintCode.OVERWRITE))


def _source_sha256(passport: Path) -> str | None:
    """Return the SHA-256 of the file that a passport is of; None where there is none, or it does not say so."""
    try:
        document: Any = read_json(passport)
        source = document["source"]["sha256"]
    except (TotalPassportError, LookupError, TypeError):
        return None
    return source if isinstance(source, str) else None
