"""Writing networks as ONNX: what every architecture's writer needs. The package `onnx` is imported when one writes.

`docs/performance.md` tells what each peculiarity of the graphs is worth.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..base.errors import ModelError
from ..base.hints import Hint, HintCode
from ..base.optional_packages import required_modules

OPSET = 17
IR_VERSION = 8
INPUT, OUTPUT = "input", "features"


def onnx_module() -> ModuleType:
    """Return the package onnx.

    Raises
    ------
    ModelError
        It is not installed.
    """
    missing = ModelError(
        "Converting a network needs the Python package onnx, which is not installed.",
        Hint(HintCode.INSTALL_PACKAGE, package="onnx"),
    )
    module: ModuleType = required_modules("onnx", "onnx.helper", "onnx.numpy_helper", missing=missing)
    return module


def network_bytes(
    nodes: Sequence[Any],
    constants: Mapping[str, np.ndarray],
    *,
    input_channels: int,
    features: int,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """Return the ONNX file (opset 17, IR 8) of a network; equal input gives equal bytes.

    It takes `INPUT`, float32 ``[1, channels, z, y, x]``, and gives `OUTPUT`, float32 ``[1, z, y, x, features]``; the
    three sizes are free.
    """
    onnx = onnx_module()
    sizes = ["z", "y", "x"]
    ports = (
        _port(onnx, INPUT, [1, input_channels, *sizes]),
        _port(onnx, OUTPUT, [1, *sizes, features]),
    )
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "network", [ports[0]], [ports[1]]),
        producer_name="TotalPassport",
        ir_version=IR_VERSION,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
    )
    for name, value in constants.items():  # only now, because making graphs and models copies what is in them
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    onnx.helper.set_model_props(model, dict(sorted((metadata or {}).items())))
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _port(onnx: ModuleType, name: str, shape: list[int | str]) -> Any:
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)


def save_network(network: bytes, head: np.ndarray, file: Path) -> dict[str, Any]:
    """Write a network and, beside it, its head; return what a part's description says about the two files.

    Parameters
    ----------
    network : bytes
        The content of the ONNX file.
    head : numpy.ndarray
        float32 ``[channels, features + 1]``, whose last column is the bias.
    file : Path
        The ONNX file; the head is called after it.
    """
    content = BytesIO()
    np.save(content, head, allow_pickle=False)
    head_file = file.with_name(f"{file.stem}-head.npy")
    file.write_bytes(network)
    head_file.write_bytes(content.getvalue())
    return {
        "network": file.name, "sha256": hashlib.sha256(network).hexdigest(),
        "head": {"file": head_file.name, "sha256": hashlib.sha256(content.getvalue()).hexdigest()},
    }  # fmt: skip


def fitting_tensor(name: str, tensor: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a tensor as float32 if it has the shape that its place wants.

    Raises
    ------
    ModelError
        It has another shape or type, or is not finite.
    """
    tensor = np.asarray(tensor)
    if tensor.shape != shape:
        raise misfit(f"{name} has the shape {list(tensor.shape)} instead of {list(shape)}")
    if tensor.dtype.kind != "f":
        raise misfit(f"{name} holds {tensor.dtype} instead of floating-point numbers")
    tensor = np.ascontiguousarray(tensor, dtype=np.float32)
    if not np.isfinite(tensor).all():
        raise misfit(f"{name} holds values that are not finite")
    return tensor


def misfit(reason: str) -> ModelError:
    """Return the error for weights that belong to another network."""
    return ModelError(
        f"The weights do not fit the network that their plans describe: {reason}.",
        "Get the weights again and keep the files of one download together.",
    )


class GraphNodes:
    """Nodes and constants of a graph that is being written; every method gives the name of its output."""

    def __init__(self) -> None:
        self.onnx = onnx_module()
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}

    def mean(self, value: str, key: str) -> str:
        """The mean over z, y and x for each channel: along x first, then y, then z.

        A sum over a million voxels in one go loses three to four digits in float32, and thousands of labels with
        them; three short sums lose none. OpenVINO merges neighbouring means back into one unless `keepdims` differs.
        """
        return self.mean_of_rows(self.node("ReduceMean", [value], f"{key}.x", axes=[4], keepdims=1), key)

    def mean_of_squares(self, value: str, key: str) -> str:
        """The mean of the squares for each channel; the length of a row is had without an array of squares."""
        length = self.node("ReduceL2", [value], f"{key}.length", axes=[4], keepdims=1)
        shape = self.node("Shape", [value], f"{key}.shape")
        four, five = (self.constant(name, np.array([number])) for name, number in (("four", 4), ("five", 5)))
        size = self.node("Slice", [shape, four, five], f"{key}.size")
        size = self.node("Cast", [size], f"{key}.size.float", to=self.onnx.TensorProto.FLOAT)
        total = self.mean_of_rows(self.node("Mul", [length, length], f"{key}.x"), key)
        return self.node("Div", [total, size], f"{key}.mean")

    def mean_of_rows(self, value: str, key: str) -> str:
        for axis, keepdims in ((3, 0), (2, 1)):
            value = self.node("ReduceMean", [value], f"{key}.{'zyx'[axis - 2]}", axes=[axis], keepdims=keepdims)
        return self.node("Reshape", [value, self.constant("per_channel", np.array([1, -1, 1, 1, 1]))], key)

    def scaled(self, centred: str, variance: str, weight: np.ndarray, bias: np.ndarray, eps: float, key: str) -> str:
        """The end of a normalisation: deviations from the mean by their variance, with a channel's weight and bias."""
        epsilon = self.constant("epsilon", np.array(eps, np.float32))
        deviation = self.node("Sqrt", [self.node("Add", [variance, epsilon], f"{key}.padded")], f"{key}.deviation")
        gains, shifts = (
            self.constant(f"{key}.{name}", values.reshape(1, -1, 1, 1, 1))
            for name, values in (("weight", weight), ("bias", bias))
        )
        # One gain a channel, so that the large array is multiplied once.
        gain = self.node("Div", [gains, deviation], f"{key}.gain")
        return self.node("Add", [self.node("Mul", [centred, gain], f"{key}.scaled"), shifts], key)

    def node(self, operator: str, inputs: list[str], key: str, output: str | None = None, **attributes: Any) -> str:
        output = output or f"{key}.out"
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [output], name=key, **attributes))
        return output

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants[name] = value
        return name
