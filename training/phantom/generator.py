"""The one function that makes a phantom from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body import build_body
from .contrast import PHASES, Phase, draw_tissues
from .pose import draw_pose
from .rasterise import rasterise
from .scanner import Grid, add_noise, draw_grid
from .variation import Jitter


@dataclass(frozen=True)
class Phantom:
    """A synthetic CT and its true labels.

    Parameters
    ----------
    ct_hu : int16 Hounsfield units, [i, j, k].
    labels : uint8 TotalSegmentator values, same shape.
    affine : 4 x 4, voxel indices to world RAS mm (+x is the patient's right).
    phase : contrast phase.
    """

    ct_hu: np.ndarray
    labels: np.ndarray
    affine: np.ndarray
    phase: Phase


def make_phantom(
    seed: int,
    spacing_mm: tuple[float, float, float] | None = None,
    *,
    shape: tuple[int, int, int] | None = None,
    affine: np.ndarray | None = None,
    field_of_view: str | None = None,
    noise_hu: float | None = None,
    phase: Phase | None = None,
) -> Phantom:
    """Make the phantom of a seed.

    The body depends on the seed alone, so one seed on two grids gives the same body twice. Left and right are the
    patient's: in RAS, +x is right, so the liver lies at larger x than the spleen.

    Parameters
    ----------
    spacing_mm : voxel size along i, j, k; drawn from clinical values if None.
    shape : with ``affine``, the exact grid to use instead of a drawn field of view.
    affine : 4 x 4, voxel indices to RAS mm.
    field_of_view : a key of ``scanner.FIELDS_OF_VIEW_MM``; drawn if None.
    noise_hu : standard deviation of the noise, HU; drawn if None, 0 for none.
    phase : contrast phase; drawn if None.

    Raises
    ------
    ValueError : if only one of ``shape`` and ``affine`` is given.
    """
    if (shape is None) != (affine is None):
        raise ValueError("shape and affine go together")
    # Separate streams: the grid and the noise must not change the body.
    body_rng, grid_rng, noise_rng = (np.random.default_rng([seed, stream]) for stream in range(3))
    jitter = Jitter(body_rng)
    drawn_phase = PHASES[int(body_rng.integers(len(PHASES)))]
    pose, body = draw_pose(jitter), build_body(jitter)
    tissues = draw_tissues(jitter, phase or drawn_phase)
    grid = _draw_grid(grid_rng, spacing_mm, field_of_view) if shape is None else Grid(shape, np.asarray(affine, float))
    noise = Jitter(noise_rng)
    blur_mm = float(noise_rng.uniform(1.8, 3.2))
    sd_hu = float(noise_rng.uniform(6.0, 24.0)) if noise_hu is None else noise_hu
    hu, labels = rasterise(body, tissues, pose, grid.shape, grid.affine, blur_mm)
    ct_hu = add_noise(hu, noise, sd_hu) if sd_hu > 0 else np.rint(hu).astype(np.int16)
    return Phantom(ct_hu, labels, grid.affine, phase or drawn_phase)


def _draw_grid(
    rng: np.random.Generator, spacing_mm: tuple[float, float, float] | None, field_of_view: str | None
) -> Grid:
    if spacing_mm is None:
        in_plane = float(rng.uniform(0.75, 1.2))
        spacing_mm = (in_plane, in_plane, float(rng.choice([2.0, 2.5, 3.0, 5.0])))
    return draw_grid(Jitter(rng), spacing_mm, field_of_view)
