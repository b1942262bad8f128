"""What nnU-Net's plans leave to the one who runs the network: order of axes, normalisation, meaning of channels.

Everything may be in the files; what makes no sense is refused in one sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...base.errors import ModelError
from ..task import CT, MR

MOST_CLASSES = 256
BACKGROUND, IGNORE = 0, "ignore"
Axes = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Channels:
    """What a network's output channels mean.

    Without regions there is one for each label, background first. With regions there is one for each of them, and
    ``region_values`` are the labels that they are written as, in this order, over what is there already.
    """

    names: tuple[str, ...]
    region_values: tuple[int, ...] | None = None


def _cannot_use(reason: str) -> ModelError:
    return ModelError(
        f"The network's plans cannot be used: {reason}.",
        "Get the weights again; if this repeats, the model is of a kind that TotalPassport cannot run.",
    )


def read_axes(plans: Mapping[str, Any]) -> Axes:
    """Return which of z, y and x each of the network's axes is (nnU-Net's ``transpose_forward``).

    Raises
    ------
    ModelError
        It is no order of three axes, or the way back is not its inverse.
    """
    forward, backward = _order(plans, "transpose_forward"), _order(plans, "transpose_backward")
    if [forward[axis] for axis in backward] != [0, 1, 2]:
        raise _cannot_use("'transpose_backward' does not undo 'transpose_forward'")
    return forward


def _order(plans: Mapping[str, Any], key: str) -> Axes:
    axes = plans.get(key)
    if not isinstance(axes, list) or sorted(map(repr, axes)) != ["0", "1", "2"]:  # True is not 1 here
        raise _cannot_use(f"'{key}' must be an order of the axes 0, 1 and 2")
    first, second, third = axes
    return first, second, third


def in_zyx(values: list[Any], axes: Axes) -> list[Any]:
    """Return values along the network's axes in the order z, y, x.

    >>> in_zyx(["x", "z", "y"], (2, 0, 1))
    ['z', 'y', 'x']
    """
    return [values[axes.index(axis)] for axis in range(3)]


def uses_mask(settings: Mapping[str, Any]) -> bool:
    """Whether a z-score is taken of the filled voxels only.

    Raises
    ------
    ModelError
        The plans do not say so.
    """
    masks = settings.get("use_mask_for_norm")
    # Plans of the oldest kind have an object here, with a text as key of the channel.
    values = list(masks.values()) if isinstance(masks, dict) else masks
    if not isinstance(values, list) or len(values) != 1 or not isinstance(values[0], bool):
        raise _cannot_use("'use_mask_for_norm' must hold one true or false")
    return values[0]


def read_channels(dataset: Mapping[str, Any]) -> Channels:
    """Return what the output channels mean; nnU-Net's ``ignore`` label has none.

    Raises
    ------
    ModelError
        ``labels`` or ``regions_class_order`` make no sense.
    """
    labels = dataset.get("labels")
    if not isinstance(labels, dict):
        raise _cannot_use("'labels' must be an object")
    labels = {name: value for name, value in labels.items() if name != IGNORE}
    if any(isinstance(value, list) and len(value) > 1 for value in labels.values()):
        return _regions(dataset, labels)
    if not 2 <= len(labels) <= MOST_CLASSES:
        raise _cannot_use(f"'labels' must name 2 to {MOST_CLASSES} classes")
    values = {name: _label(value, name) for name, value in labels.items()}
    if sorted(values.values()) != list(range(len(values))):
        raise _cannot_use("the values of 'labels' must be 0, 1, 2, ... without gaps")
    return Channels(names=tuple(sorted(values, key=values.__getitem__)))


def read_modality(dataset: Any) -> str:
    """Return what a network's scans are made by: `CT`, or `MR` for all that is not called CT.

    nnU-Net decides by the same word how an image is normalised.
    """
    names = dataset.get("channel_names", dataset.get("modality")) if isinstance(dataset, dict) else None
    name = names.get("0") if isinstance(names, dict) else None
    return CT if isinstance(name, str) and name.strip().lower() == "ct" else MR


def _regions(dataset: Mapping[str, Any], labels: Mapping[str, Any]) -> Channels:
    """Return the regions in the order of the file, which is that of the channels; background has no channel."""
    names = []
    for name, value in labels.items():
        members = [_label(member, name) for member in (value if isinstance(value, list) else [value])]
        if not members or members != [BACKGROUND]:
            names.append(name)
    order = dataset.get("regions_class_order")
    if not isinstance(order, list) or len(order) != len(names) or not 1 <= len(names) < MOST_CLASSES:
        raise _cannot_use("'regions_class_order' must have one label for each region")
    values = tuple(_label(value, name) for name, value in zip(names, order, strict=True))
    if BACKGROUND in values:
        raise _cannot_use("'regions_class_order' must not name the background")
    return Channels(names=tuple(names), region_values=values)


def _label(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MOST_CLASSES:
        raise _cannot_use(f"the value of label {name[:50]!r} must be a whole number from 0 to {MOST_CLASSES - 1}")
    return value
