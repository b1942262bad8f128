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
from ..base.text import shown_name
from .dicom.dicom_labels import SLICES_LEFT_OUT, placed_on_grid
from .formats import read_image
from .grid import canonical_grid, from_canonical, to_canonical
from .hounsfield import remark_on_intensities
from .label_voxels import label_voxels
from .rectangular import is_sheared, shear_deg
from .same_grid import grid_difference
from .stored_image import Remark, StoredImage

MIN_VOXELS = 4
"""Fewest voxels along an axis of a scan: less is a localiser or a slice, not a volume."""
MIN_EXTENT_MM = 10.0
"""Smallest extent of a scan along an axis; the smallest vertebra is larger."""
SMALLEST_IMAGE_MM, LARGEST_IMAGE_MM = 1.0, 5000.0
"""The longest side of an image of a body, or of a part of one, lies between these."""
MAX_SHEAR_DEG = 45.0
"""Gantries tilt by 30 degrees at most."""
AIR_HU = -1000.0
"""By the definition of Hounsfield units."""
LARGEST_VALUE = 2.0**30
"""Resampled scans are 32-bit integers, as TotalSegmentator has them."""

IMAGE = "image"
"""The name, in sentences and of results, of an image that is in no file."""

Warn = Callable[[str, str], None]
"""Receives a code and a sentence."""

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
    sha256 : str
        Of the file's bytes as they were read; empty for what no file holds.
    remarks : tuple of Remark
        What was assumed about it, and what whoever uses the results has to know.
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
    sha256: str = ""
    remarks: tuple[Remark, ...] = ()
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


def load_ct(path: Path | StoredImage, warn: Warn | None = None, series: str = "", *, any_size: bool = False) -> Volume:
    """Load a CT in Hounsfield units and check that it can be segmented.

    Voxels that are no numbers, and those beyond anything that can be computed with, are taken for air.

    Parameters
    ----------
    path : Path or StoredImage
        A file of one of the `formats.FORMATS`, or a folder of DICOM slices; or an image that was read already.
    warn : callable, optional
        Called with a code and a sentence when something looks wrong but can be used; the image's ``remarks`` have the
        same.
    series : str
        Which series of the folder, where there are several.
    any_size : bool
        Also take a scan of a few slices, or of one value only, with a remark.

    Raises
    ------
    BadInput
        Anything that makes the scan unusable.
    OutOfMemory
        The scan does not fit into memory.
    """
    volume = _load(path, modality="CT", intensity_unit="HU", series=series)
    thin = _check_ct_geometry(volume, any_size=any_size)
    lowest, highest, replaced = _finite_range(volume)
    blank = _remark_on_one_value(volume, lowest, highest, any_size=any_size)
    odd = remark_on_intensities(volume.voxels, lowest, highest) if blank is None else blank
    found = (_remark_on_shear(volume), thin, replaced, odd)
    return _told(replace(volume, remarks=(*volume.remarks, *(remark for remark in found if remark))), warn)


def load_mr(path: Path | StoredImage, warn: Warn | None = None, series: str = "", *, any_size: bool = False) -> Volume:
    """Load an MR image and check that it can be segmented; its intensities have no unit.

    Parameters
    ----------
    path, warn, series, any_size
        As for `load_ct`.

    Raises
    ------
    BadInput, OutOfMemory
        As `load_ct` does.
    """
    volume = _load(path, modality="MR", intensity_unit="arbitrary", series=series)
    thin = _check_ct_geometry(volume, any_size=any_size)
    lowest, highest, replaced = _finite_range(volume)
    found = (
        _remark_on_shear(volume), thin, replaced, _remark_on_one_value(volume, lowest, highest, any_size=any_size)
    )  # fmt: skip
    return _told(replace(volume, remarks=(*volume.remarks, *(remark for remark in found if remark))), warn)


def load_segmentation(path: Path | StoredImage, warn: Warn | None = None, scan: Volume | None = None) -> Volume:
    """Load a label image; the voxels are unsigned integers.

    Parameters
    ----------
    path, warn
        As for `load_ct`.
    scan : Volume, optional
        What was segmented; a segmentation object in DICOM is brought onto its grid.

    Raises
    ------
    BadInput
        The image holds something else than labels 0..65535, or no label at all.
    OutOfMemory
        The image does not fit into memory.
    """
    volume = load_labels(path)
    if scan is not None and any(remark.code == SLICES_LEFT_OUT for remark in volume.remarks):
        volume = _on_grid_of(volume, scan)
    if not volume.voxels.any():
        raise BadInput(
            f"'{volume.path}' holds no label: every voxel is 0.", "Choose a segmentation that has structures."
        )
    return _told(volume, warn)


def _on_grid_of(segmentation: Volume, scan: Volume) -> Volume:
    labels = placed_on_grid(segmentation.voxels, segmentation.affine, scan.voxels.shape, scan.affine)
    if labels is None:
        raise BadInput(
            f"'{segmentation.path}' is not of '{scan.path}': their voxels lie apart.",
            "Give the scan that was segmented.",
        )
    return replace(
        segmentation,
        voxels=labels,
        affine=scan.affine,
        nominal_spacing_mm=scan.nominal_spacing_mm,
        remarks=tuple(remark for remark in segmentation.remarks if remark.code != SLICES_LEFT_OUT),
    )


def load_labels(path: Path | StoredImage) -> Volume:
    """Load a label image as `load_segmentation` does, also one without any label."""
    volume = _load(path)
    remark = _remark_on_size(volume)
    remarks = volume.remarks if remark is None else (*volume.remarks, remark)
    return replace(volume, voxels=label_voxels(volume.voxels, volume.path), remarks=remarks)


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


def _load(
    source: Path | StoredImage,
    *,
    modality: Modality | None = None,
    intensity_unit: IntensityUnit | None = None,
    series: str = "",
) -> Volume:
    path = Path(IMAGE if isinstance(source, StoredImage) else source)
    image = source if isinstance(source, StoredImage) else read_image(path, series, modality)
    if None not in (modality, image.modality) and modality != image.modality:
        raise BadInput(
            f"'{path}' is no {modality}: by its header its modality is {shown_name(str(image.modality))}.",
            f"Give a {modality}.",
        )
    return Volume(
        voxels=image.voxels,
        affine=image.affine,
        nominal_spacing_mm=image.nominal_spacing_mm,
        header=image.header,
        path=path,
        sha256=image.sha256,
        remarks=image.remarks,
        modality=modality,
        intensity_unit=intensity_unit,
    )


def _told(volume: Volume, warn: Warn | None) -> Volume:
    """Return the volume when its remarks have been passed on."""
    if warn is not None:
        for remark in volume.remarks:
            warn(remark.code, remark.about(f"'{volume.path.name}'"))
    return volume


def _remark_on_one_value(volume: Volume, lowest: float, highest: float, *, any_size: bool) -> Remark | None:
    if lowest < highest:
        return None
    if not any_size:
        raise BadInput(
            f"All voxels of '{volume.path}' have the value {lowest:g}.", "Choose a scan that shows something."
        )
    return Remark(
        code="blank_scan",
        sentence=f"All voxels of {{image}} have the value {lowest:g}: whatever was found in it means nothing.",
    )


def _check_ct_geometry(volume: Volume, *, any_size: bool) -> Remark | None:
    """Refuse a scan of a geometry that cannot be; return what is to be said of one that is hardly a volume."""
    shape = volume.voxels.shape
    described = " x ".join(map(str, shape))
    extents_mm = np.array(shape) * volume.spacing_mm
    thin = min(shape) < MIN_VOXELS or extents_mm.min() < MIN_EXTENT_MM
    if thin and not any_size:
        raise BadInput(
            f"'{volume.path}' is too small to segment ({described} voxels, smallest extent {extents_mm.min():g} mm).",
            f"Give a volume of at least {MIN_VOXELS} slices and {MIN_EXTENT_MM:g} mm along each axis.",
        )
    if extents_mm.max() > LARGEST_IMAGE_MM:
        raise BadInput(
            f"By its header '{volume.path}' measures {extents_mm.max():.3g} mm, more than any scanner can see.",
            "Its lengths may be in another unit than the header says: state the unit there, or convert it again.",
        )
    if (angle_deg := round(shear_deg(volume.affine), 1)) > MAX_SHEAR_DEG:  # headers are rounded
        raise BadInput(
            f"The axes of '{volume.path}' are sheared by {angle_deg:.0f} degrees; no gantry tilts by more than "
            f"{MAX_SHEAR_DEG:g}.",
            "Its geometry is likely damaged; convert it again.",
        )
    if not thin:
        return None
    return Remark(
        code="thin_scan",
        sentence=f"{{image}} is hardly a volume ({described} voxels, smallest extent {extents_mm.min():g} mm): "
        "most of what the network saw of it was made up.",
    )


def _remark_on_size(volume: Volume) -> Remark | None:
    longest_mm = float((volume.spacing_mm * volume.voxels.shape).max())
    if SMALLEST_IMAGE_MM <= longest_mm <= LARGEST_IMAGE_MM:
        return None
    return Remark(
        code="implausible_size",
        sentence=f"By the header of {{image}} its longest side measures {longest_mm:.3g} mm: its lengths may be in "
        "another unit than it says. State the unit there, and all numbers will be right.",
    )


def _remark_on_shear(volume: Volume) -> Remark | None:
    if not is_sheared(volume.affine):
        return None
    return Remark(
        code="tilted_gantry",
        sentence=f"The axes of {{image}} are sheared by {shear_deg(volume.affine):.1f} degrees, as a tilted gantry "
        "leaves them. Networks see it resampled to a rectangular grid, and labels come back on its own.",
    )


def _finite_range(volume: Volume) -> tuple[float, float, Remark | None]:
    """Return the lowest and the highest value; what cannot be computed with is replaced, in place, and remarked on."""
    lowest, highest = float(volume.voxels.min()), float(volume.voxels.max())
    if abs(lowest) <= LARGEST_VALUE and abs(highest) <= LARGEST_VALUE:
        return lowest, highest, None
    nothing, called = (AIR_HU, "air") if volume.intensity_unit == "HU" else (0.0, "nothing")
    count = 0
    for part in np.moveaxis(volume.voxels, 2, 0):
        unusable = ~(np.abs(part) <= LARGEST_VALUE)
        count += int(unusable.sum())
        part[unusable] = nothing
    if count == volume.voxels.size:
        raise BadInput(f"'{volume.path}' has no voxel that is a number of a scan.", "Export or convert it again.")
    remark = Remark(
        code="not_finite",
        sentence=f"{count} voxels ({100 * count / volume.voxels.size:.2g} %) of {{image}} are NaN, infinite or beyond "
        f"all values of a scan; they were taken for {called} ({nothing:g}).",
    )
    return float(volume.voxels.min()), float(volume.voxels.max()), remark
