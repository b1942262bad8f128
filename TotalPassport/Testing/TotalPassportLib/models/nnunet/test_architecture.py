"""What a network's description promises, and what it refuses to describe."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from TotalPassportLib.base.errors import ModelError
from TotalPassportLib.models.nnunet.architecture import MOST_PARAMETERS, PlainConvUNet, ResidualEncoderUNet
from TotalPassportLib.models.nnunet.layers import ResidualBlock

OFFICIAL: dict[str, Any] = {
    "input_channels": 1,
    "output_channels": 118,
    "features_per_stage": (32, 64, 128, 256, 320),
    "strides": ((1, 1, 1), *[(2, 2, 2)] * 4),
    "kernel_sizes": ((3, 3, 3),) * 5,
    "n_conv_per_stage": (2,) * 5,
    "n_conv_per_stage_decoder": (2,) * 4,
}


def parameters(network: PlainConvUNet | ResidualEncoderUNet) -> int:
    total = 0
    for shape in network.tensors().values():
        count = 1
        for length in shape:
            count *= length
        total += count
    return total


def residual(**changes: Any) -> ResidualEncoderUNet:
    arguments = {name: value for name, value in OFFICIAL.items() if name != "n_conv_per_stage"}
    return ResidualEncoderUNet(**(arguments | {"n_blocks_per_stage": (1, 3, 4, 6, 6)} | changes))


def test_the_official_fast_network_has_its_size() -> None:
    network = PlainConvUNet(**OFFICIAL)
    # 88 tensors are counted with the three heads of deep supervision, which are not needed.
    assert len(network.tensors()) == 88 - 3 * 2
    assert parameters(network) == pytest.approx(16.6e6, rel=0.01)
    assert network.divisor_zyx == (16, 16, 16)


def test_its_tensors_have_the_names_and_shapes_of_the_released_weights() -> None:
    tensors = PlainConvUNet(**OFFICIAL).tensors()
    assert tensors["encoder.stages.0.0.convs.0.conv.weight"] == (32, 1, 3, 3, 3)
    assert tensors["encoder.stages.4.0.convs.1.norm.bias"] == (320,)
    assert tensors["decoder.transpconvs.0.weight"] == (320, 256, 2, 2, 2)
    assert tensors["decoder.stages.3.convs.0.conv.weight"] == (32, 64, 3, 3, 3)
    assert tensors["decoder.seg_layers.3.weight"] == (118, 32, 1, 1, 1)
    assert "decoder.seg_layers.2.weight" not in tensors


def test_lists_from_json_make_the_same_network_as_tuples() -> None:
    lists = {name: [list(v) if isinstance(v, tuple) else v for v in value] if isinstance(value, tuple) else value
             for name, value in OFFICIAL.items()}  # fmt: skip
    assert PlainConvUNet(**lists) == PlainConvUNet(**OFFICIAL)
    assert hash(PlainConvUNet(**lists)) == hash(PlainConvUNet(**OFFICIAL))


def test_a_description_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        PlainConvUNet(**OFFICIAL).input_channels = 2  # type: ignore[misc]


def test_an_anisotropic_network_divides_each_axis_by_its_own_number() -> None:
    network = PlainConvUNet(**OFFICIAL | {"strides": ((1, 1, 1), (1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 3, 1))})
    assert network.divisor_zyx == (4, 24, 8)


def test_a_residual_shortcut_has_weights_only_where_the_channels_change() -> None:
    tensors = residual(features_per_stage=(8, 16, 16, 16, 16)).tensors()
    assert tensors["encoder.stem.convs.0.conv.weight"] == (8, 1, 3, 3, 3)
    assert tensors["encoder.stages.1.blocks.0.skip.1.conv.weight"] == (16, 8, 1, 1, 1)
    assert "encoder.stages.1.blocks.0.skip.1.conv.bias" not in tensors
    assert not any(".stages.2.blocks.0.skip" in name for name in tensors)
    assert not any(".blocks.1.skip" in name for name in tensors)


def test_a_residual_shortcut_pools_where_the_resolution_changes() -> None:
    first, second = residual().encoder()[1][:2]
    assert isinstance(first, ResidualBlock)
    assert isinstance(second, ResidualBlock)
    assert first.pool == (2, 2, 2)
    assert second.pool is None
    assert first.second.activation is False


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"features_per_stage": (32, 64, 128, 256, 10**9)}, "features_per_stage"),
        ({"features_per_stage": (32,)}, "stages"),
        ({"features_per_stage": (32,) * 100}, "stages"),
        ({"features_per_stage": 32}, "stages"),
        ({"features_per_stage": (32, 64, 128, 256, "320")}, "features_per_stage"),
        ({"features_per_stage": (32, 64, 128, 256, True)}, "features_per_stage"),
        ({"n_conv_per_stage": (2, 2)}, "n_conv_per_stage needs 5 entries"),
        ({"n_conv_per_stage": (2, 2, 2, 2, 0)}, "n_conv_per_stage"),
        ({"n_conv_per_stage": (2, 2, 2, 2, 10**6)}, "n_conv_per_stage"),
        ({"n_conv_per_stage_decoder": (2,) * 5}, "n_conv_per_stage_decoder"),
        ({"strides": ((1, 1, 1),) * 4}, "strides"),
        ({"strides": ((2, 2, 2),) * 5}, "first stage"),
        ({"strides": ((1, 1, 1), *[(2, 2, -2)] * 4)}, "strides"),
        ({"strides": ((1, 1, 1), *[(2, 2)] * 4)}, "strides"),
        ({"kernel_sizes": ((3, 3, 2),) * 5}, "odd"),
        ({"kernel_sizes": ((3, 3, 99),) * 5}, "kernel_sizes"),
        ({"kernel_sizes": None}, "kernel_sizes"),
        ({"output_channels": 0}, "output_channels"),
        ({"input_channels": 1.0}, "input_channels"),
        ({"conv_bias": 1}, "conv_bias"),
        ({"norm_eps": float("nan")}, "norm_eps"),
        ({"norm_eps": 0}, "norm_eps"),
        ({"negative_slope": "0.01"}, "negative_slope"),
        ({"negative_slope": float("inf")}, "negative_slope"),
    ],
)
def test_an_absurd_description_is_refused_with_the_number_that_is_wrong(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words) as refusal:
        PlainConvUNet(**OFFICIAL | change)
    assert refusal.value.hint


def test_a_residual_network_is_checked_too() -> None:
    with pytest.raises(ModelError, match="n_blocks_per_stage"):
        residual(n_blocks_per_stage=(1, 2))


def test_a_network_too_large_for_a_model_file_is_refused() -> None:
    with pytest.raises(ModelError, match=f"{MOST_PARAMETERS:,}"):
        PlainConvUNet(**OFFICIAL | {"features_per_stage": (8192,) * 5})
