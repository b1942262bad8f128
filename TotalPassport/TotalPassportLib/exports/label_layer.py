"""What is exported: label images of which each is without overlaps, with what their values mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.labels import Label, LabelTable


@dataclass(frozen=True, kw_only=True)
class LabelLayer:
    """One label image.

    Attributes
    ----------
    voxels : numpy.ndarray
        uint8 or uint16 ``[i, j, k]``.
    table : LabelTable
        What its values mean.
    """

    voxels: np.ndarray
    table: LabelTable

    def present(self) -> list[Label]:
        """Return the structures that have voxels, by value."""
        counts = np.bincount(self.voxels.ravel(order="K"))
        return [self.table.describe(int(value)) for value in np.flatnonzero(counts) if value]
