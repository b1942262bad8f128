#!/usr/bin/env python3
"""How well scans are aligned by their passports, on pairs whose true alignment is known.

    python TotalPassport/Testing/benchmarks/alignment.py [SEGMENTATION] [--cases 20] [--kinds KIND...]

SEGMENTATION is a real label image of many organs, by default one of ``../shared``. For every kind of case and every
method the table shows the target registration error in mm (mean over labelled points; mean, worst case, cases over
10 mm), refusals and the processor time; the last line is the same as JSON. SimpleITK's CenteredTransformInitializer
gets the label images' outlines, as one would give it. The exit code is 1 when a promise is not kept.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
from alignment_cases import KINDS, Case, Scan, make_case
from TotalPassportLib.alignment import align
from TotalPassportLib.base.errors import BadInput

try:
    import SimpleITK
except ImportError:
    SimpleITK = None

REAL_LABELS = Path(__file__).resolve().parents[4] / "shared" / "data" / "example_seg_fast_force_split.nii.gz"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
FAR_MM = 10.0
PROMISES_MM = {
    ("rigid", "centroids"): 0.5,
    ("rigid", "ICP"): 0.3,
    ("crop", "centroids"): 0.5,
    ("crop", "ICP"): 0.3,
    ("noise", "centroids"): 2.0,
    ("noise", "ICP"): 0.8,
}
"""Largest mean error by kind of case and method; besides, no case may be off by more than `FAR_MM`."""
MovesPoints = Callable[[np.ndarray], np.ndarray]
"""Takes points of the fixed scan (RAS mm, ``[n, 3]``) to the moving one."""
Method = Callable[[Case], MovesPoints]


def main() -> int:
    """Run the benchmark; return 0 when every promise is kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("segmentation", type=Path, nargs="?", default=REAL_LABELS, help="default: %(default)s")
    parser.add_argument("--cases", type=int, default=20, help="of each kind (default: %(default)s)")
    parser.add_argument("--first-seed", type=int, default=0, help="other cases than those that were looked at before")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    options = parser.parse_args()
    if not ONE_THREAD.items() <= os.environ.items():  # numpy asks for them when it is loaded, so start again
        return subprocess.run([sys.executable, *sys.argv], env={**os.environ, **ONE_THREAD}, check=False).returncode
    if not options.segmentation.is_file():
        parser.error(f"there is no '{options.segmentation}'; name a label image of many organs")
    image = nibabel.load(options.segmentation)
    labels = np.asarray(image.dataobj).astype(np.uint8)
    seeds = range(options.first_seed, options.first_seed + options.cases)
    rows = []
    print(f"{'cases':8} {'method':48} {'mean':>7} {'worst':>7} {'>10 mm':>6} {'refused':>7} {'ms':>6}")
    for kind in options.kinds:
        measured = measure(kind, seeds, labels, image.affine)
        rows += measured
        for row in measured:
            print(
                f"{row['cases']:8} {row['method']:48} {row['mean_mm']:7.3f} {row['worst_mm']:7.3f} {row['far']:6} "
                f"{row['refused']:7} {row['milliseconds']:6.0f}"
            )
    if SimpleITK is None:
        print("SimpleITK is not installed: its CenteredTransformInitializer was left out.")
    broken = broken_promises(rows)
    print("\n".join(broken) or "Every promise is kept.")
    print(
        json.dumps(
            {
                "benchmark": "alignment",
                "cases": options.cases,
                "first_seed": options.first_seed,
                "kept": not broken,
                "rows": rows,
            }
        )
    )
    return 1 if broken else 0


def measure(kind: str, seeds: range, labels: np.ndarray, affine: np.ndarray) -> list[dict[str, object]]:
    """Return a row for each method that suits this kind of case."""
    methods = methods_for(kind)
    errors: dict[str, list[float]] = {name: [] for name in methods}
    refused = dict.fromkeys(methods, 0)
    seconds = dict.fromkeys(methods, 0.0)
    for seed in seeds:
        case = make_case(kind, seed, labels, affine)
        for name, method in methods.items():
            start = time.process_time()
            try:
                moves = method(case)
            except BadInput:
                refused[name] += 1
                continue
            finally:
                seconds[name] += time.process_time() - start
            off = moves(case.target_fixed_ras_mm) - case.target_moving_ras_mm
            errors[name].append(float(np.linalg.norm(off, axis=1).mean()))
    return [
        {
            "cases": kind,
            "method": name,
            "mean_mm": round(float(np.mean(errors[name])), 4) if errors[name] else float("inf"),
            "worst_mm": round(max(errors[name], default=float("inf")), 4),
            "far": sum(error > FAR_MM for error in errors[name]),
            "refused": refused[name],
            "milliseconds": round(1000 * seconds[name] / len(seeds), 1),
        }
        for name in methods
    ]


def methods_for(kind: str) -> dict[str, Method]:
    """Return our methods for a kind of case, and the peers."""
    transform = {"affine": "affine", "smooth": "deformable"}.get(kind, "rigid")
    methods: dict[str, Method] = {"not aligned": lambda case: lambda points: points}
    if SimpleITK is not None:
        methods["SimpleITK CenteredTransformInitializer GEOMETRY"] = lambda case: itk_initial(case, moments=False)
        methods["SimpleITK CenteredTransformInitializer MOMENTS"] = lambda case: itk_initial(case, moments=True)
    if kind == "smooth":
        methods["affine, ICP"] = lambda case: ours(case, "affine", True)
    prefix = "" if transform == "rigid" else f"{transform}, "
    methods[f"{prefix}centroids"] = lambda case: ours(case, transform, False)
    methods[f"{prefix}ICP"] = lambda case: ours(case, transform, True)
    return methods


def ours(case: Case, kind: str, icp: bool) -> MovesPoints:
    """Align the passports of a case."""
    return align(case.fixed.passport, case.moving.passport, kind, icp).moving_from_fixed


def itk_initial(case: Case, moments: bool) -> MovesPoints:
    """Align the outlines of all organs together as SimpleITK does before a registration."""
    filters = SimpleITK.CenteredTransformInitializerFilter
    mode = filters.MOMENTS if moments else filters.GEOMETRY
    initial = SimpleITK.Euler3DTransform()
    transform = SimpleITK.CenteredTransformInitializer(itk_image(case.fixed), itk_image(case.moving), initial, mode)
    flip = np.array([-1.0, -1.0, 1.0])
    return lambda points: np.array([transform.TransformPoint(point) for point in (points * flip).tolist()]) * flip


def itk_image(scan: Scan) -> object:
    """Return the outline of all organs as a SimpleITK image in its place."""
    image = SimpleITK.GetImageFromArray((scan.labels > 0).astype(np.float32).transpose(2, 1, 0))
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ scan.affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    return image


def broken_promises(rows: list[dict[str, object]]) -> list[str]:
    """Return a sentence for every promise that the measured rows do not keep."""
    sentences = []
    for row in rows:
        name = f"{row['cases']}, {row['method']}"
        limit_mm = PROMISES_MM.get((str(row["cases"]), str(row["method"])))
        if limit_mm is not None and row["mean_mm"] > limit_mm:
            sentences.append(f"Not kept: {name}: {row['mean_mm']} mm on average instead of at most {limit_mm} mm.")
        if str(row["method"]).endswith(("centroids", "ICP")) and (row["far"] or row["refused"]):
            sentences.append(f"Not kept: {name}: {row['far']} cases over {FAR_MM:g} mm, {row['refused']} refused.")
    return sentences


if __name__ == "__main__":
    sys.exit(main())
