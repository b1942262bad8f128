"""The headers of DICOM files, read by pydicom (the extra ``dicom``): where each plane lies, and what it belongs to.

Of what a header says, only geometry, modality, and what tells series and phases apart is kept: no name of a patient,
no date.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...base.errors import BadInput
from ...base.files import open_regular
from ..stored_image import reading_package

ARCHIVE_ENDING = ".zip"
DICOM_ENDINGS = (".dcm", ".dicom", ".ima")
"""Names of files that are taken for DICOM even where they do not begin as the standard demands."""
_MAGIC, _MAGIC_OFFSET = b"DICM", 128
PHASES = (
    "AcquisitionNumber",
    "EchoNumbers",
    "EchoTime",
    "TemporalPositionIdentifier",
    "TriggerTime",
    "DiffusionBValue",
    "ImageType",
    "ConvolutionKernel",
    "SliceThickness",
)
"""By which of these planes at one place may differ, the likelier ones first."""
_WANTED = (
    *PHASES,
    "BitsAllocated",
    "Columns",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "InversionTime",
    "Modality",
    "NumberOfFrames",
    "PerFrameFunctionalGroupsSequence",
    "PhotometricInterpretation",
    "PixelSpacing",
    "RescaleIntercept",
    "RescaleSlope",
    "Rows",
    "SamplesPerPixel",
    "SeriesDescription",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SharedFunctionalGroupsSequence",
    "SOPClassUID",
    "SOPInstanceUID",
    "SpacingBetweenSlices",
)
SEGMENTATION_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Segmentation and Label Map Segmentation Storage."""
_LEAST_ELEMENT_BYTES = 8
"""Of tag and length of an element; those with an explicit kind of value have up to 12."""
NO_SCANS = frozenset({"SEG", "RTDOSE", "RTSTRUCT", "PR", "SR", "KO", "REG", "DOC", "OT", "SC"})
"""Modalities of objects that are made of scans."""


@dataclass(frozen=True, kw_only=True)
class Plane:
    """One slice of a scan: a file, or a frame of one.

    Attributes
    ----------
    path : Path
        The file.
    frame : int
        Which frame of it, from 0.
    frames : int
        How many it has.
    sop_uid : str
        The file's own identifier.
    size : tuple of int
        Columns and rows.
    position_lps_mm : numpy.ndarray, optional
        Centre of the first voxel, float64 ``[3]``; None where the file does not say it.
    orientation_lps : numpy.ndarray, optional
        Directions in which columns and rows are counted, float64 ``[2, 3]``.
    spacing_mm : numpy.ndarray, optional
        Distance of neighbours along these two directions, float64 ``[2]``.
    rescale : tuple of float
        Slope and intercept from stored values to the scan's own.
    phase : mapping of str to str
        The header's values of `PHASES`.
    """

    path: Path
    frame: int
    frames: int
    sop_uid: str
    size: tuple[int, int]
    position_lps_mm: np.ndarray | None
    orientation_lps: np.ndarray | None
    spacing_mm: np.ndarray | None
    rescale: tuple[float, float]
    phase: Mapping[str, str]

    @property
    def height_mm(self) -> float:
        """How far along the normal of the plane it lies."""
        assert self.position_lps_mm is not None
        assert self.orientation_lps is not None
        return float(self.position_lps_mm @ np.cross(*self.orientation_lps))


@dataclass(frozen=True, kw_only=True)
class DicomHeader:
    """What one file says.

    Attributes
    ----------
    series_uid, description, modality : str
        Of the series that it is of.
    series_number : int
        By which people sort series.
    is_localizer : bool
        It is a picture for planning, by its own word.
    channels : int
        Values a voxel.
    bytes_per_voxel : int
        As stored.
    planes : tuple of Plane
        One a frame.
    """

    series_uid: str
    description: str
    modality: str
    series_number: int
    is_localizer: bool
    channels: int
    bytes_per_voxel: int
    planes: tuple[Plane, ...]


def pydicom_module(what: str) -> Any:
    """Return the module pydicom.

    Raises
    ------
    UnfitImage
        It is not installed; ``what`` cannot be read then.
    """
    return reading_package("pydicom", what)


def looks_like_dicom(path: Path) -> bool:
    """Tell whether a file begins as DICOM files do, or bears a name as they do."""
    if path.name.lower().endswith(DICOM_ENDINGS):
        return True
    try:
        with open_regular(path) as file:
            return file.read(_MAGIC_OFFSET + len(_MAGIC))[_MAGIC_OFFSET:] == _MAGIC
    except (BadInput, OSError):
        return False


def is_segmentation(path: Path) -> bool:
    """Tell whether a DICOM file is a segmentation object."""
    if path.name.lower().endswith(ARCHIVE_ENDING):
        return False
    pydicom = pydicom_module(f"'{path.name}'")
    try:
        with open_regular(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["SOPClassUID"], force=True)
            return str(header.get("SOPClassUID")) in SEGMENTATION_CLASSES
    except MemoryError:
        raise
    except Exception:  # whoever reads it will say what is wrong
        return False


def read_dicom_header(path: Path) -> DicomHeader | None:
    """Read what a file says, without its voxels; None for one that holds no image of a scan.

    Raises
    ------
    UnfitImage
        pydicom is missing.
    BadInput
        It is damaged.
    """
    pydicom = pydicom_module(f"'{path.name}'")
    with open_regular(path) as file:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of values that are not quite what the standard wants
                header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(_WANTED), force=True)
                if not _is_scan(header):
                    return None
                _require_voxels(header, path, path.stat().st_size - file.tell())
                return _parsed(header, path)
        except (BadInput, MemoryError):
            raise
        except Exception as error:  # whatever pydicom stumbles over in a file of anybody's
            raise BadInput(
                f"'{path}' is not a valid DICOM file, or is damaged: its header cannot be read.", "Export it again."
            ) from error


def _require_voxels(header: Any, path: Path, rest_bytes: int) -> None:
    """Raise `BadInput` if a file ends before its voxels do: SimpleITK 2.5.2, Slicer 5.10's, reads that without a word.

    ``rest_bytes`` are behind the header: the element of the voxels, of which only that is known where they are packed.
    """
    syntax = header.file_meta.get("TransferSyntaxUID")
    if syntax is None or syntax.is_compressed or syntax.is_deflated or rest_bytes <= 0:
        return
    if int(header.get("SamplesPerPixel") or 1) != 1:  # some colours are kept for every second voxel only
        return
    values = int(header.Rows) * int(header.Columns) * int(header.get("NumberOfFrames") or 1)
    bits = values * int(header.get("BitsAllocated") or 1)
    if rest_bytes < _LEAST_ELEMENT_BYTES + bits // 8:
        raise BadInput(f"'{path}' is damaged: it ends before its voxels do.", "Export it again.")


def _is_scan(header: Any) -> bool:
    modality = str(header.get("Modality") or "")
    return bool(header.get("SOPClassUID") and header.get("Rows") and header.get("Columns")) and modality not in NO_SCANS


def _parsed(header: Any, path: Path) -> DicomHeader:
    frames = int(header.get("NumberOfFrames") or 1)
    per_frame = header.get("PerFrameFunctionalGroupsSequence") or []
    shared = (header.get("SharedFunctionalGroupsSequence") or [None])[0]
    if per_frame and len(per_frame) != frames:
        raise ValueError("frames without groups")
    image_type = [str(part) for part in header.get("ImageType") or []]
    number = header.get("SeriesNumber")
    palette = str(header.get("PhotometricInterpretation") or "").startswith("PALETTE")
    return DicomHeader(
        series_uid=str(header.get("SeriesInstanceUID") or ""),
        description=str(header.get("SeriesDescription") or "").strip(),
        modality=str(header.get("Modality") or "").strip(),
        series_number=int(number) if number is not None and str(number).strip() else 0,
        is_localizer="LOCALIZER" in image_type,
        channels=3 if palette else int(header.get("SamplesPerPixel") or 1),
        bytes_per_voxel=max(int(header.get("BitsAllocated") or 16) // 8, 1),
        planes=tuple(
            _plane(header, path, frame, frames, [part for part in (group, shared, header) if part is not None])
            for frame, group in enumerate(per_frame or [None] * min(frames, 1_000_000))
        ),
    )


def _plane(header: Any, path: Path, frame: int, frames: int, places: Sequence[Any]) -> Plane:
    """Return a frame's plane; of the places where DICOM may say something the first one that does is right."""
    spacing = _numbers(places, "PixelMeasuresSequence", "PixelSpacing", 2)
    orientation = _numbers(places, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
    rescale = [_numbers(places, "PixelValueTransformationSequence", f"Rescale{what}", 1) for what in _RESCALE]
    return Plane(
        path=path,
        frame=frame,
        frames=frames,
        sop_uid=str(header.get("SOPInstanceUID") or ""),
        size=(int(header.Columns), int(header.Rows)),
        position_lps_mm=_numbers(places, "PlanePositionSequence", "ImagePositionPatient", 3),
        orientation_lps=None if orientation is None else orientation.reshape(2, 3),
        # DICOM names the distance of rows first, and columns are counted along a row.
        spacing_mm=None if spacing is None else spacing[::-1],
        rescale=(
            1.0 if rescale[0] is None else float(rescale[0][0]),
            0.0 if rescale[1] is None else float(rescale[1][0]),
        ),
        phase=_phase(header, places[0]),
    )


_RESCALE = ("Slope", "Intercept")


def _phase(header: Any, group: Any) -> dict[str, str]:
    phase = {name: str(header.get(name)) for name in PHASES if header.get(name) is not None}
    content = group.get("FrameContentSequence") if group is not header else None
    if content:
        for name in ("StackID", "TemporalPositionIndex", "FrameAcquisitionNumber"):
            if content[0].get(name) is not None:
                phase[name] = str(content[0].get(name))
    return phase


def _numbers(places: Sequence[Any], sequence: str, name: str, count: int) -> np.ndarray | None:
    for place in places:
        inner = place.get(sequence)
        value = (inner[0] if inner else place).get(name)
        if value is None:
            continue
        numbers = np.atleast_1d(np.array(value, dtype=np.float64))
        return numbers if numbers.shape == (count,) and np.isfinite(numbers).all() else None
    return None
