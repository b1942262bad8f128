"""A network's results mean the same whether its softmax or sigmoid is inside of it or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from TotalPassportLib.models.description import Part
from TotalPassportLib.models.network_conventions import PROBABILITIES, Ports
from TotalPassportLib.models.reading import read_model
from TotalPassportLib.segmentation.activation import activation_of, last_channel_above

LOGITS = np.random.default_rng(0).normal(0, 3, (200, 4)).astype(np.float32)
COUNTS = np.random.default_rng(1).uniform(0.1, 4, (200, 1)).astype(np.float32)


@pytest.fixture
def part(threshold_model: Path) -> Part:
    return read_model(threshold_model).parts[0]


@pytest.mark.parametrize("regions", [False, True])
def test_probabilities_and_their_logits_give_the_same_labels_and_confidence(regions: bool, part: Part) -> None:
    powers = np.exp(LOGITS)
    probable = powers / (1 + powers) if regions else powers / powers.sum(axis=1, keepdims=True)
    outside = activation_of(replace(part, regions=regions))
    inside = activation_of(replace(part, regions=regions, ports=Ports(gives=PROBABILITIES)))
    assert np.array_equal(outside.choose(LOGITS * COUNTS, COUNTS), inside.choose(probable * COUNTS, COUNTS))
    assert np.abs(outside.confidence(LOGITS) - inside.confidence(probable)).max() < 1e-4


def test_a_network_that_is_sure_beyond_what_float32_holds_is_sure(part: Part) -> None:
    sure = np.array([[1, 0, 0, 0]], np.float32)
    assert activation_of(replace(part, ports=Ports(gives=PROBABILITIES))).confidence(sure) == pytest.approx(1)
    assert activation_of(replace(part, regions=True, ports=Ports(gives=PROBABILITIES))).confidence(sure) == 1


def test_later_regions_lie_over_earlier_ones() -> None:
    sums = np.array([[-1, -1, -1], [1, -1, -1], [1, 1, -1], [1, -1, 1], [0, 0, 0]], np.float32)
    assert last_channel_above(sums, np.zeros((5, 1), np.float32)).tolist() == [0, 1, 2, 3, 0]
