"""MONAI's whole-body bundle as it is published, with small random networks."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.models.monai.bundle import PREPROCESSING
from TotalPassportLib.models.monai.segresnet import SegResNet

from .checkpoints import write_state_dict

SMALL = SegResNet(
    filters=8, input_channels=1, output_channels=105, blocks_down=(1, 2, 2, 4), blocks_up=(1, 1, 1)
)  # fmt: skip


def random_tensors(network: SegResNet = SMALL, seed: int = 0) -> dict[str, np.ndarray]:
    """Return weights of any kind for a network, by their names in a checkpoint."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in (network.tensors() | network.head_tensors()).items():
        spread = 0.3 if len(shape) == 1 else (2 / np.prod(shape[1:])) ** 0.5
        tensors[name] = (rng.normal(size=shape) * spread + name.endswith("norm1.weight")).astype(np.float32)
    return tensors


def configuration(**changes: Any) -> dict[str, Any]:
    """Return what `configs/inference.json` holds of what is read, with Python in it that nobody must evaluate."""
    return {
        "imports": ["$import os", "$__import__('os').abort()"],
        "displayable_configs": {"highres": True, "sw_overlap": 0.25},
        "pixdim": "$[1.5, 1.5, 1.5] if @displayable_configs#highres else [3.0, 3.0, 3.0]",
        "network_def": {"_target_": "SegResNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 105},
        "preprocessing": {"transforms": [step | {"keys": "@image_key"} for step in PREPROCESSING]},
        "inferer": {
            "_target_": "SlidingWindowInferer", "roi_size": [32, 32, 32], "overlap": "@displayable_configs#sw_overlap",
            "padding_mode": "replicate", "mode": "gaussian",
        },
    } | changes  # fmt: skip


def write_bundle(folder: Path, *, names: dict[str, str] | None = None, **changes: Any) -> Path:
    """Write a whole bundle into a folder; ``changes`` exchange parts of its configuration."""
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "configs" / "inference.json").write_text(json.dumps(configuration(**changes)), encoding="utf-8")
    if names is None:
        names = {"0": "background"} | {str(v): label.name for v, label in load_label_table("monai_wholebody").items()}
    metadata = {"network_data_format": {"outputs": {"pred": {"channel_def": names}}}}
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    for seed, name in enumerate(("model.pt", "model_lowres.pt")):
        write_state_dict(folder / "models" / name, random_tensors(seed=seed))
    return folder


def zipped(folder: Path, path: Path) -> Path:
    """Pack a folder with its name around it, as such bundles are published."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, Path(folder.name) / file.relative_to(folder))
    return path
