"""What differs between two label files that should be alike."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from TotalPassportLib.benchmark import agreement

from .cases import Case

SHARE = 0.99999
"""The least share of voxels that must have the official label."""
NETWORK_VOXEL_MM3 = {"fast": 27.0, "fastest": 216.0, "full": 3.375}


@dataclass(frozen=True)
class Agreement:
    """How many of a volume's voxels have another label."""

    differing: int
    voxels: int

    @property
    def share(self) -> float:
        return 1 - self.differing / self.voxels

    def __str__(self) -> str:
        return f"{self.differing} of {self.voxels:,} voxels differ ({self.share:.5%} alike)"


def allowed_differences(case: Case) -> int:
    """Return how many voxels of the scan may have another label."""
    image = nibabel.load(case.labels)
    by_share = round((1 - SHARE) * np.prod(image.shape) - 0.5)
    voxels_each = np.ceil(NETWORK_VOXEL_MM3[case.mode] / abs(np.linalg.det(image.affine[:3, :3])))
    return max(by_share, case.few * int(voxels_each))


def compare_labels(ours: Path, official: Path) -> Agreement:
    """Compare voxel by voxel; volumes of different shapes have nothing in common."""
    found = agreement.compare_labels(ours, official)
    return Agreement(found.differing, found.voxels)


def header_differences(ours: Path, official: Path) -> dict[str, tuple[object, object]]:
    """Return the NIfTI header fields whose bytes differ.

    ``vox_offset`` is left out: it tells where the voxels begin, behind the names of the labels, whose XML need not be
    the same text.
    """
    first, second = _header(ours), _header(official)
    fields = [field for field in first.keys() if field != "vox_offset"]  # noqa: SIM118, a header is not iterable so
    return {
        field: (first[field].tolist(), second[field].tolist())
        for field in fields
        if first[field].tobytes() != second[field].tobytes()
    }


def statistics_differences(ours: Path, case: Case) -> list[str]:
    """Return a line for every structure whose numbers are not the official ones; [] also means the same order.

    Volumes are products of float32 voxel sizes upstream, hence not equal to the last digit.
    """
    if case.statistics is None:
        return []
    first, second = (json.loads(path.read_text(encoding="utf-8")) for path in (ours, case.statistics))
    if list(first) != list(second):
        return [f"structures: {list(first)} instead of {list(second)}"]
    return [
        f"{name}: {first[name]} instead of {second[name]}"
        for name in second
        if not _same_numbers(first[name], second[name])
    ]


def _same_numbers(ours: dict[str, float], official: dict[str, float]) -> bool:
    return (
        ours.keys() == official.keys()
        and bool(np.isclose(ours["volume"], official["volume"], rtol=1e-6, atol=0))
        and bool(np.isclose(ours["intensity"], official["intensity"], rtol=0, atol=1.01e-5))
    )


def _header(path: Path) -> nibabel.Nifti1Header:
    """Return the header as it is in the file: nibabel tidies what it loads as an image."""
    with gzip.open(path) as file:
        return nibabel.Nifti1Header.from_fileobj(file, check=False)
