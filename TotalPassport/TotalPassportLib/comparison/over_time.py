"""An organ over several scans of one patient: against the first scan, and against what the voxel grids can do.

The floors are those of a comparison of two passports (`repeatability`). Hounsfield units have no such floor; what is
told beside their mean is how they are spread within the organ. Cohorts ask this of their tables, the window of the
passports in its scene.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..base.text import csv_cell
from ..passport.fields import DERIVED_DECIMALS
from ..passport.organ import Passport
from .repeatability import factors_of, label_affine, most_volume_percent, volume_repeatability

CUT = "cut by the image's edge"


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One organ in one scan.

    Attributes
    ----------
    scan, organ : str
        Their names.
    date : Any
        When the scan was taken; None where nobody knows.
    volume_ml : float
        The volume.
    volume_sd_percent : float, optional
        What the voxel grid does to it, see `repeatability.volume_repeatability`.
    grid_voxels : int
        How many voxels it has on the grid that the labels were found on.
    touches_border : bool
        Whether the image's edge cuts it.
    mean_hu, sd_hu : float, optional
        Of its voxels.
    model : str
        What found it.
    """

    scan: str
    organ: str
    date: Any = None
    volume_ml: float
    volume_sd_percent: float | None
    grid_voxels: int
    touches_border: bool
    mean_hu: float | None
    sd_hu: float | None
    model: str

    @property
    def whole(self) -> bool:
        """Whether it can be compared."""
        return not self.touches_border and self.volume_ml > 0


@dataclass(frozen=True, kw_only=True)
class TimePoint:
    """One organ in one of several scans, against the first scan in which it is whole; what is not known is None.

    Attributes
    ----------
    measured : Measurement
        What was measured.
    volume_error_ml : float, optional
        This scan's share of the floor: two volumes differ by more than the grids can do where they are apart by more
        than the root of the sum of the errors' squares.
    change_percent : float, optional
        Of the volume, against the first one.
    floor_percent : float, optional
        What the two grids alone may do to it, in 95 % of cases.
    beyond_floor : bool, optional
        Whether it has changed by more.
    hu_change : float, optional
        Of the mean.
    remark : str
        Why nothing is said of the change; empty if something is.
    """

    measured: Measurement
    volume_error_ml: float | None = None
    change_percent: float | None = None
    floor_percent: float | None = None
    beyond_floor: bool | None = None
    hu_change: float | None = None
    remark: str = ""

    def cells(self) -> tuple[Any, ...]:
        """Return the values of `COLUMNS`."""
        each = self.measured
        change = (self.change_percent, self.floor_percent, self.beyond_floor)
        intensity = (each.mean_hu, each.sd_hu, self.hu_change)
        return (
            each.date,
            each.scan,
            each.organ,
            each.volume_ml,
            self.volume_error_ml,
            *change,
            *intensity,
            self.remark,
        )


COLUMNS = (
    "date", "scan", "organ", "volume_ml", "volume_error_ml", "change_percent", "floor_percent", "beyond_floor",
    "mean_hu", "sd_hu", "hu_change", "remark",
)  # fmt: skip


def measurements_of(passport: Passport, scan: str, date: Any = None) -> list[Measurement]:
    """Return the organs of a passport, measured."""
    affine, model = label_affine(passport), found_by(passport)
    found = []
    for organ in passport:
        percent, voxels = volume_repeatability(organ, affine)
        found.append(
            Measurement(
                scan=scan,
                organ=organ.name,
                date=date,
                volume_ml=organ.volume_ml,
                volume_sd_percent=percent,
                grid_voxels=voxels,
                touches_border=organ.touches_border,
                mean_hu=organ.hu_mean,
                sd_hu=organ.hu_sd,
                model=model,
            )
        )
    return found


def found_by(passport: Passport) -> str:
    """Return what found the organs, or where their names come from: scans of other models are not of one kind."""
    name, labels = (passport.model.get(key) for key in ("name", "labels"))
    if isinstance(name, str) and name:
        return name
    return f"labels of {labels if isinstance(labels, str) and labels else 'unknown origin'}"


def follow(measurements: Iterable[Measurement]) -> list[TimePoint]:
    """Return measurements, those of each organ in the order of time, against the first one that is whole."""
    firsts: dict[str, Measurement] = {}
    points = []
    for each in measurements:
        first = firsts.setdefault(each.organ, each) if each.whole else firsts.get(each.organ)
        points.append(_point(each, first))
    return points


def _point(each: Measurement, first: Measurement | None) -> TimePoint:
    if not each.whole:
        return TimePoint(measured=each, remark=CUT)
    error = _error_ml(each)
    if first is None or first is each:
        return TimePoint(measured=each, volume_error_ml=error)
    change, floor = 100 * (each.volume_ml / first.volume_ml - 1), _floor_percent(first, each)
    remark = "too small or too coarse to tell" if floor is None else ""
    if first.model != each.model:
        remark = "found by another model than the first one"
    return TimePoint(
        measured=each,
        volume_error_ml=error,
        change_percent=change,
        floor_percent=floor,
        beyond_floor=None if floor is None else abs(change) > floor,
        hu_change=None if each.mean_hu is None or first.mean_hu is None else each.mean_hu - first.mean_hu,
        remark=remark,
    )


def _error_ml(each: Measurement) -> float | None:
    factors = factors_of(each.grid_voxels)
    if factors is None or each.volume_sd_percent is None:
        return None
    return float(each.volume_ml * factors.volume_factor * each.volume_sd_percent / 100)


def _floor_percent(first: Measurement, second: Measurement) -> float | None:
    """Return what `repeatability.floor_of` gives for the volume, from what is kept of the organs."""
    factors = factors_of(min(first.grid_voxels, second.grid_voxels))
    if factors is None or first.volume_sd_percent is None or second.volume_sd_percent is None:
        return None
    floor = factors.volume_factor * math.hypot(first.volume_sd_percent, second.volume_sd_percent)
    return floor if floor <= most_volume_percent() else None


def by_organ(points: Iterable[TimePoint]) -> dict[str, list[TimePoint]]:
    """Return organ -> its points, the biggest changes first.

    Those beyond their floor come first, by how many times the floor the change is; then those within it; then what
    cannot be judged.
    """
    organs: dict[str, list[TimePoint]] = {}
    for point in points:
        organs.setdefault(point.measured.organ, []).append(point)
    return dict(sorted(organs.items(), key=lambda item: -_times_the_floor(item[1])))


def _times_the_floor(points: Sequence[TimePoint]) -> float:
    known = ((abs(point.change_percent or 0.0), point.floor_percent) for point in points)
    return max((change / floor for change, floor in known if floor), default=0.0)


def follow_up_csv(points: Iterable[TimePoint]) -> str:
    """Return the points as CSV, with `COLUMNS`; what is not known is empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([_cell(value) for value in point.cells()] for point in points)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DERIVED_DECIMALS) + 0.0
    return csv_cell(value) if isinstance(value, str) else value
