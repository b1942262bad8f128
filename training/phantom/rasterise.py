"""Painting a body onto a voxel grid.

The body is evaluated at the voxels' world points, so any affine will do: oblique, flipped, permuted, anisotropic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .pose import Pose
from .shapes import Points
from .structure import LABEL_VALUES, Structure

SLAB_VOXELS = 3_000_000
"""About so many voxels are painted at a time, to bound memory."""


def rasterise(
    body: Sequence[Structure],
    tissues_hu: Mapping[str, float],
    pose: Pose,
    shape: tuple[int, int, int],
    affine: np.ndarray,
    blur_mm: float = 2.5,
) -> tuple[np.ndarray, np.ndarray]:
    """Noise-free Hounsfield units and labels of a body on a grid.

    Parameters
    ----------
    affine : 4 x 4, voxel indices to world RAS mm.
    blur_mm : width over which a surface fades from one tissue into the next: the scanner's own blur.

    Returns
    -------
    float32 HU and uint8 labels, both [i, j, k].
    """
    hu = np.full(shape, np.float32(-1000.0))
    labels = np.zeros(shape, np.uint8)
    planes = max(1, SLAB_VOXELS // (shape[0] * shape[1]))
    for start in range(0, shape[2], planes):
        stop = min(start + planes, shape[2])
        slab = (slice(None), slice(None), slice(start, stop))
        _paint_slab(body, tissues_hu, pose, affine, start, blur_mm, hu[slab], labels[slab])
    return hu, labels


def _paint_slab(
    body: Sequence[Structure],
    tissues_hu: Mapping[str, float],
    pose: Pose,
    affine: np.ndarray,
    first_k: int,
    blur_mm: float,
    hu: np.ndarray,
    labels: np.ndarray,
) -> None:
    points = pose.to_body(voxel_points_mm(hu.shape, affine, first_k))
    to_straight_body = pose.world_to_body @ affine
    margin_mm = pose.largest_bend_mm + blur_mm
    for structure in body:
        box = _voxel_box(structure.shape.bounds_mm, to_straight_body, margin_mm, hu.shape, first_k)
        if box is None:
            continue
        distance = structure.shape.distance_mm(tuple(p[box] for p in points))
        share = np.clip(np.float32(0.5) - distance / np.float32(blur_mm), 0, 1)
        hu[box] += share * (np.float32(tissues_hu[structure.tissue]) - hu[box])
        value = LABEL_VALUES[structure.name] if structure.name else 0
        # A film without label must not punch a hole into the lobes that it parts.
        if structure.tissue != "fissure":
            labels[box][distance < 0] = value


def voxel_points_mm(shape: tuple[int, int, int], affine: np.ndarray, first_k: int = 0) -> Points:
    """World RAS coordinates of all voxel centres, three float32 arrays of the given shape, mm."""
    i, j, k = np.ogrid[: shape[0], : shape[1], first_k : first_k + shape[2]]
    a = np.asarray(affine, float)
    return tuple((a[r, 0] * i + a[r, 1] * j + a[r, 2] * k + a[r, 3]).astype(np.float32) for r in range(3))


def _voxel_box(
    bounds_mm: np.ndarray, voxel_to_body: np.ndarray, margin_mm: float, shape: tuple[int, int, int], first_k: int
) -> tuple[slice, slice, slice] | None:
    """Smallest box of voxels that can hold a shape; None if it misses the slab."""
    low, high = bounds_mm[0] - margin_mm, bounds_mm[1] + margin_mm
    corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1)
    inverse = np.linalg.inv(voxel_to_body)
    voxels = inverse[:3, :3] @ corners + inverse[:3, 3:]
    voxels[2] -= first_k
    starts = np.clip(np.floor(voxels.min(axis=1)).astype(int), 0, shape)
    stops = np.clip(np.ceil(voxels.max(axis=1)).astype(int) + 1, 0, shape)
    if np.any(stops <= starts):
        return None
    return tuple(slice(a, b) for a, b in zip(starts, stops, strict=True))
