#!/usr/bin/env python3
"""How much faster a passport is than by the seed's algorithm: one line of JSON with the ratios.

    python TotalPassport/Testing/benchmarks/passport.py [--shared FOLDER] [--timed-labels N] [--without-native]

The peer is an implementation of the seed's definition of its own: label by label, a mask of the whole image, the world
coordinates of all its voxels, their mean and covariance, and 500 boundary voxels drawn by chance from what erosion
takes away. `*_x` compares the same content, the seed's six fields; `*_every_field_x` compares those with everything
that a passport has now. Times are the processor's, of one thread, the best of several runs, so that other work on the
machine disturbs little. The seed's time at native resolution is that of a few labels, scaled to all 117, as the whole
takes minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from scipy import ndimage
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.image.grid import canonical_grid, to_canonical
from TotalPassportLib.passport.extraction import extract_passport, measure_basics
from TotalPassportLib.passport.runs import in_c_order, label_runs

ROOT = Path(__file__).resolve().parents[3]
ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
TOTAL = load_label_table("total")
NATIVE_SHAPE, NATIVE_LABELS = (512, 512, 600), 117
SEED_POINTS = 500


def main() -> int:
    """Measure, and print the ratios."""
    options = _options()
    if not ONE_THREAD.items() <= os.environ.items():  # numpy asks for them when it is loaded, so start again
        return subprocess.run([sys.executable, *sys.argv], env={**os.environ, **ONE_THREAD}, check=False).returncode
    segmentation = options.shared / "data" / "example_seg_fast_force_split.nii.gz"
    if not segmentation.is_file():
        print(f"There is no '{segmentation}'. Name the folder of real scans with --shared.", file=sys.stderr)
        return 2
    image = nibabel.load(segmentation)
    labels = np.ascontiguousarray(np.asarray(image.dataobj).astype(np.uint8))
    ratios = real_ratios(labels, image.affine, options.repeats)
    if not options.without_native:
        ratios |= native_ratios(labels, options.timed_labels)
    print(json.dumps(ratios))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="default: %(default)s")
    parser.add_argument("--repeats", type=int, default=5, help="runs of which the best counts (default: %(default)s)")
    parser.add_argument("--timed-labels", type=int, default=4, help="labels of the native image that the seed measures")
    parser.add_argument("--without-native", action="store_true", help="leave the image of 512 x 512 x 600 out")
    return parser.parse_args()


def real_ratios(labels: np.ndarray, affine: np.ndarray, repeats: int) -> dict[str, Any]:
    """Compare on a real segmentation of 61 labels."""
    present = [int(label) for label in np.unique(labels) if label]
    same_content(seed_passport(labels, affine, present), labels, affine)
    seconds = {
        "seed": best_seconds(lambda: seed_passport(labels, affine, np.unique(labels)[1:]), repeats),
        "thinned": best_seconds(lambda: six_fields(labels, affine, even_points=False), 4 * repeats),
        "fps": best_seconds(lambda: six_fields(labels, affine), 4 * repeats),
        "every_field_thinned": best_seconds(
            lambda: extract_passport(labels, affine, TOTAL, even_points=False), 4 * repeats
        ),
        "every_field_fps": best_seconds(lambda: extract_passport(labels, affine, TOTAL), 4 * repeats),
    }
    return _ratios(f"real_{len(present)}", seconds)


def native_ratios(labels: np.ndarray, timed_labels: int) -> dict[str, Any]:
    """Compare at native resolution with 117 labels, and measure the memory that the passport takes on top."""
    native, affine = native_image(labels), np.diag([0.7, 0.7, 1.0, 1.0])
    present = [int(label) for label in np.unique(native) if label]
    assert (native.shape, len(present)) == (NATIVE_SHAPE, NATIVE_LABELS)
    timed = present[:: max(1, len(present) // timed_labels)][:timed_labels]
    found: dict[int, Any] = {}
    seconds = {"seed": best_seconds(lambda: found.update(seed_passport(native, affine, timed)), 1)}
    seconds["seed"] *= len(present) / len(timed)
    same_content(found, native, affine)
    seconds["thinned"] = best_seconds(lambda: six_fields(native, affine, even_points=False), 2)
    seconds["every_field_fps"] = best_seconds(lambda: extract_passport(native, affine, TOTAL), 2)
    tracemalloc.start()
    extract_passport(native, affine, TOTAL)
    peak_mb = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    ratios = _ratios(f"native_{NATIVE_LABELS}", seconds)
    name = f"native_{NATIVE_LABELS}"
    return {
        **{key.replace("_thinned_x", "_x"): value for key, value in ratios.items()},
        f"{name}_peak_mb_beyond_the_image": round(peak_mb),
        f"{name}_labels_timed_by_seed": len(timed),
    }


def _ratios(name: str, seconds: dict[str, float]) -> dict[str, Any]:
    ours = {what: spent for what, spent in seconds.items() if what != "seed"}
    ratios = {f"{name}_{what}_x": round(seconds["seed"] / spent, 1) for what, spent in ours.items()}
    return {**ratios, f"{name}_seconds": {what: round(spent, 4) for what, spent in seconds.items()}}


def best_seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the least processor time of several runs."""
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)


def seed_passport(labels: np.ndarray, affine: np.ndarray, wanted: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Measure labels as the seed defines it, one by one."""
    chance = np.random.default_rng()
    passport = {}
    for label in wanted:
        mask = labels == label
        world = np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3]
        centroid = world.mean(axis=0)
        covariance = (world - centroid).T @ (world - centroid) / len(world)
        eigenvalues, eigenvectors = np.linalg.eigh(covariance)
        boundary = np.argwhere(mask & ~ndimage.binary_erosion(mask))
        if len(boundary) > SEED_POINTS:
            boundary = boundary[chance.choice(len(boundary), SEED_POINTS, replace=False)]
        passport[int(label)] = {
            "centroid": centroid,
            "covariance": covariance,
            "eigenvalues": eigenvalues,
            "eigenvectors": eigenvectors,
            "boundary_points": boundary @ affine[:3, :3].T + affine[:3, 3],
            "volume_mm3": len(world) * abs(np.linalg.det(affine[:3, :3])),
        }
    return passport


def six_fields(labels: np.ndarray, affine: np.ndarray, even_points: bool = True) -> dict[int, dict[str, Any]]:
    """Measure what the seed's format has, from the array as it is stored."""
    grid = canonical_grid(affine, labels.shape)
    canonical = in_c_order(to_canonical(labels, grid))
    return measure_basics(canonical, label_runs(canonical), grid, even_points=even_points)


def same_content(seed: dict[int, dict[str, Any]], labels: np.ndarray, affine: np.ndarray) -> None:
    """Refuse to compare the times of different results."""
    ours = six_fields(labels, affine)
    for label, expected in seed.items():
        found = ours[label]
        assert np.allclose(found["centroid_ras_mm"], expected["centroid"], atol=1e-6)
        assert np.allclose(found["covariance_mm2"], expected["covariance"], atol=1e-6)
        assert np.allclose(found["eigenvalues_mm2"], expected["eigenvalues"], atol=1e-6)
        assert np.isclose(found["volume_mm3"], expected["volume_mm3"])


def native_image(labels: np.ndarray) -> np.ndarray:
    """Return 117 labels at 512 x 512 x 600: the real segmentation twice, the second time under other labels."""
    present = [int(label) for label in np.unique(labels) if label]
    others = [label for label in range(1, NATIVE_LABELS + 1) if label not in present]
    renamed = np.zeros(256, np.uint8)
    renamed[present[: len(others)]] = others
    both = np.concatenate([labels, renamed[labels]], axis=2)
    indices = [np.arange(size) * old // size for size, old in zip(NATIVE_SHAPE, both.shape, strict=True)]
    return np.ascontiguousarray(both[np.ix_(*indices)])


if __name__ == "__main__":
    sys.exit(main())
