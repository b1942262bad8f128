"""What the scanner adds: field of view, noise, streaks, whole Hounsfield units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .shapes import rotation
from .variation import Jitter

FIELDS_OF_VIEW_MM: dict[str, tuple[float, float]] = {
    "trunk": (-185.0, 475.0),
    "chest": (175.0, 470.0),
    "abdomen": (15.0, 285.0),
    "pelvis": (-190.0, 60.0),
    "chest-abdomen": (20.0, 470.0),
    "abdomen-pelvis": (-190.0, 285.0),
}
"""Name to lower and upper end along z in the body's frame, mm."""


@dataclass(frozen=True)
class Grid:
    """A voxel grid: shape [i, j, k] and affine from voxel indices to world RAS mm."""

    shape: tuple[int, int, int]
    affine: np.ndarray

    @property
    def spacing_mm(self) -> np.ndarray:
        """Distance between neighbouring voxels along i, j, k."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)


def draw_grid(jitter: Jitter, spacing_mm: tuple[float, float, float], field_of_view: str | None = None) -> Grid:
    """A field of view around the body, slightly oblique.

    Parameters
    ----------
    field_of_view : a key of FIELDS_OF_VIEW_MM; None draws one, the whole trunk half of the time.
    """
    names = list(FIELDS_OF_VIEW_MM)
    if field_of_view is None:
        field_of_view = "trunk" if jitter.chance(0.5) else str(jitter.rng.choice(names[1:]))
    low, high = (z + float(jitter.normal(8.0)) for z in FIELDS_OF_VIEW_MM[field_of_view])
    width = jitter.rng.uniform(360.0, 460.0)
    depth = width if jitter.chance(0.4) else jitter.rng.uniform(260.0, 330.0)
    extent = np.array([width, depth, high - low])
    center = np.array([0.0, 15.0, (low + high) / 2]) + jitter.normal(8.0, 3) * (1, 1, 0)
    return grid_around(center, extent, spacing_mm, rotation(*jitter.normal(2.5, 3)))


def grid_around(
    center_mm: np.ndarray, extent_mm: np.ndarray, spacing_mm: tuple[float, float, float], axes: np.ndarray
) -> Grid:
    """Grid whose middle is at ``center_mm`` and whose voxel axes are the columns of ``axes``."""
    spacing = np.asarray(spacing_mm, float)
    shape = tuple(int(n) for n in np.maximum(1, np.round(extent_mm / spacing)))
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing
    affine[:3, 3] = center_mm - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)


def add_noise(hu: np.ndarray, jitter: Jitter, sd_hu: float) -> np.ndarray:
    """Add noise with a grain of a voxel or so, and horizontal streaks.

    Parameters
    ----------
    hu : float32 [i, j, k]; the first axis is taken as left-right for the streaks.
    sd_hu : standard deviation of the noise.

    Returns
    -------
    int16 HU, not below -1024.
    """
    grain = jitter.rng.uniform(0.3, 0.7)
    noise = jitter.rng.standard_normal(hu.shape, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, grain)
    out = hu + noise * np.float32(sd_hu / max(float(noise.std()), 1e-6))
    if jitter.chance(0.5):
        out += _streaks(hu, jitter)
    return np.clip(np.rint(out), -1024, 3071).astype(np.int16)


def _streaks(hu: np.ndarray, jitter: Jitter) -> np.ndarray:
    """Dark and bright lines from left to right, strong where a slice holds much bone."""
    bone = (hu > 250).mean(axis=(0, 1))
    strength = bone / max(float(bone.max()), 1e-6) * jitter.rng.uniform(4.0, 14.0)
    lines = jitter.rng.standard_normal((1, *hu.shape[1:]), dtype=np.float32)
    tissue = hu > -500
    return (lines * strength.astype(np.float32)) * tissue
