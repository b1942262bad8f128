"""The steps of tasks other than `total`, chained, give the labels that the official package wrote."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from TotalPassportLib.models.task import load_task

from parity.task_chain import Networks, Scan, TaskChain, mode_of

CASES = {
    "total_mr.fast.example_mr_sm": "z-score",
    "total_mr.fast.mr_fractions": "fractions of an MR, zeros around it, z-score of what is filled",
    "total_mr.fastest.example_mr_sm": "6 mm",
    "total_mr.roi.mr_fractions": "a few structures: a crop, and only the parts that can find them",
    "liver_segments_mr.mr_fractions": "a crop; voxels that differ by axis",
    "liver_lesions_mr.mr_fractions": "a z-score with a mask, of the crop",
    "body.full.ct_oblique": "the largest trunk, no small extremities",
    "liver_vessels.ct_oblique": "nnU-Net's own resampling; strides that differ by axis",
    "liver_vessels.robust.ct_oblique": "the robust crop",
    "cerebral_bleed.ct_oblique": "slices apart because of the network; kernels that differ by axis",
    "cerebral_bleed.ct_thick": "slices apart because of the scan",
    "pleural_pericard_effusion.ct_thick": "two folds",
    "kidney_cysts.ct_thick": "axes in another order, auxiliary labels",
    "lung_nodules.ct_oblique": "a residual encoder",
    "heartchambers_highres.ct_oblique": "nothing far from the rough heart",
    "vertebrae_pp.ct_oblique": "numbered again, and grown",
    "total.fast_roi_nothing.ct_soft": "nothing found",
    "total.fast_body_seg.ct_oblique": "a crop to the body",
    "liver_vessels.higher_order.ct_thick": "smooth labels of a crop",
    "total.fast_higher_order.ct_oblique": "smooth labels",
    "total.fast_cubic.ct_thick": "another order of resampling",
}
"""Every kind of step once, and what it is; the slow cases of the same kinds are left out."""
MOST_DIFFERENT = 1e-4


@pytest.fixture(scope="module")
def networks(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Networks:
    """The official weights, converted where they are needed."""
    folders = (shared / "parity_tasks" / "weights", shared / "parity" / "weights")
    return Networks(folders, tmp_path_factory.mktemp("networks"))


@pytest.mark.parametrize("name", CASES)
def test_the_labels_are_the_official_ones(name: str, shared: Path, networks: Networks) -> None:
    case = json.loads((shared / "tools" / "cases.json").read_text(encoding="utf-8"))[name]
    options = case.get("options", {})
    image = nibabel.load(shared / "parity_tasks" / "inputs" / case["input"])
    chain = TaskChain(Scan(voxels=image.get_fdata(), affine=image.affine), networks)
    labels = chain.run(load_task(case["task"]), mode_of(options), options)
    expected = np.asanyarray(nibabel.load(shared / "parity_tasks" / "expected" / f"{name}.nii.gz").dataobj)
    assert np.count_nonzero(labels != expected) <= MOST_DIFFERENT * expected.size
