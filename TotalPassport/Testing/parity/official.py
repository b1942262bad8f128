"""The official TotalSegmentator package for the fixtures; needs the environment in which it is installed.

The library's folder must be on Python's path, for whole runs are those of
`TotalPassportLib.benchmark.official_package`.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np
from TotalPassportLib.benchmark.official_package import run_official, set_up_environment

__all__ = ["run_official", "run_official_subset", "set_up_environment", "versions"]

PACKAGES = ("TotalSegmentator", "nnunetv2", "dynamic-network-architectures", "torch", "numpy", "scipy", "nibabel")


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
