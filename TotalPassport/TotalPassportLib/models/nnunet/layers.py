"""The layers of nnU-Net's networks, as data: what each needs, under the names that its tensors have in a checkpoint.

Sizes are in the network's axis order `[z, y, x]`; weights of a convolution are `[out, in, z, y, x]`.
"""

from __future__ import annotations

from dataclasses import dataclass

Triple = tuple[int, int, int]
Shape = tuple[int, ...]
ONE: Triple = (1, 1, 1)
"""A stride that keeps the resolution, and the kernel of a pointwise convolution."""


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """A convolution, an instance normalisation and, for most, a leaky ReLU; `<key>.conv.*` and `<key>.norm.*`."""

    key: str
    input_channels: int
    output_channels: int
    kernel: Triple
    stride: Triple
    bias: bool
    activation: bool = True

    def tensors(self) -> dict[str, Shape]:
        """Names and shapes of the tensors that this layer needs."""
        shapes: dict[str, Shape] = {
            f"{self.key}.conv.weight": (self.output_channels, self.input_channels, *self.kernel),
            f"{self.key}.norm.weight": (self.output_channels,),
            f"{self.key}.norm.bias": (self.output_channels,),
        }
        if self.bias:
            shapes[f"{self.key}.conv.bias"] = (self.output_channels,)
        return shapes


@dataclass(frozen=True, kw_only=True)
class ResidualBlock:
    """Two convolutions beside a shortcut: an average pool if `pool`, then a projection if the channels change."""

    first: Convolution
    second: Convolution
    pool: Triple | None
    projection: Convolution | None

    def tensors(self) -> dict[str, Shape]:
        """Names and shapes of the tensors that this block needs."""
        projection = self.projection.tensors() if self.projection else {}
        return {**self.first.tensors(), **self.second.tensors(), **projection}


@dataclass(frozen=True, kw_only=True)
class Upsampling:
    """A transposed convolution whose kernel is its stride: every voxel becomes a block."""

    key: str
    input_channels: int
    output_channels: int
    stride: Triple
    bias: bool

    def tensors(self) -> dict[str, Shape]:
        """Names and shapes of the tensors that this layer needs; the weight is `[in, out, z, y, x]`."""
        shapes: dict[str, Shape] = {f"{self.key}.weight": (self.input_channels, self.output_channels, *self.stride)}
        if self.bias:
            shapes[f"{self.key}.bias"] = (self.output_channels,)
        return shapes


@dataclass(frozen=True, kw_only=True)
class Head:
    """The last, pointwise convolution: features to one logit for each class."""

    key: str
    input_channels: int
    output_channels: int

    def tensors(self) -> dict[str, Shape]:
        """Names and shapes of the tensors that this layer needs."""
        return {
            f"{self.key}.weight": (self.output_channels, self.input_channels, 1, 1, 1),
            f"{self.key}.bias": (self.output_channels,),
        }


@dataclass(frozen=True)
class DecoderStage:
    """One step back up: upsample, join with the skip connection as `[upsampled, skip]`, convolve."""

    upsampling: Upsampling
    convolutions: tuple[Convolution, ...]


EncoderLayer = Convolution | ResidualBlock


def convolution_stack(
    key: str, *, count: int, input_channels: int, output_channels: int, kernel: Triple, stride: Triple, bias: bool
) -> tuple[Convolution, ...]:
    """Convolutions one after another; the first changes the channels and has the stride."""
    return tuple(
        Convolution(
            key=f"{key}.{index}",
            input_channels=output_channels if index else input_channels,
            output_channels=output_channels,
            kernel=kernel,
            stride=ONE if index else stride,
            bias=bias,
        )
        for index in range(count)
    )
