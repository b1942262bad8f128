"""Labels that are resampled one by one are smooth, stay near where they were, and cover no more than that."""

from __future__ import annotations

import numpy as np
import pytest
from TotalPassportLib.image.nnunet_resampling import labels_of_logits
from TotalPassportLib.image.smooth_labels import smooth_labels


@pytest.fixture
def ball_logits() -> np.ndarray:
    """Background, and a ball of radius 4 whose logit falls with the distance; a third channel that never wins."""
    distance = np.sqrt(sum((axis - 7.5) ** 2 for axis in np.ogrid[0:16, 0:16, 0:16]))
    return np.stack([distance * 0, 4 - distance, distance * 0 - 1], axis=-1).astype(np.float16)


def test_far_from_faces_it_is_what_resampling_all_logits_gives(ball_logits: np.ndarray) -> None:
    shape = (48, 40, 33)
    np.testing.assert_array_equal(smooth_labels(ball_logits, shape, None), labels_of_logits(ball_logits, shape, None))


def test_a_ball_is_as_round_as_its_finer_grid_can_show(ball_logits: np.ndarray) -> None:
    labels = smooth_labels(ball_logits, (64, 64, 64), None)
    places = (np.arange(64) + 0.5) / 4 - 0.5
    distance = np.sqrt(sum((axis - 7.5) ** 2 for axis in np.meshgrid(places, places, places, indexing="ij")))
    # Chords lie inside of a ball: with a curvature of 1/4 along two axes, by a sixteenth of a voxel.
    assert labels[distance < 4 - 1 / 8].all()
    assert not labels[distance > 4 + 1 / 64].any()


def test_what_wins_nowhere_on_the_networks_grid_is_nowhere(ball_logits: np.ndarray) -> None:
    ball_logits[..., 2] = -0.01
    assert np.unique(smooth_labels(ball_logits, (30, 30, 30), None)).tolist() == [0, 1]


def test_of_equal_logits_the_first_label_stays() -> None:
    logits = np.zeros((4, 4, 4, 3), np.float16)
    logits[:2, ..., 1] = logits[2:, ..., 2] = logits[2:, ..., 1] = 1
    logits[3, 3, 3, 2] = 2
    labels = smooth_labels(logits, (8, 8, 8), None)
    assert labels[5, 1, 1] == 1
    assert labels[7, 7, 7] == 2
