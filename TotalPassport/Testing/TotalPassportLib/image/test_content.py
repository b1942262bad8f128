"""A scan is known by its voxels, whatever its file is called and wherever it lies."""

from __future__ import annotations

import numpy as np
from TotalPassportLib.image.content import ScanContent, content_sha256, is_among

VOXELS = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
AFFINE = np.diag([1.2, 1.2, 3.0, 1.0])


def test_number_type_memory_order_and_place_do_not_count() -> None:
    expected = content_sha256(VOXELS, AFFINE)
    moved = AFFINE + np.array([[0, 0, 0, 40.0], [0, 0, 0, -7.0], [0, 0, 0, 1.0], [0, 0, 0, 0]])
    for voxels in (VOXELS.astype(np.float64), np.asfortranarray(VOXELS), VOXELS.astype(">i4")):
        assert content_sha256(voxels, moved) == expected


def test_one_voxel_or_another_voxel_size_makes_it_another_scan() -> None:
    other = VOXELS.copy()
    other[2, 3, 4] += 1
    assert content_sha256(other, AFFINE) != content_sha256(VOXELS, AFFINE)
    assert content_sha256(VOXELS, 2 * AFFINE) != content_sha256(VOXELS, AFFINE)


def test_it_is_found_among_others() -> None:
    known = (ScanContent((9, 9, 9), "0" * 64), ScanContent((3, 4, 5), content_sha256(VOXELS, AFFINE)))
    assert is_among(known, VOXELS, AFFINE)
    assert not is_among(known[:1], VOXELS, AFFINE)
    assert not is_among(known, VOXELS.transpose(2, 1, 0), AFFINE)
    assert not is_among((), VOXELS, AFFINE)
