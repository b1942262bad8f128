"""Fixtures of the host's own tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from host import fixtures

slicer_host_process = fixtures.slicer_host_process
slicer_host = fixtures.slicer_host
rendering = fixtures.rendering

TOY_MODULE = Path(__file__).parent / "toy" / "Toy.py"


@pytest.fixture
def toy(slicer_host: Any) -> Any:
    """The toy module's panel, opened."""
    return slicer_host.load_module(TOY_MODULE)


@pytest.fixture
def volume(slicer_host: Any) -> Any:
    """A volume of 20 x 30 x 10 voxels with a bright box in it, 1 x 1 x 2 mm, oriented like a DICOM image."""
    import numpy as np
    import slicer

    voxels = np.zeros((10, 30, 20), np.int16)
    voxels[3:7, 10:20, 5:15] = 100
    ijk_to_ras = np.diag([-1.0, -1.0, 2.0, 1.0])
    ijk_to_ras[:3, 3] = (10.0, 15.0, -10.0)
    return slicer.util.addVolumeFromArray(voxels, ijk_to_ras, "Box")
