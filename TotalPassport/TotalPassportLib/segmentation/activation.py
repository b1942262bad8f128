"""What channels mean: from the blended results of a network to the number of a channel, and how sure it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..models.description import Part
from ..models.network_conventions import PROBABILITIES
from .confidence import ConfidenceOf, region_confidence, softmax_confidence

SMALLEST = np.float32(1e-30)
"""Below the smallest probability that float32 tells from 0 in a sum of some."""


@dataclass(frozen=True, kw_only=True)
class Activation:
    """How results become labels.

    Attributes
    ----------
    choose : callable
        Given weighted sums ``[n, channels]`` and the sums of their weights ``[n, 1]``, which are positive, returns the
        number of each row's label among the part's values.
    confidence : callable
        Makes the confidence of mean results ``[..., channels]``.
    """

    choose: Callable[[np.ndarray, np.ndarray], np.ndarray]
    confidence: ConfidenceOf


def activation_of(part: Part) -> Activation:
    """Return what a part's description says of its channels."""
    inside = part.ports.gives == PROBABILITIES
    if not part.regions:
        return Activation(choose=highest_channel, confidence=_of_probabilities if inside else softmax_confidence)
    if inside:
        return Activation(choose=_last_probable_region, confidence=_of_region_probabilities)
    return Activation(choose=_last_region, confidence=region_confidence)


def highest_channel(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the number of the highest channel of each row, the first of equal ones."""
    return np.asarray(sums.argmax(axis=1))


def last_channel_above(sums: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Return 1 for the first channel that is above a limit, later ones over earlier ones, 0 for none."""
    inside = sums > limit
    last = inside.shape[1] - np.argmax(inside[:, ::-1], axis=1)
    return np.where(inside.any(axis=1), last, 0)


def _last_region(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return last_channel_above(sums, np.zeros_like(counts))  # a sigmoid is above a half where its logit is above 0


def _last_probable_region(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return last_channel_above(sums, counts * np.float32(0.5))


def _of_probabilities(means: np.ndarray) -> np.ndarray:
    """Return the confidence of probabilities that a softmax has made; their logarithms are logits."""
    return softmax_confidence(np.log(np.maximum(means, SMALLEST)))


def _of_region_probabilities(means: np.ndarray) -> np.ndarray:
    """Return the confidence of probabilities that a sigmoid has made."""
    apart = np.maximum(means, SMALLEST) / np.maximum(1 - means, SMALLEST)
    return region_confidence(np.log(apart))


LOGITS_OF_CLASSES = Activation(choose=highest_channel, confidence=softmax_confidence)
"""nnU-Net's, of classes that exclude one another."""
