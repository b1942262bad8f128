"""An environment that passes for the official package's: its python, its packages' records, its Python interface.

Stricter than the original: what the original would ignore, forgive or do over the network ends the call here.
"""

from __future__ import annotations

import sys
from pathlib import Path

INTERFACE = """
import json, os, shutil, sys
from pathlib import Path

def totalsegmentator(input, output, *, ml, fast, fastest, device, quiet, nr_thr_saving, statistics, remove_small_blobs):
    assert ml is True and device == "cpu" and quiet is True and nr_thr_saving == 1
    assert statistics is False and remove_small_blobs is False
    assert (fast, fastest) == (True, False)
    assert isinstance(input, Path) and input.is_file() and isinstance(output, Path) and not output.exists()
    assert list(Path(os.environ["TOTALSEG_WEIGHTS_PATH"]).glob("Dataset297_*/*/fold_0/checkpoint_final.pth"))
    settings = json.loads((Path(os.environ["TOTALSEG_HOME_DIR"]) / "config.json").read_text())
    assert settings["send_usage_stats"] is False and settings["statistics_disclaimer_shown"] is True
    assert not [name for name in sys.modules if name.startswith("TotalPassportLib")], "our library has no business here"
    assert not [entry for entry in sys.path if (Path(entry) / "install_size.py").exists()], "nor its folder"
    room = os.urandom(2**20) * {room_mib}
    shutil.copyfile({labels!r}, output)
"""
VERSIONS = {"TotalSegmentator": "2.18.0", "nnunetv2": "2.6.0", "torch": "2.13.0"}
WEIGHTY = 5_000_000
"""Bytes of the stand-in's torch."""


def stand_in_official(folder: Path, labels: Path, room_mib: int = 300, without: str = "") -> Path:
    """Make the environment and return its python.

    Parameters
    ----------
    labels : the file that it finds for whatever scan.
    room_mib : memory that it takes.
    without : a package that is not installed.
    """
    packages = folder / "site-packages"
    (packages / "totalsegmentator").mkdir(parents=True)
    (packages / "totalsegmentator" / "__init__.py").touch()
    code = INTERFACE.replace("{room_mib}", str(room_mib)).replace("{labels!r}", repr(str(labels)))
    (packages / "totalsegmentator" / "python_api.py").write_text(code, encoding="utf-8")
    for name, version in VERSIONS.items():
        if name != without:
            write_package(packages, name, version, WEIGHTY if name == "torch" else 1000)
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{packages}" exec "{sys.executable}" -S "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    return python


def write_package(folder: Path, name: str, version: str, size: int, requires: tuple[str, ...] = ()) -> None:
    """Write a package as pip leaves it: one file of ``size`` bytes, and the list of its files."""
    record = folder / f"{name}-{version}.dist-info"
    record.mkdir(parents=True)
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {each}" for each in requires)]
    (record / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines, ""]), encoding="utf-8")
    (folder / f"{name}.bin").write_bytes(bytes(size))
    (record / "RECORD").write_text(f"{name}.bin,,\n{name}_missing.py,,\n__pycache__/{name}.pyc,,\n", encoding="utf-8")
    (folder / "__pycache__").mkdir(exist_ok=True)
    (folder / "__pycache__" / f"{name}.pyc").write_bytes(bytes(100_000))
