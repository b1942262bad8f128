"""Which scan it is, told by its voxels: whatever its file is called, and however it is compressed.

Of packages only numpy is used, and only where voxels are hashed: Slicer asks before anything is installed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class ScanContent:
    """What tells a scan from all others: shape along i, j, k and the SHA-256 of its numbers, see `content_sha256`."""

    shape: tuple[int, int, int]
    sha256: str


def content_sha256(voxels: np.ndarray, affine: np.ndarray) -> str:
    """Return the SHA-256 of a scan's voxels and of their sizes; where it lies does not count.

    Parameters
    ----------
    voxels : numpy.ndarray
        Numbers ``[i, j, k]``. They are hashed as little-endian float32, i running fastest, which holds every whole
        number of Hounsfield units.
    affine : numpy.ndarray
        Voxel indices to RAS mm, 4 x 4. Voxel sizes count to 0.01 mm.
    """
    import numpy as np  # lazily: models are listed where nothing is installed yet

    sizes_mm = np.linalg.norm(np.asarray(affine)[:3, :3], axis=0)
    digest = hashlib.sha256(" ".join(f"{size:.2f}" for size in sizes_mm).encode())
    for part in np.moveaxis(voxels, 2, 0):
        digest.update(part.astype("<f4").tobytes(order="F"))
    return digest.hexdigest()


def is_among(scans: Collection[ScanContent], voxels: np.ndarray, affine: np.ndarray) -> bool:
    """Tell whether a scan is one of some others; voxels are hashed only where a shape agrees."""
    alike = {scan.sha256 for scan in scans if scan.shape == voxels.shape}
    return bool(alike) and content_sha256(voxels, affine) in alike
