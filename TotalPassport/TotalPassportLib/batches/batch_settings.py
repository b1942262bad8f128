"""What a batch's results depend on beside the scans: results of other settings are never taken for its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..base.errors import BadInput, TotalPassportError
from ..base.files import read_json, validate
from ..base.hints import Hint, HintCode
from ..models.description import ModelDescription
from ..models.network_files import NetworkFiles
from ..options import RunOptions
from ..segmentation.task_segmentation import models_needed
from ..segmentation_run import AskedModel, Find

SCHEMA_VERSION = "totalpassport-batch/1"
NO_SETTINGS = ("model", "weights", "threads", "overwrite", "series")
"""Options that are none of the results' own: models are known by what they are and not by their names or places; the
number of threads changes no label; a series belongs to its scan."""
NO_FACTS = ("title", "licence", "intended_use", "source", "gigaflop_per_window", "sha256")
"""What a model's description says besides what it computes; the hashes of networks are told beside it."""


@dataclass(frozen=True)
class BatchSettings:
    """The settings of a batch.

    Attributes
    ----------
    document : mapping
        As ``batch.json`` has them: the program's version, the options, and the models with the hashes of their
        networks.
    """

    document: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        """Stands for all of them."""
        return str(self.document["sha256"])

    def text(self) -> str:
        """Return the text of ``batch.json``."""
        return json.dumps(self.document, indent=1, ensure_ascii=False) + "\n"

    def refuse_others(self, path: Path) -> None:
        """Refuse a folder whose results have other settings, as far as ``path``, its ``batch.json``, tells which.

        Raises
        ------
        BadInput
            Always: results of several settings are never mixed.
        """
        former = read_settings(path)
        what = "settings that nothing tells" if former is None else f"other settings: {self._difference(former)}"
        raise BadInput(f"The results in '{path.parent}' have {what}.", Hint(HintCode.OVERWRITE_BATCH))

    def _difference(self, former: BatchSettings) -> str:
        """Return in words what differs."""
        if former.sha256 == self.sha256:
            return "several ones"
        ours, theirs = (_flat(each.document) for each in (self, former))
        names = [name for name in {**theirs, **ours} if theirs.get(name) != ours.get(name) and name != "sha256"]
        told = [f"{name} {_short(theirs.get(name))}, not {_short(ours.get(name))}" for name in names]
        more = f" and {len(told) - 3} more" if len(told) > 3 else ""
        return "; ".join(told[:3]) + more


def settings_of(options: RunOptions, asked: list[AskedModel], find: Find) -> BatchSettings:
    """Return the settings of a batch with these options and the models that they ask for.

    Raises
    ------
    ModelError
        A model that is needed is not there.
    """
    models = [each.model for each in asked]
    waiting = [name for each in asked for name in models_needed(each.model, each.wanted, options.of_tasks)]
    while waiting:
        model = find(waiting.pop(0))
        if model not in models:
            models.append(model)
            waiting += models_needed(model, (), options.of_tasks)
    document = {
        "schema": SCHEMA_VERSION,
        "software": {"name": "TotalPassport", "version": __version__},
        "options": {name: value for name, value in options.entries().items() if name not in NO_SETTINGS},
        "models": [_model_document(model) for model in models],
    }
    text = json.dumps(document, sort_keys=True)
    return BatchSettings({**document, "sha256": hashlib.sha256(text.encode()).hexdigest()})


def read_settings(path: Path) -> BatchSettings | None:
    """Return the settings of a ``batch.json``; None if it is not there.

    Raises
    ------
    BadInput
        It is no such file.
    """
    if not path.exists():
        return None
    document = read_json(path)
    try:
        validate(document, "batch", f"'{path}'")
    except TotalPassportError as error:
        raise BadInput(error.message, "Choose another folder.") from error
    return BatchSettings(document)


def _model_document(model: ModelDescription) -> dict[str, Any]:
    return {
        "name": model.name,
        "version": model.version,
        "networks_sha256": [part.sha256 or NetworkFiles(part).sha256 for part in model.parts],
        "description_sha256": hashlib.sha256(repr(_facts(model)).encode()).hexdigest(),
    }


def _facts(value: Any) -> Any:
    """Return all that a description says, without the places of its files."""
    if is_dataclass(value):
        return [(each.name, _facts(getattr(value, each.name))) for each in fields(value) if each.name not in NO_FACTS]
    if isinstance(value, Mapping):
        return sorted((repr(key), _facts(each)) for key, each in value.items())
    if isinstance(value, list | tuple):
        return [_facts(each) for each in value]
    return None if isinstance(value, Path) else repr(value)


def _flat(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to be compared, by names that users know."""
    models = document.get("models", [])
    return {
        "version": document["software"]["version"],
        "model": "+".join(f"{model['name']} {model['version']}" for model in models),
        "networks": [model["networks_sha256"] for model in models],
        "descriptions": [model["description_sha256"] for model in models],
        **document["options"],
    }


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
