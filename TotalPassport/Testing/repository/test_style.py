"""Style and types are held by tools, not by reviewers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import NumpyVersion

TOOLS = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",))


@pytest.mark.parametrize("command", TOOLS, ids=" ".join)
def test_the_repository_passes(command: tuple[str, ...], repository: Path) -> None:
    if command == ("mypy",) and NumpyVersion(np.__version__) < "2.2.0":
        pytest.skip("optional: numpy's types say less before 2.2; mypy runs with the newer ones")
    process = subprocess.run(
        [sys.executable, "-m", *command], cwd=repository, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stdout + process.stderr
