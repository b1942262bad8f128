"""What the library's tests share: one scan of known anatomy, and models whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.networks import slow_layers, write_model
from support.scans import grid_around, rasterise, save_nifti


@pytest.fixture(scope="session")
def threshold_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that labels each voxel by the nearest of four grey levels."""
    return write_model(tmp_path_factory.mktemp("models") / "threshold")


@pytest.fixture(scope="session")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that would take minutes: what is cancelled in its middle is surely not finished."""
    part = {"patch_size_zyx": [32, 32, 32], "step": 0.1}
    return write_model(tmp_path_factory.mktemp("models") / "slow", slow_layers(), part)


@pytest.fixture(scope="session")
def phantom_ct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phantom on a plain RAS grid of 2 x 2 x 2.5 mm."""
    shape, affine = grid_around(np.eye(3), (2.0, 2.0, 2.5), (0.0, 0.0, 0.0))
    path = tmp_path_factory.mktemp("scans") / "phantom.nii.gz"
    return save_nifti(path, rasterise(shape, affine), affine)
