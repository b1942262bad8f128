"""MONAI's SegResNet and its weights, written as an ONNX model.

The architecture follows from the weights' names and shapes. All convolutions of 3 x 3 x 3 have a padding of 1 and no
bias; normalisation is by 8 groups with an epsilon of 1e-5; levels are joined by adding. Where ``<n>`` counts:

    convInit.conv                                   1 to F channels
    down_layers.<level>.0.conv                      from the second level on: twice the channels, half the size
    down_layers.<level>.<block>                     blocks; 0 is the convolution before
    up_samples.<step>.0.conv                        1 x 1 x 1, half the channels; then twice the size, linearly
    up_layers.<step>.<block>                        blocks, after the level of that size was added
    conv_final.0, conv_final.2.conv                 normalisation, and the head: 1 x 1 x 1 with a bias

A block is ``x + conv2(relu(norm2(conv1(relu(norm1(x))))))``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...base.errors import ModelError
from ..onnx_graph import INPUT, OUTPUT, GraphNodes, fitting_tensor, misfit, network_bytes

GROUPS, EPSILON = 8, 1e-5
MOST_LEVELS = 8
HEAD = "conv_final.2.conv"
_BLOCK = re.compile(r"down_layers\.(\d)\.(\d{1,2})\.norm1\.weight|up_layers\.(\d)\.(\d{1,2})\.norm1\.weight")
Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class SegResNet:
    """The numbers of one network.

    ``blocks_down`` and ``blocks_up`` are the blocks of each level and of each step upwards, ``filters`` the channels of
    the first level.
    """

    filters: int
    input_channels: int
    output_channels: int
    blocks_down: tuple[int, ...]
    blocks_up: tuple[int, ...]

    @classmethod
    def of(cls, weights: Mapping[str, np.ndarray]) -> SegResNet:
        """Return the network that weights belong to.

        Raises
        ------
        ModelError
            They are none of a SegResNet.
        """
        first, head = weights.get("convInit.conv.weight"), weights.get(f"{HEAD}.weight")
        if first is None or head is None or first.ndim != 5 or head.ndim != 5:
            raise ModelError(
                "The checkpoint is not that of a SegResNet with three axes, which MONAI's whole-body bundle has.",
                "Export the network to ONNX, and describe that: see docs/models.md.",
            )
        down, up = [0] * MOST_LEVELS, [0] * MOST_LEVELS
        for found in filter(None, map(_BLOCK.fullmatch, map(str, weights))):
            if found[1] is not None:
                level = min(int(found[1]), MOST_LEVELS - 1)
                down[level] = max(down[level], int(found[2]))
            else:
                step = min(int(found[3]), MOST_LEVELS - 1)
                up[step] = max(up[step], int(found[4]) + 1)
        levels = next((level for level, blocks in enumerate(down) if not blocks), MOST_LEVELS)
        filters = int(first.shape[0])
        if not 2 <= levels < MOST_LEVELS or not all(up[: levels - 1]) or filters % GROUPS:
            raise misfit("it has no regular levels")
        return cls(
            filters=filters,
            input_channels=int(first.shape[1]),
            output_channels=int(head.shape[0]),
            blocks_down=tuple(down[:levels]),
            blocks_up=tuple(up[: levels - 1]),
        )

    @property
    def divisor(self) -> int:
        """Sizes that the network accepts are multiples of this."""
        return int(2 ** (len(self.blocks_down) - 1))

    def tensors(self) -> dict[str, Shape]:
        """Return names and shapes of all tensors that the network needs, without the head's."""
        shapes: dict[str, Shape] = {"convInit.conv.weight": (self.filters, self.input_channels, 3, 3, 3)}
        for level, blocks in enumerate(self.blocks_down):
            channels = self.filters * 2**level
            if level:
                shapes[f"down_layers.{level}.0.conv.weight"] = (channels, channels // 2, 3, 3, 3)
            for block in range(1, blocks + 1):
                shapes |= _block_tensors(f"down_layers.{level}.{block}", channels)
        for step, blocks in enumerate(self.blocks_up):
            channels = self.filters * 2 ** (len(self.blocks_up) - 1 - step)
            shapes[f"up_samples.{step}.0.conv.weight"] = (channels, 2 * channels, 1, 1, 1)
            for block in range(blocks):
                shapes |= _block_tensors(f"up_layers.{step}.{block}", channels)
        return shapes | {"conv_final.0.weight": (self.filters,), "conv_final.0.bias": (self.filters,)}

    def head_tensors(self) -> dict[str, Shape]:
        """Return names and shapes of the head's tensors."""
        return {
            f"{HEAD}.weight": (self.output_channels, self.filters, 1, 1, 1),
            f"{HEAD}.bias": (self.output_channels,),
        }

    def gigaflop(self, patch: tuple[int, int, int]) -> float:
        """Return how many billions of operations one window takes; a multiplication and its addition are two."""
        voxels, total = float(np.prod(patch)), float(self.filters * self.output_channels)
        total *= voxels
        for name, shape in self.tensors().items():
            if len(shape) == 5:
                total += float(np.prod(shape)) * voxels / 8 ** self._halvings(name)
        return 2 * total / 1e9

    def _halvings(self, name: str) -> int:
        """Return how often the sizes were halved where a convolution's results lie."""
        place, _, number = name.partition(".")
        if place == "down_layers":
            return int(number[0])
        steps = len(self.blocks_up)
        if place == "up_samples":  # before the upsampling
            return steps - int(number[0])
        return steps - 1 - int(number[0]) if place == "up_layers" else 0


def _block_tensors(key: str, channels: int) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    for number in (1, 2):
        shapes |= {f"{key}.norm{number}.{kind}": (channels,) for kind in ("weight", "bias")}
        shapes[f"{key}.conv{number}.conv.weight"] = (channels, channels, 3, 3, 3)
    return shapes


def select_segresnet_tensors(network: SegResNet, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return all tensors of a network as float32, checked.

    Raises
    ------
    ModelError
        A tensor is missing, superfluous, of a wrong shape or type, or not finite.
    """
    shapes = network.tensors() | network.head_tensors()
    if missing := [name for name in shapes if name not in weights]:
        raise misfit(f"{len(missing)} of {len(shapes)} tensors are missing, the first is {missing[0]}")
    if superfluous := [name for name in weights if name not in shapes]:
        raise misfit(f"{len(superfluous)} tensors have no place in it, the first is {str(superfluous[0])[:100]!r}")
    return {name: fitting_tensor(name, weights[name], shape) for name, shape in shapes.items()}


def segresnet_head(tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the head as a matrix, float32 ``[channels, features + 1]``, whose last column is the bias."""
    weight, bias = tensors[f"{HEAD}.weight"], tensors[f"{HEAD}.bias"]
    return np.ascontiguousarray(np.column_stack([weight.reshape(len(bias), -1), bias]))


def write_segresnet(network: SegResNet, tensors: Mapping[str, np.ndarray]) -> bytes:
    """Return the network without its head as the bytes of an ONNX file, see `onnx_graph.network_bytes`.

    Parameters
    ----------
    tensors : Mapping[str, np.ndarray]
        See `select_segresnet_tensors`.
    """
    writer = _SegResNetWriter(network, tensors)
    nodes = writer.write()
    return network_bytes(nodes, writer.constants, input_channels=network.input_channels, features=network.filters)


class _SegResNetWriter(GraphNodes):
    """Turns the network into nodes; every method takes the names of its inputs and gives the name of its output."""

    def __init__(self, network: SegResNet, tensors: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        self.network, self.tensors = network, tensors

    def write(self) -> list[object]:
        value, skips = self.convolution(INPUT, "convInit.conv"), []
        for level, blocks in enumerate(self.network.blocks_down):
            if level:
                value = self.convolution(value, f"down_layers.{level}.0.conv", stride=2)
            for block in range(1, blocks + 1):
                value = self.block(value, f"down_layers.{level}.{block}")
            skips.append(value)
        skips.pop()
        for step, blocks in enumerate(self.network.blocks_up):
            key = f"up_samples.{step}.0"
            value = self.upsampling(self.convolution(value, f"{key}.conv"), key)
            value = self.node("Add", [value, skips.pop()], f"{key}.sum")
            for block in range(blocks):
                value = self.block(value, f"up_layers.{step}.{block}")
        value = self.relu(self.normalisation(value, "conv_final.0"), "conv_final.1")
        self.node("Transpose", [value], OUTPUT, output=OUTPUT, perm=[0, 2, 3, 4, 1])
        return self.nodes

    def block(self, value: str, key: str) -> str:
        straight = value
        for number in (1, 2):
            straight = self.relu(self.normalisation(straight, f"{key}.norm{number}"), f"{key}.relu{number}")
            straight = self.convolution(straight, f"{key}.conv{number}.conv")
        return self.node("Add", [straight, value], f"{key}.sum")

    def convolution(self, value: str, key: str, stride: int = 1) -> str:
        weight = self.tensors[f"{key}.weight"]
        kernel = list(weight.shape[2:])
        pads = [(size - 1) // 2 for size in kernel] * 2
        inputs = [value, self.constant(f"{key}.weight", weight)]
        return self.node("Conv", inputs, key, kernel_shape=kernel, strides=[stride] * 3, pads=pads)

    def relu(self, value: str, key: str) -> str:
        return self.node("Relu", [value], key)

    def normalisation(self, value: str, key: str) -> str:
        """Group normalisation: means of each channel in stages (see `GraphNodes.mean`), then of the group's channels.

        The built-in operators sum up to 28 million values one after the other and lose three digits, and 20 times as
        many labels as this.
        """
        channels = len(self.tensors[f"{key}.weight"])
        mean = self.mean_of_groups(self.mean(value, f"{key}.mean"), channels, f"{key}.mean")
        centred = self.node("Sub", [value, mean], f"{key}.centred")
        squares = self.mean_of_squares(centred, f"{key}.variance")
        variance = self.mean_of_groups(squares, channels, f"{key}.variance")
        weight, bias = (self.tensors[f"{key}.{name}"] for name in ("weight", "bias"))
        return self.scaled(centred, variance, weight, bias, EPSILON, key)

    def mean_of_groups(self, means: str, channels: int, key: str) -> str:
        """The mean of each group, for each of its channels, of the means ``[1, channels, 1, 1, 1]`` of channels."""
        members = channels // GROUPS
        apart = self.constant(f"groups_of_{members}", np.array([1, GROUPS, members]))
        joined = self.node("Reshape", [means, apart], f"{key}.apart")
        of_group = self.node("ReduceMean", [joined], f"{key}.of_group", axes=[2], keepdims=1)
        again = self.node("Expand", [of_group, apart], f"{key}.again")
        return self.node("Reshape", [again, self.constant("per_channel", np.array([1, -1, 1, 1, 1]))], f"{key}.each")

    def upsampling(self, value: str, key: str) -> str:
        """Twice the size, linearly, as PyTorch does it without aligning corners."""
        scales = self.constant("twice", np.array([1, 1, 2, 2, 2], np.float32))
        return self.node("Resize", [value, "", scales], key, mode="linear", coordinate_transformation_mode="half_pixel")
