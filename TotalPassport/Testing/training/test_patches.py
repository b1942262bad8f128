"""Patches: they depend on the step alone, are padded as inference pads, and show every part of the body."""

from __future__ import annotations

import numpy as np
import pytest

from training.patches import PatchSource, class_frequencies, normalise
from training.settings import CLIP_HIGH_HU, CLIP_LOW_HU, MEAN_HU, STD_HU

SIZE = (32, 16, 32)


@pytest.fixture
def source() -> PatchSource:
    rng = np.random.default_rng(0)
    ct_hu = rng.integers(-1000, 500, (40, 24, 40)).astype(np.int16)
    channels = rng.integers(1, 5, (40, 24, 40)).astype(np.uint8)
    return PatchSource([(ct_hu, channels)])


def test_a_step_always_sees_the_same_patch(source: PatchSource) -> None:
    for first, second in zip(source.patch(3, SIZE), source.patch(3, SIZE), strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(source.patch(3, SIZE)[0], source.patch(4, SIZE)[0])


def test_small_volumes_are_padded_with_zeros_all_around() -> None:
    source = PatchSource([(np.full((8, 8, 8), 300, np.int16), np.ones((8, 8, 8), np.uint8))])
    image, channels = source.patch(0, SIZE)
    assert image.shape == channels.shape == SIZE
    assert not image[channels == 0].any()
    assert not channels[:10].any()
    assert not channels[-10:].any()


def test_normalised_values_stay_within_the_clip_range() -> None:
    image = normalise(np.array([-3000, CLIP_LOW_HU, MEAN_HU, CLIP_HIGH_HU, 3000]))
    low, high = (CLIP_LOW_HU - MEAN_HU) / STD_HU, (CLIP_HIGH_HU - MEAN_HU) / STD_HU
    np.testing.assert_allclose(image, [low, low, 0.0, high, high], rtol=1e-6)


def test_frequencies_are_shares_of_all_classes() -> None:
    channels = np.zeros((6, 6, 6), np.uint8)
    channels[:3] = 2
    np.testing.assert_allclose(class_frequencies([(channels, channels)], 4), [0.5, 0, 0.5, 0])
