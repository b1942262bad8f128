"""A moving scan on the fixed scan's grid, by an alignment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..base.errors import BadInput
from ..base.memory import require_memory
from ..image.image_objects import ImageObject, stored_image, voxels_like
from ..passport.organ import Passport

Interpolation = Literal["linear", "nearest"]
_ORDERS = {"linear": 1, "nearest": 0}
POINTS_AT_ONCE = 2**21
"""Voxels of the fixed grid that are looked up together: some 100 MB of coordinates."""
AIR_HU = -1000


def resampled_onto(
    fixed: Path | str | ImageObject | Passport,
    moving: Path | str | ImageObject,
    moving_from_fixed: Callable[[np.ndarray], np.ndarray],
    *,
    interpolation: Interpolation = "linear",
    outside: float | None = None,
) -> Any:
    """Return a moving image on a fixed grid, see `Alignment.resample`.

    Parameters
    ----------
    fixed : image or Passport
        Whose grid.
    moving : image
        What is resampled.
    moving_from_fixed : callable
        Maps points ``[n, 3]`` of the fixed scan to the moving one, both RAS mm.
    interpolation, outside
        See `Alignment.resample`.
    """
    if interpolation not in _ORDERS:
        raise BadInput(f"There is no interpolation '{interpolation}'.", f"Use one of {', '.join(_ORDERS)}.")
    source = stored_image(moving, "moving image")
    shape, affine = _grid_of(fixed)
    if outside is None:
        outside = 0 if interpolation == "nearest" else _emptiness(source.voxels)
    require_memory(int(np.prod(shape)) * source.voxels.itemsize, "The resampled image")
    if not _can_be(outside, source.voxels.dtype):
        raise BadInput(
            f"Voxels of the moving image, {source.voxels.dtype}, cannot have the value {outside:g}.",
            "Give another value for what lies outside.",
        )
    resampled = np.full(shape, outside, source.voxels.dtype)
    to_voxels = np.linalg.inv(source.affine)
    slices = max(1, POINTS_AT_ONCE // (shape[0] * shape[1]))
    for start in range(0, shape[2], slices):
        part = resampled[:, :, start : start + slices]
        indices = np.indices(part.shape, np.float64).reshape(3, -1)
        indices[2] += start
        points = moving_from_fixed((affine[:3, :3] @ indices + affine[:3, 3:]).T)
        place = to_voxels[:3, :3] @ points.T + to_voxels[:3, 3:]
        _look_up(source.voxels, place, _ORDERS[interpolation], part)
    return voxels_like(moving, resampled, affine)


def _look_up(voxels: np.ndarray, place: np.ndarray, order: int, target: np.ndarray) -> None:
    """Write what an image has at places ``[3, n]`` (voxel indices) into a target, where they are inside of voxels."""
    from scipy import ndimage  # lazily: few alignments resample anything

    highest = np.array(voxels.shape)[:, None] - 0.5
    inside = ((place >= -0.5) & (place < highest)).all(axis=0)
    # As ITK does: within half a voxel of the edge the outermost value holds.
    values = ndimage.map_coordinates(voxels, place[:, inside], np.float64, order, mode="nearest", prefilter=False)
    if target.dtype.kind in "iu":
        values = np.rint(values)
    target[inside.reshape(target.shape)] = values.astype(target.dtype)


def _grid_of(fixed: Any) -> tuple[tuple[int, int, int], np.ndarray]:
    if isinstance(fixed, Passport):
        return fixed.shape, fixed.affine
    image = stored_image(fixed, "fixed image")
    i, j, k = image.voxels.shape
    return (i, j, k), image.affine


def _emptiness(voxels: np.ndarray) -> float:
    """Return what there is where a scan shows nothing: air of a CT, 0 of what has no such values."""
    return AIR_HU if voxels.dtype.kind in "if" and float(voxels.min()) <= 0.8 * AIR_HU else 0


def _can_be(value: float, dtype: np.dtype[Any]) -> bool:
    """Whether voxels can have a value; numpy itself wraps or cuts it, in some versions without a word."""
    if dtype.kind not in "iu":
        return True
    limits = np.iinfo(dtype)
    return bool(limits.min <= value <= limits.max and value == int(value))
