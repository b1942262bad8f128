"""What the tests of batches share: three small scans, of which one is damaged, and one batch of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from support.scans import grid_around, rasterise, save_nifti
from TotalPassportLib import BatchResult, RunOptions, batch


def make_scans(folder: Path, *places: str, spacing_mm: float = 5.0) -> Path:
    """Write phantoms, each shifted a little so that none is like another."""
    shape, affine = grid_around(np.eye(3), (spacing_mm,) * 3, (0.0, 0.0, 0.0))
    for number, place in enumerate(places):
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        save_nifti(path, rasterise(shape, affine, (number, 0.0, -number)), affine)
    return folder


@dataclass(frozen=True)
class DoneBatch:
    """A batch that has run once, and must not be changed."""

    scans: Path
    options: RunOptions
    result: BatchResult

    @property
    def folder(self) -> Path:
        """Its results."""
        return self.result.folder


@pytest.fixture(scope="session")
def done_batch(tmp_path_factory: pytest.TempPathFactory, threshold_model: Path) -> DoneBatch:
    """Two scans of one name in two folders, and one that is damaged."""
    root = tmp_path_factory.mktemp("batch")
    scans = make_scans(root / "scans", "s1/ct.nii.gz", "s2/ct.nii.gz")
    (scans / "damaged.nii.gz").write_bytes(b"no image")
    options = RunOptions(model=str(threshold_model), threads=1)
    return DoneBatch(scans, options, batch(scans, root / "out", options))
