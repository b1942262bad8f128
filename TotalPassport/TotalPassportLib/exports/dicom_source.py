"""The headers of the DICOM series that was segmented: what is written in DICOM belongs to its patient and study."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ..base.errors import BadInput
from ..base.files import open_regular
from ..image.dicom.dicom_scan import DicomSource
from ..image.volume import Volume

LARGEST_HEADER_BYTES = 64 * 2**20
"""Of a file in a zip; what comes behind are voxels."""
TYPE_2 = (
    "AccessionNumber",
    "PatientBirthDate",
    "PatientID",
    "PatientName",
    "PatientSex",
    "ReferringPhysicianName",
    "StudyDate",
    "StudyID",
    "StudyTime",
)
"""What every DICOM object has, be it empty; anonymisers take it away."""


def source_of_dicom(scan: Volume) -> DicomSource:
    """Return where a scan was read from.

    Raises
    ------
    BadInput
        It was no DICOM.
    """
    if not isinstance(scan.header, DicomSource):
        raise BadInput(
            f"'{scan.path}' is no DICOM: a DICOM object of its results would belong to no patient and no study.",
            "Give the scan as DICOM, or choose another format, such as seg.nrrd.",
        )
    return scan.header


def source_headers(source: DicomSource) -> list[Any]:
    """Return the headers of the files that a scan was read from, pydicom's datasets without voxels, in their order.

    A scan of one file of many frames has one.

    Raises
    ------
    BadInput
        A file has gone, or says too little: to which study or frame of reference it belongs.
    """
    import pydicom  # an extra; the scan was read by it

    names = list(dict.fromkeys(plane.path for plane in source.planes))
    headers = []
    with _opener(source.archive) as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            with opened(name) as file:
                header = pydicom.dcmread(file, stop_before_pixels=True, force=True)
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"):
                if not header.get(keyword):
                    raise BadInput(
                        f"The slices say too little for a DICOM object of their results: they have no {keyword}.",
                        "Export the series again, or choose another format, such as seg.nrrd.",
                    )
            for keyword in TYPE_2:
                if keyword not in header:
                    setattr(header, keyword, "")
            headers.append(header)
    return headers


@contextmanager
def _opener(archive: Path | None) -> Iterator[Any]:
    """Yield what opens a file by its path, on the disk or in an archive."""
    if archive is None:
        yield open_regular
        return
    with open_regular(archive) as file, zipfile.ZipFile(file) as opened:

        def member(path: Path) -> IO[bytes]:
            with opened.open(path.as_posix()) as stream:
                return io.BytesIO(stream.read(LARGEST_HEADER_BYTES))

        yield member
