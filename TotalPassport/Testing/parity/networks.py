"""Random networks in the layout of TotalSegmentator's released weights.

Runs where the official package is installed (PyTorch, nnU-Net): the networks are built and saved by nnU-Net's own code.
Some get plans in the format of the v2.0.0 release, some in the newer one that names an `architecture`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from totalsegmentator.map_to_binary import class_map, class_map_5_parts
from totalsegmentator.python_api import get_task_config

CATALOGUE = Path(__file__).resolve().parents[2] / "TotalPassportLib" / "data" / "catalogue.json"
MODES = ("fast", "fastest", "full")
UNET = "dynamic_network_architectures.architectures.unet."


@dataclass(frozen=True)
class Design:
    """One network: ``features`` a stage, the window, the voxel size, and the numbers of its normalisation."""

    features: tuple[int, ...]
    patch_zyx: tuple[int, int, int]
    spacing_mm: float
    mean_hu: float
    std_hu: float
    old_plans: bool = True
    residual: bool = False


TINY = {
    297: Design((6, 8, 16), (32, 36, 40), 3.0, -50.4, 503.4),
    298: Design((6, 8, 16), (20, 16, 24), 6.0, -60.0, 480.0, old_plans=False),
    291: Design((4, 8, 8), (32, 36, 40), 1.5, 11.0, 400.0),
    292: Design((4, 8, 8), (36, 32, 40), 1.5, 12.0, 410.0, old_plans=False),
    293: Design((4, 8), (24, 26, 30), 1.5, 13.0, 420.0),
    294: Design((4, 8, 8), (40, 32, 32), 1.5, 14.0, 430.0, old_plans=False),
    295: Design((4, 8, 8), (32, 32, 36), 1.5, 15.0, 440.0, old_plans=False, residual=True),
}
"""As small as they can be and still have several windows in a scan of 150 mm; no window is a cube."""
OFFICIAL_SIZE = {
    297: Design((32, 64, 128, 256, 320), (112, 112, 128), 3.0, -50.38697721, 503.39235619),
    298: Design((32, 64, 128, 256, 320), (64, 64, 64), 6.0, -50.38697721, 503.39235619),
    **{number: Design((32, 64, 128, 256, 320, 320), (128, 128, 128), 1.5, 10.0, 400.0) for number in range(291, 296)},
}
"""The size of the released networks, as far as it is known (that of 298 is a guess)."""


def write_weights(root: Path, designs: dict[int, Design], modes: Sequence[str], seed: int) -> None:
    """Write a folder of datasets that the official package and our converter take for released weights."""
    folders = dataset_folders()
    for mode in modes:
        config = get_task_config("total", fast=mode == "fast", fastest=mode == "fastest", quiet=True)
        numbers = config["task_id"] if isinstance(config["task_id"], list) else [config["task_id"]]
        for number in numbers:
            trainer = f"{config['trainer']}__nnUNetPlans__3d_fullres"
            _write_network(root / folders[number] / trainer, designs[number], _labels(number), seed + number)


def dataset_folders() -> dict[int, str]:
    """Return the names of the released folders by the number of their dataset."""
    models = json.loads(CATALOGUE.read_text(encoding="utf-8"))["models"]
    names = [dataset["folder"] for model in models for dataset in model["datasets"]]
    return {int(name[len("Dataset") :].split("_")[0]): name for name in names}


def _labels(number: int) -> dict[str, int]:
    parts = ["class_map_part_organs", "class_map_part_vertebrae", "class_map_part_cardiac"]
    parts += ["class_map_part_muscles", "class_map_part_ribs"]
    names = class_map["total"] if number > 295 else class_map_5_parts[parts[number - 291]]
    return {"background": 0, **{name: value for value, name in names.items()}}


def _write_network(trainer: Path, design: Design, labels: dict[str, int], seed: int) -> None:
    plans = _plans(trainer.parent.name, design)
    network = _network(plans, len(labels))
    _randomise(network, np.random.default_rng(seed))
    dataset = {"channel_names": {"0": "CT"}, "labels": labels, "numTraining": 1559, "file_ending": ".nii.gz"}
    (trainer / "fold_0").mkdir(parents=True)
    for name, document in (("plans.json", plans), ("dataset.json", dataset)):
        (trainer / name).write_text(json.dumps(document, indent=1), encoding="utf-8")
    checkpoint = {
        "network_weights": network.state_dict(), "optimizer_state": {}, "grad_scaler_state": None,
        "logging": {"mean_fg_dice": [np.float64(0.5)]}, "_best_ema": np.float64(0.5), "current_epoch": 1,
        "init_args": {"plans": plans, "configuration": "3d_fullres", "fold": 0, "dataset_json": dataset,
                      "unpack_dataset": True, "device": torch.device("cuda")},
        "trainer_name": trainer.name.split("__")[0], "inference_allowed_mirroring_axes": None,
    }  # fmt: skip
    torch.save(checkpoint, trainer / "fold_0" / "checkpoint_final.pth")


def _network(plans: dict[str, Any], channels: int) -> torch.nn.Module:
    configuration = PlansManager(plans).get_configuration("3d_fullres")
    return get_network_from_plans(
        configuration.network_arch_class_name, configuration.network_arch_init_kwargs,
        configuration.network_arch_init_kwargs_req_import, 1, channels, deep_supervision=True,
    )  # fmt: skip


def _randomise(network: torch.nn.Module, rng: np.random.Generator) -> None:
    """Give every parameter a value that matters; kernels are smooth, so that labels come in pieces as organs do."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            values = rng.standard_normal(tuple(parameter.shape))
            if "seg_layers" in name:
                values = _head(values)
            elif values.ndim == 5:
                rough = values / np.sqrt(np.prod(values.shape[1:]))
                values = rough + 2 * rough.mean(axis=(2, 3, 4), keepdims=True) * np.sqrt(np.prod(values.shape[2:]))
            elif name.endswith("norm.weight"):
                values = 1 + 0.2 * values
            else:
                values *= 0.3
            parameter.copy_(torch.from_numpy(values))


def _head(values: np.ndarray) -> np.ndarray:
    """Return the last layer's parameters: every class has a direction of its own among features that are positive.

    Where all features are small the first class wins, the background.
    """
    if values.ndim == 1:
        return (0.5 if len(values) > 100 else 3.0) * (np.arange(len(values)) == 0)
    directions = np.abs(values) / np.sqrt(np.sum(values**2, axis=1, keepdims=True))
    return 6.0 * (directions - directions.mean(axis=0))


def _plans(dataset: str, design: Design) -> dict[str, Any]:
    """Return plans as nnU-Net writes them, as far as anybody reads them when a network runs."""
    resampling = {"order": 3, "order_z": 0, "force_separate_z": None}
    configuration = {
        "data_identifier": "nnUNetPlans_3d_fullres", "preprocessor_name": "DefaultPreprocessor", "batch_size": 2,
        "patch_size": list(design.patch_zyx), "median_image_size_in_voxels": [120.0, 130.0, 130.0],
        "spacing": [design.spacing_mm] * 3, "normalization_schemes": ["CTNormalization"], "use_mask_for_norm": [False],
        **{f"resampling_fn_{kind}": "resample_data_or_seg_to_shape" for kind in ("data", "seg", "probabilities")},
        "resampling_fn_data_kwargs": {"is_seg": False, **resampling},
        "resampling_fn_seg_kwargs": {"is_seg": True, **resampling, "order": 1},
        "resampling_fn_probabilities_kwargs": {"is_seg": False, **resampling, "order": 1}, "batch_dice": True,
        **(_old_architecture(design) if design.old_plans else _new_architecture(design)),
    }  # fmt: skip
    intensities = {
        "max": 3000.0, "min": -1024.0, "median": -5.0, "mean": design.mean_hu, "std": design.std_hu,
        "percentile_00_5": -1004.0, "percentile_99_5": 1588.0,
    }  # fmt: skip
    return {
        "dataset_name": dataset, "plans_name": "nnUNetPlans", "image_reader_writer": "SimpleITKIO",
        "original_median_spacing_after_transp": [design.spacing_mm] * 3,
        "original_median_shape_after_transp": [120, 130, 130], "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2], "configurations": {"3d_fullres": configuration},
        "experiment_planner_used": "ExperimentPlanner", "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": intensities},
    }  # fmt: skip


def _old_architecture(design: Design) -> dict[str, Any]:
    stages = len(design.features)
    return {
        "UNet_class_name": "PlainConvUNet", "UNet_base_num_features": design.features[0],
        "unet_max_num_features": design.features[-1], "n_conv_per_stage_encoder": [2] * stages,
        "n_conv_per_stage_decoder": [2] * (stages - 1), "num_pool_per_axis": [stages - 1] * 3,
        "pool_op_kernel_sizes": _strides(stages), "conv_kernel_sizes": [[3, 3, 3]] * stages,
    }  # fmt: skip


def _new_architecture(design: Design) -> dict[str, Any]:
    stages = len(design.features)
    count = "n_blocks_per_stage" if design.residual else "n_conv_per_stage"
    arguments = {
        "n_stages": stages, "features_per_stage": list(design.features), "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[3, 3, 3]] * stages, "strides": _strides(stages),
        count: [1 if design.residual else 2] * stages,
        "n_conv_per_stage_decoder": [1] * (stages - 1), "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d", "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "dropout_op": None, "dropout_op_kwargs": None, "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }  # fmt: skip
    kind = UNET + ("ResidualEncoderUNet" if design.residual else "PlainConvUNet")
    imports = ["conv_op", "norm_op", "dropout_op", "nonlin"]
    return {"architecture": {"network_class_name": kind, "arch_kwargs": arguments, "_kw_requires_import": imports}}


def _strides(stages: int) -> list[list[int]]:
    return [[1, 1, 1]] + [[2, 2, 2]] * (stages - 1)


def network_logits(trainer: Path, patch_zyx: np.ndarray) -> np.ndarray:
    """Return what PyTorch computes for a patch: float32 ``[channels, z, y, x]``."""
    plans, dataset = (json.loads((trainer / name).read_text("utf-8")) for name in ("plans.json", "dataset.json"))
    network = _network(plans, len(dataset["labels"]))
    checkpoint = torch.load(trainer / "fold_0" / "checkpoint_final.pth", map_location="cpu", weights_only=False)
    network.load_state_dict(checkpoint["network_weights"])
    network.eval()
    with torch.no_grad():
        return network(torch.from_numpy(patch_zyx[np.newaxis, np.newaxis]))[0][0].numpy()


def main() -> None:
    """Write weights, or run one network on one patch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    write = commands.add_parser("write", help="write random networks of the official size")
    write.add_argument("folder", type=Path)
    write.add_argument("--modes", nargs="+", choices=MODES, default=["fast"])
    logits = commands.add_parser("logits", help="run a network on a patch, both given and returned as .npy")
    for name in ("trainer", "patch", "output"):
        logits.add_argument(name, type=Path)
    options = parser.parse_args()
    if options.command == "write":
        write_weights(options.folder, OFFICIAL_SIZE, options.modes, seed=1)
    else:
        np.save(options.output, network_logits(options.trainer, np.load(options.patch)))


if __name__ == "__main__":
    main()
