"""Axes, normalisation and the meaning of channels are read from plans as nnU-Net reads them."""

from __future__ import annotations

from typing import Any

import pytest
from TotalPassportLib.base.errors import ModelError
from TotalPassportLib.models.nnunet.conventions import in_zyx, read_axes, read_channels, uses_mask


def test_axes_may_be_in_any_order_with_a_way_back() -> None:
    assert read_axes({"transpose_forward": [0, 1, 2], "transpose_backward": [0, 1, 2]}) == (0, 1, 2)
    assert read_axes({"transpose_forward": [2, 0, 1], "transpose_backward": [1, 2, 0]}) == (2, 0, 1)


@pytest.mark.parametrize(
    ("plans", "words"),
    [
        ({}, "transpose_forward"),
        ({"transpose_forward": [0, 1, 2]}, "transpose_backward"),
        ({"transpose_forward": [0, 1, 1], "transpose_backward": [0, 1, 2]}, "transpose_forward"),
        ({"transpose_forward": [False, 1, 2], "transpose_backward": [0, 1, 2]}, "transpose_forward"),
        ({"transpose_forward": [2, 0, 1], "transpose_backward": [2, 0, 1]}, "does not undo"),
        ({"transpose_forward": "012", "transpose_backward": [0, 1, 2]}, "transpose_forward"),
    ],
)
def test_axes_that_make_no_sense_are_refused(plans: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        read_axes(plans)


def test_sizes_along_the_networks_axes_are_told_along_z_y_x() -> None:
    image_zyx, axes = ["z", "y", "x"], (2, 0, 1)
    along_network = [image_zyx[axis] for axis in axes]
    assert in_zyx(along_network, axes) == image_zyx


def test_the_mask_of_a_z_score_is_one_true_or_false() -> None:
    assert uses_mask({"use_mask_for_norm": [True]})
    assert not uses_mask({"use_mask_for_norm": {"0": False}})
    for nonsense in (None, [], [True, False], [1], "true"):
        with pytest.raises(ModelError, match="use_mask_for_norm"):
            uses_mask({"use_mask_for_norm": nonsense})


def test_channels_are_the_labels_in_order_of_their_values_without_the_ignored_one() -> None:
    labels = {"liver": 2, "background": 0, "spleen": 1, "ignore": 3}
    channels = read_channels({"labels": labels})
    assert channels.names == ("background", "spleen", "liver")
    assert channels.region_values is None


def test_regions_have_a_channel_each_and_none_for_the_background() -> None:
    labels = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "rim": 3}
    channels = read_channels({"labels": labels, "regions_class_order": [1, 2, 3]})
    assert channels.names == ("whole", "core", "rim")
    assert channels.region_values == (1, 2, 3)


@pytest.mark.parametrize("order", [None, [1, 2], [1, 2, 0], [1, 2, "3"], [1, 2, 256]])
def test_regions_without_an_order_are_refused(order: object) -> None:
    labels = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "rim": [3]}
    with pytest.raises(ModelError):
        read_channels({"labels": labels, "regions_class_order": order})
