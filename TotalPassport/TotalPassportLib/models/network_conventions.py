"""How a network wants to be run, as data: its ports, what lies around a small scan, how windows are put together.

Each is a small part of a model's description with a default, which is nnU-Net's way. The numbers are read here; what is
done with them is done in `segmentation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ZERO, EDGE = ("zero", "edge")
"""What lies around a scan that is smaller than a window, after the normalisation: 0, or its outermost voxels again."""
NNUNET, GAUSSIAN, MEAN = ("nnunet", "gaussian", "mean")
LOGITS, PROBABILITIES, LABELS = ("logits", "probabilities", "labels")


@dataclass(frozen=True, kw_only=True)
class Blending:
    """How the results of windows that overlap are put together.

    ``nnunet`` is nnU-Net's float16 sums with its own gaussian; ``gaussian`` are float32 sums with a gaussian whose
    deviation is ``sigma`` times the window's size, of at least ``floor``; ``mean`` are float32 sums without weights.
    """

    kind: str = NNUNET
    sigma: float = 0.125
    floor: float = 1e-3

    @property
    def in_single_precision(self) -> bool:
        """Whether sums are float32, so that features can be added instead of logits."""
        return self.kind != NNUNET


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The network's input and output.

    Attributes
    ----------
    input, output : str, optional
        Their names; None for the only or the first one.
    input_channels_last, output_channels_last : bool
        Whether channels come after the three axes, as in Keras, or before them, as in PyTorch.
    copies : int
        How many input channels there are; all of them get the same scan.
    gives : str
        ``logits``, ``probabilities`` (a softmax or sigmoid inside), or ``labels`` (the highest channel's number).
    """

    input: str | None = None
    output: str | None = None
    input_channels_last: bool = False
    output_channels_last: bool = False
    copies: int = 1
    gives: str = LOGITS

    def document(self) -> dict[str, Any]:
        """Return what differs from the defaults, as a model's description has it."""
        return {name: value for name, value in vars(self).items() if value != getattr(DEFAULT_PORTS, name)}


DEFAULT_BLENDING, DEFAULT_PORTS = Blending(), Ports()
"""nnU-Net's."""


def blending_from_document(document: Mapping[str, Any] | None) -> Blending:
    """Return the blending that a valid description means; nnU-Net's where it says nothing."""
    return Blending(**(document or {}))


def ports_from_document(document: Mapping[str, Any] | None) -> Ports:
    """Return the ports that a valid description means."""
    return Ports(**(document or {}))
