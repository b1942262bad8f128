"""A label image on its own grid: what `run` measures of the file that it writes, and `passport` of one that is there.

Both call the one function here, so that a run's passport is that of its segmentation, field by field.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from ..base.labels import LabelTable
from ..image.volume import Volume, voxels_on_grid_of
from .extraction import extract_passport
from .organ import Passport


def measure_labels(
    labels: Volume,
    table: LabelTable,
    *,
    ct: Volume | None = None,
    searched: Collection[int] | None = None,
    on_organ: Callable[[int, int], None] = lambda done, total: None,
) -> Passport:
    """Measure every label of a label image as it stands in its file.

    Parameters
    ----------
    labels : Volume
        Its voxels are unsigned integers, its affine is the file's.
    table : LabelTable
        Gives the names and codes.
    ct : Volume, optional
        The CT on the same grid, for the intensities of each organ.
    searched, on_organ
        As for `extract_passport`.

    Raises
    ------
    BadInput
        The CT has another grid.
    """
    hounsfield = None if ct is None else voxels_on_grid_of(ct, labels)
    return extract_passport(
        labels.voxels, labels.affine, table, hounsfield=hounsfield, on_organ=on_organ, searched=searched
    )
