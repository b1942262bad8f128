"""A checkpoint of MONAI's whole-body bundle -> a model folder, without PyTorch."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...base.errors import BadInput, ModelError, os_error
from ...base.files import make_folder
from ...base.labels import load_label_table, table_from_names
from ...base.temporaries import folder_beside, rename_folder
from ..description import DESCRIPTION_FILE, SCHEMA_VERSION
from ..nnunet.checkpoint import read_state_dict
from ..onnx_graph import save_network
from ..reading import read_model
from .bundle import SPACING_MM, MonaiBundle
from .segresnet import SegResNet, segresnet_head, select_segresnet_tensors, write_segresnet

TABLE = "monai_wholebody"
LICENCE = "Apache-2.0"
SOURCE = "Converted from {file} of MONAI's bundle wholeBody_ct_segmentation"


def convert_bundle(
    bundle: MonaiBundle, checkpoint: str, destination: Path, name: str, *, title: str = "", source: str = ""
) -> None:
    """Make a model folder of one checkpoint of a bundle.

    Parameters
    ----------
    checkpoint : str
        Its name in the bundle, such as ``models/model.pt``.
    destination : Path
        The model folder; it must not exist yet and appears only when it is complete.
    name, title : str
        What to call the model.
    source : str
        Where the weights come from, a sentence without its full stop.

    Raises
    ------
    ModelError
        The weights are damaged or of another network, or the package `onnx` is not installed.
    BadInput
        The destination exists already or cannot be written.
    """
    if destination.exists():
        raise BadInput(f"'{destination}' is there already.", "Choose the name of a new folder.")
    weights = read_state_dict(bundle.checkpoints[checkpoint])
    network = SegResNet.of(weights)
    tensors = select_segresnet_tensors(network, weights)
    labels = _labels(bundle, network)
    make_folder(destination.parent)
    try:
        with folder_beside(destination) as temporary:
            folder = temporary / "model"
            folder.mkdir()
            files = save_network(write_segresnet(network, tensors), segresnet_head(tensors), folder / "wholebody.onnx")
            document = {
                "schema": SCHEMA_VERSION, "name": name, "title": title or name, "version": "1", "licence": LICENCE,
                "intended_use": "", "source": source or SOURCE.format(file=checkpoint),
                "spacing_mm": [SPACING_MM[checkpoint]] * 3, "sampling": {"rule": "monai"}, "labels": labels,
                "parts": [_part(bundle, network) | files],
            }  # fmt: skip
            (folder / DESCRIPTION_FILE).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
            read_model(folder)  # if it cannot be read, it must not appear
            rename_folder(folder, destination)
    except OSError as error:
        raise os_error(error) from error


def _labels(bundle: MonaiBundle, network: SegResNet) -> str | list[dict[str, Any]]:
    """Return what the channels mean: the bundled table where it is the same, or where the bundle does not say."""
    known = load_label_table(TABLE)
    if bundle.names is None:
        if network.output_channels != len(known) + 1:
            raise ModelError(
                f"The network has {network.output_channels} channels, not the {len(known) + 1} of MONAI's whole-body "
                "bundle, and what they mean is not said.",
                "Give the whole bundle: its configs/metadata.json names them.",
            )
        return TABLE
    if sorted(bundle.names) != list(range(1, network.output_channels)):
        raise ModelError(
            f"The bundle names {len(bundle.names)} structures, but its network has {network.output_channels} channels.",
            "Get the bundle again and keep the files of one download together.",
        )
    if {value: label.name for value, label in known.items()} == dict(bundle.names):
        return TABLE
    labels = table_from_names(dict(bundle.names), bundle.name).values()
    return [{key: fact for key, fact in asdict(label).items() if fact is not None} for label in labels]


def _part(bundle: MonaiBundle, network: SegResNet) -> dict[str, Any]:
    """Return how the network is run; MONAI's arrays have the axes x, y, z."""
    if any(size % network.divisor for size in bundle.windows):
        raise ModelError(
            f"The bundle's windows of {bundle.windows} voxels do not suit its network, which halves them "
            f"{len(network.blocks_down) - 1} times.",
            "Get the bundle again.",
        )
    return {
        "name": "wholebody", "axes": [2, 1, 0], "patch_size_zyx": bundle.windows,
        "divisor_zyx": [network.divisor] * 3, "stride": bundle.strides, "padding": "edge",
        "blending": {"kind": "gaussian", "sigma": 0.125, "floor": 0.001},
        "normalisation": {
            "scheme": "steps",
            "steps": [{"scheme": "zscore_nonzero"}, {"scheme": "range", "low": -1.0, "high": 1.0}],
        },
        "gigaflop_per_window": round(network.gigaflop(bundle.windows), 3),
        "label_values": list(range(network.output_channels)),
    }  # fmt: skip
