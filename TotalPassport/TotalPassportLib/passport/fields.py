"""What a passport says of an organ, declared once: how each field stands in JSON, and the columns of the CSV table.

A new field is an attribute of `OrganPassport`, measured in `extraction`, and one line of `FIELDS` and of `COLUMNS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.labels import Terminology, terminology_from_document
from .intensity import PERCENTILES

if TYPE_CHECKING:  # the types of a passport show themselves by the columns here
    from .organ import OrganPassport

DECIMALS = 9
"""Decimals of volumes, moments and intensities: far below any meaning, far above what differs between machines."""
DERIVED_DECIMALS = 6
"""Decimals of all other measures."""
POINT_DECIMALS = 2
"""Decimals of boundary points in mm: they are voxel centres, and 0.01 mm keeps files small."""

Value = Callable[["OrganPassport"], Any]


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of an organ in JSON; one whose value is None is left out.

    Attributes
    ----------
    name : str
        Its key; the seed format's and Slicer's segment statistics' names where they have one.
    attribute : str
        Of `OrganPassport`.
    write : Callable[[Any], Any]
        Makes JSON of the attribute's value.
    read : Callable[[Any], Any] | None
        Makes the attribute's value of JSON that has passed the schema; None for what follows from other fields.
    """

    name: str
    attribute: str
    write: Callable[[Any], Any]
    read: Callable[[Any], Any] | None


@dataclass(frozen=True, kw_only=True)
class CsvColumn:
    """One column of the CSV table: its name, with the unit, and the value of an organ's cell."""

    name: str
    value: Value


def organ_document(organ: OrganPassport) -> dict[str, Any]:
    """Return an organ as JSON has it."""
    values = ((field, getattr(organ, field.attribute)) for field in FIELDS)
    return {field.name: field.write(value) for field, value in values if value is not None}


def values_of_document(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return attribute -> value of an organ in a document that has passed the schema; what is not known is ignored."""
    return {field.attribute: field.read(entry[field.name]) for field in FIELDS if field.read and field.name in entry}


def rounded(values: Any, decimals: int = DECIMALS) -> Any:
    """Return numbers as JSON has them, rounded.

    >>> rounded([1 / 3, -1e-12])
    [0.333333333, 0.0]
    """
    # Adding 0 turns the negative zeros that rounding leaves into plain ones.
    return (np.round(np.asarray(values, np.float64), decimals) + 0.0).tolist()


def _derived(values: Any) -> Any:
    return rounded(values, DERIVED_DECIMALS)


def _points(values: Any) -> Any:
    return rounded(values, POINT_DECIMALS)


def _unchanged(value: Any) -> Any:
    return value


def _array(values: Any) -> np.ndarray:
    return np.array(values, np.float64)


def _vectors(values: Any) -> np.ndarray:
    return values if isinstance(values, np.ndarray) else _array(values).reshape(-1, 3)


def _terminology(terminology: Terminology) -> dict[str, Any]:
    return {name: value for name, value in asdict(terminology).items() if value is not None}


def _percentiles(percentiles: Mapping[int, float]) -> dict[str, float]:
    return {str(percent): _derived(value) for percent, value in percentiles.items()}


def _percentiles_from(entry: Mapping[str, Any]) -> dict[int, float]:
    return {int(percent): float(value) for percent, value in entry.items()}


def _field(name: str, attribute: str, write: Callable[[Any], Any], read: Callable[[Any], Any] | None) -> Field:
    return Field(name=name, attribute=attribute, write=write, read=read)


FIELDS: tuple[Field, ...] = (
    _field("name", "name", _unchanged, _unchanged),
    _field("terminology", "terminology", _terminology, terminology_from_document),
    _field("confidence", "confidence", _derived, float),
    _field("entropy_bits", "entropy_bits", _derived, float),
    _field("voxel_count", "voxel_count", _unchanged, _unchanged),
    _field("volume_mm3", "volume_mm3", rounded, float),
    _field("centroid", "centroid_ras_mm", rounded, _array),
    _field("covariance", "covariance_mm2", rounded, _array),
    _field("eigenvalues", "eigenvalues_mm2", rounded, _array),
    _field("eigenvectors", "eigenvectors", rounded, _array),
    _field("axis_separation", "axis_separation", _derived, None),
    _field("elongation", "elongation", _derived, None),
    _field("flatness", "flatness", _derived, None),
    _field("roundness", "roundness", _derived, None),
    _field("surface_area_mm2", "surface_area_mm2", _derived, float),
    _field("bounding_box_ras", "bounding_box_ras_mm", _derived, _array),
    _field("obb_origin_ras", "obb_origin_ras_mm", _derived, _array),
    _field("obb_diameter_mm", "obb_size_mm", _derived, _array),
    _field("n_components", "n_components", _unchanged, _unchanged),
    _field("largest_component_fraction", "largest_component_fraction", _derived, float),
    _field("touches_border", "touches_border", _unchanged, _unchanged),
    _field("border_faces", "border_faces", list, tuple),
    _field("near_border", "near_border", _unchanged, _unchanged),
    _field("checks", "checks", list, tuple),
    _field("hu_mean", "hu_mean", rounded, float),
    _field("hu_sd", "hu_sd", rounded, float),
    _field("hu_percentiles", "hu_percentiles", _percentiles, _percentiles_from),
    _field("intensity_mean", "intensity_mean", rounded, float),
    _field("intensity_sd", "intensity_sd", rounded, float),
    _field("intensity_percentiles", "intensity_percentiles", _percentiles, _percentiles_from),
    _field("boundary_points", "boundary_points_ras_mm", _points, _vectors),
)
"""The fields in the order in which JSON has them."""


def _columns() -> Iterator[CsvColumn]:
    yield from _attributes("label", "name")
    yield CsvColumn(name="snomed_code", value=lambda organ: organ.terminology and organ.terminology.type.code)
    yield CsvColumn(
        name="snomed_modifier",
        value=lambda organ: organ.terminology and organ.terminology.modifier and organ.terminology.modifier.code,
    )
    yield from _attributes("confidence", "entropy_bits", "voxel_count", "volume_mm3")
    yield from _vector("centroid_{}_mm", "ras", lambda organ: organ.centroid_ras_mm)
    yield from _vector("semi_axis_{}_mm", _AXES, lambda organ: organ.semi_axes_mm)
    for number, axis in enumerate(_AXES):
        yield from _vector(f"{axis}_axis_{{}}", "ras", _axis(number))
    yield from _vector("axis_separation_{}", ("major", "middle"), lambda organ: organ.axis_separation)
    yield from _attributes("elongation", "flatness", "roundness", "surface_area_mm2")
    for number, end in enumerate(("low", "high")):
        yield from _vector(f"bounding_box_{end}_{{}}_mm", "ras", _box_corner(number))
    yield from _vector("obb_{}_mm", _AXES, lambda organ: organ.obb_size_mm)
    yield from _attributes("n_components", "largest_component_fraction", "touches_border", "near_border")
    yield CsvColumn(name="border_faces", value=lambda organ: " ".join(organ.border_faces))
    yield CsvColumn(name="checks", value=lambda organ: " ".join(organ.checks))
    yield CsvColumn(name="mean_hu", value=lambda organ: organ.hu_mean)
    yield CsvColumn(name="sd_hu", value=lambda organ: organ.hu_sd)
    for percent in PERCENTILES:
        yield CsvColumn(name=f"percentile_{percent}_hu", value=_percentile("hu_percentiles", percent))
    yield from _attributes("intensity_mean", "intensity_sd")
    for percent in PERCENTILES:
        yield CsvColumn(name=f"intensity_percentile_{percent}", value=_percentile("intensity_percentiles", percent))


_AXES = ("least", "middle", "major")


def _attributes(*names: str) -> Iterator[CsvColumn]:
    """Yield columns that are called as the attribute that they show."""
    for name in names:
        yield CsvColumn(name=name, value=attrgetter(name))


def _vector(name: str, parts: str | tuple[str, ...], value: Value) -> Iterator[CsvColumn]:
    """Yield a column for each part of a vector; ``{}`` in the name stands for the part."""
    for number, part in enumerate(parts):
        yield CsvColumn(name=name.format(part), value=_part(value, number))


def _part(value: Value, number: int) -> Value:
    def of(organ: OrganPassport) -> Any:
        whole = value(organ)
        return None if whole is None else float(whole[number])

    return of


def _axis(number: int) -> Value:
    return lambda organ: organ.eigenvectors[:, number]


def _box_corner(number: int) -> Value:
    return lambda organ: None if organ.bounding_box_ras_mm is None else organ.bounding_box_ras_mm[number]


def _percentile(attribute: str, percent: int) -> Value:
    return lambda organ: (getattr(organ, attribute) or {}).get(percent)


COLUMNS: tuple[CsvColumn, ...] = tuple(_columns())
"""The columns of the CSV table, one organ a row."""
