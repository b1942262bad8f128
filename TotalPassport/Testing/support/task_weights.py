"""Random weights in official layout for every task, as small as they can be: their labels mean nothing."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

from TotalPassportLib.models.nnunet.architecture import PlainConvUNet
from TotalPassportLib.models.task import CT, Task, TaskMode, TaskPart, list_tasks

from .checkpoints import random_weights, write_checkpoint

PATCH, SMALL_PATCH = 64, 32
"""The second of smaller networks, by which they can be told."""
PLANS = "nnUNetPlans"
FOLDS = 2
"""Of a task that takes all folds there are."""
OWN_SPACING_MM = (2.0, 2.0, 2.0)
"""Of networks whose task keeps a scan's own voxels."""


def write_all_weights(folder: Path) -> Path:
    """Write the weights of every mode of every task, small networks too, and return the folder."""
    for task in list_tasks():
        for _, mode in task.with_small():
            write_mode(folder, task, mode)
    return folder


def write_mode(folder: Path, task: Task, mode: TaskMode) -> Path:
    """Write the weights of a mode and return the folder."""
    for part in mode.parts:
        write_part(folder, task, mode, part)
    return folder


def write_part(folder: Path, task: Task, mode: TaskMode, part: TaskPart) -> None:
    """Write one dataset of a mode; one that is there already, from another task, stays."""
    trainer = folder / part.weights.folder / mode.trainer_folder
    if trainer.exists():
        return
    named = max([*task.labels, *task.auxiliary_labels])
    network = _network(len(part.label_values) if part.label_values else named + 1)
    for fold in range(FOLDS) if isinstance(mode.folds, str) else mode.folds:
        weights = random_weights(network, zlib.crc32(f"{part.weights.folder}-{fold}".encode()))
        arguments = {"init_args": {"configuration": mode.configuration}}
        write_checkpoint(trainer / f"fold_{fold}" / "checkpoint_final.pth", weights, **arguments)
    _write_json(trainer / "plans.json", _plans(task, mode, network))
    labels = {"background": 0, **{f"class_{channel}": channel for channel in range(1, network.output_channels)}}
    _write_json(trainer / "dataset.json", {"channel_names": {"0": task.modality}, "labels": labels})


def _network(channels: int) -> PlainConvUNet:
    return PlainConvUNet(
        input_channels=1, output_channels=channels, features_per_stage=(4, 8), strides=((1, 1, 1), (2, 2, 2)),
        kernel_sizes=((3, 3, 3),) * 2, n_conv_per_stage=(1, 1), n_conv_per_stage_decoder=(1,),
    )  # fmt: skip


def _plans(task: Task, mode: TaskMode, network: PlainConvUNet) -> dict[str, Any]:
    x, y, z = mode.spacing_mm or OWN_SPACING_MM
    scheme = "CTNormalization" if task.modality == CT else "ZScoreNormalization"
    patch = PATCH if mode.plans == PLANS else SMALL_PATCH
    settings = {
        "patch_size": [patch] * 3, "spacing": [z, y, x], "normalization_schemes": [scheme],
        "use_mask_for_norm": [False], "UNet_class_name": "PlainConvUNet", "UNet_base_num_features": 4,
        "unet_max_num_features": 8, "n_conv_per_stage_encoder": [1, 1], "n_conv_per_stage_decoder": [1],
        "pool_op_kernel_sizes": network.strides, "conv_kernel_sizes": network.kernel_sizes,
    }  # fmt: skip
    intensities = {"mean": 20.0, "std": 300.0, "percentile_00_5": -900.0, "percentile_99_5": 1500.0}
    return {
        "transpose_forward": [0, 1, 2], "transpose_backward": [0, 1, 2],
        "configurations": {mode.configuration: settings},
        "foreground_intensity_properties_per_channel": {"0": intensities},
    }  # fmt: skip


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document), encoding="utf-8")
