"""Scans whose anatomy is known in world coordinates, on any grid."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np


@dataclass(frozen=True)
class Ellipsoid:
    """One organ: label value, centre and semi-axes in RAS mm, and its grey value."""

    label: int
    centre_ras_mm: tuple[float, float, float]
    semi_axes_mm: tuple[float, float, float]
    hounsfield: float

    @property
    def volume_mm3(self) -> float:
        return float(4 / 3 * np.pi * np.prod(self.semi_axes_mm))


LIVER = Ellipsoid(5, (30.0, 17.0, 22.0), (18.0, 14.0, 22.0), -500.0)
"""Right, anterior, superior."""
KIDNEY = Ellipsoid(2, (-26.0, -16.0, -19.0), (22.0, 17.0, 19.0), 500.0)
"""Left, posterior, inferior."""
SPLEEN = Ellipsoid(1, (-20.0, -12.0, -15.0), (8.0, 8.0, 8.0), 1500.0)
"""Off centre inside the kidney, so that no grey value between two organs belongs to a third."""
ELLIPSOIDS = (LIVER, KIDNEY, SPLEEN)
RADIUS_MM = 62.0
"""All organs lie in a ball of this radius about the origin."""


def true_centroids() -> dict[int, np.ndarray]:
    """Return label -> centroid in RAS mm; the kidney's has the hole that the spleen makes."""
    kidney, spleen = KIDNEY.volume_mm3, SPLEEN.volume_mm3
    hollow = kidney * np.array(KIDNEY.centre_ras_mm) - spleen * np.array(SPLEEN.centre_ras_mm)
    return {
        5: np.array(LIVER.centre_ras_mm),
        2: hollow / (kidney - spleen),
        1: np.array(SPLEEN.centre_ras_mm),
    }


def true_volumes_mm3() -> dict[int, float]:
    """Return label -> volume."""
    return {5: LIVER.volume_mm3, 2: KIDNEY.volume_mm3 - SPLEEN.volume_mm3, 1: SPLEEN.volume_mm3}


def grid_around(
    directions: np.ndarray, spacing_mm: tuple[float, float, float], centre_ras_mm: tuple[float, float, float]
) -> tuple[tuple[int, int, int], np.ndarray]:
    """Return shape and affine of a grid that holds the whole ball about ``centre_ras_mm``."""
    i, j, k = (int(np.ceil(2 * RADIUS_MM / size)) for size in spacing_mm)
    affine = np.eye(4)
    affine[:3, :3] = directions * spacing_mm
    middle = (np.array([i, j, k]) - 1) / 2
    affine[:3, 3] = np.array(centre_ras_mm) - affine[:3, :3] @ middle
    return (i, j, k), affine


def rasterise(
    shape: tuple[int, int, int], affine: np.ndarray, origin_ras_mm: tuple[float, float, float] = (0, 0, 0)
) -> np.ndarray:
    """Return the phantom in Hounsfield units, int16 ``[i, j, k]``; around the organs is water (0)."""
    indices = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    world = indices @ affine[:3, :3].T + affine[:3, 3] - np.array(origin_ras_mm)
    image = np.zeros(shape, np.int16)
    for organ in ELLIPSOIDS:
        scaled = (world - organ.centre_ras_mm) / organ.semi_axes_mm
        image[(scaled**2).sum(axis=-1) <= 1] = organ.hounsfield
    return image


def rotation(angles_deg: tuple[float, float, float]) -> np.ndarray:
    """Return a rotation about x, then y, then z."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(angles_deg)):
        one, other = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[one, one] = turn[other, other] = np.cos(angle)
        turn[other, one], turn[one, other] = np.sin(angle), -np.sin(angle)
        matrix = turn @ matrix
    return matrix


def orientations() -> list[np.ndarray]:
    """Return the 48 signed permutation matrices."""
    return [
        np.eye(3)[:, order] * signs
        for order in itertools.permutations(range(3))
        for signs in itertools.product((1, -1), repeat=3)
    ]


def save_nifti(path: Path, voxels: np.ndarray, affine: np.ndarray, sform: bool = True, qform: bool = True) -> Path:
    """Write a NIfTI-1 file."""
    image = nibabel.Nifti1Image(voxels, affine)
    image.set_sform(affine, 1 if sform else 0)
    if qform:
        image.set_qform(affine, 1)
    nibabel.save(image, path)
    return path


def centroid_in_file(path: Path, label: int) -> np.ndarray:
    """Return the centroid of a label in RAS mm by the plainest computation."""
    image = nibabel.load(path)
    voxels = np.argwhere(np.asarray(image.dataobj) == label)
    return nibabel.affines.apply_affine(image.affine, voxels).mean(axis=0)
