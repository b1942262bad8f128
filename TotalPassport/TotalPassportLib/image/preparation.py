"""From a scan as loaded to what a network sees.

The steps and their order are nnU-Net's: crop to the box that holds anything, then normalise (see `normalisation`).
Here, and undone only in `segmentation`, axes are turned from ``[x, y, z]`` (right, anterior, superior) to the networks'
``[z, y, x]``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..base.errors import BadInput
from ..base.memory import require_memory
from .cropping import box_of
from .grid import (
    CanonicalGrid,
    canonical_grid,
    labels_as_stored,
    labels_on_stored_grid,
    resample_ct,
    sampled_affine,
    to_canonical,
)
from .preparation_rules import Preparation
from .rectangular import ShearedGrid, is_sheared
from .volume import AIR_HU, Volume
from .zscore import cut_out

THIRD_MARGIN = 20
"""Planes by which the thirds of a scan that is split reach into one another."""


@dataclass(frozen=True, kw_only=True)
class PreparedCT:
    """A CT on the model's grid.

    Attributes
    ----------
    hounsfield_zyx : numpy.ndarray
        float32 ``[z, y, x]``, cropped to the box; lies in memory as `zscore.cut_out` makes it.
    box_zyx : tuple of slice
        The box that holds anything, in the whole grid at the model's spacing.
    shape_zyx : tuple of int
        Size of that whole grid.
    affine : numpy.ndarray
        float64 4 x 4, voxel indices ``[x, y, z]`` of the whole grid to RAS mm, true to the sampling.
    grid : CanonicalGrid
        The grid that the CT came on; of a tilted scan the rectangular one around it.
    spacing_mm : numpy.ndarray
        float32 ``[3]``, the nominal voxel sizes of the prepared grid along x, y, z.
    """

    hounsfield_zyx: np.ndarray
    box_zyx: tuple[slice, slice, slice]
    shape_zyx: tuple[int, int, int]
    affine: np.ndarray
    grid: CanonicalGrid
    spacing_mm: np.ndarray

    @classmethod
    def of(
        cls,
        voxels_zyx: np.ndarray,
        *,
        affine: np.ndarray,
        grid: CanonicalGrid,
        spacing_mm: np.ndarray,
        whole: bool = False,
    ) -> PreparedCT:
        """Return a scan on the model's grid, ``[z, y, x]``, cropped to its box unless it is to stay ``whole``."""
        box = box_of_all(voxels_zyx.shape) if whole else nonzero_box(voxels_zyx)
        z, y, x = voxels_zyx.shape
        return cls(
            hounsfield_zyx=cut_out(voxels_zyx, box),
            box_zyx=box,
            shape_zyx=(z, y, x),
            affine=affine,
            grid=grid,
            spacing_mm=spacing_mm,
        )

    def thirds(self) -> list[tuple[PreparedCT, slice]]:
        """Return the scan in three parts along z that overlap, and which planes of each count; from below.

        That is TotalSegmentator's ``force_split``. The margins are its own, and the planes at the borders are not quite
        where one would expect them; its labels depend on that.

        Raises
        ------
        BadInput
            The scan has too few planes.
        """
        third = self.shape_zyx[0] // 3
        if third < THIRD_MARGIN - 1:
            raise BadInput(
                f"A scan of {self.shape_zyx[0]} planes on the model's grid is too short to be split in three.",
                "Leave the splitting out; it only saves memory.",
            )
        whole = self.fill_whole_grid().transpose(2, 1, 0)
        planes = (
            (slice(0, third + THIRD_MARGIN), slice(0, third)),
            (slice(third + 1 - THIRD_MARGIN, 2 * third + THIRD_MARGIN), slice(THIRD_MARGIN - 1, -THIRD_MARGIN)),
            (slice(2 * third + 1 - THIRD_MARGIN, None), slice(THIRD_MARGIN - 1, None)),
        )
        return [
            (PreparedCT.of(whole[read], affine=self.affine, grid=self.grid, spacing_mm=self.spacing_mm), kept)
            for read, kept in planes
        ]

    @property
    def nominal_affine(self) -> np.ndarray:
        """The affine as TotalSegmentator has it: the scan's corner, and voxels of the nominal sizes."""
        scale = np.append(self.spacing_mm / np.linalg.norm(self.grid.affine[:3, :3], axis=0), 1.0)
        return np.asarray(self.grid.affine * scale)

    def fill_whole_grid(self) -> np.ndarray:
        """Return the CT on the whole grid, a new float32 ``[x, y, z]``; outside the box it is 0, by its definition."""
        whole = np.zeros(self.shape_zyx, np.float32)
        whole[self.box_zyx] = self.hounsfield_zyx
        return whole.transpose(2, 1, 0)

    def clear_outside(self, labels_zyx: np.ndarray) -> None:
        """Set labels of the whole grid to 0, in place, where a tilted scan was filled up to a rectangular one."""
        if self.grid.sheared is not None:
            self.grid.sheared.clear_outside(labels_zyx.transpose(2, 1, 0), self.affine)


def prepare(ct: Volume, spacing_mm: tuple[float, float, float] | None, order: int = 1) -> PreparedCT:
    """Bring a scan to canonical orientation and the model's spacing, cropped to the box of its non-zero voxels.

    A tilted one is straightened first; `labels_on_stored_grid` brings labels back to where it came from.

    Parameters
    ----------
    ct : Volume
        The scan.
    spacing_mm : tuple of float, optional
        Wanted voxel sizes along R, A, S; None keeps the scan's own, and its fractions.
    order : int
        Of the splines between voxels.
    """
    ct, sheared = straightened(ct)
    grid = replace(canonical_grid(ct.affine, ct.voxels.shape), sheared=sheared)
    stored_mm = ct.spacing_mm[grid.stored_axes]
    if spacing_mm is None:
        turned = to_canonical(ct.voxels, grid).transpose(2, 1, 0)
        return PreparedCT.of(turned, affine=grid.affine, grid=grid, spacing_mm=stored_mm)
    # The int32 result and its float32 copy: known before anything is allocated.
    sizes = np.round(np.array(grid.shape) * stored_mm / np.array(spacing_mm))
    if sizes.min() < 1:
        raise BadInput(f"'{ct.path}' is smaller than one voxel of the model.", "Give a larger scan.")
    require_memory(8 * float(np.prod(sizes)), f"Resampling '{ct.path.name}'")
    resampled = resample_ct(to_canonical(ct.voxels, grid), stored_mm, spacing_mm, order)
    return PreparedCT.of(
        resampled.transpose(2, 1, 0),
        affine=sampled_affine(grid, resampled.shape),
        grid=grid,
        spacing_mm=np.asarray(spacing_mm, np.float32),
    )


def prepared_as(preparation: Preparation, scan: Volume, order: int = 1) -> PreparedCT:
    """Return a scan as a model's networks are to see it; a tilted one is straightened first.

    ``order`` is that of TotalSegmentator's sampling alone, see `prepare`.
    """
    if preparation.is_totalsegmentators:
        return prepare(scan, preparation.spacing_mm, order)
    scan, sheared = straightened(scan)
    sampling, spacing_mm = preparation.sampling, preparation.spacing_mm
    grid = replace(canonical_grid(scan.affine, scan.voxels.shape, preparation.orientation), sheared=sheared)
    shape = sampling.model_shape(grid.shape, grid.affine, spacing_mm)
    # The result and two float64 slabs or float32 volumes of its size: known before anything is allocated.
    require_memory(12 * float(np.prod(shape, dtype=np.float64)), f"Resampling '{scan.path.name}'")
    voxels, affine = sampling.sampled(to_canonical(scan.voxels, grid), grid.affine, spacing_mm)
    return PreparedCT.of(
        voxels.transpose(2, 1, 0),
        affine=affine,
        grid=grid,
        spacing_mm=np.linalg.norm(affine[:3, :3], axis=0).astype(np.float32),
        whole=not preparation.crop_to_filled,
    )


def labels_back(preparation: Preparation, labels: np.ndarray, prepared: PreparedCT, beyond: int = 0) -> np.ndarray:
    """Return labels ``[x, y, z]`` of a model's grid as the file stores its voxels, on the file's grid.

    ``beyond`` is what voxels get that the model's grid does not reach.
    """
    grid = prepared.grid
    if preparation.is_totalsegmentators:
        return labels_on_stored_grid(labels, grid)
    back = preparation.sampling.labels_back(labels, prepared.affine, grid.shape, grid.affine, beyond)
    return np.asfortranarray(labels_as_stored(back, grid))


def box_of_all(shape: tuple[int, ...]) -> tuple[slice, slice, slice]:
    """Return the box of a whole array of three axes."""
    first, second, third = shape
    return slice(0, first), slice(0, second), slice(0, third)


def straightened(scan: Volume) -> tuple[Volume, ShearedGrid | None]:
    """Return a scan on a rectangular grid, and its own grid if that is not the same; outside of the scan is air."""
    if not is_sheared(scan.affine):
        return scan, None
    sheared = ShearedGrid.of(scan.affine, scan.voxels.shape)
    outside = AIR_HU if scan.intensity_unit == "HU" else float(scan.voxels.min())
    voxels = sheared.straightened(scan.voxels, outside)
    return replace(scan, voxels=voxels, affine=sheared.rectangular_affine), sheared


def nonzero_box(voxels: np.ndarray) -> tuple[slice, slice, slice]:
    """Return the smallest box that holds every non-zero voxel; the whole array when there is none."""
    return box_of(voxels) or box_of_all(voxels.shape)
