"""Which formats a segmentation is written in beside NIfTI; a new one is a line here, and a writer in `exporting`.

Needs nothing installed: `options` names the formats.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..base.errors import BadInput
from ..base.suggestions import did_you_mean


@dataclass(frozen=True, kw_only=True)
class ExportKind:
    """One format.

    Attributes
    ----------
    name : str
        As users name it.
    path_name : str
        The attribute of `OutputPaths` that has its path.
    ending : str
        Of its file's name, behind the stem.
    of_dicom : bool
        It is a DICOM object, which belongs to the series that was read.
    packages : tuple of str
        Modules that it is written by.
    """

    name: str
    path_name: str
    ending: str
    of_dicom: bool
    packages: tuple[str, ...]


KINDS = (
    ExportKind(
        name="seg.nrrd",
        path_name="seg_nrrd",
        ending="_segmentation.seg.nrrd",
        of_dicom=False,
        packages=("SimpleITK",),
    ),
    ExportKind(name="nrrd", path_name="nrrd", ending="_segmentation.nrrd", of_dicom=False, packages=("SimpleITK",)),
    ExportKind(name="mha", path_name="mha", ending="_segmentation.mha", of_dicom=False, packages=("SimpleITK",)),
    ExportKind(
        name="dcm-seg",
        path_name="dicom_seg",
        ending="_segmentation.dcm",
        of_dicom=True,
        packages=("pydicom", "highdicom"),
    ),
    ExportKind(
        name="dcm-sr", path_name="dicom_sr", ending="_report.dcm", of_dicom=True, packages=("pydicom", "highdicom")
    ),
    ExportKind(
        name="rtstruct", path_name="rtstruct", ending="_structures.dcm", of_dicom=True, packages=("pydicom", "rt_utils")
    ),
)
SEGMENTATION, REPORT = "dcm-seg", "dcm-sr"


def export_names() -> tuple[str, ...]:
    """Return the names of all formats."""
    return tuple(kind.name for kind in KINDS)


def kinds_meant(names: Iterable[str]) -> list[ExportKind]:
    """Return the formats of some names, in the order of `KINDS`; a structured report brings its segmentation along.

    >>> [kind.name for kind in kinds_meant(["dcm-sr,mha"])]
    ['mha', 'dcm-seg', 'dcm-sr']

    Raises
    ------
    BadInput
        There is no such format.
    """
    wanted = {name.strip() for text in names for name in text.split(",") if name.strip()}
    for name in sorted(wanted):
        if name not in export_names():
            raise BadInput(f"There is no format '{name}' to write.", did_you_mean(name, export_names(), "There are"))
    if REPORT in wanted:
        wanted.add(SEGMENTATION)
    return [kind for kind in KINDS if kind.name in wanted]
