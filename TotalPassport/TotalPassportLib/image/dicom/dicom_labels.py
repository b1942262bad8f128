"""A DICOM segmentation object as a label image, read by highdicom (the extra ``dicom``)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ...base.errors import BadInput
from ...base.memory import require_memory
from ...base.optional_packages import optional_package
from ..itk_reader import LPS_FROM_RAS, read_unchanged, spacing_of
from ..stored_image import Remark, StoredImage

EMPTY_SLICES = 4
"""Put before and behind what a segmentation has, whose empty slices are left out: nothing then seems cut by an edge."""

SAME_PLACE_VOXELS = 0.1
"""How far a voxel of a segmentation may lie from one of its scan."""
SLICES_LEFT_OUT = "slices_left_out"


def read_dicom_labels(path: Path) -> StoredImage:
    """Read a segmentation object; its values are the segments' numbers, its header names them.

    Raises
    ------
    BadInput
        highdicom is missing or cannot read it, or its slices are no even stack.
    OutOfMemory
        It does not fit into memory.
    """
    highdicom = optional_package("highdicom", f"Reading the segmentation '{path.name}'")
    (voxels, affine, header, remarks), digest = read_unchanged([path], lambda: _read(highdicom, path))
    return StoredImage(
        voxels=voxels,
        affine=affine,
        nominal_spacing_mm=spacing_of(affine),
        header=header,
        sha256=digest,
        remarks=remarks,
        modality="SEG",
    )


def _read(highdicom: Any, path: Path) -> tuple[np.ndarray, np.ndarray, dict[str, str], tuple[Remark, ...]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = highdicom.seg.segread(path)
            shape = dataset.get_volume_geometry(allow_missing_positions=True).spatial_shape
            require_memory(6.0 * float(np.prod(shape)), f"Reading '{path.name}'")
            volume, remarks = _volume(dataset)
        except (BadInput, MemoryError):
            raise
        except Exception as error:  # whatever highdicom stumbles over in a file of anybody's
            reason = (str(error) or type(error).__name__).splitlines()[0][:200].rstrip(".")
            raise BadInput(
                f"'{path}' is no segmentation object that can be read: {reason}.",
                "Export it again, or convert it with dcmqi's segimage2itkimage.",
            ) from error
    header = {}
    for place, segment in enumerate(dataset.SegmentSequence):
        header[f"Segment{place}_Name"] = str(segment.SegmentLabel)
        header[f"Segment{place}_LabelValue"] = str(segment.SegmentNumber)
    voxels = np.pad(np.asarray(volume.array), ((EMPTY_SLICES, EMPTY_SLICES), (0, 0), (0, 0)))
    # highdicom counts slices, rows, columns.
    lps = np.eye(4)
    lps[:3, :3] = volume.affine[:3, 2::-1]
    lps[:3, 3] = volume.affine[:3, 3] - EMPTY_SLICES * volume.affine[:3, 0]
    return np.asfortranarray(voxels.transpose(2, 1, 0)), LPS_FROM_RAS @ lps, header, remarks


def _volume(dataset: Any) -> tuple[Any, tuple[Remark, ...]]:
    remarks = [
        Remark(
            code=SLICES_LEFT_OUT,
            sentence="{image} has only the slices with structures: whether the scan's edge cuts one is not known. Give "
            "the scan with it, and it is.",
        )
    ]
    try:
        volume = dataset.get_volume(combine_segments=True)
    except RuntimeError:  # segments overlap
        volume = dataset.get_volume(combine_segments=True, skip_overlap_checks=True)
        sentence = "Segments of {image} overlap; of each voxel that several claim only one has it."
        remarks.append(Remark(code="overlapping_segments", sentence=sentence))
    return volume, tuple(remarks)


def placed_on_grid(
    labels: np.ndarray, affine: np.ndarray, shape: tuple[int, ...], onto_affine: np.ndarray
) -> np.ndarray | None:
    """Return labels on a grid of the same voxels that reaches further; None where they lie beside its voxels.

    Parameters
    ----------
    labels : numpy.ndarray
        Integers ``[i, j, k]``.
    affine, onto_affine : numpy.ndarray
        Voxel indices to mm of both grids, float64 4 x 4.
    shape : tuple of int
        Of the grid that is wanted.
    """
    to_grid = np.linalg.solve(onto_affine, affine)
    whole = np.rint(to_grid)
    if np.abs((to_grid - whole) @ [*labels.shape, 1])[:3].max() > SAME_PLACE_VOXELS:
        return None
    placed = np.zeros(shape, labels.dtype, order="F")
    for k in range(labels.shape[2]):
        i, j = np.nonzero(labels[:, :, k])
        places = (whole @ np.stack([i, j, np.full_like(i, k), np.ones_like(i)])).astype(np.int64)[:3]
        if (places < 0).any() or (places >= np.array(shape)[:, None]).any():
            return None
        placed[tuple(places)] = labels[i, j, k]
    return placed
