"""An architecture and its weights, written as an ONNX model.

The network takes `input`, float32 `[1, channels, z, y, x]`, and gives `features`, float32 `[1, z, y, x, features]`; the
three sizes are free, as long as they are multiples of the architecture's `divisor_zyx`. The head, which makes logits of
features, is no part of it (`write_head`): it is linear and can be applied where memory and time allow. The package
`onnx` is needed here and nowhere else, and is imported when the first network is written.

`docs/performance.md` tells what each peculiarity of the graph is worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from ...base.errors import ModelError
from ...base.hints import Hint, HintCode
from .architecture import UNet
from .layers import Convolution, DecoderStage, EncoderLayer, ResidualBlock, Triple, Upsampling

OPSET = 17
IR_VERSION = 8
INPUT, OUTPUT = "input", "features"


def write_network(
    architecture: UNet, weights: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> bytes:
    """The network as the bytes of an ONNX file (opset 17, IR 8); equal input gives equal bytes.

    Parameters
    ----------
    weights : Mapping[str, np.ndarray]
        Tensors under nnU-Net's names, see `UNet.tensors`; copies under other names are ignored.
    metadata : Mapping[str, str] | None
        Texts to keep in the file.

    Raises
    ------
    ModelError
        A tensor is missing, superfluous or of a wrong shape or type, or `onnx` is not installed.
    """
    tensors = select_tensors(architecture, weights)
    onnx = _onnx()
    writer = _GraphWriter(onnx, architecture, tensors)
    sizes = ["z", "y", "x"]
    ports = (
        _port(onnx, INPUT, [1, architecture.input_channels, *sizes]),
        _port(onnx, OUTPUT, [1, *sizes, architecture.head().input_channels]),
    )
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


def write_head(architecture: UNet, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """The head as a matrix, float32 `[classes, features + 1]`, whose last column is the bias.

    Logits are `head[:, :-1] @ features + head[:, -1]`. For parameters and errors see `write_network`.
    """
    tensors, key = select_tensors(architecture, weights), architecture.head().key
    weight, bias = tensors[f"{key}.weight"], tensors[f"{key}.bias"]
    return np.ascontiguousarray(np.column_stack([weight.reshape(len(bias), -1), bias]))


def select_tensors(architecture: UNet, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors that the network needs, as float32, checked.

    nnU-Net's state dicts list most tensors two or three times (`*.all_modules.*`, `decoder.encoder.*`) and hold the
    heads of deep supervision; those are left out. Anything else that is left over means that the weights belong to
    another network, and is refused.

    Raises
    ------
    ModelError
        A tensor is missing, superfluous, of a wrong shape or type, or not finite.
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
            Hint(HintCode.INSTALL_PACKAGE, package="onnx"),
        ) from error
    module: ModuleType = onnx
    return module


def _port(onnx: ModuleType, name: str, shape: list[int | str]) -> Any:
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)


class _GraphWriter:
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
        # Channels last, as OpenVINO computes and as the head wants them: turning them costs 300 ms a window.
        self.node("Transpose", [value], OUTPUT, output=OUTPUT, perm=[0, 2, 3, 4, 1])
        return self.nodes

    def encoder_layer(self, value: str, layer: EncoderLayer) -> str:
        if isinstance(layer, ResidualBlock):
            return self.residual_block(value, layer)
        return self.convolution(value, layer)

    def convolution(self, value: str, layer: Convolution) -> str:
        """A convolution, the normalisation and the activation."""
        return self.finish(self.bare_convolution(value, layer, self.tensors[f"{layer.key}.conv.weight"]), layer)

    def bare_convolution(self, value: str, layer: Convolution, weight: np.ndarray, part: str = "") -> str:
        # The convolution's bias is left out: the normalisation subtracts the mean, and every constant with it.
        key = f"{layer.key}.conv{part}"
        pads = [(size - 1) // 2 for size in layer.kernel] * 2
        attributes: dict[str, Any] = {"kernel_shape": layer.kernel, "strides": layer.stride, "pads": pads}
        return self.node("Conv", [value, self.constant(f"{key}.weight", weight)], key, **attributes)

    def finish(self, value: str, layer: Convolution) -> str:
        value = self.normalisation(value, f"{layer.key}.norm")
        return self.activation(value, layer.key) if layer.activation else value

    def normalisation(self, value: str, key: str) -> str:
        """Instance normalisation written out, because the built-in operators are not accurate enough."""
        centred = self.node("Sub", [value, self.mean(value, f"{key}.mean")], f"{key}.centred")
        # The mean of the squares less the square of the mean would spare this subtraction, and cost labels.
        variance = self.mean_of_squares(centred, f"{key}.variance")
        epsilon = self.constant("epsilon", np.array(self.architecture.norm_eps, np.float32))
        deviation = self.node("Sqrt", [self.node("Add", [variance, epsilon], f"{key}.padded")], f"{key}.deviation")
        weight, bias = (
            self.constant(f"{key}.{name}", self.tensors[f"{key}.{name}"].reshape(1, -1, 1, 1, 1))
            for name in ("weight", "bias")
        )
        # One gain a channel, so that the large array is multiplied once.
        gain = self.node("Div", [weight, deviation], f"{key}.gain")
        return self.node("Add", [self.node("Mul", [centred, gain], f"{key}.scaled"), bias], key)

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

    def activation(self, value: str, key: str) -> str:
        return self.node("LeakyRelu", [value], f"{key}.activation", alpha=self.architecture.negative_slope)

    def residual_block(self, value: str, block: ResidualBlock) -> str:
        key = block.first.key.rpartition(".")[0]
        straight = self.convolution(self.convolution(value, block.first), block.second)
        shortcut = value
        if block.pool:
            shortcut = self.average_pool(shortcut, f"{key}.pool", block.pool)
        if block.projection:
            shortcut = self.convolution(shortcut, block.projection)
        return self.activation(self.node("Add", [straight, shortcut], f"{key}.sum"), key)

    def average_pool(self, value: str, key: str, stride: Triple) -> str:
        return self.node("AveragePool", [value], key, kernel_shape=stride, strides=stride)

    def decoder_stage(self, value: str, skip: str, stage: DecoderStage) -> str:
        """Upsample, join with the skip connection, convolve.

        Convolving two halves and adding is what convolving their concatenation means, without its copy in memory. The
        skip's half comes first, so that the skip's own memory is free before the upsampled half needs some.
        """
        first, *others = stage.convolutions
        upsampled_weight, skip_weight = np.split(self.tensors[f"{first.key}.conv.weight"], 2, axis=1)
        skip_half = self.bare_convolution(skip, first, skip_weight, ".skip")
        value = self.upsampling(self.after(value, skip_half, stage.upsampling.key), stage.upsampling)
        upsampled_half = self.bare_convolution(value, first, upsampled_weight, ".upsampled")
        value = self.finish(self.node("Add", [upsampled_half, skip_half], f"{first.key}.conv"), first)
        for layer in others:
            value = self.convolution(value, layer)
        return value

    def after(self, value: str, other: str, key: str) -> str:
        """The same value, but not before the other one is there: nought times one of its numbers is added.

        Runtimes choose the order of nodes by what they depend on, and ONNX has no other way to ask for one.
        """
        zeros, ones = (self.constant(name, np.full(5, number)) for name, number in (("zeros", 0), ("ones", 1)))
        number = self.node("Slice", [other, zeros, ones], f"{key}.other")
        nothing = self.node("Mul", [number, self.constant("nought", np.zeros(1, np.float32))], f"{key}.nothing")
        return self.node("Add", [value, nothing], f"{key}.after")

    def upsampling(self, value: str, layer: Upsampling) -> str:
        inputs = [value, self.tensor(f"{layer.key}.weight")]
        if layer.bias:
            inputs.append(self.tensor(f"{layer.key}.bias"))
        return self.node("ConvTranspose", inputs, layer.key, kernel_shape=layer.stride, strides=layer.stride)

    def node(self, operator: str, inputs: list[str], key: str, output: str | None = None, **attributes: Any) -> str:
        output = output or f"{key}.out"
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [output], name=key, **attributes))
        return output

    def tensor(self, name: str) -> str:
        return self.constant(name, self.tensors[name])

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants[name] = value
        return name
