"""Runs the official TotalSegmentator package on the CPU; the python of its own environment runs this file.

    PYTHON official.py MODE WEIGHTS CT OUTPUT

``MODE`` is fast, fastest or full. Nothing of our library is used, and nothing is asked of the network.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    # Run as a script, Python puts this file's folder first, where our modules could hide others.
    sys.path.pop(0)

MODES = ("fast", "fastest", "full")
OFFICIAL_PACKAGES = ("TotalSegmentator", "nnunetv2", "torch")
"""What its environment must have; the rest follows from these."""


def set_up_environment(weights: Path, home: Path) -> None:
    """Point the package to a weights folder and to a home of its own, in which it is told not to report its use."""
    settings = {"totalseg_id": "totalseg_PARITY", "send_usage_stats": False, "prediction_counter": 0}
    (home / "config.json").write_text(json.dumps({**settings, "statistics_disclaimer_shown": True}), encoding="utf-8")
    os.environ.update(TOTALSEG_HOME_DIR=str(home), TOTALSEG_WEIGHTS_PATH=str(weights.absolute()), nnUNet_def_n_proc="2")
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        os.environ.setdefault(name, str(weights.absolute()))  # else nnU-Net complains while it is imported


def run_official(ct: Path, output: Path, mode: str, statistics: Path | None = None, small_blobs: bool = True) -> None:
    """Segment a CT into a multi-label file, as ``TotalSegmentator --ml --device cpu`` does.

    `set_up_environment` has to be called before.
    """
    from totalsegmentator.python_api import totalsegmentator  # type: ignore[import-not-found]

    totalsegmentator(
        ct, output, ml=True, fast=mode == "fast", fastest=mode == "fastest", device="cpu", quiet=True, nr_thr_saving=1,
        statistics=str(statistics.absolute()) if statistics else False, remove_small_blobs=not small_blobs,
    )  # fmt: skip


def main() -> None:
    """Segment one CT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=MODES)
    for name in ("weights", "ct", "output"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        set_up_environment(options.weights, Path(home))
        run_official(options.ct, options.output, options.mode)


if __name__ == "__main__":
    main()
