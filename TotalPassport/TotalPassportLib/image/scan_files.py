"""The files that a scan is made of, without reading it as an image."""

from __future__ import annotations

from pathlib import Path

from . import itk_reader, nifti


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
