"""Networks of every convention give what a direct onnxruntime run of them gives, on a whole scan by the description."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.networks import model_document, part_document, save_graph
from support.scans import save_nifti
from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run

SHAPE, PATCH = (24, 20, 16), (16, 12, 8)
AFFINE = np.array([[0, -2.0, 0, 30], [2.0, 0, 0, -10], [0, 0, 2.0, -20], [0, 0, 0, 1]])
"""The file's axes go anterior, left and superior."""
CHANNELS = 4
VALUES = [0, 7, 300, 65535]


@pytest.fixture(scope="module")
def scan() -> np.ndarray:
    smooth = np.random.default_rng(3).normal(size=SHAPE)
    return (1000 * smooth).astype(np.float32)


@pytest.fixture(scope="module")
def scan_file(scan: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_nifti(tmp_path_factory.mktemp("scan") / "scan.nii.gz", scan, AFFINE)


def write_described(folder: Path, network: Path, part: dict[str, Any], **model: Any) -> Path:
    """Write the description beside a network: the scan's own voxels from 0 to 1, LPS, as PyTorch has its axes."""
    names = {value: f"thing {value}" for value in (part.get("label_values") or VALUES) if value}
    labels = [
        {"value": value, "name": name, "display_name": name, "color_rgb": [1, 2, 3]} for value, name in names.items()
    ]
    entry = part_document(network) | {
        "patch_size_zyx": list(PATCH), "divisor_zyx": list(PATCH), "stride": [8, 6, 4], "axes": [2, 1, 0],
        "normalisation": {"scheme": "window", "level": 0, "width": 4000}, "label_values": VALUES,
        "padding": "edge", "blending": {"kind": "mean"}, **part,
    }  # fmt: skip
    entry.pop("step")
    document = model_document([entry], spacing_mm=None, labels=labels, sampling={"rule": "own"}, orientation="LPS")
    (folder / "model.json").write_text(json.dumps(document | model), encoding="utf-8")
    return folder


def convolution(channels_last: bool = False, kind: type = np.float32, copies: int = 1) -> tuple[list[Any], list[Any]]:
    """Return the nodes and weights of a 3 x 3 x 3 convolution from ``input`` to ``value``."""
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(CHANNELS, copies, 3, 3, 3)).astype(kind)
    values = [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(np.zeros(CHANNELS, kind), "b")]
    if not channels_last:
        return [helper.make_node("Conv", ["input", "w", "b"], ["value"], pads=[1] * 6)], values
    return [
        helper.make_node("Transpose", ["input"], ["turned"], perm=[0, 4, 1, 2, 3]),
        helper.make_node("Conv", ["turned", "w", "b"], ["first"], pads=[1] * 6),
        helper.make_node("Transpose", ["first"], ["value"], perm=[0, 2, 3, 4, 1]),
    ], values


def windows(size: int, patch: int, stride: int) -> list[int]:
    return sorted({min(start, size - patch) for start in range(0, size, stride)})


def direct(network: Path, scan: np.ndarray, output: str, kind: type, channels_last: bool, copies: int = 1) -> Any:
    """Return the sums of what the network gives for all windows, and how many see each voxel, in LPS."""
    session = onnxruntime.InferenceSession(str(network), providers=["CPUExecutionProvider"])
    image = (np.clip(scan.transpose(1, 0, 2)[:, ::-1], -2000, 2000) / 4000 + 0.5).astype(kind)
    totals, counts = np.zeros((*image.shape, CHANNELS)), np.zeros(image.shape)
    axes = [windows(*sizes) for sizes in zip(image.shape, PATCH, (8, 6, 4), strict=True)]
    for corner in product(*axes):
        place = tuple(slice(first, first + size) for first, size in zip(corner, PATCH, strict=True))
        window = np.repeat(image[place][np.newaxis], copies, axis=0)[np.newaxis]
        (found,) = session.run([output], {"input": np.moveaxis(window, 1, -1) if channels_last else window})
        totals[place] += found[0] if channels_last else np.moveaxis(found[0], 0, -1)
        counts[place] += 1
    return totals / counts[..., np.newaxis]


def back(labels_lps: np.ndarray) -> np.ndarray:
    """Return labels in LPS as the file has its axes."""
    return labels_lps[:, ::-1].transpose(1, 0, 2)


def segmented(model: Path, scan_file: Path, tmp_path: Path, *, provider: str = "cpu") -> np.ndarray:
    result = run(scan_file, tmp_path / "out", RunOptions(model=str(model), provider=provider))
    return np.asarray(nibabel.load(result.paths.segmentation).dataobj)


@pytest.mark.parametrize(
    ("channels_last", "kind", "copies"), [(False, np.float32, 1), (True, np.float32, 1), (False, np.float16, 2)]
)
def test_a_network_of_any_layout_and_type_runs_as_directly(
    channels_last: bool, kind: type, copies: int, scan: np.ndarray, scan_file: Path, tmp_path: Path
) -> None:
    nodes, values = convolution(channels_last, kind, copies)
    nodes.append(helper.make_node("Identity", ["value"], ["logits"]))
    type_code = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    shapes = [[1, *PATCH, copies], [1, *PATCH, CHANNELS]] if channels_last else [[1, copies, *PATCH], [1, 4, *PATCH]]
    network = save_graph(
        tmp_path / "n.onnx", nodes, shapes[0], shapes[1], values, input_type=type_code, output_type=type_code
    )
    ports = {"input_channels_last": channels_last, "output_channels_last": channels_last, "copies": copies}
    model = write_described(tmp_path, network, {"ports": ports})
    mean = direct(network, scan, "logits", kind, channels_last, copies)
    expected = back(np.array(VALUES)[mean.argmax(axis=-1)])
    found = segmented(model, scan_file, tmp_path)
    assert found.dtype == np.uint16, "a value above 255 needs it"
    assert set(np.unique(expected)) == set(VALUES)
    assert (found == expected).mean() > (0.9999 if kind is np.float32 else 0.995)


def test_the_output_that_is_named_counts_and_its_softmax_is_no_harm(
    scan: np.ndarray, scan_file: Path, tmp_path: Path
) -> None:
    nodes, values = convolution()
    nodes += [
        helper.make_node("Softmax", ["value"], ["probable"], axis=1),
        helper.make_node("Neg", ["value"], ["logits"]),
    ]
    second = helper.make_tensor_value_info("probable", TensorProto.FLOAT, ["n", 4, "z", "y", "x"])
    shape = ["n", 1, "z", "y", "x"]
    network = save_graph(tmp_path / "n.onnx", nodes, shape, ["n", 4, "z", "y", "x"], values, further=[second])
    ports = {"output": "probable", "gives": "probabilities"}
    model = write_described(tmp_path, network, {"ports": ports, "divisor_zyx": [1, 1, 1]})
    mean = direct(network, scan, "probable", np.float32, False)
    assert (segmented(model, scan_file, tmp_path) == back(np.array(VALUES)[mean.argmax(axis=-1)])).mean() > 0.9999


def test_labels_that_overlap_are_regions_by_their_sigmoid(scan: np.ndarray, scan_file: Path, tmp_path: Path) -> None:
    nodes, values = convolution()
    nodes.append(helper.make_node("Identity", ["value"], ["logits"]))
    network = save_graph(tmp_path / "n.onnx", nodes, [1, 1, *PATCH], [1, 4, *PATCH], values)
    model = write_described(tmp_path, network, {"regions": True, "label_values": [5, 9, 2, 400]})
    mean = direct(network, scan, "logits", np.float32, False)
    expected = np.zeros(mean.shape[:3], int)
    for channel, value in enumerate([5, 9, 2, 400]):
        expected[mean[..., channel] > 0] = value
    assert (segmented(model, scan_file, tmp_path) == back(expected)).mean() > 0.9999


@pytest.mark.parametrize("kind", [TensorProto.INT64, TensorProto.UINT8, TensorProto.FLOAT])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_a_network_with_an_argmax_inside_is_voted_on(
    kind: int, keepdims: int, scan: np.ndarray, scan_file: Path, tmp_path: Path
) -> None:
    nodes, values = convolution()
    nodes += [
        helper.make_node("ArgMax", ["value"], ["number"], axis=1, keepdims=keepdims),
        helper.make_node("Cast", ["number"], ["logits"], to=kind),
    ]
    shape = [1, *([1] if keepdims else []), *PATCH]
    network = save_graph(tmp_path / "n.onnx", nodes, [1, 1, *PATCH], shape, values, output_type=kind)
    model = write_described(tmp_path, network, {"ports": {"gives": "labels"}, "stride": list(PATCH)})
    found = segmented(model, scan_file, tmp_path)
    session = onnxruntime.InferenceSession(str(network), providers=["CPUExecutionProvider"])
    image = (np.clip(scan.transpose(1, 0, 2)[:, ::-1], -2000, 2000) / 4000 + 0.5).astype(np.float32)
    (corner,) = session.run(None, {"input": image[tuple(slice(size) for size in PATCH)][np.newaxis, np.newaxis]})
    expected = np.array(VALUES)[corner.reshape(PATCH).astype(int)]
    # The first window is the only one to see its own corner; x goes on one voxel before the next one begins.
    turned = found.transpose(1, 0, 2)[:, ::-1]
    assert np.array_equal(turned[:4, :12, :8], expected[:4])


@pytest.mark.parametrize(
    ("ports", "reason"),
    [
        ({"output": "nothing"}, "has no output 'nothing', but logits"),
        ({"input_channels_last": True}, r"takes an input of shape \[1, 1, 16, 12, 8\] instead of \[1, 16, 12, 8, 1\]"),
        ({"copies": 3}, r"takes an input of shape \[1, 1, 16, 12, 8\] instead of \[1, 3, 16, 12, 8\]"),
        (
            {"output_channels_last": True},
            r"gives an output of shape \[1, 4, 16, 12, 8\] instead of \[1, 16, 12, 8, 4\]",
        ),
    ],
)
def test_ports_that_are_not_there_are_named(
    ports: dict[str, Any], reason: str, scan_file: Path, tmp_path: Path
) -> None:
    from TotalPassportLib.base.errors import ModelError

    nodes, values = convolution()
    nodes.append(helper.make_node("Identity", ["value"], ["logits"]))
    network = save_graph(tmp_path / "n.onnx", nodes, [1, 1, *PATCH], [1, 4, *PATCH], values)
    with pytest.raises(ModelError, match=reason):
        segmented(write_described(tmp_path, network, {"ports": ports}), scan_file, tmp_path)


def test_labels_are_written_in_the_orientation_that_the_model_writes(
    scan: np.ndarray, scan_file: Path, tmp_path: Path
) -> None:
    nodes, values = convolution()
    nodes.append(helper.make_node("Identity", ["value"], ["logits"]))
    network = save_graph(tmp_path / "n.onnx", nodes, [1, 1, *PATCH], [1, 4, *PATCH], values)
    model = write_described(tmp_path, network, {}, output_orientation="LPI")
    result = run(scan_file, tmp_path / "out", RunOptions(model=str(model), provider="cpu"))
    image = nibabel.load(result.paths.segmentation)
    assert nibabel.aff2axcodes(image.affine) == ("L", "P", "I")
    mean = direct(network, scan, "logits", np.float32, False)
    expected = np.array(VALUES)[mean.argmax(axis=-1)]
    assert (np.asarray(image.dataobj) == expected[..., ::-1]).mean() > 0.9999
    corner = image.affine @ [0, 0, image.shape[2] - 1, 1]
    assert np.allclose(corner, AFFINE @ [SHAPE[0] - 1, 0, 0, 1]), "the first voxel in L, P and S lies where it lay"


def test_openvino_runs_a_network_of_one_size_after_a_single_trial(
    scan: np.ndarray, scan_file: Path, tmp_path: Path, home: Path
) -> None:
    if "OpenVINOExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("optional: this onnxruntime has no OpenVINO")
    nodes, values = convolution()
    nodes.append(helper.make_node("Identity", ["value"], ["logits"]))
    network = save_graph(tmp_path / "n.onnx", nodes, [1, 1, *PATCH], [1, 4, *PATCH], values)
    model = write_described(tmp_path, network, {})
    mean = direct(network, scan, "logits", np.float32, False)
    found = segmented(model, scan_file, tmp_path, provider="openvino")
    assert (found == back(np.array(VALUES)[mean.argmax(axis=-1)])).mean() > 0.9999
