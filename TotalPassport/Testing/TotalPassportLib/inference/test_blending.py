"""Streaming along z gives bit for bit what whole accumulators in half precision give."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from TotalPassportLib.inference.blending import LabelBlender
from TotalPassportLib.inference.windows import gaussian_weights, window_starts

Size = tuple[int, int, int]


def plain_blending(shape: Size, patch: Size, windows: list[tuple[Size, np.ndarray]], weights: np.ndarray) -> np.ndarray:
    """Follow facts/pipeline.md, step 6 and 7, to the letter, with whole accumulators."""
    channels = windows[0][1].shape[0]
    total = np.zeros((channels, *shape), np.float16)
    count = np.zeros(shape, np.float16)
    for start, out in windows:
        place = tuple(slice(first, first + size) for first, size in zip(start, patch, strict=True))
        inside = total[(slice(None), *place)].astype(np.float32)
        total[(slice(None), *place)] = (inside + out * weights.astype(np.float32)).astype(np.float16)
        count[place] = (count[place] + weights).astype(np.float16)
    mean = (total.astype(np.float32) / count.astype(np.float32)).astype(np.float16)
    best, label = mean[0].copy(), np.zeros(shape, np.int64)
    for channel in range(1, channels):
        higher = mean[channel] > best
        best[higher], label[higher] = mean[channel][higher], channel
    return label


def all_windows(shape: Size, patch: Size, step: float) -> list[Size]:
    starts = [window_starts(size, wanted, step) for size, wanted in zip(shape, patch, strict=True)]
    return [(z, y, x) for z, y, x in product(*starts)]


@pytest.mark.parametrize(
    ("shape", "patch", "step", "channels"),
    [
        ((30, 26, 28), (12, 12, 16), 0.5, 5),
        ((41, 20, 20), (8, 20, 12), 0.8, 3),
        ((9, 30, 31), (9, 10, 11), 0.3, 4),
        ((12, 12, 12), (12, 12, 12), 0.8, 2),
        ((50, 9, 9), (8, 8, 8), 1.0, 7),
        ((33, 10, 10), (32, 8, 8), 0.1, 3),
    ],
)
@pytest.mark.parametrize("scale", [0.01, 1.0, 300.0])
def test_labels_equal_those_of_whole_accumulators_bit_for_bit(
    shape: Size, patch: Size, step: float, channels: int, scale: float
) -> None:
    rng = np.random.default_rng(shape[0])
    weights = gaussian_weights(patch)
    windows = [
        (start, (scale * rng.standard_normal((channels, *patch))).astype(np.float32))
        for start in all_windows(shape, patch, step)
    ]
    blender = LabelBlender(shape, patch, weights, channels)
    for start, logits in windows:
        blender.add(start, logits)
    assert np.array_equal(blender.finish(), plain_blending(shape, patch, windows, weights))


def test_the_first_of_equal_channels_wins() -> None:
    blender = LabelBlender((4, 4, 4), (4, 4, 4), gaussian_weights((4, 4, 4)), 3)
    logits = np.zeros((3, 4, 4, 4), np.float32)
    logits[1:, 2:] = 1
    blender.add((0, 0, 0), logits)
    labels = blender.finish()
    assert (labels[:2] == 0).all()
    assert (labels[2:] == 1).all()


def test_more_than_256_channels_keep_their_numbers() -> None:
    blender = LabelBlender((2, 2, 2), (2, 2, 2), gaussian_weights((2, 2, 2)), 300)
    logits = np.zeros((300, 2, 2, 2), np.float32)
    logits[299] = 1
    blender.add((0, 0, 0), logits)
    assert (blender.finish() == 299).all()


def test_windows_that_go_back_along_z_are_a_mistake_of_the_caller() -> None:
    blender = LabelBlender((8, 4, 4), (4, 4, 4), gaussian_weights((4, 4, 4)), 2)
    blender.add((2, 0, 0), np.zeros((2, 4, 4, 4), np.float32))
    with pytest.raises(ValueError, match="rising z"):
        blender.add((1, 0, 0), np.zeros((2, 4, 4, 4), np.float32))
