"""Synthetic scans are scans: of the size they claim, in Hounsfield units, the same every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from TotalPassportLib.benchmark.synthetic import SAMPLE_CT, SCANS, SyntheticScan, write_synthetic_scan
from TotalPassportLib.image.volume import load_ct


def test_a_scan_of_another_size_is_the_sample_with_noise(tmp_path: Path) -> None:
    size = SyntheticScan((60, 50, 40), (2.4, 2.4, 6.0))
    write_synthetic_scan(size, tmp_path / "scan.nii.gz")
    warnings: list[str] = []
    scan, sample = load_ct(tmp_path / "scan.nii.gz", lambda code, text: warnings.append(code)), load_ct(SAMPLE_CT)
    assert warnings == []
    assert scan.voxels.shape == size.shape
    assert scan.spacing_mm == pytest.approx(size.spacing_mm)
    # Every second voxel of the sample is a voxel of the scan.
    difference = scan.voxels.astype(float) - sample.voxels[:120:2, :100:2, :80:2]
    inside = (scan.voxels > -1024) & (scan.voxels < 3071)
    assert abs(difference[inside].mean()) < 3
    assert 8 < np.percentile(np.abs(difference[inside]), 68) < 16


def test_beyond_its_faces_the_sample_is_mirrored(tmp_path: Path) -> None:
    sample = load_ct(SAMPLE_CT)
    length = sample.voxels.shape[2]
    right, anterior, superior = (float(size) for size in sample.spacing_mm)
    write_synthetic_scan(SyntheticScan((20, 20, 2 * length), (right, anterior, superior)), tmp_path / "long.nii.gz")
    voxels = load_ct(tmp_path / "long.nii.gz").voxels.astype(float)
    there, back = voxels[..., :length], voxels[..., length - 1 : 2 * length - 1][..., ::-1]
    assert np.abs(there - back).mean() < 30, "twice the noise"
    assert np.abs(voxels[..., -1] - voxels[..., 1]).mean() < 30


def test_the_same_scan_comes_every_time(tmp_path: Path) -> None:
    size = SyntheticScan((20, 20, 20), (3.0, 3.0, 3.0))
    for name in ("a", "b"):
        write_synthetic_scan(size, tmp_path / f"{name}.nii.gz")
    first, second = (load_ct(tmp_path / f"{name}.nii.gz").voxels for name in ("a", "b"))
    assert np.array_equal(first, second)


def test_the_sizes_rise_to_a_whole_body() -> None:
    voxels = [int(np.prod(scan.shape)) for scan in SCANS.values()]
    assert voxels == sorted(voxels)
    assert SCANS["whole-body"].shape == (512, 512, 900)
    assert 1700 < 900 * SCANS["whole-body"].spacing_mm[2] < 1900
