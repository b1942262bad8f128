"""From a label volume to its passport."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..grid import canonical_grid, to_canonical
from ..labels import LabelTable
from .axes import SEPARATION_LIMIT, axis_separation, principal_axes
from .boundary import boundary_indices, farthest_points
from .moments import LabelMoments, label_moments
from .organ import OrganPassport, Passport

FEW_VOXELS = 20
"""Below this count the repeatability of a volume was not measured; from 20 to 200 it is 5.5 % (95th percentile)."""


def extract_passport(
    labels: np.ndarray,
    affine: np.ndarray,
    table: LabelTable,
    hounsfield: np.ndarray | None = None,
    on_organ: Callable[[int, int], None] = lambda done, total: None,
) -> Passport:
    """Measure every label of a label volume.

    Parameters
    ----------
    labels : unsigned integer array ``[i, j, k]``, 0 is background.
    affine : voxel indices to RAS mm; oblique, left-handed and sheared ones are fine.
    table : gives the names.
    hounsfield : the CT on the same grid, for mean and standard deviation per organ.
    on_organ : called with (finished, all) organs.
    """
    # The closest-to-RAS form, so that the same anatomy gives the same passport however its array is stored.
    grid = canonical_grid(affine, labels.shape)
    canonical = np.ascontiguousarray(to_canonical(labels, grid))
    intensities = None if hounsfield is None else _intensities(labels, hounsfield)
    moments = label_moments(canonical)
    boundaries = boundary_indices(canonical)
    bordering = _labels_on_faces(canonical)
    organs: dict[int, OrganPassport] = {}
    for label, measured in moments.items():
        on_organ(len(organs), len(moments))
        points = farthest_points(boundaries[label], grid.affine) if label in boundaries else np.empty((0, 3))
        name = table.describe(label).name
        mean_sd = intensities[label] if intensities is not None else (None, None)
        organs[label] = _organ(label, name, measured, grid.affine, points, label in bordering, mean_sd)
    i, j, k = labels.shape
    return Passport(organs, (i, j, k), np.asarray(affine, np.float64))


def _organ(
    label: int,
    name: str,
    measured: LabelMoments,
    affine: np.ndarray,
    points: np.ndarray,
    touches_border: bool,
    mean_sd: tuple[float | None, float | None],
) -> OrganPassport:
    linear = affine[:3, :3]
    covariance = linear @ measured.covariance_index @ linear.T
    eigenvalues, vectors = principal_axes(covariance)
    return OrganPassport(
        label,
        name,
        measured.voxel_count,
        measured.voxel_count * float(abs(np.linalg.det(linear))),
        linear @ measured.mean_index + affine[:3, 3],
        covariance,
        eigenvalues,
        vectors,
        points,
        touches_border,
        _checks(measured.voxel_count, eigenvalues, touches_border),
        *mean_sd,
    )


def _checks(voxel_count: int, eigenvalues: np.ndarray, touches_border: bool) -> tuple[str, ...]:
    findings = {
        "touches_border": touches_border,
        "few_voxels": voxel_count < FEW_VOXELS,
        "unreliable_axes": axis_separation(eigenvalues)[0] < SEPARATION_LIMIT,
    }
    return tuple(code for code, found in findings.items() if found)


def _labels_on_faces(labels: np.ndarray) -> set[int]:
    faces = [labels.take(index, axis=axis) for axis in range(3) for index in (0, -1)]
    return {int(value) for face in faces for value in np.unique(face)}


def _intensities(labels: np.ndarray, hounsfield: np.ndarray) -> dict[int, tuple[float, float]]:
    """Return label -> mean and standard deviation (divided by the count) of the CT."""
    inside = labels != 0
    values = labels[inside]
    intensity = hounsfield[inside].astype(np.float64)
    counts = np.bincount(values)
    present = np.flatnonzero(counts)
    means = np.bincount(values, weights=intensity)[present] / counts[present]
    spread = np.zeros(len(counts))
    spread[present] = means
    deviations = np.bincount(values, weights=(intensity - spread[values]) ** 2)[present] / counts[present]
    return {
        int(label): (float(mean), float(np.sqrt(variance)))
        for label, mean, variance in zip(present, means, deviations, strict=True)
    }
