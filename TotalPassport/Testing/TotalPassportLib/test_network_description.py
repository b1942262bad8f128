"""Somebody's network gets a description from its ports, its metadata and a run on noise; what is assumed is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.networks import save_graph, save_network, threshold_layers
from support.scans import save_nifti
from TotalPassportLib.base.errors import BadInput, ModelError
from TotalPassportLib.models.reading import read_model
from TotalPassportLib.network_description import NetworkFacts, describe_network, write_description
from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run

FREE = ["n", "z", "y", "x"]


def conv(
    copies: int = 1, channels: int = 3, operator: str = "Identity", **attributes: Any
) -> tuple[list[Any], list[Any]]:
    """Return a 1 x 1 x 1 convolution with something behind it."""
    weights = np.linspace(-2, 2, channels * copies, dtype=np.float32).reshape(channels, copies, 1, 1, 1)
    bias = np.linspace(0.3, -0.2, channels, dtype=np.float32)
    return [
        helper.make_node("Conv", ["input", "w", "b"], ["value"]),
        helper.make_node(operator, ["value"], ["logits"], **attributes),
    ], [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(bias, "b")]


def network_of(folder: Path, operator: str = "Identity", *, copies: int = 1, **settings: Any) -> Path:
    nodes, values = conv(copies, operator=operator, **settings.pop("attributes", {}))
    output = settings.pop("output", ["n", 3, "z", "y", "x"])
    return save_graph(folder / "net.onnx", nodes, ["n", copies, "z", "y", "x"], output, values, **settings)


def test_a_network_of_free_sizes_is_described_and_everything_unsaid_is_said(tmp_path: Path) -> None:
    described = describe_network(network_of(tmp_path), NetworkFacts())
    (part,) = described.document["parts"]
    assert (part["patch_size_zyx"], part["stride"], part["axes"]) == ([96] * 3, [48] * 3, [2, 1, 0])
    assert described.document["sampling"] == {"rule": "own"}
    assert part["label_values"] == [0, 1, 2]
    told = " ".join(described.assumed)
    for word in ("RAS", "--spacing", "--normalisation", "--overlap", "--labels", "--patch-size"):
        assert word in told


def test_what_is_said_is_not_assumed(tmp_path: Path) -> None:
    facts = NetworkFacts(
        name="mine", spacing_mm=(1.5, 1.5, 2.0), orientation="PLS", normalisation={"scheme": "none"},
        labels={1: "spleen", 2: "liver"}, patch_size=(32, 48, 64), overlap=0.25, modality="MR",
    )  # fmt: skip
    network = network_of(tmp_path)
    described = describe_network(network, facts)
    assert described.assumed == []
    model = read_model(write_description(described, network))
    assert (model.name, model.modality, model.spacing_mm) == ("mine", "MR", (1.5, 1.5, 2.0))
    assert (model.preparation.orientation, model.parts[0].axes) == ("LPS", (1, 2, 0))
    assert model.parts[0].stride == (24, 36, 48)
    assert model.labels[2].name == "liver"
    with pytest.raises(BadInput, match="is there already"):
        write_description(described, network)


@pytest.mark.parametrize(
    ("operator", "attributes", "gives", "regions"),
    [("Softmax", {"axis": 1}, "probabilities", False), ("Sigmoid", {}, "probabilities", True)],
)
def test_a_softmax_or_sigmoid_inside_is_noticed(
    operator: str, attributes: dict[str, Any], gives: str, regions: bool, tmp_path: Path
) -> None:
    described = describe_network(network_of(tmp_path, operator, attributes=attributes), NetworkFacts())
    (part,) = described.document["parts"]
    assert (part["ports"]["gives"], part["regions"]) == (gives, regions)
    assert len(part["label_values"]) == 3


def test_an_argmax_inside_is_noticed_and_its_labels_are_asked_for(tmp_path: Path) -> None:
    network = network_of(
        tmp_path, "ArgMax", attributes={"axis": 1, "keepdims": 0}, output=FREE, output_type=TensorProto.INT64
    )
    described = describe_network(network, NetworkFacts(labels={1: "spleen", 2: "liver"}))
    (part,) = described.document["parts"]
    assert part["ports"]["gives"] == "labels"
    assert part["label_values"] == [0, 1, 2]


def test_channels_last_and_fixed_sizes_are_read_from_the_ports(tmp_path: Path) -> None:
    nodes, values = conv()
    nodes = [
        helper.make_node("Transpose", ["input"], ["first"], perm=[0, 4, 1, 2, 3]),
        helper.make_node("Conv", ["first", "w", "b"], ["value"]),
        helper.make_node("Transpose", ["value"], ["logits"], perm=[0, 2, 3, 4, 1]),
    ]
    network = save_graph(tmp_path / "net.onnx", nodes, [1, 20, 24, 28, 1], [1, 20, 24, 28, 3], values)
    (part,) = describe_network(network, NetworkFacts()).document["parts"]
    assert part["patch_size_zyx"] == part["divisor_zyx"] == [20, 24, 28]
    assert part["ports"]["input_channels_last"]
    assert part["ports"]["output_channels_last"]


def test_the_metadata_of_itk_infer_and_names_of_classes_are_used(tmp_path: Path) -> None:
    metadata = {
        "window_level": "40", "window_width": "400", "class_names": json.dumps(["background", "spleen", "liver"]),
        "inference_config": json.dumps({"patch_size": [32, 32, 32], "patch_stride": [16, 16, 16]}),
    }  # fmt: skip
    described = describe_network(network_of(tmp_path, metadata=metadata), NetworkFacts())
    (part,) = described.document["parts"]
    assert part["normalisation"] == {"scheme": "window", "level": 40.0, "width": 400.0}
    assert (part["patch_size_zyx"], part["stride"]) == ([32] * 3, [16] * 3)
    assert described.document["orientation"] == "stored"
    assert [label["name"] for label in described.document["labels"]] == ["spleen", "liver"]


def test_several_images_at_once_are_refused_unless_they_are_the_same_scan(tmp_path: Path) -> None:
    network = network_of(tmp_path, copies=4)
    with pytest.raises(ModelError, match="takes 4 images of one patient at once") as failure:
        describe_network(network, NetworkFacts())
    assert "say that it is repeated" in str(failure.value.hint)
    (part,) = describe_network(network, NetworkFacts(repeat_scan=True)).document["parts"]
    assert part["ports"]["copies"] == 4


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (["n", 1, "y", "x"], "takes pictures, not volumes"),
        (["n", 1, "t", "z", "y", "x"], "has no input that is a volume of numbers"),
    ],
)
def test_what_takes_no_volumes_is_refused_with_the_reason(shape: list[Any], reason: str, tmp_path: Path) -> None:
    nodes = [helper.make_node("Identity", ["input"], ["logits"])]
    network = save_graph(tmp_path / "net.onnx", nodes, shape, shape)
    with pytest.raises(ModelError, match=reason):
        describe_network(network, NetworkFacts())


def test_what_gives_no_result_for_each_voxel_is_refused(tmp_path: Path) -> None:
    nodes = [helper.make_node("GlobalAveragePool", ["input"], ["logits"])]
    network = save_graph(tmp_path / "net.onnx", nodes, ["n", 1, "z", "y", "x"], ["n", 1, 1, 1, 1])
    with pytest.raises(ModelError, match="not a result for each voxel"):
        describe_network(network, NetworkFacts())


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"labels": {1: "spleen"}}, "1 structures are named, but the network has 3 channels"),
        ({"orientation": "RAX"}, "'RAX' is no orientation"),
        ({"overlap": 1.0}, "cannot overlap by 1"),
        ({"gives": "joy"}, "gives no 'joy'"),
    ],
)
def test_what_contradicts_the_network_is_refused(facts: dict[str, Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=reason):
        describe_network(network_of(tmp_path), NetworkFacts(**facts))


def test_a_network_without_words_runs_on_a_scan_of_0_to_1_and_equals_a_direct_run(tmp_path: Path) -> None:
    """Fractions survive: the levels of the network lie between 0 and 1, as the scan does."""
    network = save_network(tmp_path / "net.onnx", threshold_layers([0.0, 0.3, 0.6, 0.9], std_hu=1.0))
    voxels = np.random.default_rng(2).random((30, 26, 22)).astype(np.float32)
    scan = save_nifti(tmp_path / "scan.nii.gz", voxels, np.diag([-2.0, -2.0, 3.0, 1.0]))
    facts = NetworkFacts(normalisation={"scheme": "none"}, patch_size=(16, 16, 16), modality="MR", orientation="SAR")
    write_description(describe_network(network, facts), network)
    result = run(scan, tmp_path / "out", RunOptions(model=str(network), provider="cpu"))
    found = np.asarray(nibabel.load(result.paths.segmentation).dataobj)
    session = onnxruntime.InferenceSession(str(network), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"input": voxels[np.newaxis, np.newaxis]})
    assert np.array_equal(found, logits[0].argmax(axis=0))
    assert set(np.unique(found)) == {0, 1, 2, 3}


def test_a_fixed_grid_takes_any_scan(tmp_path: Path) -> None:
    nodes, values = conv()
    network = save_graph(tmp_path / "net.onnx", nodes, [1, 1, 16, 20, 24], [1, 3, 16, 20, 24], values)
    facts = NetworkFacts(grid=(16, 20, 24), orientation="RAS", normalisation={"scheme": "range", "low": 0, "high": 1})
    described = describe_network(network, facts)
    assert described.document["sampling"] == {"rule": "fixed_grid", "size": [16, 20, 24]}
    write_description(described, network)
    voxels = np.random.default_rng(2).normal(size=(40, 30, 12)).astype(np.float32) * 500
    scan = save_nifti(tmp_path / "scan.nii.gz", voxels, np.diag([1.0, 1.5, 4.0, 1.0]))
    result = run(scan, tmp_path / "out", RunOptions(model=str(network), provider="cpu"))
    assert nibabel.load(result.paths.segmentation).shape == (40, 30, 12)
