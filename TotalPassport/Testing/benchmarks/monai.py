#!/usr/bin/env python3
"""MONAI's own run of its whole-body bundle beside ours: times, memory, and how many voxels are the same.

    python TotalPassport/Testing/benchmarks/monai.py --monai-python ENV/bin/python --bundle BUNDLE --scan CT [--highres]

ENV has monai, torch, nibabel and pytorch-ignite. Both programs are whole processes on the same machine, one after the
other; MONAI's is `monai.bundle run` of the bundle's own `configs/inference.json` on the processor. Conversion of the
checkpoint is done beforehand, as a user has it done once.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import nibabel
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from TotalPassportLib.benchmark.measured_process import ProcessUsage, run_measured
from TotalPassportLib.segmentation.engines import PRECISIONS

MONAIS_RUN = "import json, sys; from monai.bundle import run; run(**json.loads(sys.argv[1]))"
"""The function behind `python -m monai.bundle run`, which needs one package more."""


def main() -> int:
    """Run MONAI, and ours in every precision; print a line for each, with the ratio and what labels are alike."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--monai-python", type=Path, required=True, metavar="PYTHON", help="of an environment with monai"
    )
    parser.add_argument("--bundle", type=Path, required=True, help="the bundle's folder")
    parser.add_argument("--scan", type=Path, required=True, help="a CT, NIfTI")
    parser.add_argument("--highres", action="store_true", help="the 1.5 mm network")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="the fastest of N runs counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        ours = {precision: run_ours(options, root, precision) for precision in PRECISIONS}
        theirs, their_labels = run_monais(options, root)
    print(f"{'':14} {'seconds':>8} {'processor s':>11} {'peak MiB':>9} {'as fast':>8} {'alike %':>10}")
    print(f"{'MONAI':14} {_used(theirs)} {1:8.2f}")
    for precision, (usage, labels) in ours.items():
        same = float((labels == their_labels.reshape(labels.shape)).mean())
        print(f"{precision:14} {_used(usage)} {theirs.seconds / usage.seconds:8.2f} {100 * same:10.5f}")
    print(f"{their_labels.size} voxels")
    return 0


def _used(usage: ProcessUsage) -> str:
    peak, busy = (usage.peak_bytes or 0) / 2**20, usage.processor_seconds or 0.0
    return f"{usage.seconds:8.1f} {busy:11.1f} {peak:9.0f}"


def run_ours(options: argparse.Namespace, root: Path, precision: str) -> tuple[ProcessUsage, np.ndarray]:
    """Return the best run of ours and its labels; one more before it converts the weights and tries the engine."""
    model = "wholebody" if options.highres else "wholebody-lowres"
    environment = {**os.environ, "TOTALPASSPORT_HOME": str(root / "home")}
    runs = []
    for number in range(options.repeat + 1):
        output = root / f"{precision}{number}"
        words = ["run", options.scan, "-o", output, "--model", model, "--weights", options.bundle]
        words += ["--precision", precision]
        runs.append(_measured([sys.executable, "-m", "TotalPassportLib", *map(str, words)], root, environment))
    (labels,) = output.glob("*_segmentation.nii.gz")
    return min(runs[1:], key=lambda usage: usage.seconds), np.asarray(nibabel.load(labels).dataobj)


def run_monais(options: argparse.Namespace, root: Path) -> tuple[ProcessUsage, np.ndarray]:
    """Return MONAI's best run and its labels."""
    runs = []
    for number in range(options.repeat):
        output = root / f"monai{number}"
        settings = {
            "config_file": str(options.bundle / "configs" / "inference.json"),
            "meta_file": str(options.bundle / "configs" / "metadata.json"),
            "bundle_root": str(options.bundle), "datalist": [str(options.scan.absolute())], "output_dir": str(output),
            "displayable_configs#highres": options.highres, "dataloader#num_workers": 0,
        }  # fmt: skip
        command = [str(options.monai_python), "-c", MONAIS_RUN, json.dumps(settings)]
        runs.append(_measured(command, root, {**os.environ, "CUDA_VISIBLE_DEVICES": ""}))
    (labels,) = output.rglob("*.nii.gz")
    return min(runs, key=lambda usage: usage.seconds), np.asarray(nibabel.load(labels).dataobj).astype(np.uint8)


def _measured(command: list[str], folder: Path, environment: dict[str, str]) -> ProcessUsage:
    usage = run_measured(command, folder, environment)
    if usage.exit_code:
        sys.exit(f"{command[0]} failed:\n{usage.output}\n{usage.log}")
    return usage


if __name__ == "__main__":
    sys.exit(main())
