"""Which scans a folder of DICOM files has: its files by series, and series by what lies in one stack."""

from __future__ import annotations

import filecmp
import itertools
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...base.errors import BadInput
from ...base.hints import Hint, HintCode
from ...base.text import shown_name
from ..stored_image import UnfitImage
from .dicom_header import DicomHeader, Plane, looks_like_dicom, read_dicom_header

FEWEST_SLICES = 4
"""A series of fewer planes is a localiser or a picture."""
SAME_DIRECTION = 1e-3
"""How much directions and voxel sizes of the planes of one stack may differ."""
SAME_PLACE_MM = 1e-3


@dataclass(frozen=True, kw_only=True)
class Series:
    """One stack of planes: a series, or one of its phases or directions.

    Attributes
    ----------
    uid, description, modality : str
        The series', as DICOM has them.
    number : int
        The series' own, by which they are sorted.
    part : str
        Which of several stacks of the series, in words; empty for the only one.
    place : str
        Which of them, for `uid` to be followed by: ``.../2``.
    planes : tuple of Plane
        In the order of their files' names.
    is_localizer : bool
        By its own word.
    channels, bytes_per_voxel : int
        As the first file stores them.
    duplicates : int
        Planes that stand there twice, left out.
    chosen_of : int
        Of how many scans that fitted it was taken for having the most slices; 0 where nothing had to be chosen.
    """

    uid: str
    description: str
    modality: str
    number: int
    part: str = ""
    place: str = ""
    planes: tuple[Plane, ...]
    is_localizer: bool
    channels: int
    bytes_per_voxel: int
    duplicates: int = 0
    chosen_of: int = 0

    @property
    def key(self) -> str:
        """What names it for good: the series' UID, with the stack's number where there are several."""
        return f"{self.uid}{self.place}"

    @property
    def is_volume(self) -> bool:
        """Whether it can be a scan."""
        if len(self.planes) < FEWEST_SLICES or self.is_localizer or self.channels != 1:
            return False
        return all(plane.position_lps_mm is not None for plane in self.planes)  # an X-ray has none

    @property
    def files(self) -> list[Path]:
        """Its files, each once."""
        return list(dict.fromkeys(plane.path for plane in self.planes))

    @property
    def title(self) -> str:
        """Its description, with the part where the series has several stacks."""
        return ", ".join(filter(None, (self.description, self.part)))

    def __str__(self) -> str:
        columns, rows = self.planes[0].size
        what = shown_name(self.description) or "no description"
        part = f", {self.part}" if self.part else ""
        kind = ", a localizer" if self.is_localizer else ""
        modality = shown_name(self.modality) or "no modality"
        return f"{what}{part} ({modality}, {len(self.planes)} slices of {columns} x {rows}{kind})"


def series_in(folder: Path, on_damaged: Callable[[Path, BadInput], None] | None = None) -> list[Series]:
    """Return all series of the DICOM files of a folder and of those below it, sorted by their numbers.

    Parameters
    ----------
    folder : Path
        The folder.
    on_damaged : callable, optional
        Receives each file whose header cannot be read, and why; by default the first of them is an error.

    Raises
    ------
    UnfitImage
        pydicom is missing, and there is a DICOM file.
    BadInput
        A DICOM file is damaged.
    """
    return series_of_files(dicom_files(folder), on_damaged)


def series_of_files(files: Iterable[Path], on_damaged: Callable[[Path, BadInput], None] | None = None) -> list[Series]:
    """Return the series of some DICOM files; see `series_in`."""
    headers = []
    for path in files:
        try:
            header = read_dicom_header(path)
        except UnfitImage:
            raise
        except BadInput as error:
            if on_damaged is None:
                raise
            on_damaged(path, error)
            continue
        if header is not None:
            headers.append(header)
    return series_of(headers)


def dicom_files(folder: Path) -> Iterator[Path]:
    """Yield the DICOM files of a folder and of those below it, by their names; links to folders are not followed."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if not name.startswith(".") and looks_like_dicom(path):
                yield path


def series_of(headers: Iterable[DicomHeader]) -> list[Series]:
    """Return the series that some files are of."""
    groups: dict[str, list[DicomHeader]] = defaultdict(list)
    for header in headers:
        # Some anonymisers leave no identifier: then a folder is a series.
        groups[header.series_uid or str(header.planes[0].path.parent)].append(header)
    found = [stack for group in groups.values() for stack in _stacks(group)]
    return sorted(found, key=lambda series: (series.number, series.uid, series.place))


def chosen_series(all_series: Sequence[Series], name: str, wanted: str = "", modality: str | None = None) -> Series:
    """Return the series that was asked for, or the one that fits best.

    That is the only scan, or the only one of the modality, or of these the one with more slices than all others.

    Parameters
    ----------
    all_series : sequence of Series
        Of `series_in`.
    name : str
        Of the folder, for sentences.
    wanted : str
        Its place in the list that is shown where there are several, its UID, or its `Series.key`.
    modality : str, optional
        What it is to be segmented as: CT or MR.

    Raises
    ------
    BadInput
        There is no such series, or several that may be meant.
    """
    if not all_series:
        raise BadInput(
            f"'{name}' is no file of a known format, and nothing in it is an image in DICOM.",
            "Give a scan: a NIfTI file, or the folder in which the slices of a DICOM series are.",
        )
    if wanted:
        by_name = {str(place): series for place, series in enumerate(all_series, 1)}
        by_name |= {series.key: series for series in all_series}
        by_uid = [series for series in all_series if series.uid == wanted]
        if wanted in by_name:
            return by_name[wanted]
        if len(by_uid) == 1:
            return by_uid[0]
    else:
        volumes = [series for series in all_series if series.is_volume]
        fitting = [series for series in volumes if modality is None or series.modality == modality]
        for candidates in (volumes, fitting, all_series):
            if len(candidates) == 1:
                return candidates[0]
        first, *others = sorted(fitting, key=lambda series: -len(series.planes)) or [all_series[0]]
        if others and len(first.planes) > len(others[0].planes):
            return replace(first, chosen_of=len(fitting))
    listed = "; ".join(f"{place}: {series}" for place, series in enumerate(all_series, 1))
    none = f"no series '{shown_name(wanted)}' among its {len(all_series)}" if wanted else f"{len(all_series)} series"
    raise BadInput(f"'{name}' has {none}: {listed}.", Hint(HintCode.CHOOSE_SERIES))


def _stacks(headers: Sequence[DicomHeader]) -> Iterator[Series]:
    """Yield the stacks of one series: planes of one size and direction, parted by phase where they lie doubly."""
    first = headers[0]
    planes = [plane for header in headers for plane in header.planes]
    stacks: list[tuple[str, list[Plane], int]] = []
    for group in _alike(planes):
        unique, duplicates = _without_duplicates(group)
        stacks += [(words, members, duplicates) for words, members in _phases(unique)]
    localizers = {plane.path for header in headers if header.is_localizer for plane in header.planes}
    for place, (words, members, duplicates) in enumerate(stacks, 1):
        several = len(stacks) > 1
        yield Series(
            uid=first.series_uid,
            description=first.description,
            modality=first.modality,
            number=first.series_number,
            part=words or (f"part {place}" if several else ""),
            place=f"/{place}" if several else "",
            planes=tuple(members),
            is_localizer=members[0].path in localizers,
            channels=first.channels,
            bytes_per_voxel=first.bytes_per_voxel,
            duplicates=duplicates,
        )


def _alike(planes: Iterable[Plane]) -> list[list[Plane]]:
    """Return planes of one size, direction and voxel size together, the largest group first."""
    groups: list[tuple[Plane, list[Plane]]] = []
    for plane in planes:
        for example, members in groups:
            if _are_parallel(example, plane):
                members.append(plane)
                break
        else:
            groups.append((plane, [plane]))
    return sorted((members for _, members in groups), key=len, reverse=True)


def _are_parallel(one: Plane, other: Plane) -> bool:
    if one.size != other.size:
        return False
    for name in ("orientation_lps", "spacing_mm"):
        first, second = getattr(one, name), getattr(other, name)
        if (first is None) != (second is None):
            return False
        if first is not None and np.abs(first - second).max() > SAME_DIRECTION:
            return False
    return (one.position_lps_mm is None) == (other.position_lps_mm is None)


def _without_duplicates(planes: Sequence[Plane]) -> tuple[list[Plane], int]:
    """Leave out files that are there twice: of one identifier and one content, as identifiers are not always unique."""
    kept: list[Plane] = []
    known: dict[tuple[str, int], Plane] = {}
    for plane in planes:
        key = (plane.sop_uid or str(plane.path), plane.frame)
        former = known.setdefault(key, plane)
        if former is plane or not filecmp.cmp(former.path, plane.path, shallow=False):
            kept.append(plane)
    return kept, len(planes) - len(kept)


def _phases(planes: Sequence[Plane]) -> list[tuple[str, list[Plane]]]:
    """Return planes parted by the first word of their headers that leaves no two at one place; all where none does."""
    if len(planes) < 2 or _lie_apart(planes):
        return [("", list(planes))]
    names = dict.fromkeys(name for plane in planes for name in plane.phase)
    for name in names:
        groups: dict[str, list[Plane]] = defaultdict(list)
        for plane in planes:
            groups[plane.phase.get(name, "")].append(plane)
        is_parted = len(groups) > 1 and all(_lie_apart(group) for group in groups.values())
        if is_parted and min(map(len, groups.values())) >= min(FEWEST_SLICES, len(planes) // 2):
            order = sorted(groups, key=_sort_key)
            return [(f"{_in_words(name)} {shown_name(value)}", groups[value]) for value in order]
    return [("", list(planes))]


def _lie_apart(planes: Sequence[Plane]) -> bool:
    if any(plane.position_lps_mm is None or plane.orientation_lps is None for plane in planes):
        return True  # nobody can tell
    heights_mm = sorted(plane.height_mm for plane in planes)
    return all(after - before > SAME_PLACE_MM for before, after in itertools.pairwise(heights_mm))


def _sort_key(value: str) -> tuple[float, str]:
    try:
        return float(value), value
    except ValueError:
        return float("inf"), value


def _in_words(name: str) -> str:
    """Return a name of DICOM's in small words.

    >>> _in_words("EchoTime")
    'echo time'
    """
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
