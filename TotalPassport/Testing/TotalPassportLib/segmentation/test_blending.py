"""Cell by cell, blending gives bit for bit what whole accumulators in half precision give."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from TotalPassportLib.segmentation.blending import (
    CHUNK_VOXELS,
    GRAPHS_FOLDER,
    Blender,
    ExactBlender,
    TurboBlender,
    held_bytes,
)
from TotalPassportLib.segmentation.cells import Cells
from TotalPassportLib.segmentation.windows import gaussian_weights, window_starts

from training.arithmetic import graphs

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


def window_axes(shape: Size, patch: Size, step: float) -> list[list[int]]:
    return [window_starts(size, wanted, step) for size, wanted in zip(shape, patch, strict=True)]


CASES = [
    ((30, 26, 28), (12, 12, 16), 0.5, 5),
    ((41, 20, 20), (8, 20, 12), 0.8, 3),
    ((9, 30, 31), (9, 10, 11), 0.3, 4),
    ((12, 12, 12), (12, 12, 12), 0.8, 2),
    ((50, 9, 9), (8, 8, 8), 1.0, 7),
    ((33, 10, 10), (32, 8, 8), 0.1, 3),
]
"""Shapes, patches, steps, channels: voxels are seen by one window, by two, by many."""


def random_windows(shape: Size, patch: Size, step: float, features: int, scale: float) -> list[tuple[Size, np.ndarray]]:
    """Return the starts of all windows with features ``[z, y, x, features]``."""
    rng = np.random.default_rng(shape[0])
    return [
        (start, (scale * rng.standard_normal((*patch, features))).astype(np.float32))
        for start in product(*window_axes(shape, patch, step))
    ]


def blended(kind, axes, windows, head, channels) -> np.ndarray:
    patch: Size = windows[0][1].shape[:3]
    blender = kind(Cells(axes, patch), gaussian_weights(patch), head, channels)
    for start, features in windows:
        given = features.copy()
        blender.add(start, given)
        given[:] = np.nan  # a session overwrites its results
    return blender.labels


@pytest.mark.parametrize(("shape", "patch", "step", "channels"), CASES)
@pytest.mark.parametrize("scale", [0.01, 1.0, 300.0])
@pytest.mark.slow
def test_labels_equal_those_of_whole_accumulators_bit_for_bit(
    shape: Size, patch: Size, step: float, channels: int, scale: float
) -> None:
    windows = random_windows(shape, patch, step, channels, scale)
    expected = plain_blending(
        shape, patch, [(start, np.moveaxis(logits, -1, 0)) for start, logits in windows], gaussian_weights(patch)
    )
    assert np.array_equal(blended(ExactBlender, window_axes(shape, patch, step), windows, None, channels), expected)


@pytest.mark.parametrize(("shape", "patch", "step", "channels"), CASES)
@pytest.mark.parametrize("features", [2, 30])
@pytest.mark.slow
def test_a_head_outside_the_network_gives_the_labels_of_one_inside(
    shape: Size, patch: Size, step: float, channels: int, features: int
) -> None:
    """Few features are kept while a cell waits, many are turned into sums at once; both must be the same."""
    windows = random_windows(shape, patch, step, features, 1.0)
    # Whole numbers of few bits: their products and sums are exact in any order, so every bit can be compared.
    head = np.random.default_rng(1).integers(-4, 5, (channels, features + 1)).astype(np.float32)
    windows = [(start, np.round(given * 8) / 8) for start, given in windows]
    logits = [(start, np.moveaxis(given @ head[:, :-1].T + head[:, -1], -1, 0)) for start, given in windows]
    expected = plain_blending(shape, patch, logits, gaussian_weights(patch))
    assert np.array_equal(blended(ExactBlender, window_axes(shape, patch, step), windows, head, channels), expected)


@pytest.mark.parametrize(("shape", "patch", "step", "channels"), CASES)
@pytest.mark.parametrize("headless", [False, True])
def test_turbo_gives_the_labels_of_blending_in_double_precision(
    shape: Size, patch: Size, step: float, channels: int, headless: bool
) -> None:
    features = channels if headless else 6
    windows = random_windows(shape, patch, step, features, 1.0)
    head = np.random.default_rng(1).standard_normal((channels, features + 1)).astype(np.float32)
    whole = np.eye(channels, channels + 1) if headless else head.astype(np.float64)
    weights = gaussian_weights(patch).astype(np.float64)
    total = np.zeros((*shape, channels))
    for start, given in windows:
        place = tuple(slice(first, first + size) for first, size in zip(start, patch, strict=True))
        total[place] += (given @ whole[:, :-1].T + whole[:, -1]) * weights[..., np.newaxis]
    labels = blended(TurboBlender, window_axes(shape, patch, step), windows, None if headless else head, channels)
    second, highest = np.moveaxis(np.sort(total, axis=-1)[..., -2:], -1, 0)
    clear = highest - second > 1e-4 * np.abs(total).max(axis=-1)
    assert clear.mean() > 0.99
    assert np.array_equal(labels[clear], total.argmax(axis=-1)[clear])


@pytest.mark.parametrize("kind", [ExactBlender, TurboBlender])
def test_the_first_of_equal_channels_wins(kind: type[Blender]) -> None:
    logits = np.zeros((4, 4, 4, 3), np.float32)
    logits[2:, ..., 1:] = 1
    labels = blended(kind, [[0]] * 3, [((0, 0, 0), logits)], None, 3)
    assert (labels[:2] == 0).all()
    assert (labels[2:] == 1).all()


@pytest.mark.parametrize("kind", [ExactBlender, TurboBlender])
def test_more_than_256_channels_keep_their_numbers(kind: type[Blender]) -> None:
    logits = np.zeros((2, 2, 2, 300), np.float32)
    logits[..., 299] = 1
    assert (blended(kind, [[0]] * 3, [((0, 0, 0), logits)], None, 300) == 299).all()


def test_cells_larger_than_what_is_worked_on_at_a_time_are_whole() -> None:
    patch = (5, 70, 80)
    assert np.prod(patch) > 3 * CHUNK_VOXELS
    windows = random_windows((7, 90, 80), patch, 0.5, 3, 1.0)
    expected = plain_blending(
        (7, 90, 80), patch, [(start, np.moveaxis(logits, -1, 0)) for start, logits in windows], gaussian_weights(patch)
    )
    assert np.array_equal(blended(ExactBlender, window_axes((7, 90, 80), patch, 0.5), windows, None, 3), expected)


def test_what_is_held_is_what_waits() -> None:
    cells = Cells([[0], [0], [0, 6]], (4, 4, 10))
    waiting = 4 * 4 * 4  # the overlap is the only cell that waits, and it waits once
    assert held_bytes(cells, np.zeros((118, 33), np.float32), 118, "exact") == waiting * 32 * 4
    assert held_bytes(cells, None, 118, "exact") == waiting * 118 * 2, "sums are smaller than logits"
    assert held_bytes(cells, np.zeros((118, 33), np.float32), 118, "turbo") == waiting * 32 * 4
    assert held_bytes(Cells([[0], [0], [0]], (4, 4, 10)), None, 118, "exact") == 0


def test_the_graphs_are_those_that_the_command_writes() -> None:
    assert {path.name: path.read_bytes() for path in GRAPHS_FOLDER.iterdir()} == graphs()
