"""Tiny real ONNX networks whose segmentation is known exactly, and the model folders around them."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from TotalPassportLib.models.description import METADATA_KEY
from TotalPassportLib.models.nnunet.architecture import PlainConvUNet
from TotalPassportLib.models.nnunet.convert import write_network_files

from .checkpoints import random_weights

OPSET = 17
IR_VERSION = 8

LEVELS_HU = (0.0, -500.0, 500.0, 1500.0)
"""Hounsfield units at the centre of each channel of the threshold model."""
LABEL_VALUES = (0, 5, 2, 1)
"""Background, liver, right kidney, spleen."""
NORMALISATION = {"scheme": "ct", "clip_low_hu": -1000.0, "clip_high_hu": 2000.0, "mean_hu": 0.0, "std_hu": 500.0}


def save_network(
    path: Path, layers: Sequence[tuple[np.ndarray, np.ndarray]], metadata: str | None = None, rank: int = 5
) -> Path:
    """Write a chain of same-padded convolutions (weights, bias) with ReLU between them."""
    nodes, values, name = [], [], "input"
    for index, (weights, bias) in enumerate(layers):
        last = index == len(layers) - 1
        values += [numpy_helper.from_array(weights, f"w{index}"), numpy_helper.from_array(bias, f"b{index}")]
        output = "logits" if last else f"c{index}"
        pads = [size // 2 for size in weights.shape[2:]] * 2
        nodes.append(helper.make_node("Conv", [name, f"w{index}", f"b{index}"], [output], pads=pads))
        name = output
        if not last:
            nodes.append(helper.make_node("Relu", [name], [f"r{index}"]))
            name = f"r{index}"
    axes = ["z", "y", "x"][: rank - 2]
    first, final = layers[0][0].shape[1], layers[-1][0].shape[0]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, first, *axes])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, final, *axes])],
        values,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    if metadata is not None:
        helper.set_model_props(model, {METADATA_KEY: metadata})
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def save_graph(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    input_shape: Sequence[int | str],
    output_shape: Sequence[int | str],
    values: Sequence[onnx.TensorProto] = (),
    *,
    input_type: int = TensorProto.FLOAT,
    output_type: int = TensorProto.FLOAT,
    further: Sequence[onnx.ValueInfoProto] = (),
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write a network of some nodes, from ``input`` to ``logits`` and to ``further`` outputs."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", input_type, input_shape)],
        [helper.make_tensor_value_info("logits", output_type, output_shape), *further],
        values,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    helper.set_model_props(model, metadata or {})
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def threshold_layers(
    levels_hu: Sequence[float] = LEVELS_HU, std_hu: float = 500.0, rank: int = 5
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the one 1 x 1 x 1 convolution whose highest channel is the nearest level.

    The nearest level has the highest ``x * level - level^2 / 2``, which is linear in ``x``.
    """
    levels = np.array(levels_hu, np.float32) / np.float32(std_hu)
    weights = levels.reshape(-1, *[1] * (rank - 1))
    return [(weights.astype(np.float32), (-levels * levels / 2).astype(np.float32))]


def slow_layers(channels: int = 4, width: int = 24, depth: int = 6) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return convolutions that keep a core busy; what they find means nothing."""
    rng = np.random.default_rng(0)
    sizes = [1, *[width] * depth]
    layers = [
        ((rng.standard_normal((after, before, 3, 3, 3)) * 0.05).astype(np.float32), np.zeros(after, np.float32))
        for before, after in itertools.pairwise(sizes)
    ]
    last = rng.standard_normal((channels, width, 1, 1, 1)).astype(np.float32)
    return [*layers, (last, np.zeros(channels, np.float32))]


def part_document(network: Path | None, **changes: Any) -> dict[str, Any]:
    """Return the description of one part."""
    digest = None if network is None else hashlib.sha256(network.read_bytes()).hexdigest()
    return {
        "name": "threshold",
        "network": None if network is None else network.name,
        "sha256": digest,
        "patch_size_zyx": [16, 20, 24],
        "divisor_zyx": [1, 1, 1],
        "step": 0.8,
        "normalisation": NORMALISATION,
        "label_values": list(LABEL_VALUES),
    } | changes


def model_document(parts: Sequence[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """Return a whole model description."""
    return {
        "schema": "totalpassport-model/1",
        "name": "threshold",
        "title": "Nearest of four grey levels",
        "version": "1",
        "licence": "Apache-2.0",
        "intended_use": "tests",
        "source": "made here",
        "spacing_mm": [3.0, 3.0, 3.0],
        "labels": "total",
        "parts": list(parts),
    } | changes


def write_model(
    folder: Path,
    layers: Sequence[tuple[np.ndarray, np.ndarray]] | None = None,
    part: dict[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """Write a model folder with one part; ``part`` and ``changes`` exchange fields of its description."""
    folder.mkdir(parents=True, exist_ok=True)
    network = save_network(folder / "network.onnx", threshold_layers() if layers is None else layers)
    document = model_document([part_document(network, **(part or {}))], **changes)
    (folder / "model.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def write_unet_model(folder: Path) -> Path:
    """Write a model folder whose network is nnU-Net's, with two levels, random weights and a head of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    unet = PlainConvUNet(
        input_channels=1, output_channels=len(LABEL_VALUES), features_per_stage=(6, 8), strides=((1, 1, 1), (2, 2, 2)),
        kernel_sizes=((3, 3, 3), (3, 3, 3)), n_conv_per_stage=(2, 2), n_conv_per_stage_decoder=(2,),
    )  # fmt: skip
    files = write_network_files(unet, random_weights(unet), folder / "network.onnx")
    document = model_document([part_document(None, divisor_zyx=[2, 2, 2]) | files])
    (folder / "model.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def edit_model(folder: Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    """Change the description of a model folder in place."""
    path = folder / "model.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    edit(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    return folder
