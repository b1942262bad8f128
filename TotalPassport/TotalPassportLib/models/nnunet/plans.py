"""nnU-Net's `plans.json` and `dataset.json` -> everything that running the network needs, except its weights.

There are two formats of plans. Until 2024 a configuration named its `UNet_class_name` and listed pooling and kernel
sizes beside it; since then it has an `architecture` with the network class and its arguments. Both are read as data:
class names are compared, never imported. Keys of nnU-Net are quoted in messages, because users search for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ...base.errors import ModelError
from ...image.normalisation import CTNormalisation, Normalisation, ZScoreNormalisation
from ...image.zscore import STD_FLOOR
from .architecture import PlainConvUNet, ResidualEncoderUNet, UNet
from .conventions import Channels, in_zyx, read_axes, read_channels, uses_mask
from .layers import Triple

LARGEST_PATCH = 512
"""Voxels along one axis; the largest patches in use have 256."""

_T = TypeVar("_T")
_PLAIN, _RESIDUAL = "PlainConvUNet", "ResidualEncoderUNet"
_READ_ARGUMENTS = {
    "n_stages", "features_per_stage", "strides", "kernel_sizes", "n_conv_per_stage", "n_blocks_per_stage",
    "n_conv_per_stage_decoder", "conv_op", "conv_bias", "norm_op", "norm_op_kwargs", "nonlin", "nonlin_kwargs",
    "dropout_op", "dropout_op_kwargs", "deep_supervision",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Plans:
    """What plans.json and dataset.json say about one network.

    Parameters
    ----------
    architecture : UNet
        The network.
    spacing_mm : tuple[float, float, float]
        Voxel size of its input along R, A, S.
    patch_size_zyx : Triple
        Voxels, a multiple of the architecture's divisor, along the network's own axes.
    normalisation : Normalisation
        Of its input.
    channels : Channels
        What its output means.
    axes : Triple
        Which of z, y and x each of its own axes is; those of the architecture are its own.
    """

    architecture: UNet
    spacing_mm: tuple[float, float, float]
    patch_size_zyx: Triple
    normalisation: Normalisation
    channels: Channels
    axes: Triple = (0, 1, 2)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each output channel."""
        return self.channels.names


def read_plans(plans: Any, dataset: Any, configuration: str = "3d_fullres") -> Plans:
    """Read the plans for one configuration.

    Parameters
    ----------
    plans, dataset : Any
        The parsed plans.json and dataset.json; anything may be in them.
    configuration : str
        nnU-Net's name for the variant of the network.

    Raises
    ------
    ModelError
        A value is missing or absurd, or the network is of a kind that cannot be run here.
    """
    plans, dataset = _typed(plans, dict, "plans.json"), _typed(dataset, dict, "dataset.json")
    settings = _configuration(plans, configuration)
    axes = read_axes(plans)
    _check_images(dataset)
    channels = read_channels(dataset)
    architecture = _architecture(settings, len(channels.names))
    patch = _patch(settings, architecture)
    x, y, z = reversed(in_zyx(_spacing(settings), axes))
    return Plans(
        architecture=architecture,
        spacing_mm=(x, y, z),
        patch_size_zyx=patch,
        normalisation=_normalisation(plans, settings),
        channels=channels,
        axes=axes,
    )


def _cannot_use(reason: str) -> ModelError:
    return ModelError(
        f"The network's plans cannot be used: {reason}.",
        "Get the weights again; if this repeats, the model is of a kind that TotalPassport cannot run.",
    )


def _typed(value: Any, kind: type[_T], what: str) -> _T:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        expected = {dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a whole number"}
        raise _cannot_use(f"{what} must be {expected[kind]}")
    return value


def _required(mapping: Mapping[str, Any], key: str, kind: type[_T]) -> _T:
    if key not in mapping:
        raise _cannot_use(f"'{key}' is missing")
    return _typed(mapping[key], kind, f"'{key}'")


def _in_range(value: Any, what: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise _cannot_use(f"{what} must be a number from {low:g} to {high:g}")
    return float(value)


def _count(value: Any, what: str, largest: int) -> int:
    if not 1 <= _typed(value, int, what) <= largest:
        raise _cannot_use(f"{what} must be from 1 to {largest}")
    return int(value)


def _configuration(plans: Mapping[str, Any], name: str) -> dict[str, Any]:
    """One configuration with everything it inherits from others."""
    configurations = _required(plans, "configurations", dict)
    settings: dict[str, Any] = {}
    visited: list[str] = []
    while name:
        if name in visited:
            raise _cannot_use(f"the configuration '{name}' inherits from itself")
        visited.append(name)
        configuration = _required(configurations, name, dict)
        settings = {**configuration, **settings}
        name = _typed(configuration.get("inherits_from", ""), str, "'inherits_from'")
    return settings


def _check_images(dataset: Mapping[str, Any]) -> None:
    images = _typed(dataset.get("channel_names", dataset.get("modality")), dict, "'channel_names'")
    if len(images) != 1:
        raise _cannot_use(f"it wants {len(images)} images for each patient instead of one")


def _patch(settings: Mapping[str, Any], architecture: UNet) -> Triple:
    sizes = _required(settings, "patch_size", list)
    if len(sizes) != 3:
        raise _cannot_use("'patch_size' must have 3 entries, one for each axis of a volume")
    z, y, x = (_count(size, "'patch_size'", LARGEST_PATCH) for size in sizes)
    if any(size % divisor for size, divisor in zip((z, y, x), architecture.divisor_zyx, strict=True)):
        raise _cannot_use(f"'patch_size' {[z, y, x]} is not a multiple of {list(architecture.divisor_zyx)}")
    return z, y, x


def _spacing(settings: Mapping[str, Any]) -> list[float]:
    spacing = _required(settings, "spacing", list)
    if len(spacing) != 3:
        raise _cannot_use("'spacing' must have 3 entries")
    return [_in_range(value, "'spacing'", 0.2, 20.0) for value in spacing]


def _normalisation(plans: Mapping[str, Any], settings: Mapping[str, Any]) -> Normalisation:
    schemes = _required(settings, "normalization_schemes", list)
    if schemes == ["ZScoreNormalization"]:
        return ZScoreNormalisation(masked=uses_mask(settings))
    if schemes != ["CTNormalization"]:
        raise _cannot_use('its \'normalization_schemes\' are neither ["CTNormalization"] nor ["ZScoreNormalization"]')
    return _ct_normalisation(plans)


def _ct_normalisation(plans: Mapping[str, Any]) -> CTNormalisation:
    """The CT scheme's numbers, which nnU-Net measured on the foreground of its training images."""
    key = "foreground_intensity_properties_per_channel"
    if key not in plans:
        key = "foreground_intensity_properties_by_modality"
    properties = _required(_required(plans, key, dict), "0", dict)
    low, high, mean = (
        _in_range(properties.get(name), f"'{name}'", -1e6, 1e6)
        for name in ("percentile_00_5", "percentile_99_5", "mean")
    )
    if low >= high:
        raise _cannot_use("'percentile_00_5' must be below 'percentile_99_5'")
    std = max(_in_range(properties.get("std"), "'std'", 0.0, 1e6), STD_FLOOR)
    return CTNormalisation(clip_low_hu=low, clip_high_hu=high, mean_hu=mean, std_hu=std)


def _architecture(settings: Mapping[str, Any], classes: int) -> UNet:
    if "architecture" in settings:
        kind, arguments = _new_format(_required(settings, "architecture", dict))
    else:
        kind, arguments = _old_format(settings)
    if kind == _PLAIN:
        return PlainConvUNet(input_channels=1, output_channels=classes, **arguments)
    if kind == _RESIDUAL:
        return ResidualEncoderUNet(input_channels=1, output_channels=classes, **arguments)
    raise _cannot_use(f"networks of the kind {kind[:100]!r} are not supported")


def _old_format(settings: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Channels double from stage to stage up to a limit; everything else has nnU-Net's defaults."""
    kind = _required(settings, "UNet_class_name", str)
    strides = _required_triples(settings, "pool_op_kernel_sizes")
    base = _count(settings.get("UNet_base_num_features"), "'UNet_base_num_features'", 8192)
    largest = _count(settings.get("unet_max_num_features"), "'unet_max_num_features'", 8192)
    return kind, {
        "features_per_stage": tuple(min(base << min(stage, 20), largest) for stage in range(len(strides))),
        "strides": strides,
        "kernel_sizes": _required_triples(settings, "conv_kernel_sizes"),
        _per_stage_name(kind): _required_counts(settings, "n_conv_per_stage_encoder"),
        "n_conv_per_stage_decoder": _required_counts(settings, "n_conv_per_stage_decoder"),
    }


def _new_format(description: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    name = _required(description, "network_class_name", str)
    module, _, kind = name.rpartition(".")
    if module != "dynamic_network_architectures.architectures.unet":
        raise _cannot_use(f"networks of the kind {name[:150]!r} are not supported")
    arguments = _required(description, "arch_kwargs", dict)
    _check_arguments(arguments)
    return kind, {
        "features_per_stage": _required_counts(arguments, "features_per_stage"),
        "strides": _required_triples(arguments, "strides"),
        "kernel_sizes": _required_triples(arguments, "kernel_sizes"),
        _per_stage_name(kind): _required_counts(arguments, _per_stage_name(kind)),
        "n_conv_per_stage_decoder": _required_counts(arguments, "n_conv_per_stage_decoder"),
        "conv_bias": _typed(arguments.get("conv_bias", False), bool, "'conv_bias'"),
        "norm_eps": _options(arguments, "norm_op_kwargs").get("eps", 1e-5),
        "negative_slope": _options(arguments, "nonlin_kwargs").get("negative_slope", 0.01),
    }


def _per_stage_name(kind: str) -> str:
    return "n_blocks_per_stage" if kind == _RESIDUAL else "n_conv_per_stage"


def _check_arguments(arguments: Mapping[str, Any]) -> None:
    """Refuse networks that are built of other layers than those that can be written."""
    for key, classes in {
        "conv_op": ("torch.nn.modules.conv.Conv3d", "torch.nn.Conv3d"),
        "norm_op": ("torch.nn.modules.instancenorm.InstanceNorm3d", "torch.nn.InstanceNorm3d"),
        "nonlin": ("torch.nn.LeakyReLU", "torch.nn.modules.activation.LeakyReLU"),
    }.items():
        if arguments.get(key) not in classes:
            raise _cannot_use(f"'{key}' must be {classes[0]}")
    if _options(arguments, "norm_op_kwargs").get("affine") is not True:
        raise _cannot_use("'norm_op_kwargs' must have affine set to true")
    stages = _count(arguments.get("n_stages"), "'n_stages'", 100)
    if len(_required(arguments, "features_per_stage", list)) != stages:
        raise _cannot_use("'features_per_stage' must have 'n_stages' entries")
    for key, value in arguments.items():
        if key not in _READ_ARGUMENTS and value not in (None, False):
            raise _cannot_use(f"the network's option {key[:50]!r} is not supported")


def _options(arguments: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = arguments.get(key)
    return {} if value is None else _typed(value, dict, f"'{key}'")


def _required_counts(mapping: Mapping[str, Any], key: str) -> tuple[int, ...]:
    return tuple(_count(value, f"'{key}'", 8192) for value in _required(mapping, key, list))


def _required_triples(mapping: Mapping[str, Any], key: str) -> tuple[Triple, ...]:
    triples = []
    for entry in _required(mapping, key, list):
        if len(_typed(entry, list, f"each entry of '{key}'")) != 3:
            raise _cannot_use(f"each entry of '{key}' must have 3 numbers; networks for slices are not supported")
        z, y, x = (_count(value, f"'{key}'", 100) for value in entry)
        triples.append((z, y, x))
    return tuple(triples)
