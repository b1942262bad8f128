#!/usr/bin/env python3
"""Every task on a small scan, from weights in official layout to a passport: one line a task.

    python TotalPassport/Testing/benchmarks/tasks.py [--task NAME ...]

The weights are random and the networks tiny, so the times are those of everything around a network: converting,
cropping by a rough model, resampling, after-work, measuring. Labels are how many of the task's structures were found.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.scans import grid_around, rasterise, save_nifti
from support.task_weights import write_all_weights
from TotalPassportLib.benchmark.measured_process import run_measured
from TotalPassportLib.models.task import MR, list_tasks, load_task, task_names


def main() -> int:
    """Run the tasks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", nargs="+", choices=task_names(), metavar="NAME", help="only these")
    options = parser.parse_args()
    tasks = [load_task(name) for name in options.task] if options.task else list_tasks()
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        weights = write_all_weights(root / "weights")
        scans = write_scans(root)
        print(f"{'task':28} {'seconds':>8} {'MB':>6} {'labels':>6}  of")
        for task in tasks:
            output = root / task.name
            run = ["run", scans[task.modality == MR], "-o", output, "--task", task.name, "--weights", weights]
            command = [sys.executable, "-m", "TotalPassportLib", *map(str, run)]
            usage = run_measured(command, root, {**os.environ, "TOTALPASSPORT_HOME": str(root / "home")})
            failures += usage.exit_code != 0
            found = "failed" if usage.exit_code else str(len(_organs(output)))
            megabytes = f"{usage.peak_bytes / 2**20:.0f}" if usage.peak_bytes else ""
            print(f"{task.name:28} {usage.seconds:8.1f} {megabytes:>6} {found:>6}  {len(task.labels)}", flush=True)
            if usage.exit_code:
                print(usage.log, file=sys.stderr)
    return 1 if failures else 0


def write_scans(folder: Path) -> tuple[Path, Path]:
    """Write the phantom as a CT and as an MR, and return both."""
    shape, affine = grid_around(np.eye(3), (3.0, 3.0, 3.0), (0.0, 0.0, 0.0))
    ct = rasterise(shape, affine).astype(np.int16)
    ct[:2] = -1000
    return save_nifti(folder / "ct.nii.gz", ct, affine), save_nifti(folder / "mr.nii.gz", ct + 1000, affine)


def _organs(output: Path) -> dict[str, object]:
    (passport,) = output.glob("*_passport.json")
    return dict(json.loads(passport.read_text(encoding="utf-8"))["organs"])


if __name__ == "__main__":
    sys.exit(main())
