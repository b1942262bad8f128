"""Evaluation: the figures that it prints are the figures that were meant."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluate import CASES, report, score_labels
from training.phantom import LABEL_VALUES
from training.settings import EVALUATION_SEEDS, SAMPLE_SEED, TRAINING_SEEDS

LIVER = LABEL_VALUES["liver"]
AFFINE = np.diag([2.0, 2.0, 5.0, 1.0])


def block(start: int, stop: int, value: int = LIVER) -> np.ndarray:
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[start:stop, 5:15, 5:15] = value
    return labels


def test_the_same_labels_score_perfectly() -> None:
    (score,), false = score_labels(1, block(4, 12), block(4, 12), AFFINE, {})
    assert (score.organ, score.dice, score.centroid_error_mm, score.volume_error_percent) == ("liver", 1.0, 0.0, 0.0)
    assert score.true_ml == pytest.approx(8 * 10 * 10 * 20 / 1000)
    assert not false


def test_a_shift_of_a_voxel_is_an_error_of_its_size_in_mm() -> None:
    (score,), _ = score_labels(1, block(4, 12), block(5, 13), AFFINE, {})
    assert score.centroid_error_mm == pytest.approx(2.0)
    assert score.dice == pytest.approx(7 / 8)


def test_an_organ_that_lies_mostly_outside_does_not_count() -> None:
    assert score_labels(1, block(4, 12), block(4, 12), AFFINE, {LIVER: 1000.0})[0] == []


def test_a_missed_organ_and_an_invented_one_are_named_in_the_report() -> None:
    scores, false = score_labels(7, block(4, 12), block(4, 12, LABEL_VALUES["spleen"]), AFFINE, {})
    text = report(scores, false)
    assert "Missed: liver (7)." in text
    assert "spleen (7, 16.0 ml)" in text


def test_nothing_that_is_evaluated_or_shown_was_trained_on() -> None:
    assert len(CASES) == len(EVALUATION_SEEDS)
    assert not set(EVALUATION_SEEDS) & set(TRAINING_SEEDS)
    assert SAMPLE_SEED not in {*TRAINING_SEEDS, *EVALUATION_SEEDS}
