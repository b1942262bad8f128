"""What the library's tests share: one scan of known anatomy, and models whose answers are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.networks import slow_layers, write_model, write_unet_model
from support.processes import Child
from support.scans import grid_around, rasterise, save_nifti
from support.web import Site, serve, trust
from support.weights import isolate


@pytest.fixture(scope="session")
def threshold_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that labels each voxel by the nearest of four grey levels."""
    return write_model(tmp_path_factory.mktemp("models") / "threshold")


@pytest.fixture(scope="session")
def small_plain_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small U-Net of random weights, written as official ones are: its head is a file of its own."""
    return write_unet_model(tmp_path_factory.mktemp("models") / "unet")


@pytest.fixture(scope="session")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that takes seconds on any machine: what is cancelled after its first window is surely not finished."""
    part = {"patch_size_zyx": [32, 32, 32], "step": 0.1}
    return write_model(tmp_path_factory.mktemp("models") / "slow", slow_layers(width=64, depth=8), part)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """The parent's private folder, with a blank and letters outside ASCII in its name."""
    folder = tmp_path / "Überweisung Nr 1 – 肝"
    folder.mkdir()
    return folder


@pytest.fixture
def children() -> Iterator[list[Child]]:
    """Children to be ended with the test."""
    started: list[Child] = []
    yield started
    for child in started:
        child.close()


@pytest.fixture(scope="session")
def phantom_ct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phantom on a plain RAS grid of 2 x 2 x 2.5 mm."""
    shape, affine = grid_around(np.eye(3), (2.0, 2.0, 2.5), (0.0, 0.0, 0.0))
    path = tmp_path_factory.mktemp("scans") / "phantom.nii.gz"
    return save_nifti(path, rasterise(shape, affine), affine)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, on a machine without any weights."""
    return isolate(monkeypatch, tmp_path)


@pytest.fixture
def site(certificate_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server on this machine that is trusted."""
    with serve(certificate_folder) as site:
        yield trust(monkeypatch, site)


@pytest.fixture(scope="session")
def phantom_grid() -> tuple[tuple[int, int, int], np.ndarray]:
    """Shape and affine of the phantom's plain grid of 2 x 2 x 2.5 mm."""
    return grid_around(np.eye(3), (2.0, 2.0, 2.5), (0.0, 0.0, 0.0))
