"""Style and types are held by tools, not by reviewers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",))


@pytest.mark.parametrize("command", TOOLS, ids=" ".join)
def test_the_repository_passes(command: tuple[str, ...], repository: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", *command], cwd=repository, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stdout + process.stderr
