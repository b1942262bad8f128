"""All formats of one segmentation: what can be written is known before, and all of it is written in one go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import BadInput
from ..base.optional_packages import optional_package
from ..image.dicom.dicom_header import Plane
from ..image.itk_writer import itk_image, write_itk
from ..image.volume import Volume
from ..passport import Passport
from .dicom_segmentation import segmentation_object
from .dicom_source import source_headers, source_of_dicom
from .export_kinds import KINDS, ExportKind
from .label_layer import LabelLayer
from .slicer_segmentation import write_slicer_segmentation
from .structure_set import structure_set
from .structured_report import structured_report


def require_exportable(kinds: Sequence[ExportKind], scan: Volume | None) -> None:
    """Find out now what cannot be written, which spares the user the wait.

    Raises
    ------
    BadInput
        A package is missing, or a DICOM object is asked for of what is no DICOM.
    """
    for kind in kinds:
        for package in kind.packages:
            optional_package(package, f"Writing {kind.name}")
        if not kind.of_dicom:
            continue
        if scan is None:
            raise BadInput(
                f"{kind.name} belongs to the scan that was segmented.",
                "Give the scan in DICOM with the segmentation, or choose another format, such as seg.nrrd.",
            )
        source_of_dicom(scan)


def write_exports(
    paths: Mapping[str, Path],
    temporary: Callable[[Path], Path],
    *,
    combined: LabelLayer,
    layers: Sequence[LabelLayer],
    affine: np.ndarray,
    passport: Passport,
    scan: Volume | None,
) -> None:
    """Write a segmentation in several formats.

    Parameters
    ----------
    paths : mapping of str to Path
        Name of a format -> its file.
    temporary : callable
        Returns the file in which what will be another one is written, see `OutputFiles.path`.
    combined : LabelLayer
        All structures in one image.
    layers : sequence of LabelLayer
        The same, overlapping ones in several images.
    affine : numpy.ndarray
        Voxel indices to RAS mm, of all of them.
    passport : Passport
        Its measurements, by the label values of ``combined``.
    scan : Volume, optional
        The scan on the same grid, in the same order of axes, which DICOM objects belong to.

    Raises
    ------
    BadInput
        A format cannot hold it; see the writers.
    OutOfMemory
        There is no room for it.
    """
    if "seg.nrrd" in paths:
        write_slicer_segmentation(temporary(paths["seg.nrrd"]), layers, affine)
    for name in paths.keys() & {"nrrd", "mha"}:
        write_itk(temporary(paths[name]), itk_image(combined.voxels, affine))
    if scan is not None and any(kind.of_dicom and kind.name in paths for kind in KINDS):
        source = source_of_dicom(scan)
        headers = source_headers(source)
        for name, dataset in _dicom_objects(paths, combined, source.planes, headers, scan, passport).items():
            dataset.save_as(temporary(paths[name]), enforce_file_format=True)


def _dicom_objects(
    names: Mapping[str, Path],
    combined: LabelLayer,
    planes: Sequence[Plane],
    headers: Sequence[Any],
    scan: Volume,
    passport: Passport,
) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if "dcm-seg" in names:
        model = str(passport.model.get("name", "")) or "segmentation"
        segmentation = segmentation_object(combined, planes, headers, model)
        made["dcm-seg"] = segmentation.dataset
        if "dcm-sr" in names:
            made["dcm-sr"] = structured_report(passport, segmentation, headers)
    if "rtstruct" in names:
        made["rtstruct"] = structure_set(combined, planes, headers, scan.affine)
    return made
