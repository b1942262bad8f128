"""The size of packages is that of their files, with all that they need, in whichever environment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.stand_in_official import write_package
from TotalPassportLib.base.files import DATA_FOLDER
from TotalPassportLib.benchmark import install_size
from TotalPassportLib.benchmark.machine import our_install_size


def sizes(folder: Path, *packages: str) -> subprocess.CompletedProcess[str]:
    """Ask another python, which knows nothing of ours, for the size of packages in a folder."""
    command = [sys.executable, "-S", "-P", install_size.__file__, *packages]
    environment = {"PYTHONPATH": str(folder)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_what_is_needed_counts_and_nothing_else(tmp_path: Path) -> None:
    needs = ("needed_one>=2", 'optional; extra == "plots"', 'absent; sys_platform == "none"')
    write_package(tmp_path, "program", "1.0", 5000, needs)
    write_package(tmp_path, "Needed.One", "2.1", 70_000, ("deeper (>=1)", "program"))
    write_package(tmp_path, "deeper", "3", 300)
    write_package(tmp_path, "optional", "4", 10_000)
    process = sizes(tmp_path, "Program")
    assert process.returncode == 0, process.stderr
    size = json.loads(process.stdout)
    assert size["packages"] == [
        {"name": "Needed.One", "version": "2.1", "bytes": 70_000},
        {"name": "program", "version": "1.0", "bytes": 5000},
        {"name": "deeper", "version": "3", "bytes": 300},
    ]
    assert size["bytes"] == 75_300
    assert size["environment_bytes"] >= 85_300


def test_a_package_without_a_list_of_its_files_has_no_size(tmp_path: Path) -> None:
    write_package(tmp_path, "program", "1.0", 5000)
    (tmp_path / "program-1.0.dist-info" / "RECORD").unlink()
    size = json.loads(sizes(tmp_path, "program").stdout)
    assert size["packages"] == [{"name": "program", "version": "1.0", "bytes": None}]
    assert size["bytes"] == 0


def test_a_package_that_is_not_installed_ends_it(tmp_path: Path) -> None:
    process = sizes(tmp_path, "program")
    assert process.returncode != 0
    assert process.stdout == ""


@pytest.mark.slow
def test_our_own_size_has_our_files_and_our_packages() -> None:
    size = our_install_size(DATA_FOLDER.parent)
    found = {entry["name"]: entry["bytes"] for entry in size["packages"]}
    assert found["totalpassport"] > sum(file.stat().st_size for file in (DATA_FOLDER / "demo").iterdir())
    assert size["bytes"] == sum(value or 0 for value in found.values())
    assert found["numpy"] > 10_000_000
