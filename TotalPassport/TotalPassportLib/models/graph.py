"""An architecture and its weights, written as an ONNX model.

The network takes `input`, float32 `[1, channels, z, y, x]`, and gives `logits`, float32 `[1, classes, z, y, x]`; the
three sizes are free, as long as they are multiples of the architecture's `divisor_zyx`. The package `onnx` is needed
here and nowhere else, and is imported when the first network is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import ModelError
from .architecture import (
    Convolution,
    DecoderStage,
    EncoderLayer,
    Head,
    ResidualBlock,
    Triple,
    UNet,
    Upsampling,
)

OPSET = 17
IR_VERSION = 8
INPUT, OUTPUT = "input", "logits"


def write_network(
    architecture: UNet, weights: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> bytes:
    """The network as the bytes of an ONNX file (opset 17, IR 8); equal input gives equal bytes.

    Parameters
    ----------
    weights : tensors under nnU-Net's names, see `UNet.tensors`; copies under other names are ignored.
    metadata : texts to keep in the file.

    Raises
    ------
    ModelError : a tensor is missing, superfluous or of a wrong shape or type, or `onnx` is not installed.
    """
    tensors = select_tensors(architecture, weights)
    onnx = _onnx()
    writer = _Writer(onnx, architecture, tensors)
    ports = _port(onnx, INPUT, architecture.input_channels), _port(onnx, OUTPUT, architecture.output_channels)
    model = onnx.helper.make_model(
        onnx.helper.make_graph(writer.write(), "network", [ports[0]], [ports[1]]),
        producer_name="TotalPassport",
        ir_version=IR_VERSION,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
    )
    for name, value in writer.constants.items():  # only now, because making graphs and models copies what is in them
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    onnx.helper.set_model_props(model, dict(sorted((metadata or {}).items())))
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def select_tensors(architecture: UNet, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors that the network needs, as float32, checked.

    nnU-Net's state dicts list most tensors two or three times (`*.all_modules.*`, `decoder.encoder.*`) and hold the
    heads of deep supervision; those are left out. Anything else that is left over means that the weights belong to
    another network, and is refused.

    Raises
    ------
    ModelError : a tensor is missing, superfluous, of a wrong shape or type, or not finite.
    """
    shapes = architecture.tensors()
    missing = [name for name in shapes if name not in weights]
    if missing:
        raise _misfit(f"{len(missing)} of {len(shapes)} tensors are missing, the first is {missing[0]}")
    superfluous = [name for name in weights if name not in shapes and not _is_copy(name)]
    if superfluous:
        raise _misfit(f"{len(superfluous)} tensors have no place in it, the first is {str(superfluous[0])[:100]!r}")
    return {name: _checked(name, weights[name], shape) for name, shape in shapes.items()}


def _is_copy(name: str) -> bool:
    parts = str(name).split(".")
    return "all_modules" in parts or parts[:2] in (["decoder", "encoder"], ["decoder", "seg_layers"])


def _checked(name: str, tensor: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    tensor = np.asarray(tensor)
    if tensor.shape != shape:
        raise _misfit(f"{name} has the shape {list(tensor.shape)} instead of {list(shape)}")
    if tensor.dtype.kind != "f":
        raise _misfit(f"{name} holds {tensor.dtype} instead of floating-point numbers")
    tensor = np.ascontiguousarray(tensor, dtype=np.float32)
    if not np.isfinite(tensor).all():
        raise _misfit(f"{name} holds values that are not finite")
    return tensor


def _misfit(reason: str) -> ModelError:
    return ModelError(
        f"The weights do not fit the network that their plans describe: {reason}.",
        "Get the weights again and keep the files of one download together.",
    )


def _onnx() -> ModuleType:
    try:
        import onnx
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ModelError(
            "Converting a network needs the Python package onnx, which is not installed.",
            "Install it with: pip install onnx",
        ) from error
    module: ModuleType = onnx
    return module


def _port(onnx: ModuleType, name: str, channels: int) -> Any:
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, channels, "z", "y", "x"])


class _Writer:
    """Turns layers into nodes; every method takes the names of its inputs and gives the name of its output."""

    def __init__(self, onnx: ModuleType, architecture: UNet, tensors: Mapping[str, np.ndarray]) -> None:
        self.onnx = onnx
        self.architecture = architecture
        self.tensors = tensors
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}

    def write(self) -> list[Any]:
        """All nodes of the network, in the order in which they run."""
        value, skips = INPUT, []
        for stage in self.architecture.encoder():
            for layer in stage:
                value = self.encoder_layer(value, layer)
            skips.append(value)
        for step in self.architecture.decoder():
            skips.pop()
            value = self.decoder_stage(value, skips[-1], step)
        self.head(value, self.architecture.head())
        return self.nodes

    def encoder_layer(self, value: str, layer: EncoderLayer) -> str:
        if isinstance(layer, ResidualBlock):
            return self.residual_block(value, layer)
        return self.convolution([value], layer)

    def convolution(self, values: list[str], layer: Convolution) -> str:
        """A convolution of the values (as if joined along the channels), the normalisation and the activation."""
        # The convolution's bias is left out: the normalisation subtracts the mean, and every constant with it.
        weights = np.split(self.tensors[f"{layer.key}.conv.weight"], len(values), axis=1)
        pads = [(size - 1) // 2 for size in layer.kernel] * 2
        attributes: dict[str, Any] = {"kernel_shape": layer.kernel, "strides": layer.stride, "pads": pads}
        outputs = []
        for number, (value, weight) in enumerate(zip(values, weights, strict=True)):
            key = f"{layer.key}.conv.{number}"
            outputs.append(self.node("Conv", [value, self.constant(f"{key}.weight", weight)], key, **attributes))
        # Convolving two halves and adding is what convolving their concatenation means, without its copy in memory.
        value = outputs[0] if len(outputs) == 1 else self.node("Add", outputs, f"{layer.key}.conv.sum")
        value = self.normalisation(value, f"{layer.key}.norm")
        return self.activation(value, layer.key) if layer.activation else value

    def normalisation(self, value: str, key: str) -> str:
        """Instance normalisation written out, because the built-in operators are not accurate enough."""
        shape = (1, -1, 1, 1, 1)
        centred = self.node("Sub", [value, self.mean(value, f"{key}.mean")], f"{key}.centred")
        squared = self.node("Mul", [centred, centred], f"{key}.squared")
        variance = self.mean(squared, f"{key}.variance")
        epsilon = self.constant("epsilon", np.array(self.architecture.norm_eps, np.float32))
        deviation = self.node("Sqrt", [self.node("Add", [variance, epsilon], f"{key}.padded")], f"{key}.deviation")
        gain = self.constant(f"{key}.weight", self.tensors[f"{key}.weight"].reshape(shape))
        scaled = self.node("Mul", [centred, self.node("Div", [gain, deviation], f"{key}.gain")], f"{key}.scaled")
        offset = self.constant(f"{key}.bias", self.tensors[f"{key}.bias"].reshape(shape))
        return self.node("Add", [scaled, offset], key)

    def mean(self, value: str, key: str) -> str:
        """The mean over z, y and x for each channel: along x first, then y, then z.

        A sum over a million voxels in one go loses three to four digits in float32, and thousands of labels with
        them; three short sums lose none. OpenVINO merges neighbouring means back into one unless `keepdims` differs.
        """
        for axis, keepdims in ((4, 1), (3, 0), (2, 1)):
            value = self.node("ReduceMean", [value], f"{key}.{'zyx'[axis - 2]}", axes=[axis], keepdims=keepdims)
        return self.node("Reshape", [value, self.constant("per_channel", np.array([1, -1, 1, 1, 1]))], key)

    def activation(self, value: str, key: str) -> str:
        return self.node("LeakyRelu", [value], f"{key}.activation", alpha=self.architecture.negative_slope)

    def residual_block(self, value: str, block: ResidualBlock) -> str:
        key = block.first.key.rpartition(".")[0]
        straight = self.convolution([self.convolution([value], block.first)], block.second)
        shortcut = value
        if block.pool:
            shortcut = self.average_pool(shortcut, f"{key}.pool", block.pool)
        if block.projection:
            shortcut = self.convolution([shortcut], block.projection)
        return self.activation(self.node("Add", [straight, shortcut], f"{key}.sum"), key)

    def average_pool(self, value: str, key: str, stride: Triple) -> str:
        return self.node("AveragePool", [value], key, kernel_shape=stride, strides=stride)

    def decoder_stage(self, value: str, skip: str, stage: DecoderStage) -> str:
        values = [self.upsampling(value, stage.upsampling), skip]
        for layer in stage.convolutions:
            values = [self.convolution(values, layer)]
        return values[0]

    def upsampling(self, value: str, layer: Upsampling) -> str:
        inputs = [value, self.tensor(f"{layer.key}.weight")]
        if layer.bias:
            inputs.append(self.tensor(f"{layer.key}.bias"))
        return self.node("ConvTranspose", inputs, layer.key, kernel_shape=layer.stride, strides=layer.stride)

    def head(self, value: str, layer: Head) -> str:
        inputs = [value, self.tensor(f"{layer.key}.weight"), self.tensor(f"{layer.key}.bias")]
        return self.node("Conv", inputs, layer.key, output=OUTPUT, kernel_shape=(1, 1, 1))

    def node(self, operator: str, inputs: list[str], key: str, output: str | None = None, **attributes: Any) -> str:
        output = output or f"{key}.out"
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [output], name=key, **attributes))
        return output

    def tensor(self, name: str) -> str:
        return self.constant(name, self.tensors[name])

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants[name] = value
        return name
