"""Copying a model in our own layout: its description and what that names, and nothing that lies beside it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ..base.errors import ModelError
from ..base.files import make_folder, sha256_of
from ..base.hints import Hint, HintCode
from .description import DESCRIPTION_FILE, verify_network
from .reading import read_description, read_model


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
        if not copy.exists():
            shutil.copyfile(part.network, copy)
        entry |= {"network": copy.name, "sha256": sha256_of(copy)}
        if part.head is not None and not (destination / part.head.name).exists():
            shutil.copyfile(part.head, destination / part.head.name)
    (destination / DESCRIPTION_FILE).write_text(json.dumps(document, indent=1), encoding="utf-8")
    try:
        return read_model(destination).name
    except ModelError as error:
        raise ModelError(error.message, Hint(HintCode.NAME_MODEL)) from error
