"""Orientation and sampling: from the input's grid to the model's, and labels back.

Sampling follows TotalSegmentator 2.18: ``round(n * spacing / target)`` voxels an axis, first and last voxel centres
kept ("corner aligned"), so the true step differs a little from the nominal spacing; `sampled_affine` tells it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from scipy import ndimage


@dataclass(frozen=True)
class CanonicalGrid:
    """How a stored grid relates to its closest-to-RAS form.

    ``orientation`` is nibabel's: for each stored axis the canonical axis and the flip. ``affine`` maps canonical voxel
    indices to RAS mm.
    """

    orientation: np.ndarray
    shape: tuple[int, int, int]
    affine: np.ndarray

    @property
    def stored_axes(self) -> np.ndarray:
        """For each canonical axis the stored axis that it is."""
        return np.argsort(self.orientation[:, 0])


def canonical_grid(affine: np.ndarray, shape: tuple[int, ...]) -> CanonicalGrid:
    """Describe the closest canonical (RAS) form of a grid, given its affine (voxel indices to RAS mm) and shape."""
    orientation = io_orientation(affine)
    i, j, k = (int(shape[axis]) for axis in np.argsort(orientation[:, 0]))
    return CanonicalGrid(orientation, (i, j, k), np.asarray(affine @ inv_ornt_aff(orientation, shape)))


def to_canonical(voxels: np.ndarray, grid: CanonicalGrid) -> np.ndarray:
    """Return the voxels ``[i, j, k]`` as stored in canonical order ``[right, anterior, superior]``; a view."""
    return np.asarray(apply_orientation(voxels, grid.orientation))


def from_canonical(voxels: np.ndarray, grid: CanonicalGrid) -> np.ndarray:
    """Undo `to_canonical`; a view."""
    order = grid.orientation[:, 0].astype(int)
    stored = voxels.transpose(order)
    return stored[tuple(slice(None, None, int(flip)) for flip in grid.orientation[:, 1])]


def resample_ct(voxels: np.ndarray, spacing_mm: np.ndarray, target_mm: tuple[float, float, float]) -> np.ndarray:
    """Resample a CT linearly to the target spacing.

    Parameters
    ----------
    voxels : real array ``[right, anterior, superior]`` in Hounsfield units.
    spacing_mm : float32 voxel sizes in the same order.
    target_mm : wanted voxel sizes.

    Returns
    -------
    Array of int32 (fractions are cut off toward zero, as TotalSegmentator does), or the very input when its spacing is
    the target already.
    """
    zoom = spacing_mm / np.asarray(target_mm)
    if np.array_equal(spacing_mm, np.asarray(target_mm)):
        return voxels
    return np.asarray(ndimage.zoom(voxels, zoom, output=np.float64, order=1, mode="nearest")).astype(np.int32)


def restore_labels(labels: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Resample labels to ``shape`` by nearest neighbour, corner aligned.

    Equal to ``scipy.ndimage.zoom(labels, shape / labels.shape, order=0, mode="nearest")``: scipy samples each axis on
    its own, so it is asked once per axis which voxel it would take, and the volume is gathered with three takes.
    """
    if labels.shape == shape:
        return labels
    for axis, (size, target) in enumerate(zip(labels.shape, shape, strict=True)):
        labels = labels.take(_nearest_indices(size, target), axis=axis)
    return labels


def _nearest_indices(size: int, target: int) -> np.ndarray:
    zoomed = ndimage.zoom(np.arange(size, dtype=np.int64), target / size, order=0, mode="nearest")
    return np.asarray(zoomed)


def sampled_affine(grid: CanonicalGrid, shape: tuple[int, ...]) -> np.ndarray:
    """Return the affine of a corner-aligned resampling of ``grid`` to ``shape``: where its voxel centres truly lie."""
    steps = [(before - 1) / (after - 1) if after > 1 else 1.0 for before, after in zip(grid.shape, shape, strict=True)]
    return np.asarray(grid.affine @ np.diag([*steps, 1.0]))
