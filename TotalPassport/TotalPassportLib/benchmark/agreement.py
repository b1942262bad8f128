"""How far two label files agree, voxel by voxel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Counts of voxels.

    Attributes
    ----------
    voxels : int
        Of the volume.
    differing : int
        Those with another label.
    labelled : int
        Those to which at least one of the two files gives a label.
    """

    voxels: int
    differing: int
    labelled: int

    @property
    def equal_percent(self) -> float:
        """Percentage of all voxels with the same label, background included."""
        return 100 * (1 - self.differing / self.voxels)

    @property
    def labelled_equal_percent(self) -> float | None:
        """The same of the labelled voxels alone; None where there are none."""
        return 100 * (1 - self.differing / self.labelled) if self.labelled else None


def compare_labels(labels: Path, reference: Path) -> Agreement:
    """Compare two label files; volumes of different shapes have nothing in common."""
    first, second = (np.asarray(nibabel.load(path).dataobj) for path in (labels, reference))
    if first.shape != second.shape:
        return Agreement(voxels=second.size, differing=second.size, labelled=int(np.count_nonzero(second)))
    labelled = int(np.count_nonzero(first) + np.count_nonzero(second[first == 0]))
    return Agreement(voxels=second.size, differing=int(np.count_nonzero(first != second)), labelled=labelled)
