"""How much do an organ's numbers change when nothing but the voxel grid does?

``python -m benchmarks.repeatability LABELS.nii.gz...`` samples label images on grids of other voxel sizes, slice
thicknesses and directions by nearest neighbour, compares every two of them, and prints by which factors the observed
changes exceed the standard deviation that `comparison.repeatability.uncertainty` expects. Rounded up they are the
factors of ``data/repeatability.json``: with them ``totalpassport compare`` names a change in at most one of 20 whole
organs that have none. With ``--network-mm`` each grid is a scan's whose labels a network of such voxels found: they are
sampled at that size first and then brought onto the grid, as a run does.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel
import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.comparison.repeatability import (
    factors_of,
    label_affine,
    most_volume_percent,
    uncertainty,
    voxels_of,
)
from TotalPassportLib.image.grid import canonical_grid, labels_on_stored_grid
from TotalPassportLib.passport import Passport
from TotalPassportLib.passport.extraction import extract_passport

IN_PLANE_MM = (0.7, 0.8, 1.0, 1.5, 2.0, 3.0, 4.0)
SLICES_MM = (0.8, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0)
ISOTROPIC_MM = (1.5, 2.0, 3.0, 4.0)
LARGEST_ROTATIONS_DEG = (0.0, 0.0, 5.0, 15.0)
PERCENTILE = 98.3
"""Of each of the three measures, so that about 95 % of the organs stay below all three."""


@dataclass(frozen=True, kw_only=True)
class Ratios:
    """Observed by expected change of one organ between two grids; ``volume_sd`` is what was expected of its volume."""

    volume: float
    position: float
    semi_axis: float
    voxel_count: int
    volume_sd: float


def random_grid(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return voxel sizes in mm, ``[3]``, and a rotation, ``[3, 3]``, as scanners and reconstructions have them."""
    if rng.random() < 0.25:
        spacing_mm = np.full(3, rng.choice(ISOTROPIC_MM))
    else:
        spacing_mm = np.full(3, rng.choice(IN_PLANE_MM))
        # Mostly axial slices, now and then coronal or sagittal ones.
        spacing_mm[rng.choice((2, 2, 2, 1, 0))] = max(rng.choice(SLICES_MM), 0.8 * spacing_mm[0])
    largest = rng.choice(LARGEST_ROTATIONS_DEG)
    return spacing_mm, Rotation.from_euler("xyz", rng.uniform(-largest, largest, 3), degrees=True).as_matrix()


def sampled(
    labels: np.ndarray, affine: np.ndarray, spacing_mm: np.ndarray, rotation: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels on another grid that covers the image, at a random place, and that grid's affine."""
    linear = rotation @ np.diag(spacing_mm)
    corners = np.array(list(itertools.product(*((-0.5, size - 0.5) for size in labels.shape))))
    places = (corners @ affine[:3, :3].T + affine[:3, 3]) @ np.linalg.inv(linear).T
    lowest, highest = places.min(axis=0), places.max(axis=0)
    new = np.eye(4)
    new[:3, :3], new[:3, 3] = linear, linear @ (lowest - rng.uniform(0, 1, 3))
    shape = tuple(np.ceil(highest - lowest).astype(int) + 1)
    old_from_new = np.linalg.inv(affine) @ new
    moved = ndimage.affine_transform(labels, old_from_new[:3, :3], old_from_new[:3, 3], output_shape=shape, order=0)
    return moved, new


def found_by_network(
    labels: np.ndarray,
    affine: np.ndarray,
    network_mm: float,
    grid: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
) -> Passport:
    """Return the passport of a run on a scan whose voxel sizes and rotation ``grid`` has: its network is coarser."""
    spacing_mm, rotation = grid
    found, found_affine = sampled(labels, affine, np.full(3, network_mm), rotation, rng)
    # The scan's first and last voxels lie where the network's do, as in `image.grid`.
    steps = [max(round((size - 1) * network_mm / own), 1) for size, own in zip(found.shape, spacing_mm, strict=True)]
    scales = [(size - 1) / step for size, step in zip(found.shape, steps, strict=True)]
    scan = canonical_grid(found_affine @ np.diag([*scales, 1.0]), tuple(step + 1 for step in steps))
    passport = extract_passport(labels_on_stored_grid(found, scan), scan.affine, load_label_table("total"))
    return replace(passport, model={"label_spacing_mm": [network_mm] * 3})


def passports(
    labels: np.ndarray, affine: np.ndarray, repeats: int, seed: int = 0, network_mm: float | None = None
) -> list[Passport]:
    """Return the passports of a label image on random grids, or of runs on them; nothing is cut by an edge."""
    rng = np.random.default_rng(seed)
    padded, moved = np.pad(labels, 2), affine.copy()
    moved[:3, 3] -= affine[:3, :3] @ np.full(3, 2)
    if network_mm is not None:
        return [found_by_network(padded, moved, network_mm, random_grid(rng), rng) for _ in range(repeats)]
    table = load_label_table("total")
    return [extract_passport(*sampled(padded, moved, *random_grid(rng), rng), table) for _ in range(repeats)]


def ratios(measured: list[Passport]) -> Iterator[Ratios]:
    """Yield observed by expected changes of every organ between every two passports of the same anatomy."""
    for first, second in itertools.combinations(measured, 2):
        grids = label_affine(first), label_affine(second)
        counts = {
            label: min(voxels_of(first.organs[label], grids[0]), voxels_of(second.organs[label], grids[1]))
            for label in first.organs.keys() & second.organs.keys()
        }
        common = [label for label, count in counts.items() if factors_of(count) is not None]
        shifts = [second.organs[label].centroid_ras_mm - first.organs[label].centroid_ras_mm for label in common]
        # Grids of which one divides the other move all organs alike, which the alignment of two scans takes away.
        shared = np.median(shifts, axis=0) if shifts else np.zeros(3)
        for label, shift in zip(common, shifts, strict=True):
            before, after = first.organs[label], second.organs[label]
            one, other = uncertainty(before, grids[0]), uncertainty(after, grids[1])
            volume_sd = float(np.hypot(one.volume_fraction, other.volume_fraction))
            axes = np.abs(after.semi_axes_mm - before.semi_axes_mm) / np.maximum(before.semi_axes_mm, 1e-9)
            yield Ratios(
                volume=abs(after.volume_mm3 / before.volume_mm3 - 1) / volume_sd,
                position=float(np.linalg.norm(shift - shared) / np.hypot(one.centroid_mm, other.centroid_mm)),
                semi_axis=float((axes / np.hypot(one.semi_axes_fraction, other.semi_axes_fraction)).max()),
                voxel_count=counts[label],
                volume_sd=volume_sd,
            )


def judged(found: list[Ratios]) -> list[Ratios]:
    """Return those whose organ is not too coarsely sampled to be judged."""
    return [
        each
        for each in found
        if 100 * factors_of(each.voxel_count).volume_factor * each.volume_sd <= most_volume_percent()
    ]


def factors(found: list[Ratios]) -> dict[str, float]:
    """Return the percentile of each ratio."""
    names = ("volume", "position", "semi_axis")
    return {name: float(np.percentile([getattr(each, name) for each in found], PERCENTILE)) for name in names}


def flagged_share(found: list[Ratios]) -> float:
    """Return the share of organs of which the bundled factors would name a change, though there is none."""
    flagged = []
    for each in found:
        known = factors_of(each.voxel_count)
        beyond = (
            each.volume > known.volume_factor,
            each.position > known.position_factor,
            each.semi_axis > known.semi_axis_factor,
        )
        flagged.append(any(beyond))
    return float(np.mean(flagged))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path, nargs="+", help="multi-label images, uint8")
    parser.add_argument("--repeats", type=int, default=30, help="grids for each image, compared in pairs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--network-mm", type=float, help="voxels of the network; without it labels lie on the grids")
    arguments = parser.parse_args()
    for path in arguments.labels:
        image = nibabel.as_closest_canonical(nibabel.load(path))
        found = list(
            ratios(
                passports(
                    np.asarray(image.dataobj).astype(np.uint8),
                    image.affine,
                    arguments.repeats,
                    arguments.seed,
                    arguments.network_mm,
                )
            )
        )
        kept = judged(found)
        print(
            json.dumps(
                {
                    "labels": path.name,
                    "pairs": len(found),
                    "judged": len(kept),
                    **factors(kept),
                    "flagged": flagged_share(kept),
                }
            )
        )
        for low, high in itertools.pairwise((20, 60, 200, 1000, 10_000, 10**9)):
            some = [each for each in kept if low <= each.voxel_count < high]
            if len(some) > 50:
                print(json.dumps({"voxels": low, "pairs": len(some), **factors(some), "flagged": flagged_share(some)}))


if __name__ == "__main__":
    main()
