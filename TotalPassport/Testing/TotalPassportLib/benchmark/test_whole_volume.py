"""The plain pass does the same job as ours: where windows make no difference, its labels are the same."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import onnx
import pytest
from support.networks import LABEL_VALUES, part_document, save_network, threshold_layers, write_model
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.benchmark.matrix_peaks import PRODUCT_GRAPH, gflops, processor_engines
from TotalPassportLib.benchmark.whole_volume import segment_whole_volume
from TotalPassportLib.models.reading import read_model
from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run
from TotalPassportLib.segmentation.engines import plain_engine
from TotalPassportLib.segmentation.session import open_network


def voxels_of(path: Path) -> np.ndarray:
    return np.asarray(nibabel.load(path).dataobj)


def test_a_network_of_single_voxels_gives_our_labels(threshold_model: Path, phantom_ct: Path, tmp_path: Path) -> None:
    told = segment_whole_volume(str(threshold_model), phantom_ct, tmp_path / "labels.nii.gz")
    ours = run(phantom_ct, tmp_path, RunOptions(model=str(threshold_model)))
    assert np.array_equal(voxels_of(tmp_path / "labels.nii.gz"), voxels_of(ours.paths.segmentation))
    assert set(np.unique(voxels_of(tmp_path / "labels.nii.gz"))) == set(LABEL_VALUES)
    assert list(told["seconds"]) == ["load", "prepare", "infer", "restore", "write"]
    assert 0 < told["network_seconds"] <= told["seconds"]["infer"]
    first, second = (nibabel.load(path).header for path in (tmp_path / "labels.nii.gz", ours.paths.segmentation))
    assert first["pixdim"].tobytes() == second["pixdim"].tobytes()


def test_sizes_that_the_network_cannot_take_are_padded(phantom_ct: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "m", part={"divisor_zyx": [8, 4, 8]})
    segment_whole_volume(str(model), phantom_ct, tmp_path / "padded.nii.gz")
    plain = write_model(tmp_path / "plain")
    segment_whole_volume(str(plain), phantom_ct, tmp_path / "labels.nii.gz")
    assert np.array_equal(voxels_of(tmp_path / "padded.nii.gz"), voxels_of(tmp_path / "labels.nii.gz"))


def test_features_and_a_head_give_what_logits_give(threshold_model: Path, phantom_ct: Path, tmp_path: Path) -> None:
    ((weights, bias),) = threshold_layers()
    identity = [(np.ones((1, 1, 1, 1, 1), np.float32), np.zeros(1, np.float32))]
    folder = tmp_path / "headless"
    folder.mkdir()
    network = save_network(folder / "network.onnx", identity)
    document = onnx.load(network)
    document.graph.node[-1].output[0] = "last"
    document.graph.node.append(onnx.helper.make_node("Transpose", ["last"], ["logits"], perm=[0, 2, 3, 4, 1]))
    port = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, [1, "z", "y", "x", 1])
    document.graph.output[0].CopyFrom(port)
    onnx.save(document, network)
    np.save(folder / "head.npy", np.column_stack([weights.reshape(-1, 1), bias]).astype(np.float32))
    part = part_document(network, head={"file": "head.npy", "sha256": None})
    model = write_model(tmp_path / "model", part={name: part[name] for name in ("head", "sha256")})
    for name in ("network.onnx", "head.npy"):
        (folder / name).replace(model / name)
    assert read_model(model).parts[0].head == model / "head.npy"
    segment_whole_volume(str(model), phantom_ct, tmp_path / "features.nii.gz")
    segment_whole_volume(str(threshold_model), phantom_ct, tmp_path / "logits.nii.gz")
    assert np.array_equal(voxels_of(tmp_path / "features.nii.gz"), voxels_of(tmp_path / "logits.nii.gz"))


def test_a_scan_that_cannot_be_used_is_refused_as_ours_does(threshold_model: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no file"):
        segment_whole_volume(str(threshold_model), tmp_path / "nowhere.nii.gz", tmp_path / "labels.nii.gz")
    assert list(tmp_path.iterdir()) == []


def test_the_graph_for_the_peak_multiplies_matrices() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((3, 4)).astype(np.float32), rng.standard_normal((4, 5)).astype(np.float32)
    (product,) = open_network(PRODUCT_GRAPH, plain_engine()).run(None, {"a": a, "b": b})
    assert np.allclose(product, a @ b, atol=1e-6)


def test_the_peak_is_the_best_of_the_products_that_there_was_time_for() -> None:
    sizes: list[int] = []
    assert gflops(lambda a, b: sizes.append(len(a)), seconds=0.0) > 0
    assert sizes == [1024], "one is always made"
    assert plain_engine() in processor_engines()
