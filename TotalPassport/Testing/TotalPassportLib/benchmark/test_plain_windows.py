"""Plain windows are the method itself: their labels are ours but for rounding."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
from TotalPassportLib.benchmark.plain_windows import segment_in_plain_windows
from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run


def voxels_of(path: Path) -> np.ndarray:
    return np.asarray(nibabel.load(path).dataobj)


def test_a_network_of_single_voxels_gives_our_labels(threshold_model: Path, phantom_ct: Path, tmp_path: Path) -> None:
    told = segment_in_plain_windows(str(threshold_model), phantom_ct, tmp_path / "labels.nii.gz")
    ours = run(phantom_ct, tmp_path, RunOptions(model=str(threshold_model)))
    assert np.array_equal(voxels_of(tmp_path / "labels.nii.gz"), voxels_of(ours.paths.segmentation))
    assert 0 < told["network_seconds"] <= told["seconds"]["infer"]
    assert (told["provider"], told["arithmetic"]) == ("CPUExecutionProvider", "float32")


def test_windows_are_placed_and_weighted_as_ours(small_plain_model: Path, phantom_ct: Path, tmp_path: Path) -> None:
    """A random U-Net sees its surroundings: other windows or weights would give other labels everywhere."""
    segment_in_plain_windows(str(small_plain_model), phantom_ct, tmp_path / "labels.nii.gz")
    ours = run(phantom_ct, tmp_path, RunOptions(model=str(small_plain_model), provider="cpu"))
    plain, exact = voxels_of(tmp_path / "labels.nii.gz"), voxels_of(ours.paths.segmentation)
    assert len(np.unique(exact)) > 2
    assert (plain == exact).mean() > 0.995, "float16 sums of random logits round a few labels"
