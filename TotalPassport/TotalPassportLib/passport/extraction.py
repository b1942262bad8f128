"""From a label volume to its passport."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from ..base.labels import LabelTable
from ..image.grid import CanonicalGrid, canonical_grid, to_canonical
from .axes import principal_axes
from .boundary import boundary_voxels
from .box import label_extents
from .checks import apply_checks, with_checks
from .components import Pieces
from .contacts import contacts
from .intensity import are_whole, label_intensities
from .moments import label_moments
from .neighbours import neighbours, runs_are_many
from .organ import OrganPassport, Passport
from .points import CANDIDATES, POINTS, farthest_points, spread_points
from .runs import Runs, in_c_order, label_runs
from .surface import Crossings

NEAR_BORDER_VOXELS = 3
"""TotalSegmentator's own measure of being near the border."""
_FACES = ("left", "right", "posterior", "anterior", "inferior", "superior")

Fields = dict[str, Any]
"""Values of `OrganPassport` by the names of its attributes."""


def extract_passport(
    labels: np.ndarray,
    affine: np.ndarray,
    table: LabelTable,
    hounsfield: np.ndarray | None = None,
    on_organ: Callable[[int, int], None] = lambda done, total: None,
    searched: Collection[int] | None = None,
    confidence: Mapping[int, float] | None = None,
    entropy_bits: Mapping[int, float] | None = None,
    even_points: bool = True,
) -> Passport:
    """Measure every label of a label volume.

    Parameters
    ----------
    labels : np.ndarray
        Unsigned integer array ``[i, j, k]``, 0 is background.
    affine : np.ndarray
        Voxel indices to RAS mm; oblique, left-handed and sheared ones are fine.
    table : LabelTable
        Gives the names and codes.
    hounsfield : np.ndarray | None
        The CT on the same grid, all finite, for the intensities of each organ.
    on_organ : Callable[[int, int], None]
        Called with (finished, all) organs.
    searched : Collection[int] | None
        Labels that were looked for, so that a missing one is told; where that is not known, any of the table may have
        been.
    confidence : Mapping[int, float] | None
        How sure the model is of each label, 0 to 1, where it says so.
    entropy_bits : Mapping[int, float] | None
        The same as entropy of its classes' probabilities, in bits.
    even_points : bool
        Boundary points in farthest-point order; else by chance, with a fixed seed: less even, but faster.
    """
    # The closest-to-RAS form, so that the same anatomy gives the same passport however its array is stored.
    grid = canonical_grid(affine, labels.shape)
    canonical = in_c_order(to_canonical(labels, grid))
    runs = label_runs(canonical)
    present = [int(label) for label in runs.present]
    # Three parts of about the same time, side by side: numpy lets other threads work meanwhile.
    with ThreadPoolExecutor(2) as helpers:
        surfaces = helpers.submit(_surfaces, canonical, runs, grid)
        if hounsfield is not None:
            # Fractions are summed in one order, however the scan is stored; whole numbers as they lie.
            pair = (labels, hounsfield) if are_whole(hounsfield) else (canonical, to_canonical(hounsfield, grid))
            intensities = helpers.submit(_intensities, *pair, present)
        basics = measure_basics(canonical, runs, grid, on_organ, even_points, lambda: surfaces.result()[1])
        organs = {label: fields | {"name": table.describe(label).name} for label, fields in basics.items()}
        _add(organs, _extents(runs, grid, basics))
    _add(organs, surfaces.result()[0])
    _add(organs, {label: {"terminology": table.describe(label).terminology} for label in organs})
    if hounsfield is not None:
        _add(organs, intensities.result())
    for field, values in (("confidence", confidence), ("entropy_bits", entropy_bits)):
        _add(organs, {label: {field: float(value)} for label, value in (values or {}).items() if label in organs})
    measured = {label: OrganPassport(label=label, **fields) for label, fields in organs.items()}
    findings = apply_checks(measured, table, searched)
    i, j, k = labels.shape
    return Passport(
        organs=with_checks(measured, findings),
        shape=(i, j, k),
        affine=np.asarray(affine, np.float64),
        findings=findings,
    )


def measure_basics(
    labels: np.ndarray,
    runs: Runs,
    grid: CanonicalGrid,
    on_organ: Callable[[int, int], None] = lambda done, total: None,
    even_points: bool = True,
    strays: Callable[[], np.ndarray] | None = None,
) -> dict[int, Fields]:
    """Return what the seed's format has of every label, by rising label: moments, axes, boundary points, volume.

    Parameters
    ----------
    labels : np.ndarray
        Unsigned integer array ``[right, anterior, superior]`` in C order.
    runs : Runs
        Its runs.
    grid : CanonicalGrid
        The canonical grid of the image.
    on_organ, even_points
        As for `extract_passport`.
    strays : Callable[[], np.ndarray] | None
        Gives for every run whether it is a part of a stray piece; points of those come last.
    """
    moments = label_moments(runs)
    if not moments:
        return {}
    linear, origin = grid.affine[:3, :3], grid.affine[:3, 3]
    # The triple product of the steps: exact for plain spacings, where a matrix decomposition would round.
    voxel_mm3 = float(abs(np.cross(linear[:, 0], linear[:, 1]) @ linear[:, 2]))
    covariance = linear @ np.stack([measured.covariance_index for measured in moments.values()]) @ linear.T
    eigenvalues, vectors = principal_axes(covariance)
    points = dict.fromkeys(moments, np.empty((0, 3), np.intp))
    boundaries = boundary_voxels(labels, CANDIDATES if even_points else POINTS)
    sampled = farthest_points(boundaries, runs.shape, linear) if even_points else spread_points(boundaries, runs.shape)
    for done, (label, indices) in enumerate(sampled):
        on_organ(done, len(moments))
        points[label] = indices
    if strays is not None:
        _put_strays_last(points, runs, strays())
    return {
        label: {
            "voxel_count": measured.voxel_count,
            "volume_mm3": measured.voxel_count * voxel_mm3,
            "centroid_ras_mm": linear @ measured.mean_index + origin,
            "covariance_mm2": covariance[row],
            "eigenvalues_mm2": eigenvalues[row],
            "eigenvectors": vectors[row],
            "boundary_points_ras_mm": points[label] @ linear.T + origin,
        }
        for row, (label, measured) in enumerate(moments.items())
    }


def _put_strays_last(points: dict[int, np.ndarray], runs: Runs, strays: np.ndarray) -> None:
    """Order each label's boundary points, indices ``[n, 3]``, anew: those of stray pieces come last.

    A stray voxel is farther from everything than any true point, and was chosen first.
    """
    for label, indices in points.items():
        voxels = np.ravel_multi_index(tuple(indices.T), runs.shape).astype(runs.starts.dtype)
        which = np.searchsorted(runs.starts, voxels, side="right") - 1
        points[label] = indices[np.argsort(strays[which], kind="stable")]


def _add(organs: dict[int, Fields], further: Mapping[int, Fields]) -> None:
    for label, fields in further.items():
        organs[label] |= fields


def _extents(runs: Runs, grid: CanonicalGrid, basics: Mapping[int, Fields]) -> dict[int, Fields]:
    """Return boxes, and what is known from them about the image's border."""
    if not basics:
        return {}
    linear, origin = grid.affine[:3, :3], grid.affine[:3, 3]
    axes = np.stack([fields["eigenvectors"] for fields in basics.values()])
    own = np.swapaxes(axes, 1, 2) @ linear
    shared = np.broadcast_to(np.concatenate([linear, np.eye(3)]), (len(own), 6, 3))
    directions = np.concatenate([own, shared], axis=1)
    # A voxel reaches half a step to both sides of its centre along each axis of the image.
    half = np.abs(directions).sum(axis=2) / 2
    low, high = label_extents(runs, directions)
    box_low, box_high = low - half, high + half
    boxes = np.stack([box_low[:, 3:6], box_high[:, 3:6]], axis=1) + origin
    corners = np.einsum("nij,nj->ni", axes, box_low[:, :3]) + origin
    sizes = box_high[:, :3] - box_low[:, :3]
    # Layers of voxels between the organ and the image's faces, ``[n, axis, end]``.
    room = np.stack([low[:, 6:], np.array(grid.shape) - 1 - high[:, 6:]], axis=2)
    return {
        label: {
            "bounding_box_ras_mm": boxes[row],
            "obb_origin_ras_mm": corners[row],
            "obb_size_mm": sizes[row],
            "touches_border": 0 in layers,
            "border_faces": tuple(face for face, free in zip(_FACES, layers, strict=True) if free == 0),
            "near_border": min(layers) < NEAR_BORDER_VOXELS,
        }
        for row, (label, layers) in enumerate(zip(basics, room.reshape(-1, 6).tolist(), strict=True))
    }


def _surfaces(labels: np.ndarray, runs: Runs, grid: CanonicalGrid) -> tuple[dict[int, Fields], np.ndarray]:
    """Return surface areas and pieces of every label, and whether each run is a part of a stray piece."""
    if runs_are_many(runs):
        found = neighbours(labels, runs.starts)
        crossings, pieces = Crossings(runs, found.inner), Pieces(runs, found.pieces)
    else:
        crossings, pieces = Crossings(runs), Pieces(runs)
        for step, first, second in contacts(runs):
            crossings.add(step, first, second)
            pieces.add(first, second)
    areas = crossings.areas_mm2(grid.affine[:3, :3])
    fields = {
        label: {
            "surface_area_mm2": areas[label],
            "n_components": len(sizes),
            "largest_component_fraction": float(sizes[0] / sizes.sum()),
        }
        for label, sizes in pieces.sizes().items()
    }
    return fields, pieces.strays()


def _intensities(labels: np.ndarray, hounsfield: np.ndarray, present: list[int]) -> dict[int, Fields]:
    return {
        label: {"hu_mean": found.mean_hu, "hu_sd": found.sd_hu, "hu_percentiles": found.percentiles_hu}
        for label, found in label_intensities(labels, hounsfield, present).items()
    }


def with_arbitrary_unit(passport: Passport, factor: float) -> Passport:
    """Return a passport whose intensities were measured of a scan without a unit, times a factor."""
    organs = {
        label: replace(
            organ,
            hu_mean=None,
            hu_sd=None,
            hu_percentiles=None,
            intensity_mean=organ.hu_mean / factor,
            intensity_sd=organ.hu_sd / factor,
            intensity_percentiles={percent: value / factor for percent, value in organ.hu_percentiles.items()},
        )
        if organ.hu_mean is not None and organ.hu_sd is not None and organ.hu_percentiles is not None
        else organ
        for label, organ in passport.organs.items()
    }
    return replace(passport, organs=organs)
