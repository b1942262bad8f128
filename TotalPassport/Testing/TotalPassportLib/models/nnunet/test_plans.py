"""Plans of both formats are understood; plans that make no sense are refused in one sentence."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from TotalPassportLib.base.errors import ModelError
from TotalPassportLib.models.nnunet.architecture import PlainConvUNet, ResidualEncoderUNet
from TotalPassportLib.models.nnunet.plans import read_plans

DATASET: dict[str, Any] = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "spleen": 1, "liver": 2}}

INTENSITIES = {"mean": -50.4, "std": 503.4, "percentile_00_5": -1004.0, "percentile_99_5": 1588.0, "median": 0.0}

COMMON: dict[str, Any] = {
    "patch_size": [64, 96, 128],
    "spacing": [3.0, 2.0, 1.5],
    "normalization_schemes": ["CTNormalization"],
    "use_mask_for_norm": [False],
}


def plans_with(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {"3d_fullres": {**COMMON, **settings}},
        "foreground_intensity_properties_per_channel": {"0": INTENSITIES},
    }


OLD = plans_with(
    {
        "UNet_class_name": "PlainConvUNet",
        "UNet_base_num_features": 32,
        "unet_max_num_features": 320,
        "n_conv_per_stage_encoder": [2] * 6,
        "n_conv_per_stage_decoder": [2] * 5,
        "pool_op_kernel_sizes": [[1, 1, 1], *[[2, 2, 2]] * 5],
        "conv_kernel_sizes": [[3, 3, 3]] * 6,
    }
)
NEW = plans_with(
    {
        "architecture": {
            "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
            "arch_kwargs": {
                "n_stages": 6,
                "features_per_stage": [32, 64, 128, 256, 320, 320],
                "conv_op": "torch.nn.modules.conv.Conv3d",
                "kernel_sizes": [[3, 3, 3]] * 6,
                "strides": [[1, 1, 1], *[[2, 2, 2]] * 5],
                "n_conv_per_stage": [2] * 6,
                "n_conv_per_stage_decoder": [2] * 5,
                "conv_bias": True,
                "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
                "norm_op_kwargs": {"eps": 1e-05, "affine": True},
                "dropout_op": None,
                "dropout_op_kwargs": None,
                "nonlin": "torch.nn.LeakyReLU",
                "nonlin_kwargs": {"inplace": True},
            },
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        }
    }
)
RESIDUAL = copy.deepcopy(NEW)
_architecture = RESIDUAL["configurations"]["3d_fullres"]["architecture"]
_architecture["network_class_name"] = "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet"
_architecture["arch_kwargs"]["n_blocks_per_stage"] = [1, 3, 4, 6, 6, 6]
_architecture["arch_kwargs"].pop("n_conv_per_stage")


def settings_of(plans: dict[str, Any]) -> dict[str, Any]:
    return dict(plans)["configurations"]["3d_fullres"]  # type: ignore[no-any-return]


def arguments_of(plans: dict[str, Any]) -> dict[str, Any]:
    return settings_of(plans)["architecture"]["arch_kwargs"]  # type: ignore[no-any-return]


def test_both_formats_describe_the_same_network() -> None:
    old, new = read_plans(OLD, DATASET), read_plans(NEW, DATASET)
    assert old == new
    assert isinstance(old.architecture, PlainConvUNet)
    assert old.architecture.features_per_stage == (32, 64, 128, 256, 320, 320)
    assert old.architecture.output_channels == 3


def test_spacing_is_given_along_the_patient_and_the_patch_along_the_network() -> None:
    plans = read_plans(OLD, DATASET)
    assert plans.spacing_mm == (1.5, 2.0, 3.0)
    assert plans.patch_size_zyx == (64, 96, 128)


def test_the_normalisation_comes_from_the_training_images() -> None:
    scheme = read_plans(OLD, DATASET).normalisation
    assert (scheme.clip_low_hu, scheme.clip_high_hu, scheme.mean_hu, scheme.std_hu) == (-1004.0, 1588.0, -50.4, 503.4)


def test_the_older_name_of_the_intensities_is_understood() -> None:
    plans = copy.deepcopy(OLD)
    plans["foreground_intensity_properties_by_modality"] = plans.pop("foreground_intensity_properties_per_channel")
    assert read_plans(plans, DATASET) == read_plans(OLD, DATASET)


def test_classes_come_in_the_order_of_the_output_channels() -> None:
    labels = {"liver": 2, "ignore": 3, "background": 0, "spleen": 1}
    assert read_plans(OLD, {**DATASET, "labels": labels}).class_names == ("background", "spleen", "liver")


def test_residual_networks_are_understood() -> None:
    network = read_plans(RESIDUAL, DATASET).architecture
    assert isinstance(network, ResidualEncoderUNet)
    assert network.n_blocks_per_stage == (1, 3, 4, 6, 6, 6)


def test_residual_networks_of_the_older_format_are_understood() -> None:
    plans = copy.deepcopy(OLD)
    settings_of(plans)["UNet_class_name"] = "ResidualEncoderUNet"
    network = read_plans(plans, DATASET).architecture
    assert isinstance(network, ResidualEncoderUNet)
    assert network.n_blocks_per_stage == (2,) * 6


def test_a_configuration_inherits_what_it_does_not_say() -> None:
    plans = copy.deepcopy(OLD)
    plans["configurations"]["small"] = {"inherits_from": "3d_fullres", "patch_size": [64, 64, 64]}
    small = read_plans(plans, DATASET, "small")
    assert small.patch_size_zyx == (64, 64, 64)
    assert small.architecture == read_plans(OLD, DATASET).architecture


def test_the_released_layout_is_understood(shared: Path) -> None:
    folders = sorted(shared.glob("parity/weights/Dataset*/*"))
    assert len(folders) == 7
    for folder in folders:
        documents = [json.loads((folder / name).read_text(encoding="utf-8")) for name in ("plans.json", "dataset.json")]
        plans = read_plans(*documents)
        assert len(plans.class_names) == plans.architecture.output_channels >= 19
        assert plans.class_names[0] == "background"


Change = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p.pop("configurations"), "'configurations' is missing"),
        (lambda p: p.update(configurations=[]), "'configurations' must be an object"),
        (lambda p: p["configurations"].pop("3d_fullres"), "'3d_fullres' is missing"),
        (lambda p: settings_of(p).update(inherits_from="3d_fullres"), "inherits from itself"),
        (lambda p: settings_of(p).update(inherits_from=3), "inherits_from"),
        (lambda p: p.pop("foreground_intensity_properties_per_channel"), "foreground_intensity_properties"),
        (lambda p: p["foreground_intensity_properties_per_channel"]["0"].pop("std"), "std"),
        (lambda p: p["foreground_intensity_properties_per_channel"]["0"].update(std=-1), "std"),
        (lambda p: p["foreground_intensity_properties_per_channel"]["0"].update(mean=float("nan")), "mean"),
        (lambda p: p["foreground_intensity_properties_per_channel"]["0"].update(mean=float("inf")), "mean"),
        (lambda p: p["foreground_intensity_properties_per_channel"]["0"].update(mean="0"), "mean"),
        (lambda p: p["foreground_intensity_properties_per_channel"]["0"].update(percentile_00_5=2000), "below"),
        (lambda p: settings_of(p).pop("patch_size"), "'patch_size' is missing"),
        (lambda p: settings_of(p).update(patch_size=[128, 128]), "3 entries"),
        (lambda p: settings_of(p).update(patch_size=[10**9] * 3), "patch_size"),
        (lambda p: settings_of(p).update(patch_size=[0, 128, 128]), "patch_size"),
        (lambda p: settings_of(p).update(patch_size=[-128, 128, 128]), "patch_size"),
        (lambda p: settings_of(p).update(patch_size=[128.0, 128, 128]), "patch_size"),
        (lambda p: settings_of(p).update(patch_size=[100, 100, 100]), "multiple"),
        (lambda p: settings_of(p).update(spacing=[0, 1, 1]), "spacing"),
        (lambda p: settings_of(p).update(spacing=[1e30, 1, 1]), "spacing"),
        (lambda p: settings_of(p).update(spacing=[None, 1, 1]), "spacing"),
        (lambda p: settings_of(p).update(spacing=[1, 1]), "spacing"),
        (lambda p: settings_of(p).update(normalization_schemes=["RGBTo01Normalization"]), "normalization_schemes"),
        (lambda p: settings_of(p).update(UNet_class_name="PrimusM"), "PrimusM"),
        (lambda p: settings_of(p).update(UNet_base_num_features=10**9), "UNet_base_num_features"),
        (lambda p: settings_of(p).update(unet_max_num_features=True), "unet_max_num_features"),
        (lambda p: settings_of(p).pop("conv_kernel_sizes"), "conv_kernel_sizes"),
        (lambda p: settings_of(p).update(conv_kernel_sizes=[[3, 3]] * 6), "slices"),
        (lambda p: settings_of(p).update(conv_kernel_sizes=[3] * 6), "conv_kernel_sizes"),
        (lambda p: settings_of(p).update(pool_op_kernel_sizes=[[1, 1, 1]] * 100_000), "stages"),
        (lambda p: settings_of(p).update(n_conv_per_stage_encoder=[2] * 5), "6 entries"),
        (lambda p: settings_of(p).update(n_conv_per_stage_decoder="22222"), "n_conv_per_stage_decoder"),
    ],
)
def test_plans_that_make_no_sense_are_refused_in_one_sentence(change: Change, words: str) -> None:
    plans = copy.deepcopy(OLD)
    change(plans)
    check_refused(plans, DATASET, words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.update(conv_op="torch.nn.modules.conv.Conv2d"), "conv_op"),
        (lambda a: a.update(norm_op="torch.nn.BatchNorm3d"), "norm_op"),
        (lambda a: a.update(norm_op_kwargs={"eps": 1e-5}), "affine"),
        (lambda a: a.update(norm_op_kwargs={"affine": True, "eps": "os.system"}), "norm_eps"),
        (lambda a: a.update(norm_op_kwargs=[]), "norm_op_kwargs"),
        (lambda a: a.update(nonlin="os.system"), "nonlin"),
        (lambda a: a.update(nonlin=["torch.nn.LeakyReLU"]), "nonlin"),
        (lambda a: a.update(nonlin_kwargs={"negative_slope": 10**9}), "negative_slope"),
        (lambda a: a.update(n_stages=5), "n_stages"),
        (lambda a: a.update(features_per_stage=[10**9] * 6), "features_per_stage"),
        (lambda a: a.update(squeeze_excitation=True), "squeeze_excitation"),
        (lambda a: a.update(conv_bias="yes"), "conv_bias"),
        (lambda a: a.pop("strides"), "strides"),
    ],
)
def test_networks_built_of_other_layers_are_refused(change: Change, words: str) -> None:
    plans = copy.deepcopy(NEW)
    change(arguments_of(plans))
    check_refused(plans, DATASET, words)


def test_a_network_class_is_never_imported() -> None:
    plans = copy.deepcopy(NEW)
    settings_of(plans)["architecture"]["network_class_name"] = "subprocess.Popen"
    check_refused(plans, DATASET, "subprocess.Popen")


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ([], "dataset.json"),
        ({}, "channel_names"),
        ({**DATASET, "channel_names": {"0": "CT", "1": "PET"}}, "instead of one"),
        ({"channel_names": {"0": "CT"}}, "'labels' must be an object"),
        ({**DATASET, "labels": {}}, "labels"),
        ({**DATASET, "labels": {"background": 0, "spleen": 2}}, "without gaps"),
        ({**DATASET, "labels": {"background": 0, "spleen": 1, "liver": 1}}, "without gaps"),
        ({**DATASET, "labels": {"background": 0, "whole": [1, 2]}}, "regions_class_order"),
        ({**DATASET, "labels": {"background": 0, "spleen": "1"}}, "spleen"),
        ({**DATASET, "labels": {str(value): value for value in range(1000)}}, "classes"),
    ],
)
def test_a_dataset_that_does_not_fit_is_refused(dataset: Any, words: str) -> None:
    check_refused(OLD, dataset, words)


@pytest.mark.parametrize("plans", [None, [], "plans", 3])
def test_plans_of_another_kind_are_refused(plans: Any) -> None:
    check_refused(plans, DATASET, "plans.json")


def check_refused(plans: Any, dataset: Any, words: str) -> None:
    with pytest.raises(ModelError) as refusal:
        read_plans(plans, dataset)
    assert words in refusal.value.message
    assert "\n" not in refusal.value.message
    assert refusal.value.message.endswith(".")
    assert refusal.value.hint
