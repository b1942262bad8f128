"""What a network looks like, as data: the two U-Nets that nnU-Net trains.

An architecture knows its layers, in the order in which they run, and the name and shape of every tensor that the
layers need. It holds no weights. The names are nnU-Net's own, so a checkpoint's state dict fits without renaming.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from ...base.errors import ModelError
from .layers import (
    ONE,
    Convolution,
    DecoderStage,
    EncoderLayer,
    Head,
    ResidualBlock,
    Shape,
    Triple,
    Upsampling,
    convolution_stack,
)

MOST_STAGES = 12
MOST_LAYERS_PER_STAGE = 64
MOST_FEATURES = 8192
LARGEST_KERNEL = 15
LARGEST_STRIDE = 8
MOST_PARAMETERS = 450_000_000
"""An ONNX file is one protobuf message, and those end at 2 GiB."""


@dataclass(frozen=True, kw_only=True)
class UNet:
    """What both U-Nets have in common; use one of the two below.

    Parameters
    ----------
    features_per_stage : tuple[int, ...]
        Channels of each encoder stage, finest first.
    strides : tuple[Triple, ...]
        Of each stage's first convolution; the first stage keeps the resolution.
    kernel_sizes : tuple[Triple, ...]
        Of each stage's convolutions, odd.
    n_conv_per_stage_decoder : tuple[int, ...]
        Convolutions of each decoder stage, coarsest first; one stage fewer.
    conv_bias : bool
        Whether the convolutions before a normalisation have a bias.

    Raises
    ------
    ModelError
        The numbers do not make a network.
    """

    input_channels: int
    output_channels: int
    features_per_stage: tuple[int, ...]
    strides: tuple[Triple, ...]
    kernel_sizes: tuple[Triple, ...]
    n_conv_per_stage_decoder: tuple[int, ...]
    conv_bias: bool = True
    norm_eps: float = 1e-5
    negative_slope: float = 0.01

    def __post_init__(self) -> None:
        for name in ("features_per_stage", "n_conv_per_stage_decoder", "strides", "kernel_sizes"):
            object.__setattr__(self, name, _frozen(getattr(self, name)))
        _check(self)

    @property
    def n_stages(self) -> int:
        """How many resolutions the network works at."""
        return len(self.features_per_stage)

    @property
    def divisor_zyx(self) -> Triple:
        """The spatial size of the input must be a multiple of this, axis by axis."""
        z, y, x = (prod(stride[axis] for stride in self.strides) for axis in range(3))
        return z, y, x

    def encoder(self) -> tuple[tuple[EncoderLayer, ...], ...]:
        """The layers of each encoder stage, finest first."""
        raise NotImplementedError

    def decoder(self) -> tuple[DecoderStage, ...]:
        """The decoder stages, coarsest first."""
        return tuple(self._decoder_stage(index) for index in range(self.n_stages - 1))

    def head(self) -> Head:
        """The head at full resolution; the coarser ones serve training only and are left out."""
        return Head(
            key=f"decoder.seg_layers.{self.n_stages - 2}",
            input_channels=self.features_per_stage[0],
            output_channels=self.output_channels,
        )

    def tensors(self) -> dict[str, Shape]:
        """Name and shape of every tensor that the network needs, in the order in which they are used."""
        layers: list[EncoderLayer | Upsampling] = [layer for stage in self.encoder() for layer in stage]
        for stage in self.decoder():
            layers += [stage.upsampling, *stage.convolutions]
        shapes = {name: shape for layer in layers for name, shape in layer.tensors().items()}
        return {**shapes, **self.head().tensors()}

    def gigaflop(self, size_zyx: Triple) -> float:
        """How many billions of operations one run takes, head included; a multiplication and its addition are two.

        Parameters
        ----------
        size_zyx : Triple
            Voxels of the input, multiples of `divisor_zyx`.
        """
        voxels, operations = prod(size_zyx), 0
        levels: list[int] = []
        for stage, stride in zip(self.encoder(), self.strides, strict=True):
            inner = [tensor for layer in stage for tensor in layer.tensors().values()]
            voxels //= prod(stride)
            levels.append(voxels)
            operations += voxels * sum(map(_multiplications, inner))
        for level, step in zip(reversed(levels[:-1]), self.decoder(), strict=True):
            inner = [tensor for layer in step.convolutions for tensor in layer.tensors().values()]
            # Every voxel of an upsampled image comes from one coarse voxel, by one place of the kernel.
            upsampled = step.upsampling.input_channels * step.upsampling.output_channels
            operations += level * (sum(map(_multiplications, inner)) + upsampled)
        operations += levels[0] * sum(map(_multiplications, self.head().tensors().values()))
        return 2e-9 * operations

    def _decoder_stage(self, index: int) -> DecoderStage:
        below, level = self.n_stages - 1 - index, self.n_stages - 2 - index
        coarse, fine = self.features_per_stage[below], self.features_per_stage[level]
        upsampling = Upsampling(
            key=f"decoder.transpconvs.{index}",
            input_channels=coarse,
            output_channels=fine,
            stride=self.strides[below],
            bias=self.conv_bias,
        )
        convolutions = convolution_stack(
            f"decoder.stages.{index}.convs",
            count=self.n_conv_per_stage_decoder[index],
            input_channels=2 * fine,
            output_channels=fine,
            kernel=self.kernel_sizes[level],
            stride=ONE,
            bias=self.conv_bias,
        )
        return DecoderStage(upsampling, convolutions)


@dataclass(frozen=True, kw_only=True)
class PlainConvUNet(UNet):
    """nnU-Net's default: each stage is a stack of convolutions, and the first one of a stage has the stride.

    >>> PlainConvUNet(
    ...     input_channels=1, output_channels=3, features_per_stage=(8, 16), strides=((1, 1, 1), (2, 2, 2)),
    ...     kernel_sizes=((3, 3, 3), (3, 3, 3)), n_conv_per_stage=(2, 2), n_conv_per_stage_decoder=(2,),
    ... ).divisor_zyx
    (2, 2, 2)
    """

    n_conv_per_stage: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_conv_per_stage", _frozen(self.n_conv_per_stage))
        super().__post_init__()
        _check_counts("n_conv_per_stage", self.n_conv_per_stage, self.n_stages)
        _check_parameter_count(self)

    def encoder(self) -> tuple[tuple[EncoderLayer, ...], ...]:
        """The layers of each encoder stage, finest first."""
        channels = (self.input_channels, *self.features_per_stage)
        return tuple(
            convolution_stack(
                f"encoder.stages.{index}.0.convs",
                count=self.n_conv_per_stage[index],
                input_channels=channels[index],
                output_channels=channels[index + 1],
                kernel=self.kernel_sizes[index],
                stride=self.strides[index],
                bias=self.conv_bias,
            )
            for index in range(self.n_stages)
        )


@dataclass(frozen=True, kw_only=True)
class ResidualEncoderUNet(UNet):
    """nnU-Net's residual presets: a stem, then stages of residual blocks; the decoder is the plain one.

    Parameters
    ----------
    n_blocks_per_stage : tuple[int, ...]
        Residual blocks of each encoder stage, finest first.
    """

    n_blocks_per_stage: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_blocks_per_stage", _frozen(self.n_blocks_per_stage))
        super().__post_init__()
        _check_counts("n_blocks_per_stage", self.n_blocks_per_stage, self.n_stages)
        _check_parameter_count(self)

    def encoder(self) -> tuple[tuple[EncoderLayer, ...], ...]:
        """The layers of each encoder stage, finest first; the stem belongs to the first."""
        stem = convolution_stack(
            "encoder.stem.convs",
            count=1,
            input_channels=self.input_channels,
            output_channels=self.features_per_stage[0],
            kernel=self.kernel_sizes[0],
            stride=ONE,
            bias=self.conv_bias,
        )
        first, *others = (self._stage(index) for index in range(self.n_stages))
        return ((*stem, *first), *others)

    def _stage(self, index: int) -> tuple[EncoderLayer, ...]:
        before, after = self.features_per_stage[max(index - 1, 0)], self.features_per_stage[index]
        return tuple(
            self._block(
                f"encoder.stages.{index}.blocks.{block}",
                before=after if block else before,
                after=after,
                kernel=self.kernel_sizes[index],
                stride=ONE if block else self.strides[index],
            )
            for block in range(self.n_blocks_per_stage[index])
        )

    def _block(self, key: str, *, before: int, after: int, kernel: Triple, stride: Triple) -> ResidualBlock:
        pool = stride if max(stride) > 1 else None
        first = Convolution(
            key=f"{key}.conv1",
            input_channels=before,
            output_channels=after,
            kernel=kernel,
            stride=stride,
            bias=self.conv_bias,
        )
        second = replace(first, key=f"{key}.conv2", input_channels=after, stride=ONE, activation=False)
        # The shortcut is a sequence in nnU-Net: the projection is its second member only after a pool.
        projection = Convolution(
            key=f"{key}.skip.{1 if pool else 0}",
            input_channels=before,
            output_channels=after,
            kernel=ONE,
            stride=ONE,
            bias=False,
            activation=False,
        )
        return ResidualBlock(first=first, second=second, pool=pool, projection=projection if before != after else None)


def _multiplications(weight: Shape) -> int:
    """How many multiplications one voxel of a convolution's output takes; none for a bias or a normalisation."""
    return prod(weight) if len(weight) == 5 else 0


def _frozen(values: object) -> object:
    """Lists, as JSON gives them, become tuples, so that the dataclass can be compared and hashed."""
    return tuple(_frozen(value) for value in values) if isinstance(values, list | tuple) else values


def _unusable(reason: str) -> ModelError:
    return ModelError(
        f"The network's description cannot be used: {reason}.",
        "Get the weights again; if this repeats, the model is of a kind that TotalPassport does not know.",
    )


def _is_count(value: object, largest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= largest


def _check_counts(name: str, values: Sequence[int], length: int, largest: int = MOST_LAYERS_PER_STAGE) -> None:
    if not isinstance(values, tuple) or len(values) != length:
        raise _unusable(f"{name} needs {length} entries")
    if not all(_is_count(value, largest) for value in values):
        raise _unusable(f"{name} must hold whole numbers from 1 to {largest}")


def _check_triples(name: str, triples: Sequence[Triple], length: int, largest: int) -> None:
    if not isinstance(triples, tuple) or len(triples) != length:
        raise _unusable(f"{name} needs {length} entries")
    for triple in triples:
        _check_counts(f"each entry of {name}", triple, 3, largest)


def _check(network: UNet) -> None:
    """Refuse numbers that do not make a network, before anything is computed from them."""
    stages = len(network.features_per_stage) if isinstance(network.features_per_stage, tuple) else 0
    if not 2 <= stages <= MOST_STAGES:
        raise _unusable(f"it must have 2 to {MOST_STAGES} stages")
    _check_counts("features_per_stage", network.features_per_stage, stages, MOST_FEATURES)
    _check_counts("n_conv_per_stage_decoder", network.n_conv_per_stage_decoder, stages - 1)
    _check_triples("strides", network.strides, stages, LARGEST_STRIDE)
    _check_triples("kernel_sizes", network.kernel_sizes, stages, LARGEST_KERNEL)
    if max(network.strides[0]) != 1:
        raise _unusable("its first stage must keep the resolution")
    if any(size % 2 == 0 for kernel in network.kernel_sizes for size in kernel):
        raise _unusable("its kernels must have odd sizes")
    for name in ("input_channels", "output_channels"):
        _check_counts(name, (getattr(network, name),), 1, MOST_FEATURES)
    if not isinstance(network.conv_bias, bool):
        raise _unusable("conv_bias must be true or false")
    for name, low, high in (("norm_eps", 1e-12, 1.0), ("negative_slope", 0.0, 1.0)):
        value = getattr(network, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise _unusable(f"{name} must be a number from {low} to {high}")


def _check_parameter_count(network: UNet) -> None:
    parameters = sum(prod(shape) for shape in network.tensors().values())
    if parameters > MOST_PARAMETERS:
        raise _unusable(f"its {parameters:,} parameters are more than the {MOST_PARAMETERS:,} that fit in a model file")
