"""Copying a model in our own layout: its description and what that names, and nothing that lies beside it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ..base.errors import BadInput, ModelError
from ..base.files import make_folder, sha256_of
from ..base.hints import Hint, HintCode
from .description import DESCRIPTION_FILE, read_head, verify_network
from .reading import network_metadata, read_description, read_model


def copy_model(path: Path, destination: Path, name: str | None) -> str:
    """Copy a model into a folder of its own, and nothing that lies beside it.

    Parameters
    ----------
    destination : Path
        A folder that does not exist yet.
    name : str | None
        What the model will be called; by default what it calls itself.

    Returns
    -------
    The model's name.

    Raises
    ------
    ModelError
        It cannot be read, or a network is not the one that its description means.
    """
    description = read_description(path)
    model, document = description.model(), dict(description.content)
    document["name"] = name or document["name"]
    make_folder(destination)
    for part, entry in zip(model.parts, document["parts"], strict=True):
        verify_network(part)
        copy = destination / (entry["network"] or "network.onnx")
        entry |= {"network": copy.name, "sha256": _copied(part.network, copy)}
        _require_runnable(copy)
        if part.head is not None:
            entry["head"] |= {"sha256": _copied(part.head, destination / part.head.name)}
    (destination / DESCRIPTION_FILE).write_text(json.dumps(document, indent=1), encoding="utf-8")
    try:
        copied = read_model(destination)
    except ModelError as error:
        raise ModelError(error.message, Hint(HintCode.NAME_MODEL)) from error
    for part in copied.parts:
        read_head(part)
    return copied.name


def _copied(source: Path, copy: Path) -> str:
    """Copy a file, unless another part has brought it already, and return the SHA-256 that both have."""
    if not copy.exists():
        shutil.copyfile(source, copy)
    digest = sha256_of(source)
    if sha256_of(copy) != digest:
        raise ModelError(
            f"The copy of '{source}' is another file.", "Two files of the model have one name, or the disk is damaged."
        )
    return digest


def _require_runnable(network: Path) -> None:
    """Raise `ModelError` if a network cannot be opened where it now lies, for want of another file or of itself."""
    try:
        network_metadata(network)
    except BadInput:
        return  # nothing that runs networks is installed yet
