"""Logits of a whole volume: the same as the labels say, averaged over folds, or read as regions."""

from __future__ import annotations

import numpy as np
import pytest
from TotalPassportLib.segmentation.blending import ExactBlender
from TotalPassportLib.segmentation.cells import Cells
from TotalPassportLib.segmentation.logits import LogitsBlender, average_of_folds, labels_of_regions
from TotalPassportLib.segmentation.windows import gaussian_weights, window_starts

PATCH = (8, 8, 8)


def test_the_largest_of_the_logits_are_the_labels() -> None:
    random = np.random.default_rng(5)
    cells = Cells([window_starts(size, 8, 0.5) for size in (12, 8, 15)], PATCH)
    head = random.normal(size=(5, 5)).astype(np.float32)
    blenders = [kind(cells, gaussian_weights(PATCH), head, 5) for kind in (ExactBlender, LogitsBlender)]
    for start in cells.starts:
        features = random.normal(size=(*PATCH, 4)).astype(np.float32)
        for blender in blenders:
            blender.add(start, features)
    exact, logits = blenders[0].labels, blenders[1].logits
    assert logits.dtype == np.float16
    assert logits.shape == (12, 8, 15, 5)
    np.testing.assert_array_equal(logits.argmax(axis=-1), exact)


def test_folds_are_added_and_divided_in_halves() -> None:
    folds = [np.array([2048.0, 1.0, 0.1], np.float16), np.array([1.0, 2.0, 0.1], np.float16)]
    expected = (folds[0] + folds[1]) / np.float16(2)
    assert average_of_folds([fold.copy() for fold in folds]).tolist() == expected.tolist()
    assert expected[0] == 1024  # 2049 is no float16
    assert average_of_folds([folds[1]]) is folds[1]
    with pytest.raises(ValueError, match="no fold"):
        average_of_folds([])


def test_of_regions_that_contain_one_another_the_later_one_counts() -> None:
    logits = np.array([[5, -5, -5], [5, 5, -5], [5, 5, 5], [-5, -5, 5], [0, 0, 0], [-60000, -60000, 1]], np.float16)
    assert labels_of_regions(logits, [2, 1, 3]).tolist() == [2, 1, 3, 3, 0, 3]
