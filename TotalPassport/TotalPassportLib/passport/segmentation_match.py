"""Whether a label image is the one that a passport was made of, by what the passport says of every organ.

A passport does not hold the hash of its segmentation, which programs write anew under other names and formats. It
holds more: the grid, and of each organ the number of its voxels and their centre of mass to a billionth. No other
segmentation has all of these.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .moments import label_moments
from .organ import INPUT_GRID, Passport
from .runs import label_runs

TOLERANCE_VOXELS = 0.1
"""How far a corner of the grid, or an organ's centre, may lie from where the passport says, in voxels: programs round
directions and voxel sizes when they write a file anew."""
MOST_UNLIKE = 2.0
"""Volumes of one organ on the network's grid and on the scan's differ by less than this factor, if it is no speck."""
SPECK_MM3 = 1000.0


@dataclass(frozen=True)
class FoundStructure:
    """What a label image has of a structure: the number of its voxels, and their centre in RAS mm ``[3]``."""

    voxel_count: int
    centroid_ras_mm: np.ndarray


@dataclass(frozen=True, kw_only=True)
class SegmentationMatch:
    """How a label image and a passport go together.

    Attributes
    ----------
    reason : str
        Why it is another segmentation, as the end of a sentence; empty where it is the passport's.
    is_exact : bool
        Every number was compared. A passport that was measured on the network's grid says less of the labels that were
        written.
    overlapped : tuple of int
        Organs of which the image has a part only, for it holds one label a voxel and the structures of several tasks
        overlap.
    """

    reason: str = ""
    is_exact: bool = True
    overlapped: tuple[int, ...] = ()


def structures_in(labels: np.ndarray, affine: np.ndarray) -> dict[int, FoundStructure]:
    """Return what a label image has of each label.

    Parameters
    ----------
    labels : numpy.ndarray
        Unsigned integers ``[i, j, k]`` of at most 16 bits.
    affine : numpy.ndarray
        Voxel indices to RAS mm, float64 4 x 4.
    """
    return {
        label: FoundStructure(moments.voxel_count, affine[:3, :3] @ moments.mean_index + affine[:3, 3])
        for label, moments in label_moments(label_runs(labels)).items()
    }


def other_grid(passport: Passport, shape: tuple[int, ...], affine: np.ndarray) -> str:
    """Say in what a label image's grid is not that of the passport's segmentation; empty if it is the same.

    The same grid with its axes in another order, or running the other way, is the same.
    """
    expected_shape, expected_affine = _expected_grid(passport)
    sizes = " x ".join(map(str, shape))
    if sorted(shape) != sorted(expected_shape):
        return f"it has {sizes} voxels, the passport's has {' x '.join(map(str, expected_shape))}"
    axes = _axes_between(expected_affine, affine)
    if axes is None or any(shape[theirs] != expected_shape[ours] for theirs, ours in enumerate(axes)):
        return "its voxels lie in other directions, or have another size"
    apart = _corners_apart_mm((shape, affine), (expected_shape, expected_affine))
    spacing_mm = np.linalg.norm(expected_affine[:3, :3], axis=0)
    return "" if apart <= TOLERANCE_VOXELS * spacing_mm.min() else f"it lies {apart:.3g} mm away"


def match_segmentation(passport: Passport, found: Mapping[int, FoundStructure]) -> SegmentationMatch:
    """Compare the structures of a label image, whose grid is the right one, with the organs of a passport."""
    foreign = sorted(found.keys() - passport.organs.keys())
    if foreign:
        numbers = ", ".join(map(str, foreign[:5]))
        return SegmentationMatch(reason=f"it has labels that the passport does not have: {numbers}")
    if not _was_measured_as_written(passport):
        return _match_roughly(passport, found)
    reach_mm = TOLERANCE_VOXELS * float(passport.spacing_mm.min())
    overlapped = []
    for label, organ in passport.organs.items():
        has = found[label].voxel_count if label in found else 0
        if has < organ.voxel_count and "tasks" in passport.model:
            overlapped.append(label)
        elif has != organ.voxel_count:
            return SegmentationMatch(
                reason=f"{organ.name} has {has} voxels in it and {organ.voxel_count} in the passport"
            )
        elif np.linalg.norm(found[label].centroid_ras_mm - organ.centroid_ras_mm) > reach_mm:
            return SegmentationMatch(reason=f"{organ.name} lies elsewhere in it")
    return SegmentationMatch(overlapped=tuple(overlapped))


def _match_roughly(passport: Passport, found: Mapping[int, FoundStructure]) -> SegmentationMatch:
    voxel_mm3 = abs(float(np.linalg.det(_expected_grid(passport)[1][:3, :3])))
    for label, organ in passport.organs.items():
        volume_mm3 = voxel_mm3 * (found[label].voxel_count if label in found else 0)
        if organ.volume_mm3 > SPECK_MM3 and not 1 / MOST_UNLIKE < volume_mm3 / organ.volume_mm3 < MOST_UNLIKE:
            return SegmentationMatch(
                reason=f"{organ.name} has {volume_mm3 / 1000:.1f} ml in it and {organ.volume_ml:.1f} ml in the passport"
            )
    return SegmentationMatch(is_exact=False)


def _was_measured_as_written(passport: Passport) -> bool:
    """Whether the labels that were measured are those of the file, on the file's grid."""
    # What has names of its own was a file when it was measured; older versions did not say whose grid it was.
    return passport.measured_on == INPUT_GRID or "names_from" in passport.model


def _expected_grid(passport: Passport) -> tuple[tuple[int, ...], np.ndarray]:
    if not _was_measured_as_written(passport):
        try:  # the scan's, on which the labels were written
            shape = tuple(int(size) for size in passport.source["shape"])
            affine = np.array(passport.source["affine"], np.float64)
        except (LookupError, TypeError, ValueError, OverflowError):
            return passport.shape, passport.affine
        if len(shape) == 3 and affine.shape == (4, 4) and np.linalg.det(affine[:3, :3]):
            return shape, affine
    return passport.shape, passport.affine


def _axes_between(expected: np.ndarray, affine: np.ndarray) -> tuple[int, ...] | None:
    """Return for each axis of a grid the one of the expected grid that it runs along; None where it runs along none."""
    try:
        steps = np.linalg.solve(expected[:3, :3], affine[:3, :3])
    except np.linalg.LinAlgError:
        return None
    axes = np.abs(steps).argmax(axis=0)
    along = np.zeros((3, 3))
    along[axes, range(3)] = np.sign(steps[axes, range(3)])
    if len(set(axes.tolist())) < 3 or not np.isfinite(steps).all() or np.abs(steps - along).max() > TOLERANCE_VOXELS:
        return None
    return tuple(axes.tolist())


def _corners_apart_mm(*grids: tuple[tuple[int, ...], np.ndarray]) -> float:
    """Return how far the corners of two boxes lie apart at most, each from the nearest of the other."""
    corners = [
        np.array(list(itertools.product(*((0, size - 1) for size in shape)))) @ affine[:3, :3].T + affine[:3, 3]
        for shape, affine in grids
    ]
    distances = np.linalg.norm(corners[0][:, None] - corners[1][None], axis=2)
    return float(max(distances.min(axis=0).max(), distances.min(axis=1).max()))
