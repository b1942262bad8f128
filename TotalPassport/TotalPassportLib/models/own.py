"""Models in our own layout: a folder with its description, or one network that carries it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from ..errors import ModelError
from ..files import make_folder, parse_json, read_json, sha256_of
from .description import DESCRIPTION_FILE, METADATA_KEY, read_model, verify_network


def is_own_layout(path: Path) -> bool:
    """Whether a path is a model folder of ours, its description, or a network."""
    if path.is_dir():
        return (path / DESCRIPTION_FILE).is_file()
    return path.name == DESCRIPTION_FILE or path.suffix.lower() == ".onnx"


def copy_model(path: Path, destination: Path, name: str | None) -> str:
    """Copy a model into a folder of its own, and nothing that lies beside it.

    Parameters
    ----------
    destination : a folder that does not exist yet.
    name : what the model will be called; by default what it calls itself.

    Returns
    -------
    The model's name.

    Raises
    ------
    ModelError : it cannot be read, or a network is not the one that its description means.
    """
    model = read_model(path)
    document = _document(path)
    document["name"] = name or document["name"]
    make_folder(destination)
    for part, entry in zip(model.parts, document["parts"], strict=True):
        verify_network(part)
        copy = destination / (entry["network"] or "network.onnx")
        if not copy.exists():
            shutil.copyfile(part.network, copy)
        entry |= {"network": copy.name, "sha256": sha256_of(copy)}
    (destination / DESCRIPTION_FILE).write_text(json.dumps(document, indent=1), encoding="utf-8")
    try:
        return read_model(destination).name
    except ModelError as error:
        raise ModelError(error.message, "Choose a name of letters and digits with --as.") from error


def _document(path: Path) -> dict[str, Any]:
    """Return the description that `read_model` has just accepted."""
    folder = path if path.is_dir() else path.parent
    beside = folder / DESCRIPTION_FILE
    if beside.is_file() and (path.suffix.lower() != ".onnx" or _names(beside, path)):
        return dict(read_json(beside, ModelError))
    from ..inference.session import network_metadata  # lazily: most ways in need no onnxruntime

    text = network_metadata(path)[METADATA_KEY]
    return dict(parse_json(text, f"The description inside '{path}'", ModelError))


def _names(description: Path, network: Path) -> bool:
    parts = read_model(description).parts
    return network.resolve() in {part.network.resolve() for part in parts}
