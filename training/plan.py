"""The figures that fix a network; free of PyTorch, so that settings can be read anywhere."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkPlan:
    """Figures that fix the network. All tuples run from the finest stage to the coarsest.

    Parameters
    ----------
    features : channels of every encoder stage.
    convs_per_stage : convolutions in every encoder stage.
    convs_per_decoder_stage : convolutions in every decoder stage, coarsest first as nnU-Net stores them.
    n_classes : output channels, background included.
    """

    features: tuple[int, ...]
    convs_per_stage: tuple[int, ...]
    convs_per_decoder_stage: tuple[int, ...]
    n_classes: int

    @property
    def strides(self) -> tuple[int, ...]:
        """Stride of the first convolution of every stage, equal along z, y and x."""
        return (1,) + (2,) * (len(self.features) - 1)

    @property
    def divisor(self) -> int:
        """Spatial sizes must be multiples of this number."""
        return 2 ** (len(self.features) - 1)
