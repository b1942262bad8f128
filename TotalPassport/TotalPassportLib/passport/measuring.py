"""A label image on its own grid: what `run` measures of the file that it writes, and `passport` of one that is there.

Both call the one function here, so that a run's passport is that of its segmentation, field by field.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial

import numpy as np

from ..base.labels import LabelTable
from ..image.volume import Volume, voxels_on_grid_of
from .extraction import extract_passport, with_arbitrary_unit
from .organ import Passport

LEAST_RANGE = 1000.0
"""Of a scan's values: percentiles are taken of whole numbers, and these are fine enough."""


def measure_labels(
    labels: Volume,
    table: LabelTable,
    *,
    ct: Volume | None = None,
    searched: Collection[int] | None = None,
    on_organ: Callable[[int, int], None] = lambda done, total: None,
    confidence: Mapping[int, float] | None = None,
    entropy_bits: Mapping[int, float] | None = None,
) -> Passport:
    """Measure every label of a label image as it stands in its file.

    Parameters
    ----------
    labels : Volume
        Its voxels are unsigned integers, its affine is the file's.
    table : LabelTable
        Gives the names and codes.
    ct : Volume, optional
        The scan on the same grid, for the intensities of each organ, in its own unit.
    searched, on_organ, confidence, entropy_bits
        As for `extract_passport`.

    Raises
    ------
    BadInput
        The CT has another grid.
    """
    measure = partial(
        extract_passport,
        labels.voxels,
        labels.affine,
        table,
        on_organ=on_organ,
        searched=searched,
        confidence=confidence,
        entropy_bits=entropy_bits,
    )
    if ct is None:
        return measure()
    intensities = voxels_on_grid_of(ct, labels)
    factor = 1.0 if ct.intensity_unit == "HU" else _factor_for_percentiles(intensities)
    if factor != 1:
        intensities = intensities * np.float32(factor)
    passport = measure(hounsfield=intensities)
    return passport if ct.intensity_unit == "HU" else with_arbitrary_unit(passport, factor)


def _factor_for_percentiles(intensities: np.ndarray) -> float:
    """Return a power of ten that gives a scan without a unit a range in which whole numbers tell percentiles."""
    width = float(intensities.max()) - float(intensities.min())
    return float(10 ** max(int(np.ceil(np.log10(LEAST_RANGE / width))), 0)) if width > 0 else 1.0
