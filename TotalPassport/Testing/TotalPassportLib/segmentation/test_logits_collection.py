"""The logits of a run as zarr arrays: what the labels were made of, on the network's own grid, all or none."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import zarr
from support.networks import LABEL_VALUES, model_document, part_document, save_network, threshold_layers
from support.processes import files_below
from TotalPassportLib.base.errors import BadInput, Cancelled
from TotalPassportLib.base.events import Cancellation, Event
from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run


def canonical(path: Path) -> tuple[np.ndarray, np.ndarray]:
    image = nibabel.as_closest_canonical(nibabel.load(path))
    return np.asarray(image.dataobj), image.affine


def test_the_highest_logit_is_the_label_at_its_place_in_the_patient(
    threshold_model: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    options = RunOptions(model=str(threshold_model), save_logits=True, provider="cpu", save_lowres=True)
    result = run(phantom_ct, tmp_path, options)
    assert result.paths.logits is not None
    array = zarr.open(str(result.paths.logits / "threshold.threshold.zarr"), mode="r")
    assert (array.dtype, array.metadata.zarr_format, array.shape[0]) == (np.float16, 3, 4)
    about = dict(array.attrs)
    assert about["label_values"] == list(LABEL_VALUES)
    labels = np.array(LABEL_VALUES)[array[:].argmax(0)].transpose(2, 1, 0)
    segmentation, affine = canonical(result.paths.segmentation)
    for value in LABEL_VALUES[1:]:
        found, written = (
            grid[:3, :3] @ np.argwhere(voxels == value).mean(0) + grid[:3, 3]
            for voxels, grid in ((labels, np.array(about["affine_ras_mm_of_xyz"])), (segmentation, affine))
        )
        assert (labels == value).sum() == (segmentation == value).sum()
        np.testing.assert_allclose(found, written, atol=1.5)  # the written one has the nominal voxel size


def test_a_network_of_another_voxel_size_gives_them_on_its_own_grid(phantom_ct: Path, tmp_path: Path) -> None:
    network = save_network(tmp_path / "net.onnx", threshold_layers())
    part = part_document(network, spacing_mm=[4.0, 4.0, 4.0])
    (tmp_path / "model.json").write_text(json.dumps(model_document([part], spacing_mm=None)), encoding="utf-8")
    result = run(phantom_ct, tmp_path / "out", RunOptions(model=str(tmp_path), save_logits=True, provider="cpu"))
    array = zarr.open(str(result.paths.logits / "threshold.threshold.zarr"), mode="r")
    affine = np.array(array.attrs["affine_ras_mm_of_xyz"])
    np.testing.assert_allclose(np.linalg.norm(affine[:3, :3], axis=0), 4.0, rtol=0.05)
    # Both grids share the borders of the box that holds anything, which is one of whole voxels of the scan.
    corner = np.linalg.inv(nibabel.load(phantom_ct).affine) @ affine @ [-0.5, -0.5, -0.5, 1]
    np.testing.assert_allclose(corner[:3] + 0.5, [7, 15, 10], atol=1e-3)


def test_a_run_that_is_stopped_leaves_none(threshold_model: Path, phantom_ct: Path, tmp_path: Path) -> None:
    cancellation = Cancellation()

    def stop(event: Event) -> None:
        if event.get("stage") == "describe":
            cancellation.request()

    options = RunOptions(model=str(threshold_model), save_logits=True, provider="cpu")
    with pytest.raises(Cancelled):
        run(phantom_ct, tmp_path, options, on_event=stop, cancellation=cancellation)
    assert not files_below(tmp_path)


def test_logits_and_probabilities_together_are_refused(threshold_model: Path, phantom_ct: Path, tmp_path: Path) -> None:
    options = RunOptions(model=str(threshold_model), save_logits=True, save_probabilities="all", provider="cpu")
    with pytest.raises(BadInput, match="not both"):
        run(phantom_ct, tmp_path, options)
