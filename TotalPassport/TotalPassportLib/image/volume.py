"""An image with its geometry and what its numbers mean, and what is required of a scan or a segmentation.

Arrays are indexed ``[i, j, k]`` as the file stores them; ``affine`` maps voxel indices to RAS millimetres. Files
are read by `formats`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..base.errors import BadInput
from .formats import read_image
from .grid import canonical_grid, from_canonical, to_canonical
from .label_voxels import label_voxels
from .same_grid import grid_difference

MIN_VOXELS = 4
"""Fewest voxels along an axis of a scan: less is a localiser or a slice, not a volume."""
MIN_EXTENT_MM = 10.0
"""Smallest extent of a scan along an axis; the smallest vertebra is larger."""
MAX_SHEAR = 1e-3
"""Largest cosine between two axes of a scan: float32 affines reach 1e-6, a gantry tilt of 1 degree has 1.7e-2."""

Modality = Literal["CT", "MR"]
IntensityUnit = Literal["HU", "arbitrary"]


@dataclass(frozen=True, kw_only=True)
class Volume:
    """An image with its geometry.

    Attributes
    ----------
    voxels : numpy.ndarray
        Numbers ``[i, j, k]``.
    affine : numpy.ndarray
        float64 4 x 4, voxel indices to RAS mm.
    nominal_spacing_mm : tuple of float
        Voxel sizes along i, j, k as the header has them; `spacing_mm` has the affine's.
    header : object
        The file's own header.
    path : Path
        The file.
    modality : {"CT", "MR"}, optional
        What has made the image; None for labels.
    intensity_unit : {"HU", "arbitrary"}, optional
        What the voxels are measured in; None for labels.
    """

    voxels: np.ndarray
    affine: np.ndarray
    nominal_spacing_mm: tuple[float, float, float]
    header: Any  # nibabel has no type information
    path: Path
    modality: Modality | None = None
    intensity_unit: IntensityUnit | None = None

    @property
    def spacing_mm(self) -> np.ndarray:
        """Voxel sizes along i, j, k, float32 ``[3]``.

        TotalSegmentator resamples by the affine's voxel sizes, which may differ a little from those in the header.
        """
        return np.asarray(np.sqrt(np.sum(self.affine[:3, :3] ** 2, axis=0)).astype(np.float32))


def without_header(volume: Volume) -> Volume:
    """Return a volume whose labels get a header of its geometry alone, see `nifti.save_labels`."""
    return replace(volume, header=None)


def load_ct(path: Path, warn: Callable[[str, str], None] | None = None) -> Volume:
    """Load a CT in Hounsfield units and check that it can be segmented.

    Parameters
    ----------
    path : Path
        A file of one of the `formats.FORMATS`.
    warn : callable, optional
        Called with a code and a sentence when something looks wrong but can be used.

    Raises
    ------
    BadInput
        Anything that makes the scan unusable.
    OutOfMemory
        The scan does not fit into memory.
    """
    volume = _load(path, modality="CT", intensity_unit="HU")
    _check_ct_geometry(volume)
    lowest, highest = _value_range(volume)
    if lowest == highest:
        raise BadInput(f"All voxels of '{path}' have the value {lowest:g}.", "Choose a scan that shows something.")
    if lowest >= 0 and warn is not None:
        warn(
            "not_hounsfield",
            f"The values of '{path.name}' go from {lowest:g} to {highest:g}, without the negative values that air and "
            "fat have in a CT in Hounsfield units; it may be another modality or a rescaled image, and the result "
            "would mean nothing.",
        )
    return volume


def load_mr(path: Path) -> Volume:
    """Load an MR image and check that it can be segmented; its intensities have no unit.

    Raises
    ------
    BadInput, OutOfMemory
        As `load_ct` does.
    """
    volume = _load(path, modality="MR", intensity_unit="arbitrary")
    _check_ct_geometry(volume)
    lowest, highest = _value_range(volume)
    if lowest == highest:
        raise BadInput(f"All voxels of '{path}' have the value {lowest:g}.", "Choose a scan that shows something.")
    return volume


def load_segmentation(path: Path) -> Volume:
    """Load a label image; the voxels are unsigned integers.

    Raises
    ------
    BadInput
        The image holds something else than labels 0..65535, or no label at all.
    OutOfMemory
        The image does not fit into memory.
    """
    volume = load_labels(path)
    if not volume.voxels.any():
        raise BadInput(f"'{path}' holds no label: every voxel is 0.", "Choose a segmentation that has structures.")
    return volume


def load_labels(path: Path) -> Volume:
    """Load a label image as `load_segmentation` does, also one without any label."""
    volume = _load(path)
    return replace(volume, voxels=label_voxels(volume.voxels, path))


def check_same_grid(ct: Volume, segmentation: Volume) -> None:
    """Raise `BadInput` unless two images have the same grid, however it is stored; `same_grid` has the tolerance."""
    difference = grid_difference(*(canonical_grid(image.affine, image.voxels.shape) for image in (ct, segmentation)))
    if difference:
        raise BadInput(
            f"'{ct.path}' and '{segmentation.path}' have different grids: {difference}.",
            "Give the CT that was segmented, or resample one onto the other.",
        )


def voxels_on_grid_of(ct: Volume, segmentation: Volume) -> np.ndarray:
    """Return the voxels of a CT in the order in which a segmentation on the same grid stores its own; a view.

    Raises
    ------
    BadInput
        The two have different grids.
    """
    check_same_grid(ct, segmentation)
    ct_grid, grid = (canonical_grid(image.affine, image.voxels.shape) for image in (ct, segmentation))
    return from_canonical(to_canonical(ct.voxels, ct_grid), grid)


def _load(path: Path, *, modality: Modality | None = None, intensity_unit: IntensityUnit | None = None) -> Volume:
    path = Path(path)
    image = read_image(path)
    return Volume(
        voxels=image.voxels,
        affine=image.affine,
        nominal_spacing_mm=image.nominal_spacing_mm,
        header=image.header,
        path=path,
        modality=modality,
        intensity_unit=intensity_unit,
    )


def _check_ct_geometry(volume: Volume) -> None:
    shape = volume.voxels.shape
    described = " x ".join(map(str, shape))
    extents_mm = np.array(shape) * volume.spacing_mm
    if min(shape) < MIN_VOXELS or extents_mm.min() < MIN_EXTENT_MM:
        raise BadInput(
            f"'{volume.path}' is too small to segment ({described} voxels, smallest extent {extents_mm.min():g} mm).",
            f"Give a volume of at least {MIN_VOXELS} slices and {MIN_EXTENT_MM:g} mm along each axis.",
        )
    axes = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    shear = np.abs(axes.T @ axes - np.eye(3)).max()
    if shear > MAX_SHEAR:
        raise BadInput(
            f"The axes of '{volume.path}' are sheared by up to {np.degrees(np.arcsin(min(shear, 1))):.1f} degrees, "
            "as a tilted gantry does.",
            "Resample it to a rectangular grid first, for instance by hardening the transform in Slicer.",
        )


def _value_range(volume: Volume) -> tuple[float, float]:
    """Return the lowest and highest value; NaN and infinity are refused."""
    lowest, highest = float(volume.voxels.min()), float(volume.voxels.max())
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        count = int(volume.voxels.size - np.isfinite(volume.voxels).sum())
        raise BadInput(
            f"'{volume.path}' has {count} voxels that are NaN or infinite.",
            "Replace them by what they stand for, usually air (-1000), and try again.",
        )
    return lowest, highest
