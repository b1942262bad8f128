"""Scans of realistic sizes made from the bundled sample CT, to see how time and memory grow."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np

from ..base.files import DATA_FOLDER

SAMPLE_CT = DATA_FOLDER / "demo" / "demo_ct.nii.gz"
NOISE_HU = 12.0
"""Standard deviation of what is added: without noise a scan would be packed and read faster than a real one."""


@dataclass(frozen=True)
class SyntheticScan:
    """Size of a scan: voxels and voxel sizes along i, j, k (right, anterior, superior)."""

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]


SCANS = {
    "small": SyntheticScan((256, 256, 100), (0.8, 0.8, 1.5)),
    "thorax": SyntheticScan((512, 512, 150), (0.75, 0.75, 2.0)),
    "abdomen": SyntheticScan((512, 512, 350), (0.8, 0.8, 1.25)),
    "whole-body": SyntheticScan((512, 512, 900), (0.98, 0.98, 2.0)),
}
"""By name; from 7 to 236 million voxels."""


def write_synthetic_scan(scan: SyntheticScan, path: Path) -> None:
    """Write the sample CT at other voxel sizes, mirrored at its faces as often as the size needs, as int16 NIfTI.

    Parameters
    ----------
    scan : SyntheticScan
        The size.
    path : Path
        The ``.nii.gz`` file to write; one plane at a time is held.
    """
    sample = nibabel.load(SAMPLE_CT)
    voxels = np.asarray(sample.dataobj, np.int16)
    spacings = zip(scan.shape, scan.spacing_mm, sample.header.get_zooms(), voxels.shape, strict=True)
    rows, columns, planes = (_mirrored_indices(size, step / zoom, length) for size, step, zoom, length in spacings)
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape(scan.shape)
    header.set_sform(np.diag([*scan.spacing_mm, 1.0]), 1)
    header.set_zooms(scan.spacing_mm)
    header["vox_offset"] = header.single_vox_offset
    rng = np.random.default_rng(1)
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header.binaryblock.ljust(header.single_vox_offset, b"\0"))
        for plane in planes:
            noise = NOISE_HU * rng.standard_normal((len(columns), len(rows)), np.float32)
            values = voxels[:, :, plane].T[np.ix_(columns, rows)] + noise  # the first axis runs fastest in the file
            file.write(np.clip(values, -1024, 3071).astype("<i2").tobytes())


def _mirrored_indices(size: int, step: float, length: int) -> np.ndarray:
    """Return the nearest of ``length`` samples at multiples of ``step``, running to and fro between the ends."""
    positions = np.rint(np.arange(size) * step).astype(int) % max(2 * (length - 1), 1)
    return np.asarray(np.minimum(positions, 2 * (length - 1) - positions))
