"""A DICOM scan: a folder of slices, a zip of one, a file of a series, or one file of many frames.

Where the slices lie is computed here from their own positions, so that a tilted gantry, a missing slice and two phases
in one series do not pass for a plain stack. pydicom reads what the headers say, SimpleITK the voxels (the extra
``dicom``). Of the header nothing leaves but geometry, modality and, where a series has to be chosen, its description.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...base.errors import BadInput
from ...base.files import sha256_of
from ...base.memory import require_memory
from ..itk_reader import LPS_FROM_RAS, read_unchanged, simple_itk, spacing_of, told, voxels_of_itk
from ..stored_image import Remark, StoredImage, UnfitImage
from .dicom_archive import unpacked
from .dicom_directory import is_directory_file, listed_files
from .dicom_header import ARCHIVE_ENDING, Plane, looks_like_dicom, pydicom_module, read_dicom_header
from .dicom_series import Series, chosen_series, series_in, series_of, series_of_files

MOST_UNEVEN = 0.02
MOST_UNEVEN_MM = 0.05
"""How far a slice may lie from its place in an even row, as a part of the distance of slices, or, if that is more, in
mm: positions are rounded to hundredths."""


@dataclass(frozen=True, kw_only=True)
class DicomSource:
    """Which files a scan was read from: what is written as DICOM belongs to the same patient and study.

    Attributes
    ----------
    planes : tuple of Plane
        In the order of the image's last axis.
    archive : Path, optional
        The zip in which the planes' paths are names.
    """

    planes: tuple[Plane, ...]
    archive: Path | None = None


def read_dicom(path: Path, wanted: str = "", modality: str | None = None) -> StoredImage:
    """Read one series.

    Parameters
    ----------
    path : Path
        A folder, with all below it; a zip of one; a DICOMDIR; or a file, which stands for the series that it is of.
    wanted : str
        The series' place in the list that is shown where there are several, or its UID.
    modality : str, optional
        CT or MR, if only one of these can be meant.

    Raises
    ------
    UnfitImage
        SimpleITK or pydicom is missing, or the image is something else than one volume of numbers.
    BadInput
        There is no series, or not only one, or its slices are no even stack.
    OutOfMemory
        It does not fit into memory.
    """
    what = f"the DICOM {'folder' if path.is_dir() else 'file'} '{path.name}'"
    sitk = simple_itk(what)
    pydicom_module(what)
    if path.is_dir():
        return _read(sitk, chosen_series(series_in(path), str(path), wanted, modality), str(path))
    if is_directory_file(path):
        return _read(sitk, chosen_series(series_of_files(listed_files(path)), str(path), wanted, modality), str(path))
    if path.name.lower().endswith(ARCHIVE_ENDING):
        with unpacked(path) as (folder, names):
            series = chosen_series(series_in(folder), str(path), wanted, modality)
            image = _read(sitk, series, str(path), sha256=sha256_of(path))
            planes = (replace(plane, path=Path(names[plane.path.name])) for plane in image.header.planes)
            return replace(image, header=DicomSource(planes=tuple(planes), archive=path))
    return _read(sitk, _series_around(path, wanted), str(path))


def _series_around(path: Path, wanted: str) -> Series:
    """Return the series that a file is of, from the files beside it."""
    own = read_dicom_header(path)
    if own is None:
        raise BadInput(
            f"'{path}' is no DICOM file, or none that holds an image of a scan.", "Give a slice of the scan."
        )
    beside = sorted(other for other in path.parent.iterdir() if other.is_file() and looks_like_dicom(other))
    headers = [own if other == path else read_dicom_header(other) for other in beside]
    series = series_of(header for header in headers if header is not None and header.series_uid == own.series_uid)
    if wanted:
        return chosen_series(series, str(path), wanted)
    own_uid = own.planes[0].sop_uid  # for the file itself may be a copy, which is left out
    here = [each for each in series if any(plane.path == path for plane in each.planes)]
    return (here or [each for each in series if any(plane.sop_uid == own_uid for plane in each.planes)])[0]


def _read(sitk: Any, series: Series, name: str, sha256: str = "") -> StoredImage:
    if series.channels != 1:
        what = "colour voxels" if series.channels == 3 else "several values a voxel"
        raise UnfitImage(f"'{name}' holds {what}.", "Give an image of one number a voxel.", what)
    planes, affine_lps = _stack(series.planes, name)
    columns, rows = planes[0].size
    # The slices one by one, as numbers of up to four bytes, and then all together.
    require_memory(2 * columns * rows * len(planes) * max(series.bytes_per_voxel, 4), f"Reading '{Path(name).name}'")
    files = sorted(series.files)
    voxels, digest = read_unchanged(files, lambda: told(Path(name), "DICOM", lambda: _voxels(sitk, planes, name)))
    affine = LPS_FROM_RAS @ affine_lps
    return StoredImage(
        voxels=voxels,
        affine=affine,
        nominal_spacing_mm=spacing_of(affine),
        header=DicomSource(planes=tuple(planes)),
        sha256=sha256 or digest,
        remarks=_remarks(series),
        modality=series.modality or None,
    )


def _remarks(series: Series) -> tuple[Remark, ...]:
    remarks = []
    if series.chosen_of:
        sentence = (
            f"{{image}} has {series.chosen_of} scans that fit; the one with the most slices ({len(series.planes)}) was "
            "taken. Name another one by its series."
        )
        remarks.append(Remark(code="chosen_series", sentence=sentence))
    if series.duplicates:
        sentence = f"{series.duplicates} slices of {{image}} are there twice; each was used once."
        remarks.append(Remark(code="duplicated_slices", sentence=sentence))
    return tuple(remarks)


def _voxels(sitk: Any, planes: Sequence[Plane], name: str) -> np.ndarray:
    """Return the planes' values ``[i, j, k]``, rescaled each by its own header."""
    if len(planes) > 1 and all(plane.frames > 1 for plane in planes) and len({plane.path for plane in planes}) == 1:
        return _of_frames(sitk, planes, name)
    slices = [voxels_of_itk(sitk, _read_file(sitk, plane.path))[:, :, plane.frame] for plane in planes]
    return _stacked(slices)


def _of_frames(sitk: Any, planes: Sequence[Plane], name: str) -> np.ndarray:
    """Return the frames of one file; ITK rescales them all as it does the first one."""
    path = planes[0].path
    if len({plane.rescale for plane in planes}) == 1:
        stored = voxels_of_itk(sitk, _read_file(sitk, path))
        return _stacked([stored[:, :, plane.frame] for plane in planes])
    pydicom = pydicom_module(f"'{path.name}'")
    try:
        frames = pydicom.dcmread(path).pixel_array
    except Exception as error:  # what pydicom cannot decode it says in many ways
        raise BadInput(
            f"'{name}' is compressed, and its frames have scales of their own: this is not read.",
            "Convert it with dcm2niix, or export it uncompressed.",
        ) from error
    return _stacked([frames[plane.frame].T * np.float32(plane.rescale[0]) + plane.rescale[1] for plane in planes])


def _read_file(sitk: Any, path: Path) -> Any:
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    return reader.Execute()


def _stacked(slices: list[np.ndarray]) -> np.ndarray:
    """Return slices as one array of the type that holds them all; fractions in single precision."""
    kind = np.result_type(*(each.dtype for each in slices))
    stack = np.empty((*slices[0].shape, len(slices)), np.float32 if kind.kind == "f" else kind, order="F")
    for place, each in enumerate(slices):
        stack[:, :, place] = each
    return stack


def _stack(planes: Sequence[Plane], name: str) -> tuple[list[Plane], np.ndarray]:
    """Return the planes from the first to the last one, and voxel indices to LPS mm, float64 4 x 4."""
    _require_places(planes, name)
    first = planes[0]
    assert first.orientation_lps is not None
    assert first.spacing_mm is not None
    positions = np.array([plane.position_lps_mm for plane in planes])
    heights_mm = np.array([plane.height_mm for plane in planes])
    order = np.argsort(heights_mm, kind="stable")
    affine = np.eye(4)
    affine[:3, :2] = first.orientation_lps.T * first.spacing_mm
    affine[:3, 2] = np.cross(*first.orientation_lps)
    if len(planes) > 1:
        _require_even(positions[order], heights_mm[order], name)
        affine[:3, 2] = (positions[order[-1]] - positions[order[0]]) / (len(planes) - 1)
    affine[:3, 3] = positions[order[0]]
    return [planes[place] for place in order], affine


_PLACES = {
    "position_lps_mm": "ImagePositionPatient",
    "orientation_lps": "ImageOrientationPatient",
    "spacing_mm": "PixelSpacing",
}


def _require_places(planes: Sequence[Plane], name: str) -> None:
    for attribute, tag in _PLACES.items():
        if any(getattr(plane, attribute) is None for plane in planes):
            raise BadInput(
                f"A slice in '{name}' does not say where it lies (DICOM's {tag}).",
                "Export the series again, or convert it with dcm2niix.",
            )


def _require_even(positions: np.ndarray, heights_mm: np.ndarray, name: str) -> None:
    steps_mm = np.diff(heights_mm)
    if steps_mm.min() < 1e-3:
        raise BadInput(
            f"'{name}' has several slices at one place: several phases or reconstructions in one series.",
            "Leave one of them there, or convert the series with dcm2niix, which parts them.",
        )
    places = np.linspace(positions[0], positions[-1], len(positions))
    farthest_mm = float(np.linalg.norm(positions - places, axis=1).max())
    if farthest_mm > max(MOST_UNEVEN * float(np.median(steps_mm)), MOST_UNEVEN_MM):
        raise BadInput(
            f"The slices in '{name}' are not evenly spaced ({steps_mm.min():.3g} to {steps_mm.max():.3g} mm): some "
            "may be missing.",
            "Bring all of them; or convert the series with dcm2niix, which resamples it.",
        )
