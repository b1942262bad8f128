"""Small synthetic scans of a body with organs, on awkward grids: what parity is tested on. Needs numpy and nibabel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from support.scans import rotation

ORGANS = 40
"""Ellipsoids inside the body; enough that several lie well away from the border of every scan."""


@dataclass(frozen=True)
class Scan:
    """A grid and how it is stored.

    ``axes`` are the directions in which i, j, k point (such as LPI); ``angles_deg`` turn them about x, then y, then z.
    ``zero_border`` is a frame of zeros about the picture; ``slope_inter`` how stored values become Hounsfield units;
    ``codes`` are those of sform and qform; without ``air`` the body fills the whole scan.
    ``header_mm`` are voxel sizes in the header that disagree a little with the affine's.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    axes: str = "RAS"
    angles_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    dtype: str = "<i2"
    zero_border: int = 0
    slope_inter: tuple[float, float] | None = None
    codes: tuple[int, int] = (1, 1)
    air: bool = True
    header_mm: tuple[float, float, float] | None = None


SCANS = {
    "oblique_lpi": Scan((58, 46, 50), (2.6, 3.3, 2.9), "LPI", (12.0, -7.0, 20.0)),
    "anisotropic_psl": Scan((64, 58, 30), (2.3, 2.5, 5.0), "PSL", codes=(2, 0), header_mm=(2.322, 2.5, 5.0)),
    "zero_border_float32": Scan((54, 50, 46), (2.7, 3.1, 3.4), "RAS", dtype="<f4", zero_border=4),
    "thin": Scan((30, 26, 8), (3.2, 3.2, 5.0), "LAS"),
    "scaled": Scan((56, 50, 44), (2.8, 2.8, 3.5), "LPS", dtype="<u2", slope_inter=(0.5, -1200.0)),
    "qform_only": Scan((52, 48, 44), (3.1, 2.9, 3.3), "RPI", (5.0, 10.0, -15.0), codes=(0, 1)),
    "oblique_3mm": Scan((52, 46, 44), (3.0, 3.0, 3.0), "LPS", (9.0, 4.0, 13.0), dtype="<f4"),
    "small_fov": Scan((52, 48, 42), (1.9, 2.1, 2.0), "ASR", air=False),
}


def write_scan(path: Path, scan: Scan, seed: int) -> None:
    """Write the NIfTI file of a scan."""
    rng = np.random.default_rng(seed)
    affine = scan_affine(scan)
    hounsfield = _body(scan, affine, rng)
    slope, inter = scan.slope_inter or (1.0, 0.0)
    # Eighths of a unit are fractions enough, and they compress.
    stored = np.round((hounsfield - inter) / slope * 8) / 8
    if np.dtype(scan.dtype).kind != "f":
        stored = np.round(stored)
    border = scan.zero_border
    if border:
        stored = np.pad(stored[(slice(border, -border),) * 3], border)
    image = nibabel.Nifti1Image(stored.astype(scan.dtype), affine)
    sform, qform = scan.codes
    image.set_sform(affine if sform else None, sform)
    image.set_qform(affine if qform else None, qform)
    image.header.set_zooms(scan.header_mm or scan.spacing_mm)
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = b"synthetic, for parity"
    if scan.slope_inter:
        # nibabel scales again what it is given; the raw values are already there.
        image.header.set_slope_inter(slope, inter)
    nibabel.save(image, path)


def scan_affine(scan: Scan) -> np.ndarray:
    """Return voxel indices to RAS mm, the middle of the grid at (20, -30, 400)."""
    columns = []
    for letter, size in zip(scan.axes, scan.spacing_mm, strict=True):
        axis = ("LR", "PA", "IS").index(next(pair for pair in ("LR", "PA", "IS") if letter in pair))
        columns.append(np.eye(3)[axis] * (size if letter in "RAS" else -size))
    affine = np.eye(4)
    affine[:3, :3] = rotation(scan.angles_deg) @ np.column_stack(columns)
    affine[:3, 3] = np.array([20.0, -30.0, 400.0]) - affine[:3, :3] @ ((np.array(scan.shape) - 1) / 2)
    return affine


def _body(scan: Scan, affine: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return Hounsfield units: air, a body of soft tissue that runs through the scan, organs, noise."""
    indices = np.stack(np.meshgrid(*map(np.arange, scan.shape), indexing="ij"), axis=-1)
    world = indices @ affine[:3, :3].T + affine[:3, 3] - [20.0, -30.0, 400.0]
    half_mm = np.abs(affine[:3, :3]) @ np.array(scan.shape) / 2
    body = _ellipsoid(world, np.zeros(3), half_mm * [0.9, 0.8, 3.0])
    hounsfield = np.where(body | (not scan.air), 40.0, -1000.0)
    for _ in range(ORGANS):
        centre = rng.uniform(-0.65, 0.65, 3) * half_mm
        organ = _ellipsoid(world, centre, rng.uniform(6.0, 26.0, 3))
        hounsfield[organ & (hounsfield > -900)] = rng.choice([-800.0, -100.0, 60.0, 150.0, 400.0, 900.0])
    waves = sum(np.sin(world @ rng.normal(0, 0.05, 3) + rng.uniform(0, 6)) for _ in range(4))
    return np.clip(hounsfield + 12 * waves + rng.normal(0, 3.0, scan.shape), -1024, 3000)


def _ellipsoid(world: np.ndarray, centre: np.ndarray, semi_axes_mm: np.ndarray) -> np.ndarray:
    return (((world - centre) / semi_axes_mm) ** 2).sum(axis=-1) <= 1
