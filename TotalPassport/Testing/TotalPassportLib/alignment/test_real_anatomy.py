"""A real label image, moved, cropped and spoilt in ways that are known: what the benchmark measures, on a few cases."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import nibabel
import numpy as np
import pytest
from benchmarks.alignment_cases import Case, make_case
from TotalPassportLib.alignment import align

SEEDS = range(3)


@cache
def case(kind: str, seed: int, path: Path) -> Case:
    image = nibabel.load(path)
    return make_case(kind, seed, np.asarray(image.dataobj).astype(np.uint8), image.affine)


def error_mm(case: Case, kind: str, icp: bool) -> float:
    alignment = align(case.fixed.passport, case.moving.passport, kind, icp)
    off = alignment.moving_from_fixed(case.target_fixed_ras_mm) - case.target_moving_ras_mm
    return float(np.linalg.norm(off, axis=1).mean())


@pytest.mark.parametrize(
    ("spoilt", "kind", "icp", "limit_mm"),
    [
        ("rigid", "rigid", False, 0.5),
        ("rigid", "rigid", True, 0.3),
        ("crop", "rigid", False, 0.5),
        ("crop", "rigid", True, 0.3),
        ("noise", "rigid", False, 2.0),
        ("noise", "rigid", True, 0.8),
        ("affine", "affine", True, 0.5),
        ("smooth", "deformable", True, 3.0),
    ],
)
def test_the_mean_error_stays_below_the_promise(
    spoilt: str, kind: str, icp: bool, limit_mm: float, shared: Path
) -> None:
    path = shared / "data" / "example_seg_fast_force_split.nii.gz"
    errors = [error_mm(case(spoilt, seed, path), kind, icp) for seed in SEEDS]
    assert np.mean(errors) <= limit_mm
    assert max(errors) < 10


def test_a_case_is_what_it_says_it_is(shared: Path) -> None:
    """The truth of the cases themselves: the targets lie in the same organ in both label images."""
    path = shared / "data" / "example_seg_fast_force_split.nii.gz"
    for spoilt in ("rigid", "affine", "smooth"):
        made = case(spoilt, 0, path)
        values = []
        for scan, targets in (
            (made.fixed, made.target_fixed_ras_mm),
            (made.moving, made.target_moving_ras_mm),
        ):
            indices = np.rint(nibabel.affines.apply_affine(np.linalg.inv(scan.affine), targets)).astype(int)
            values.append(scan.labels[tuple(indices.T)])
        assert np.array_equal(*values)
