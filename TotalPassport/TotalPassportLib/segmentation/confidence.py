"""How sure a network is of a voxel: 1 - H / ln C of its C channels' probabilities, 1 where only one is possible.

H is the entropy of the softmax, -sum p ln p, in nats; ln C is the most that it can be. Everything is float32: in
float16 a probability below 6e-8 is 0, its logarithm has no end, and a network that is sure of a voxel would spoil the
mean of all. What is kept of a volume is one float16 a voxel, to 0.0005; NaN stands for a voxel that no network has
looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..models.description import Part

PERCENT_UNKNOWN = 255
"""In an image of whole percent: nobody has looked there."""
CHUNK_VOXELS = 65_536
"""About how many voxels of a whole volume's logits are worked on at a time."""

ConfidenceOf = Callable[[np.ndarray], np.ndarray]
"""Makes float32 ``[...]`` of logits ``[..., channels]``."""


def softmax_confidence(logits: np.ndarray) -> np.ndarray:
    """Return the confidence of networks whose classes exclude one another.

    Parameters
    ----------
    logits : numpy.ndarray
        float16 or float32 ``[..., channels]``, two channels at least.

    Returns
    -------
    numpy.ndarray
        float32 ``[...]``, 0 to 1.
    """
    shifted = np.subtract(logits, logits.max(axis=-1, keepdims=True), dtype=np.float32)
    powers = np.exp(shifted)
    total = powers.sum(axis=-1)
    # With p = e^x / S: H = ln S - sum(x e^x) / S. The largest x is 0, so S is at least 1 and nothing overflows.
    entropy = np.log(total) - np.einsum("...c,...c->...", shifted, powers) / total
    return _within(1 - entropy / np.float32(np.log(logits.shape[-1])))


def region_confidence(logits: np.ndarray) -> np.ndarray:
    """Return the confidence of networks whose channels are regions, each there or not: that of the least sure one.

    Each region has two classes, in and out, with the sigmoid's probabilities; for the parameters see
    `softmax_confidence`.
    """
    size = np.abs(logits.astype(np.float32))
    power = np.exp(-size)  # p = 1 / (1 + e^-size) is the larger probability
    entropy = np.log1p(power) + size * power / (1 + power)
    return _within(1 - entropy.max(axis=-1) / np.float32(np.log(2)))


def confidence_of_volume(logits: np.ndarray, confidence_of: ConfidenceOf = softmax_confidence) -> np.ndarray:
    """Return float16 ``[z, y, x]`` of the logits of a whole volume ``[z, y, x, channels]``, some planes at a time."""
    result = np.empty(logits.shape[:-1], np.float16)
    step = max(1, CHUNK_VOXELS // max(1, result[0].size))
    for first in range(0, len(result), step):
        result[first : first + step] = confidence_of(logits[first : first + step])
    return result


def add_part(whole: np.ndarray, labels_before: np.ndarray, *, found: np.ndarray, confidence: np.ndarray) -> None:
    """Put the confidence of one more part into that of the parts before, in place.

    A voxel has that of the part whose label it gets; where none has found anything, that of the least sure one.

    Parameters
    ----------
    whole : numpy.ndarray
        float16; NaN where no part has looked yet.
    labels_before : numpy.ndarray
        What the parts before have found.
    found, confidence : numpy.ndarray
        What this part has found, and how sure it is.
    """
    np.copyto(whole, np.fmin(whole, confidence), where=(labels_before == 0) & (found == 0))
    np.copyto(whole, confidence, where=found != 0)


def percent(confidence: np.ndarray) -> np.ndarray:
    """Return uint8 of whole percent; `PERCENT_UNKNOWN` for NaN."""
    scaled = np.rint(confidence.astype(np.float32) * 100)
    return np.where(np.isnan(scaled), np.float32(PERCENT_UNKNOWN), scaled).astype(np.uint8)


def confidence_by_label(labels: np.ndarray, confidence: np.ndarray) -> dict[int, float]:
    """Return label -> mean confidence of its voxels, of labels that have any whose confidence is known.

    Parameters
    ----------
    labels : numpy.ndarray
        uint8 or uint16, 0 is background.
    confidence : numpy.ndarray
        float16 of the same shape.
    """
    inside = (labels != 0) & ~np.isnan(confidence)
    present = labels[inside]
    sums = np.bincount(present, weights=confidence[inside])
    counts = np.bincount(present)
    return {int(label): float(sums[label] / counts[label]) for label in np.flatnonzero(counts)}


def entropy_bits(confidence: Mapping[int, float], classes: Mapping[int, int]) -> dict[int, float]:
    """Return label -> mean entropy in bits, of the labels' confidence and the number of classes that it was among."""
    return {label: (1 - sure) * math.log2(classes[label]) for label, sure in confidence.items() if label in classes}


def classes_by_label(folds: Sequence[Sequence[Part]]) -> dict[int, int]:
    """Return label -> among how many classes the network that finds it chooses; the later part has a shared label."""
    return {
        value: 2 if networks[0].regions else len(networks[0].label_values)
        for networks in folds
        for value in networks[0].label_values
        if value
    }


def _within(confidence: np.ndarray) -> np.ndarray:
    """Return the values between 0 and 1, which rounding may leave by some 1e-7."""
    return np.asarray(np.clip(confidence, 0, 1), np.float32)
