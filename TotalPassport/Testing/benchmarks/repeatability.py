"""How much do an organ's numbers change when nothing but the voxel grid does?

``python -m benchmarks.repeatability LABELS.nii.gz`` turns and shifts the grid of a label image at random, samples the
labels anew by nearest neighbour, and prints the 95th percentiles of the changes by the organs' size. They are the floor
below which ``totalpassport compare`` reports no change: ``data/repeatability.json``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import nibabel
import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.passport.extraction import extract_passport
from TotalPassportLib.passport.organ import OrganPassport

SIZES = (20, 200, 1000, 10_000)
"""Lower ends of the classes of size, in voxels."""
PERCENTILE = 95
LARGEST_ROTATION_DEG = 10.0


def moved_grid(labels: np.ndarray, affine: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels on a grid that is turned about the image's centre and shifted by up to half a voxel.

    Returns
    -------
    uint8 labels and the new grid's affine (voxel indices to RAS mm), so that the anatomy stays where it is.
    """
    angles_deg = rng.uniform(-LARGEST_ROTATION_DEG, LARGEST_ROTATION_DEG, 3)
    turn = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
    step = np.linalg.inv(affine[:3, :3]) @ turn @ affine[:3, :3]
    centre = (np.array(labels.shape) - 1) / 2
    offset = centre - step @ centre + rng.uniform(-0.5, 0.5, 3)
    sampled = ndimage.affine_transform(labels, step, offset, order=0, mode="constant")
    old_from_new = np.eye(4)
    old_from_new[:3, :3], old_from_new[:3, 3] = step, offset
    return sampled, affine @ old_from_new


def changes(before: OrganPassport, after: OrganPassport, voxel_mm: float) -> tuple[float, float, float]:
    """Return the change of volume (%), of the centroid (voxel sizes), and the largest one of a semi-axis (%)."""
    volume = 100 * abs(after.volume_mm3 / before.volume_mm3 - 1)
    centroid = float(np.linalg.norm(after.centroid_ras_mm - before.centroid_ras_mm)) / voxel_mm
    axes = 100 * float(np.abs(after.semi_axes_mm / before.semi_axes_mm - 1).max())
    return volume, centroid, axes


def measure(labels: np.ndarray, affine: np.ndarray, repeats: int, seed: int = 0) -> list[dict[str, float]]:
    """Return one entry per class of size with the percentiles, and on how many pairs they rest."""
    rng = np.random.default_rng(seed)
    voxel_mm = abs(float(np.linalg.det(affine[:3, :3]))) ** (1 / 3)
    table = load_label_table("total")
    labels, affine = _with_margin(labels, affine)
    passports = [extract_passport(*moved_grid(labels, affine, rng), table, even_points=False) for _ in range(repeats)]
    found: dict[int, list[tuple[float, float, float]]] = {size: [] for size in SIZES}
    for first, second in zip(passports[::2], passports[1::2], strict=False):
        for label in first.organs.keys() & second.organs.keys():
            before, after = first.organs[label], second.organs[label]
            size = max((size for size in SIZES if size <= before.voxel_count), default=None)
            if size is not None:
                found[size].append(changes(before, after, voxel_mm))
    return [_entry(size, np.array(entries)) for size, entries in found.items() if entries]


def _with_margin(labels: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the image with so much background around it that no turned grid cuts anything."""
    margin = np.ceil(max(labels.shape) * np.sin(np.radians(2 * LARGEST_ROTATION_DEG)) / 2).astype(int) + 2
    moved = affine.copy()
    moved[:3, 3] -= affine[:3, :3] @ np.full(3, margin)
    return np.pad(labels, margin), moved


def _entry(size: int, values: np.ndarray) -> dict[str, float]:
    volume, centroid, axes = np.percentile(values, PERCENTILE, axis=0)
    return {
        "fewest_voxels": size,
        "volume_percent": round(float(volume), 2),
        "centroid_voxels": round(float(centroid), 3),
        "semi_axis_percent": round(float(axes), 2),
        "pairs": len(values),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path, help="multi-label image, uint8")
    parser.add_argument("--repeats", type=int, default=60, help="grids, compared in pairs")
    arguments = parser.parse_args()
    image = nibabel.load(arguments.labels)
    for entry in measure(np.asarray(image.dataobj).astype(np.uint8), image.affine, arguments.repeats):
        print(json.dumps(entry))


if __name__ == "__main__":
    main()
