"""An architecture and its weights, written as an ONNX model.

The network takes `input`, float32 `[1, channels, z, y, x]`, and gives `features`, float32 `[1, z, y, x, features]`; the
three sizes are free, as long as they are multiples of the architecture's `divisor_zyx`. The head, which makes logits of
features, is no part of it (`write_head`): it is linear and can be applied where memory and time allow. The package
`onnx` is needed here and nowhere else, and is imported when the first network is written.

`docs/performance.md` tells what each peculiarity of the graph is worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..onnx_graph import INPUT, OUTPUT, GraphNodes, fitting_tensor, misfit, network_bytes
from .architecture import UNet
from .layers import Convolution, DecoderStage, EncoderLayer, ResidualBlock, Triple, Upsampling


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
    writer = _GraphWriter(architecture, tensors)
    nodes = writer.write()
    features = architecture.head().input_channels
    return network_bytes(
        nodes, writer.constants, input_channels=architecture.input_channels, features=features, metadata=metadata
    )


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
        raise misfit(f"{len(missing)} of {len(shapes)} tensors are missing, the first is {missing[0]}")
    superfluous = [name for name in weights if name not in shapes and not _is_copy(name)]
    if superfluous:
        raise misfit(f"{len(superfluous)} tensors have no place in it, the first is {str(superfluous[0])[:100]!r}")
    return {name: fitting_tensor(name, weights[name], shape) for name, shape in shapes.items()}


def _is_copy(name: str) -> bool:
    parts = str(name).split(".")
    return "all_modules" in parts or parts[:2] in (["decoder", "encoder"], ["decoder", "seg_layers"])


class _GraphWriter(GraphNodes):
    """Turns layers into nodes; every method takes the names of its inputs and gives the name of its output."""

    def __init__(self, architecture: UNet, tensors: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        self.architecture = architecture
        self.tensors = tensors

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
        weight, bias = (self.tensors[f"{key}.{name}"] for name in ("weight", "bias"))
        return self.scaled(centred, variance, weight, bias, self.architecture.norm_eps, key)

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

    def tensor(self, name: str) -> str:
        return self.constant(name, self.tensors[name])
