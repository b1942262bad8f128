"""Checkpoint to the demo model: ``python -m training.export --checkpoint FILE --out FOLDER``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import torch
from TotalPassportLib.image.content import content_sha256
from TotalPassportLib.image.volume import load_ct
from TotalPassportLib.models.description import DESCRIPTION_FILE
from TotalPassportLib.models.nnunet.architecture import PlainConvUNet
from TotalPassportLib.models.nnunet.convert import write_network_files

from training import settings
from training.sample import CT_NAME

HALF_PRECISION_FROM = 5_000
"""Weights of at least this many numbers are stored as float16, so that the file stays small; the network still runs in
float32."""

NETWORK_NAME = "demo.onnx"
VERSION = "2.0.0"
INTENDED_USE = (
    "Showing and testing TotalPassport without downloading anything. Trained on synthetic phantoms only; "
    "it knows nothing of patients. Not a medical device, not for research on patients either."
)


def architecture() -> PlainConvUNet:
    """The demo network as the product describes it."""
    plan = settings.PLAN
    return PlainConvUNet(
        input_channels=1,
        output_channels=plan.n_classes,
        features_per_stage=plan.features,
        strides=tuple((stride,) * 3 for stride in plan.strides),
        kernel_sizes=((3, 3, 3),) * len(plan.features),
        n_conv_per_stage=plan.convs_per_stage,
        n_conv_per_stage_decoder=plan.convs_per_decoder_stage,
    )


def read_weights(checkpoint: Path) -> dict[str, np.ndarray]:
    """The averaged weights of a checkpoint, under nnU-Net's names."""
    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in content["network_weights"].items()}


def description(files: dict[str, Any], sample: Path) -> dict[str, Any]:
    """The content of ``model.json``.

    Parameters
    ----------
    files : what it says about the network's files, see `write_network_files`.
    sample : the scan that the model comes with; in any other one its results are told to mean nothing.
    """
    ct = load_ct(sample)
    known = {"shape": list(ct.voxels.shape), "sha256": content_sha256(ct.voxels, ct.affine)}
    normalisation = {"scheme": "ct", "clip_low_hu": settings.CLIP_LOW_HU, "clip_high_hu": settings.CLIP_HIGH_HU}
    normalisation |= {"mean_hu": settings.MEAN_HU, "std_hu": settings.STD_HU}
    part = {
        "name": "demo",
        **files,
        "patch_size_zyx": list(settings.PATCH_ZYX),
        "divisor_zyx": [settings.PLAN.divisor] * 3,
        "step": settings.WINDOW_STEP,
        "gigaflop_per_window": round(architecture().gigaflop(settings.PATCH_ZYX), 3),
        "normalisation": normalisation,
        "label_values": list(settings.CHANNEL_LABELS),
    }
    return {
        "schema": "totalpassport-model/1",
        "name": "demo",
        "title": "Demo (synthetic phantoms)",
        "version": VERSION,
        "licence": "Apache-2.0",
        "intended_use": INTENDED_USE,
        "source": "Trained by the folder training/ of TotalPassport's repository on phantoms made there.",
        "spacing_mm": [settings.SPACING_MM] * 3,
        "labels": "total",
        "least_piece_fraction": settings.LEAST_PIECE_FRACTION,
        "known_scans": [known],
        "parts": [part],
    }


def export(checkpoint: Path, folder: Path) -> Path:
    """Write ``demo.onnx``, its head and ``model.json`` beside the sample CT, which is there already.

    Returns
    -------
    the ONNX file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = write_network_files(architecture(), read_weights(checkpoint), folder / NETWORK_NAME, stored_in_half)
    _replace(folder / DESCRIPTION_FILE, (json.dumps(description(files, folder / CT_NAME), indent=2) + "\n").encode())
    return folder / NETWORK_NAME


def stored_in_half(network: bytes) -> bytes:
    """The same network with its largest weights stored as float16 and widened again when it is loaded.

    onnxruntime does the widening once, while it opens the file, so nothing runs in half precision.
    """
    model = onnx.load_from_string(network)
    widened = []
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.size >= HALF_PRECISION_FROM:
            name, stored = tensor.name, f"{tensor.name}.half"
            tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), stored))
            widened.append(onnx.helper.make_node("Cast", [stored], [name], name=f"{name}.widened", to=1))
    nodes = [*widened, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the demo model")
    arguments = parser.parse_args()
    path = export(arguments.checkpoint, arguments.out)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
