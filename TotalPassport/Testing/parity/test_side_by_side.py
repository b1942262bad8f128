"""Whoever asks for the comparison without the official package is told how to get it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from parity.side_by_side import ORACLE_VARIABLE


@pytest.mark.parametrize(
    "options",
    [[], ["--oracle", "not/there"], ["--oracle", sys.executable]],
    ids=["nothing given", "no file", "another python"],
)
def test_without_the_official_package_the_way_to_it_is_told(options: list[str], repository: Path) -> None:
    testing = repository / "TotalPassport" / "Testing"
    environment = {name: value for name, value in os.environ.items() if name != ORACLE_VARIABLE}
    process = subprocess.run(
        [sys.executable, "-m", "parity.side_by_side", *options],
        cwd=repository, env={**environment, "PYTHONPATH": str(testing)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == 1
    assert "TotalSegmentator==2.18.0" in process.stderr
    assert "python3 dev.py parity --oracle" in process.stderr
    assert "Traceback" not in process.stderr
