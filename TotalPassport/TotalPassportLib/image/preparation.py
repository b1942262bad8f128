"""From a CT as loaded to what a network sees.

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
from .grid import CanonicalGrid, canonical_grid, resample_ct, sampled_affine, to_canonical
from .rectangular import ShearedGrid, is_sheared
from .volume import AIR_HU, Volume


@dataclass(frozen=True, kw_only=True)
class PreparedCT:
    """A CT on the model's grid.

    Attributes
    ----------
    hounsfield_zyx : numpy.ndarray
        float32 ``[z, y, x]``, cropped to the box.
    box_zyx : tuple of slice
        The box that holds anything, in the whole grid at the model's spacing.
    shape_zyx : tuple of int
        Size of that whole grid.
    affine : numpy.ndarray
        float64 4 x 4, voxel indices ``[x, y, z]`` of the whole grid to RAS mm, true to the sampling.
    grid : CanonicalGrid
        The grid that the CT came on; of a tilted scan the rectangular one around it.
    """

    hounsfield_zyx: np.ndarray
    box_zyx: tuple[slice, slice, slice]
    shape_zyx: tuple[int, int, int]
    affine: np.ndarray
    grid: CanonicalGrid

    def fill_whole_grid(self) -> np.ndarray:
        """Return the CT on the whole grid, a new float32 ``[x, y, z]``; outside the box it is 0, by its definition."""
        whole = np.zeros(self.shape_zyx, np.float32)
        whole[self.box_zyx] = self.hounsfield_zyx
        return whole.transpose(2, 1, 0)

    def clear_outside(self, labels_zyx: np.ndarray) -> None:
        """Set labels of the whole grid to 0, in place, where a tilted scan was filled up to a rectangular one."""
        if self.grid.sheared is not None:
            self.grid.sheared.clear_outside(labels_zyx.transpose(2, 1, 0), self.affine)


def prepare(ct: Volume, spacing_mm: tuple[float, float, float]) -> PreparedCT:
    """Bring a CT to canonical orientation and the model's spacing, cropped to the box of its non-zero voxels.

    A tilted one is straightened first; `labels_on_stored_grid` brings labels back to where it came from.
    """
    ct, sheared = straightened(ct)
    grid = replace(canonical_grid(ct.affine, ct.voxels.shape), sheared=sheared)
    stored_mm = ct.spacing_mm[grid.stored_axes]
    # The int32 result and its float32 copy: known before anything is allocated.
    sizes = np.round(np.array(grid.shape) * stored_mm / np.array(spacing_mm))
    if sizes.min() < 1:
        raise BadInput(f"'{ct.path}' is smaller than one voxel of the model.", "Give a larger scan.")
    require_memory(8 * float(np.prod(sizes)), f"Resampling '{ct.path.name}'")
    resampled = resample_ct(to_canonical(ct.voxels, grid), stored_mm, spacing_mm)
    turned = resampled.transpose(2, 1, 0)
    box = nonzero_box(turned)
    cropped = np.ascontiguousarray(turned[box], dtype=np.float32)
    z, y, x = turned.shape
    return PreparedCT(
        hounsfield_zyx=cropped,
        box_zyx=box,
        shape_zyx=(z, y, x),
        affine=sampled_affine(grid, resampled.shape),
        grid=grid,
    )


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
    first, second, third = voxels.shape
    return box_of(voxels) or (slice(0, first), slice(0, second), slice(0, third))
