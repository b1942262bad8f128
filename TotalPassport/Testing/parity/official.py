"""Runs the official TotalSegmentator package on the CPU; needs the environment in which it is installed.

python -m parity.official MODE WEIGHTS CT OUTPUT
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np

PACKAGES = ("TotalSegmentator", "nnunetv2", "dynamic-network-architectures", "torch", "numpy", "scipy", "nibabel")


def prepare(weights: Path, home: Path) -> None:
    """Point the package to a weights folder and to a home of its own, in which it is told not to report its use."""
    settings = {"totalseg_id": "totalseg_PARITY", "send_usage_stats": False, "prediction_counter": 0}
    (home / "config.json").write_text(json.dumps({**settings, "statistics_disclaimer_shown": True}), encoding="utf-8")
    os.environ.update(TOTALSEG_HOME_DIR=str(home), TOTALSEG_WEIGHTS_PATH=str(weights.absolute()), nnUNet_def_n_proc="2")
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        os.environ.setdefault(name, str(weights.absolute()))  # else nnU-Net complains while it is imported


def run_official(ct: Path, output: Path, mode: str, statistics: Path | None = None, small_blobs: bool = True) -> None:
    """Segment a CT into a multi-label file, as ``TotalSegmentator --ml --device cpu`` does; call `prepare` before."""
    from totalsegmentator.python_api import totalsegmentator

    totalsegmentator(
        ct, output, ml=True, fast=mode == "fast", fastest=mode == "fastest", device="cpu", quiet=True, nr_thr_saving=1,
        statistics=str(statistics.absolute()) if statistics else False, remove_small_blobs=not small_blobs,
    )  # fmt: skip


def run_official_subset(ct: Path, output: Path, mode: str, roi: list[str], statistics: Path) -> None:
    """Do what ``--roi_subset`` does after its rough first pass, but on the whole scan, with nothing cropped."""
    from totalsegmentator.nnunet import nnUNet_predict_image
    from totalsegmentator.python_api import get_task_config
    from totalsegmentator.statistics import get_basic_statistics

    config = get_task_config("total", fast=mode == "fast", fastest=mode == "fastest", quiet=True, plans="nnUNetPlans")
    settings = {name: config[name] for name in ("model", "folds", "trainer", "resample", "plans")}
    segmentation, scan, low_resolution = nnUNet_predict_image(
        ct, output, config["task_id"], **settings, task_name="total", roi_subset=roi, device="cpu", quiet=True,
        nr_threads_saving=1, statistics=str(statistics.absolute()) if mode == "fast" else False,
    )  # fmt: skip
    if low_resolution is None:  # as its Python interface does, except in fast mode
        labels = np.asarray(segmentation.dataobj)
        get_basic_statistics(labels, scan, statistics, quiet=True, task="total", roi_subset=roi)


def versions() -> dict[str, str]:
    """Return the versions of everything that has a part in the labels."""
    return {package: version(package) for package in PACKAGES}


def main() -> None:
    """Segment one CT."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, kind in (("mode", str), ("weights", Path), ("ct", Path), ("output", Path)):
        parser.add_argument(name, type=kind)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        prepare(options.weights, Path(home))
        run_official(options.ct, options.output, options.mode)


if __name__ == "__main__":
    main()
