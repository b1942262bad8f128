"""Orientation and sampling: from the input's grid to the model's, and labels back.

Sampling follows TotalSegmentator 2.18: ``round(n * spacing / target)`` voxels an axis, first and last voxel centres
kept ("corner aligned"), so the true step differs a little from the nominal spacing; `sampled_affine` tells it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

from .preparation_rules import CANONICAL, STORED
from .rectangular import ShearedGrid


@dataclass(frozen=True, kw_only=True)
class CanonicalGrid:
    """How a stored grid relates to its closest-to-RAS form, or to that of another orientation that a model wants.

    ``orientation`` is nibabel's: for each stored axis the canonical axis and the flip. ``affine`` maps canonical voxel
    indices to RAS mm. ``sheared`` is the grid of the file, where this is the rectangular one around it.
    """

    orientation: np.ndarray
    shape: tuple[int, int, int]
    affine: np.ndarray
    sheared: ShearedGrid | None = None

    @property
    def stored_axes(self) -> np.ndarray:
        """For each canonical axis the stored axis that it is."""
        return np.argsort(self.orientation[:, 0])


def canonical_grid(affine: np.ndarray, shape: tuple[int, ...], wanted: str = CANONICAL) -> CanonicalGrid:
    """Describe the closest canonical (RAS) form of a grid, given its affine (voxel indices to RAS mm) and shape.

    ``wanted`` is another orientation: one letter for each axis, where its rising indices go to, or `STORED`.
    """
    orientation = orientation_to(affine, wanted)
    i, j, k = (int(shape[axis]) for axis in np.argsort(orientation[:, 0]))
    return CanonicalGrid(
        orientation=orientation, shape=(i, j, k), affine=np.asarray(affine @ inv_ornt_aff(orientation, shape))
    )


def orientation_to(affine: np.ndarray, wanted: str) -> np.ndarray:
    """Return, as nibabel does, the axis and the flip that each axis of a grid gets in the orientation ``wanted``."""
    if wanted == STORED:
        return np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
    orientation = io_orientation(affine)
    return np.asarray(orientation if wanted == CANONICAL else ornt_transform(orientation, axcodes2ornt(wanted)))


def to_canonical(voxels: np.ndarray, grid: CanonicalGrid) -> np.ndarray:
    """Return the voxels ``[i, j, k]`` as stored in canonical order ``[right, anterior, superior]``; a view."""
    return np.asarray(apply_orientation(voxels, grid.orientation))


def from_canonical(voxels: np.ndarray, grid: CanonicalGrid) -> np.ndarray:
    """Return voxels in canonical order ``[right, anterior, superior]`` as the grid stores them; a view."""
    stored = voxels.transpose(grid.orientation[:, 0].astype(int))
    return stored[tuple(slice(None, None, int(flip)) for flip in grid.orientation[:, 1])]


def stored_affine(affine: np.ndarray, grid: CanonicalGrid, shape: tuple[int, ...]) -> np.ndarray:
    """Return the affine of voxels that `from_canonical` has turned to how a grid is stored.

    Parameters
    ----------
    affine : numpy.ndarray
        Of the same voxels in canonical order, voxel indices to RAS mm.
    grid : CanonicalGrid
        How they are stored.
    shape : tuple of int
        Their number along each canonical axis, which need not be the grid's.
    """
    to_canonical_indices = np.eye(4)
    to_canonical_indices[:3, :3] = 0
    for stored, (axis, flip) in enumerate(grid.orientation):
        to_canonical_indices[int(axis), stored] = flip
        to_canonical_indices[int(axis), 3] = shape[int(axis)] - 1 if flip < 0 else 0
    return np.asarray(affine @ to_canonical_indices)


def resample_ct(
    voxels: np.ndarray, spacing_mm: np.ndarray, target_mm: tuple[float, float, float], order: int = 1
) -> np.ndarray:
    """Resample a scan to the target spacing, linearly if not told otherwise.

    Parameters
    ----------
    voxels : np.ndarray
        Real array ``[right, anterior, superior]``.
    spacing_mm : np.ndarray
        float32 voxel sizes in the same order.
    target_mm : tuple[float, float, float]
        Wanted voxel sizes.
    order : int
        Of the splines, 0 to 5; another one than 1 takes scipy's own way, with float64 of the whole scan.

    Returns
    -------
    Array of int32 (fractions are cut off toward zero, as TotalSegmentator does), or the very input when its spacing is
    the target already.
    """
    zoom = spacing_mm / np.asarray(target_mm)
    if np.array_equal(spacing_mm, np.asarray(target_mm)):
        return voxels
    if order != 1:
        from scipy import ndimage  # lazily: it takes longer to import than most scans to load, and few runs need it

        resampled = ndimage.zoom(voxels.astype(np.float64), zoom, order=order, mode="nearest")
        return np.asarray(resampled.astype(np.int32))
    targets = [round(size * factor) for size, factor in zip(voxels.shape, zoom, strict=True)]
    right, anterior, superior = (_Samples.of(*sizes) for sizes in zip(voxels.shape, targets, strict=True))
    resampled = np.empty(targets[::-1], np.int32)
    planes = _Planes(voxels.transpose(2, 1, 0), anterior, right)
    total, product = np.empty((2, *resampled.shape[1:]))
    for plane, places, weights in zip(resampled, superior.places.T, superior.weights.T, strict=True):
        total.fill(0)
        # The corners in scipy's own order: the one further along the last axis comes next.
        for corners in zip(*(planes.at(int(place)) for place in places), strict=True):
            for corner, weight in zip(corners, weights, strict=True):
                total += np.multiply(corner, weight, out=product)
        plane[...] = total
    return resampled.transpose(2, 1, 0)


@dataclass(frozen=True)
class _Samples:
    """Linear samples along an axis: ``places`` are the voxels before and after each, ``[2, n]``, with ``weights``."""

    places: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, size: int, target: int) -> _Samples:
        """Return the places of ``target`` samples among ``size`` voxels, and scipy's weights down to the last bit."""
        position = _positions(size, target)
        before = np.floor(position).astype(np.intp)
        weight = 1.0 - (position - before)
        # Rounding may put the last sample a little beyond the last voxel, which then counts twice.
        return cls(np.minimum([before, before + 1], size - 1), np.stack([weight, 1.0 - weight]))


class _Planes:
    """Planes of a volume ``[s, a, r]``, sampled along a and r; the latest ones are kept, for they are asked for twice.

    Each comes as four planes, float64 ``[a, r]``: for the voxel before and after each sample along r, and for each of
    these along a, their values times the weights.
    """

    def __init__(self, voxels: np.ndarray, anterior: _Samples, right: _Samples) -> None:
        self._voxels, self._right = voxels, right
        # Of a scan much finer than the model only a few rows are looked at.
        self._rows, self._places = np.unique(anterior.places, return_inverse=True)
        self._places = self._places.reshape(anterior.places.shape)
        self._weights = anterior.weights[..., None]
        self._kept: dict[int, list[np.ndarray]] = {}

    def at(self, plane: int) -> list[np.ndarray]:
        """Return the four planes: r before with a before and after, r after with a before and after."""
        if plane not in self._kept:
            self._kept = {number: kept for number, kept in self._kept.items() if number == plane - 1}
            rows = self._voxels[plane][self._rows]
            along_r = [
                rows.take(places, axis=1) * weights
                for places, weights in zip(self._right.places, self._right.weights, strict=True)
            ]
            self._kept[plane] = []
            for values in along_r:
                for places, weights in zip(self._places, self._weights, strict=True):
                    along_a = values[places]
                    along_a *= weights
                    self._kept[plane].append(along_a)
        return self._kept[plane]


def labels_on_stored_grid(labels: np.ndarray, grid: CanonicalGrid) -> np.ndarray:
    """Bring labels ``[right, anterior, superior]`` back to a stored grid by nearest neighbour, corner aligned.

    Equal to ``scipy.ndimage.zoom(labels, grid.shape / labels.shape, order=0, mode="nearest")`` turned to the stored
    orientation, in the order in which files store voxels.
    """
    places = [_nearest(*sizes) for sizes in zip(labels.shape, grid.shape, strict=True)]
    order = grid.orientation[:, 0].astype(int)
    i, j, k = (places[axis][:: int(flip)] for axis, flip in zip(order, grid.orientation[:, 1], strict=True))
    return _in_file(_gathered(labels.transpose(order), i, j, k), grid)


def labels_as_stored(labels: np.ndarray, grid: CanonicalGrid) -> np.ndarray:
    """Bring labels on a grid, ``[right, anterior, superior]``, to the order and the axes of the file it comes from."""
    return _in_file(from_canonical(labels, grid), grid)


def _in_file(stored: np.ndarray, grid: CanonicalGrid) -> np.ndarray:
    return stored if grid.sheared is None else grid.sheared.labels_back(stored)


def _gathered(voxels: np.ndarray, i: np.ndarray, j: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return ``voxels[np.ix_(i, j, k)]`` in Fortran order, plane by plane: a plane that comes again is copied."""
    turned = np.ascontiguousarray(voxels.transpose(2, 1, 0))
    gathered = np.empty((len(k), len(j), len(i)), voxels.dtype)
    for number, plane in enumerate(k):
        if number and plane == k[number - 1]:
            gathered[number] = gathered[number - 1]
        else:
            turned[plane].take(i, axis=1).take(j, axis=0, out=gathered[number], mode="clip")
    return gathered.transpose(2, 1, 0)


def _nearest(size: int, target: int) -> np.ndarray:
    """Return for each of ``target`` samples which of ``size`` voxels is nearest, ties to the higher, as scipy does."""
    return np.minimum(np.floor(_positions(size, target) + 0.5), size - 1).astype(np.intp)


def _positions(size: int, target: int) -> np.ndarray:
    """Return where ``target`` samples lie among ``size`` voxels: from the first to the last one."""
    step = (size - 1) / (target - 1) if target > 1 else 1.0
    return np.asarray(np.arange(target) * step)


def sampled_affine(grid: CanonicalGrid, shape: tuple[int, ...]) -> np.ndarray:
    """Return the affine of a corner-aligned resampling of ``grid`` to ``shape``: where its voxel centres truly lie."""
    steps = [(before - 1) / (after - 1) if after > 1 else 1.0 for before, after in zip(grid.shape, shape, strict=True)]
    return np.asarray(grid.affine @ np.diag([*steps, 1.0]))
