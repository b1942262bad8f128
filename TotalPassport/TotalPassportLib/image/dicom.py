"""A folder of DICOM slices, read by SimpleITK where it is installed (the extra ``formats``).

Where the slices lie is computed here from their own positions, so that a tilted gantry, a missing slice and two phases
in one series do not pass for a plain stack. Of the header nothing leaves this module but geometry, modality and, where
a series has to be chosen, its description: no name of a patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import BadInput
from ..base.hints import Hint, HintCode
from ..base.memory import require_memory
from ..base.text import shown_name
from .itk_reader import affine_of_itk, claimed_bytes, read_unchanged, simple_itk, spacing_of, told, voxels_of_itk
from .stored_image import StoredImage

FEWEST_SLICES = 4
"""A series of fewer files of one slice each is a localiser or a picture."""
MOST_UNEVEN = 0.02
MOST_UNEVEN_MM = 0.05
"""How far a slice may lie from its place in an even row, as a part of the distance of slices, or, if that is more, in
mm: positions are rounded to hundredths."""

_DESCRIPTION, _MODALITY, _SERIES_NUMBER = "0008|103e", "0008|0060", "0020|0011"
_POSITION, _ORIENTATION, _PIXEL_SPACING = "0020|0032", "0020|0037", "0028|0030"


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series of a folder.

    Attributes
    ----------
    uid, description, modality : str
        As DICOM has them.
    number : int
        The series' own, by which they are sorted.
    files : tuple of Path
        Its slices, in GDCM's order.
    size : tuple of int
        Columns, rows and frames of the first file.
    """

    uid: str
    description: str
    modality: str
    number: int
    files: tuple[Path, ...]
    size: tuple[int, int, int]

    @property
    def slices(self) -> int:
        """How many there are."""
        return len(self.files) * self.size[2]

    def __str__(self) -> str:
        columns, rows, _ = self.size
        what = shown_name(self.description) or "no description"
        return f"{what} ({shown_name(self.modality) or 'no modality'}, {self.slices} slices of {columns} x {rows})"


def read_dicom(folder: Path, wanted: str = "") -> StoredImage:
    """Read one series of a folder.

    Parameters
    ----------
    folder : Path
        The folder in which its slices are, not those below it.
    wanted : str
        The series' place in the list that is shown where there are several, or its UID.

    Raises
    ------
    UnfitImage
        SimpleITK is missing.
    BadInput
        There is no series, or not only one, or its slices are no even stack.
    OutOfMemory
        It does not fit into memory.
    """
    sitk = simple_itk(f"the DICOM folder '{folder.name}'")
    series = _chosen(told(folder, "DICOM", lambda: _series_of(sitk, folder)), folder, wanted)
    files = sorted(series.files)
    (image, affine), digest = read_unchanged(files, lambda: told(folder, "DICOM", lambda: _read(sitk, series, folder)))
    return StoredImage(
        voxels=voxels_of_itk(sitk, image),
        affine=affine,
        nominal_spacing_mm=spacing_of(affine),
        header=None,
        sha256=digest,
        modality=series.modality or None,
    )


def _series_of(sitk: Any, folder: Path) -> list[Series]:
    found = []
    for uid in sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder)):
        files = tuple(Path(name) for name in sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid))
        reader = _header_of(sitk, files[0])
        columns, rows, *frames = reader.GetSize()
        number = _tag(reader, _SERIES_NUMBER)
        found.append(
            Series(
                uid=uid,
                description=_tag(reader, _DESCRIPTION),
                modality=_tag(reader, _MODALITY),
                number=int(number) if number.isascii() and number.isdigit() else 0,
                files=files,
                size=(columns, rows, frames[0] if frames else 1),
            )
        )
    return sorted(found, key=lambda series: (series.number, series.uid))


def _chosen(all_series: list[Series], folder: Path, wanted: str) -> Series:
    if not all_series:
        raise BadInput(
            f"'{folder}' is a folder, and none of its files is DICOM.",
            "Give a scan: a NIfTI file, or the folder in which the slices of a DICOM series are.",
        )
    if wanted:
        by_name = {str(place): series for place, series in enumerate(all_series, 1)}
        by_name |= {series.uid: series for series in all_series}
        if wanted in by_name:
            return by_name[wanted]
    volumes = [series for series in all_series if series.slices >= FEWEST_SLICES]
    if len(volumes) == 1 and not wanted:
        return volumes[0]
    if len(all_series) == 1 and not wanted:
        return all_series[0]
    listed = "; ".join(f"{place}: {series}" for place, series in enumerate(all_series, 1))
    none = f"no series '{shown_name(wanted)}' among its {len(all_series)}" if wanted else f"{len(all_series)} series"
    raise BadInput(f"'{folder}' has {none}: {listed}.", Hint(HintCode.CHOOSE_SERIES))


def _read(sitk: Any, series: Series, folder: Path) -> tuple[Any, np.ndarray]:
    """Return ITK's image and voxel indices to RAS mm."""
    headers = {path: _header_of(sitk, path) for path in series.files}
    needed = sum(claimed_bytes(sitk, reader, path) for path, reader in headers.items())
    require_memory(2 * needed, f"Reading '{folder.name}'")
    if len(series.files) == 1:
        image = sitk.ReadImage(str(series.files[0]))
        return image, affine_of_itk(image)
    files, affine_lps = _stack(headers, folder)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in files])
    return reader.Execute(), np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine_lps


def _stack(headers: dict[Path, Any], folder: Path) -> tuple[list[Path], np.ndarray]:
    """Return the slices from the first to the last one, and voxel indices to LPS mm."""
    paths = list(headers)
    positions, orientations, spacings = (
        np.array([_numbers(headers[path], tag, count, folder) for path in paths])
        for tag, count in ((_POSITION, 3), (_ORIENTATION, 6), (_PIXEL_SPACING, 2))
    )
    sizes = {headers[path].GetSize()[:2] for path in paths}
    if len(sizes) > 1 or np.ptp(orientations, axis=0).max() > 1e-3 or np.ptp(spacings, axis=0).max() > 1e-3:
        raise BadInput(
            f"The slices in '{folder}' differ in size, direction or voxel size: they are no single stack.",
            "Leave only the slices of one stack there, without localisers.",
        )
    along_row, along_column = orientations[0, :3], orientations[0, 3:]
    heights_mm = positions @ np.cross(along_row, along_column)
    order = np.argsort(heights_mm, kind="stable")
    _require_even(positions[order], heights_mm[order], folder)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = along_row * spacings[0, 1], along_column * spacings[0, 0]
    affine[:3, 2] = (positions[order[-1]] - positions[order[0]]) / (len(paths) - 1)
    affine[:3, 3] = positions[order[0]]
    return [paths[place] for place in order], affine


def _require_even(positions: np.ndarray, heights_mm: np.ndarray, folder: Path) -> None:
    steps_mm = np.diff(heights_mm)
    if steps_mm.min() < 1e-3:
        raise BadInput(
            f"'{folder}' has several slices at one place: several phases or reconstructions in one series.",
            "Leave one of them there, or convert the series with dcm2niix, which parts them.",
        )
    places = np.linspace(positions[0], positions[-1], len(positions))
    farthest_mm = float(np.linalg.norm(positions - places, axis=1).max())
    if farthest_mm > max(MOST_UNEVEN * float(np.median(steps_mm)), MOST_UNEVEN_MM):
        raise BadInput(
            f"The slices in '{folder}' are not evenly spaced ({steps_mm.min():.3g} to {steps_mm.max():.3g} mm): some "
            "may be missing.",
            "Bring all of them; or convert the series with dcm2niix, which resamples it.",
        )


def _header_of(sitk: Any, path: Path) -> Any:
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    return reader


def _tag(reader: Any, tag: str) -> str:
    return str(reader.GetMetaData(tag)).strip() if reader.HasMetaDataKey(tag) else ""


def _numbers(reader: Any, tag: str, count: int, folder: Path) -> list[float]:
    try:
        numbers = [float(number) for number in _tag(reader, tag).split("\\")]
    except ValueError:
        numbers = []
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise BadInput(
            f"A slice in '{folder}' does not say where it lies (DICOM tag {tag.replace('|', ',')}).",
            "Export the series again, or convert it with dcm2niix.",
        )
    return numbers
