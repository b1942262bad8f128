"""Where the voxels of a NIfTI file lie: what the header says, what it leaves open, and what is assumed then.

NIfTI has two statements of it, each with a code that says whether it holds: the quaternion (qform) and the affine
(sform). The affine comes first here, as in nibabel and in TotalSegmentator. Where neither holds, and for the unit of
lengths, ITK's rules are followed, so that the same file gives the same numbers here and in Slicer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from nibabel.spatialimages import HeaderDataError

from ..base.errors import BadInput
from .same_grid import TOLERANCE_VOXELS, farthest_corner
from .stored_image import Remark

MAX_SPACING_MISMATCH = 1e-2
"""Largest relative difference between the header's voxel sizes and the affine's."""
MM_PER_UNIT = {1: 1000.0, 3: 0.001}
"""NIfTI's codes of metre and micrometre; without a code, or with an unknown one, lengths are millimetres (ITK)."""
UNIT_NAMES = {1: "metres", 3: "micrometres"}
_SCANNER = 1
"""Of two statements that hold ITK 5.4 follows the affine if its code is this one, else the quaternion."""
_HINT = "Convert or export it again."


class Geometry:
    """Where the voxels lie.

    Parameters
    ----------
    fields : object
        nibabel's header.
    stored_spacing : numpy.ndarray
        Voxel sizes as they stand in the header.
    shape : tuple of int
        Of the image.
    path : Path
        The file, for the sentences of the errors.

    Attributes
    ----------
    affine : numpy.ndarray
        float64 4 x 4, voxel indices to RAS mm.
    spacing_mm : tuple of float
        Voxel sizes along i, j, k as the header has them.
    remarks : list of Remark
        What was assumed.

    Raises
    ------
    BadInput
        It cannot be true.
    """

    def __init__(self, fields: Any, stored_spacing: np.ndarray, shape: tuple[int, int, int], path: Path) -> None:
        self.remarks: list[Remark] = []
        self._shape = shape
        unit = int(fields["xyzt_units"]) & 7
        mm = MM_PER_UNIT.get(unit, 1.0)
        spacing_mm = stored_spacing * mm
        to_mm = np.diag([mm, mm, mm, 1.0])
        with np.errstate(all="ignore"):  # numbers from outside may be anything; they are looked at below
            self.affine = to_mm @ self._stored_affine(fields, stored_spacing, mm)
            check_affine(self.affine, spacing_mm, path)
        if unit in UNIT_NAMES:
            sentence = f"The header of {{image}} gives lengths in {UNIT_NAMES[unit]}; they were taken as such."
            self.remarks.append(Remark(code="converted_units", sentence=sentence))
        i, j, k = (float(size) * mm for size in fields.get_zooms()[:3])
        self.spacing_mm = (i, j, k)

    def _stored_affine(self, fields: Any, stored_spacing: np.ndarray, mm: float) -> np.ndarray:
        """Return the affine in the header's unit."""
        if fields["sform_code"] > 0:
            affine = np.asarray(fields.get_sform(), np.float64)
            if fields["qform_code"] > 0:
                self._compare_forms(fields, affine, mm)
            return affine
        if fields["qform_code"] > 0:
            return np.asarray(fields.get_qform(), np.float64)
        self.remarks.append(unknown_orientation())
        return np.diag([-stored_spacing[0], -stored_spacing[1], stored_spacing[2], 1.0])

    def _compare_forms(self, fields: Any, affine: np.ndarray, mm: float) -> None:
        try:
            other = np.asarray(fields.get_qform(), np.float64)
        except HeaderDataError:  # a quaternion that is none
            return
        distance = farthest_corner(affine, other, self._shape)
        # Also where it is not a number.
        if distance <= TOLERANCE_VOXELS * float(np.linalg.norm(affine[:3, :3], axis=0).min()):
            return
        viewers = "Slicer" if fields["sform_code"] == _SCANNER else "TotalSegmentator; Slicer goes by the quaternion"
        self.remarks.append(
            Remark(
                code="contradicting_orientation",
                sentence="The header of {image} says in two ways how the patient lies, and they put corners of the "
                f"image up to {distance * mm:.3g} mm apart (sform and qform). The affine (sform) was taken, as in "
                f"{viewers}.",
            )
        )


def unknown_orientation() -> Remark:
    """Return what is to be said of an image whose header does not say how the patient lies."""
    return Remark(
        code="unknown_orientation",
        sentence="The header of {image} does not say how the patient lies. Its axes were taken to run to the patient's "
        "left, back and head from a first voxel at the origin, as ITK and Slicer do; left and right may be exchanged, "
        "and no position can be compared with another scan's.",
    )


def check_affine(affine: np.ndarray, spacing_mm: np.ndarray, path: Path) -> None:
    """Raise `BadInput` if an affine, and the voxel sizes that are stated beside it, cannot be an image's."""
    if not np.isfinite(affine).all():
        raise BadInput(f"The geometry of '{path}' has values that are no numbers.", _HINT)
    lengths = np.asarray(np.linalg.norm(affine[:3, :3], axis=0))
    if not np.isfinite(spacing_mm).all() or np.min(spacing_mm) <= 0 or np.min(lengths) <= 1e-6:
        sizes = " x ".join(f"{size:g}" for size in spacing_mm)
        raise BadInput(f"'{path}' has a zero, negative or missing voxel size ({sizes} mm).", _HINT)
    if abs(np.linalg.det(affine[:3, :3])) < 1e-6 * np.prod(lengths):
        raise BadInput(f"The affine of '{path}' is singular: two of its axes are parallel.", _HINT)
    # Of a tilted stack of slices some programs state how far these are apart, others how far their corners are.
    distances = 1 / np.linalg.norm(np.linalg.inv(affine[:3, :3]), axis=1)
    if not all(
        np.abs(spacing_mm / sizes - 1).min(axis=0) <= MAX_SPACING_MISMATCH
        for spacing_mm, sizes in zip(spacing_mm, np.stack([lengths, distances], axis=1), strict=True)
    ):
        sizes, columns = (" x ".join(f"{size:g}" for size in values) for values in (spacing_mm, lengths))
        raise BadInput(f"'{path}' contradicts itself: voxel size {sizes} mm, by its affine {columns} mm.", _HINT)
