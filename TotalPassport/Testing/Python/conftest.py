"""Lets the tests of Slicer's ctest run with pytest too, in the test host. Slicer itself does not read this file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from host.fixtures import slicer_host, slicer_host_process  # noqa: F401


@pytest.fixture(autouse=True)
def loaded_module(slicer_host: Any) -> None:  # noqa: F811
    """The module, loaded as Slicer has loaded it when ctest runs."""
    slicer_host.load_module(Path(__file__).parents[2] / "TotalPassport.py")
