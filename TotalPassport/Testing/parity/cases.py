"""The cases in which our labels are compared with the official ones: committed fixtures, and those of ``../shared``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).with_name("fixtures")
MANIFEST = "manifest.json"
FEW = 3
"""Voxels of the network's grid that may differ in a committed case, see `Case`."""


@dataclass(frozen=True)
class Case:
    """A scan, the weights and options to segment it with, and the official results.

    ``few`` voxels of the network's grid may differ where that is more than the share that is allowed: in a small scan
    a single one is, and the last bit of a float32 sum is not the same on all processors.
    """

    name: str
    scan: Path
    weights: Path
    mode: str
    labels: Path
    statistics: Path | None = None
    remove_small_blobs: bool = False
    roi: tuple[str, ...] = ()
    few: int = 0


def manifest() -> dict[str, Any]:
    """Return the manifest of the committed fixtures: seed, versions, cases, and the hash of every file."""
    return json.loads((FIXTURES / MANIFEST).read_text(encoding="utf-8"))


def committed_cases() -> dict[str, Case]:
    """Return the committed cases by name."""
    cases = {}
    for entry in manifest()["cases"]:
        paths = {key: FIXTURES / entry[key] for key in ("scan", "labels", "statistics") if entry[key]}
        options = {"remove_small_blobs": entry["remove_small_blobs"], "roi": tuple(entry["roi"]), "few": FEW}
        cases[entry["name"]] = Case(entry["name"], weights=FIXTURES / "weights", mode=entry["mode"], **paths, **options)
    return cases


def shared_cases(shared: Path) -> dict[str, Case]:
    """Return the cases of the shared folder by name: its expected files are called ``<input>.<mode>.nii.gz``."""
    cases = {}
    for labels in sorted((shared / "parity" / "expected").glob("*.nii.gz")):
        name = labels.name.removesuffix(".nii.gz")
        scan, mode = name.split(".")
        folder = shared / ("data" if scan.startswith("example_ct") else "parity/inputs")
        cases[name] = Case(name, folder / f"{scan}.nii.gz", shared / "parity" / "weights", mode, labels)
    return cases
