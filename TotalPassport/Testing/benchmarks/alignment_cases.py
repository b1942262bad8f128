"""Pairs of scans whose true alignment is known, built from one real label image; a seed makes the same pair again.

The fixed scan is the real label image; the moving scan is the same anatomy, moved and sampled on a grid of its own by
nearest neighbour, then cropped, deformed or mislabelled. Every organ that the image's edge cuts is cut in both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.passport import Passport
from TotalPassportLib.passport.extraction import extract_passport

TARGETS = 2000
"""Number of labelled points whose registration error is measured."""
KINDS = ("rigid", "crop", "noise", "affine", "smooth")
Labels = np.ndarray


@dataclass(frozen=True)
class Scan:
    """A label image ``[i, j, k]`` with its affine (voxel indices to RAS mm) and the passport measured in it."""

    labels: Labels
    affine: np.ndarray
    passport: Passport


@dataclass(frozen=True)
class Case:
    """Two scans and the truth: ``target_fixed_ras_mm`` and ``target_moving_ras_mm`` ``[n, 3]`` are the same points.

    Targets are labelled voxels of the moving scan before it was cropped or mislabelled.
    """

    kind: str
    seed: int
    fixed: Scan
    moving: Scan
    target_fixed_ras_mm: np.ndarray
    target_moving_ras_mm: np.ndarray


@dataclass(frozen=True)
class _Truth:
    """Fixed = matrix @ (moving + field): how the moving scan was made."""

    matrix: np.ndarray
    grid_affine: np.ndarray
    field_mm: np.ndarray | None = None

    def fixed_from_moving(self, points_ras_mm: np.ndarray) -> np.ndarray:
        points = points_ras_mm
        if self.field_mm is not None:
            indices = _apply(np.linalg.inv(self.grid_affine), points).T
            shifts = [ndimage.map_coordinates(part, indices, order=1, mode="nearest") for part in self.field_mm]
            points = points + np.stack(shifts, axis=1)
        return _apply(self.matrix, points)


def make_case(kind: str, seed: int, labels: Labels, affine: np.ndarray) -> Case:
    """Make one case of a kind in `KINDS` from a real label image and its affine."""
    rng = np.random.default_rng([KINDS.index(kind), seed])
    truth = _truth(kind, rng, labels.shape, affine)
    whole, targets = _moved(truth, labels, affine, rng)
    moving, moving_affine = whole, truth.grid_affine
    fixed, fixed_affine = labels, affine
    if kind in ("crop", "noise"):
        moving, moving_affine = _cropped(whole, moving_affine, rng, rng.uniform(0.6, 0.85))
        fixed, fixed_affine = _cropped(fixed, fixed_affine, rng, rng.uniform(0.8, 1.0))
    if kind == "noise":
        moving, fixed = _mislabelled(moving, rng), _without_some(fixed, rng, 0.1)
    scans = _scan(fixed, fixed_affine), _scan(moving, moving_affine)
    return Case(kind, seed, *scans, truth.fixed_from_moving(targets), targets)


def _scan(labels: Labels, affine: np.ndarray) -> Scan:
    return Scan(labels, affine, extract_passport(labels, affine, load_label_table("total")))


def _apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3])


def _truth(kind: str, rng: np.random.Generator, shape: tuple[int, ...], affine: np.ndarray) -> _Truth:
    """Draw the true transform; the moving grid is centred on the anatomy but for up to 20 mm."""
    axis = rng.normal(size=3)
    angle = np.radians(rng.uniform(5, 30 if kind in ("rigid", "crop", "noise") else 15))
    linear = Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle).as_matrix()
    if kind in ("affine", "smooth"):
        spread = 0.12 if kind == "affine" else 0.04
        shear = np.triu(rng.uniform(-0.05, 0.05, (3, 3)), 1) if kind == "affine" else 0
        linear = linear @ (np.diag(rng.uniform(1 - spread, 1 + spread, 3)) + shear)
    middle = (np.array(shape) - 1) / 2
    centre_fixed = _apply(affine, middle)
    centre_moving = centre_fixed + rng.uniform(-100, 100, 3)
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = centre_fixed - linear @ centre_moving
    grid = affine.copy()
    grid[:3, 3] = centre_moving + rng.uniform(-20, 20, 3) - affine[:3, :3] @ middle
    return _Truth(matrix, grid, _smooth_field(rng, shape, affine, rng.uniform(10, 20)) if kind == "smooth" else None)


def _smooth_field(
    rng: np.random.Generator, shape: tuple[int, ...], affine: np.ndarray, largest_mm: float, smooth_mm: float = 50.0
) -> np.ndarray:
    """Return random smooth displacements ``[3, i, j, k]`` in mm whose longest has the given length."""
    sigma = smooth_mm / np.linalg.norm(affine[:3, :3], axis=0)
    noise = rng.normal(size=(3, *shape))
    field_mm = np.stack([ndimage.gaussian_filter(part, sigma, mode="wrap", truncate=2.5) for part in noise])
    return np.asarray(field_mm * (largest_mm / np.linalg.norm(field_mm, axis=0).max()))


def _moved(truth: _Truth, labels: Labels, affine: np.ndarray, rng: np.random.Generator) -> tuple[Labels, np.ndarray]:
    """Return the moving label image and labelled points in it (RAS mm)."""
    indices = np.moveaxis(np.indices(labels.shape), 0, -1).reshape(-1, 3)
    points = _apply(truth.grid_affine, indices)
    source = np.rint(_apply(np.linalg.inv(affine), truth.fixed_from_moving(points))).astype(np.intp)
    inside = ((source >= 0) & (source < labels.shape)).all(axis=1)
    moved = np.zeros(len(points), labels.dtype)
    moved[inside] = labels[tuple(source[inside].T)]
    labelled = np.flatnonzero(moved)
    return moved.reshape(labels.shape), points[rng.choice(labelled, TARGETS, replace=False)]


def _cropped(labels: Labels, affine: np.ndarray, rng: np.random.Generator, kept: float) -> tuple[Labels, np.ndarray]:
    """Keep a part of the slices, and in one case of two lose up to 10 % at each side of another axis."""
    slices = [slice(None)] * 3
    size = round(labels.shape[2] * kept)
    start = int(rng.integers(0, labels.shape[2] - size + 1))
    slices[2] = slice(start, start + size)
    if rng.random() < 0.5:
        axis = int(rng.integers(2))
        lost = rng.integers(0, round(0.1 * labels.shape[axis]), 2)
        slices[axis] = slice(int(lost[0]), labels.shape[axis] - int(lost[1]))
    shifted = affine.copy()
    shifted[:3, 3] = _apply(affine, np.array([part.start or 0 for part in slices]))
    return np.ascontiguousarray(labels[tuple(slices)]), shifted


def _mislabelled(labels: Labels, rng: np.random.Generator) -> Labels:
    """Do what networks do: rough edges, halves and whole organs missing, some mixed up, vertebrae off by 1."""
    labels = _rough(labels, rng)
    labels = _without_some(labels, rng, 0.1)
    present = np.flatnonzero(np.bincount(labels.ravel())[1:]) + 1
    table = np.arange(256, dtype=labels.dtype)
    for one, other in rng.permutation(present)[:4].reshape(2, 2):
        table[one], table[other] = other, one
    vertebrae = present[(present >= 26) & (present <= 50)]
    if rng.random() < 0.5 and len(vertebrae) > 3:
        run = vertebrae[:3] if rng.random() < 0.5 else vertebrae[-3:]
        table[run] = np.roll(run, 1)
    labels = table[labels]
    for label in rng.permutation(present)[: max(1, len(present) // 10)]:
        labels = _halved(labels, int(label), rng)
    return labels


def _rough(labels: Labels, rng: np.random.Generator, amplitude_voxels: float = 0.5) -> Labels:
    """Move every edge by a random amount that is alike over about 4 voxels."""
    jitter = [ndimage.gaussian_filter(rng.normal(size=labels.shape), 2.0) for _ in range(3)]
    grid = np.indices(labels.shape)
    source = [
        np.clip(np.rint(axis + amplitude_voxels * shift / shift.std()), 0, size - 1).astype(np.intp)
        for axis, shift, size in zip(grid, jitter, labels.shape, strict=True)
    ]
    return labels[tuple(source)]


def _without_some(labels: Labels, rng: np.random.Generator, share: float) -> Labels:
    present = np.flatnonzero(np.bincount(labels.ravel())[1:]) + 1
    table = np.arange(256, dtype=labels.dtype)
    table[rng.permutation(present)[: round(share * len(present))]] = 0
    return table[labels]


def _halved(labels: Labels, label: int, rng: np.random.Generator) -> Labels:
    """Cut an organ through its middle by a random plane and lose one side."""
    voxels = np.argwhere(labels == label)
    if len(voxels) == 0:
        return labels
    lost = voxels[(voxels - voxels.mean(axis=0)) @ rng.normal(size=3) > 0]
    labels = labels.copy()
    labels[tuple(lost.T)] = 0
    return labels
