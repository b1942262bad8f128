"""How much of a change is only the grid's: the floor below which no change is reported, as data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ..base.files import DATA_FOLDER, read_json


@dataclass(frozen=True)
class Floor:
    """The change that organs of one size show although nothing has changed (95th percentile).

    ``centroid_voxels`` is in units of the voxel's size, the cube root of its volume.
    """

    fewest_voxels: int
    volume_percent: float
    centroid_voxels: float
    semi_axis_percent: float


def floor_of(voxel_count: int) -> Floor | None:
    """Return the floor for an organ of so many voxels; None where it is too small to have been measured."""
    fitting = [floor for floor in _floors() if floor.fewest_voxels <= voxel_count]
    return fitting[-1] if fitting else None


@cache
def _floors() -> tuple[Floor, ...]:
    document = read_json(DATA_FOLDER / "repeatability.json")
    return tuple(sorted((Floor(**entry) for entry in document["classes"]), key=lambda floor: floor.fewest_voxels))
