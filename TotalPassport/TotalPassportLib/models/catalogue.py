"""Which models there are, whether they are here, and what each one needs before it can run.

Only the standard library is used to answer that: Slicer asks before anything is installed.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..base.errors import ModelError
from ..base.files import DATA_FOLDER, read_json, validate
from ..base.paths import models_folder
from ..base.suggestions import did_you_mean
from .catalogue_entry import CatalogueEntry, Dataset, PublishedCheckpoint, PublishedFile, Verification
from .description import DESCRIPTION_FILE, ModelDescription
from .reading import read_model
from .task import (
    NORMAL,
    ExpectedFile,
    Task,
    TaskMode,
    TaskPart,
    companion_models,
    list_tasks,
    mode_of_model,
    model_title,
)

CATALOGUE_VARIABLE = "TOTALPASSPORT_CATALOGUE"
"""Names a catalogue file of one's own, such as a hospital's with addresses of a mirror; its models come before ours."""
USUAL_ARCHIVE_BYTES, LARGEST_ARCHIVE_BYTES = 230_000_000, 4 * 2**30
"""Of weights of which no size has been published; the largest ones that are known have five folds and 1.2 GB."""
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
"""What a model may be called; it is also the name of its folder."""


def list_models() -> tuple[CatalogueEntry, ...]:
    """Return every model of the catalogue and every other one that is installed, in the order in which to offer them.

    Raises
    ------
    ModelError
        The catalogue that the environment names cannot be used.
    """
    path = os.environ.get(CATALOGUE_VARIABLE)
    return _with_others(*bundled_catalogue(), *(read_catalogue(Path(path)) if path else ()))


def list_models_of_ours() -> tuple[CatalogueEntry, ...]:
    """Return what `list_models` would without a catalogue of one's own, for where that cannot be used."""
    return _with_others(*bundled_catalogue())


def _with_others(*entries: CatalogueEntry) -> tuple[CatalogueEntry, ...]:
    # A later entry takes the place of an earlier one of its name, so that the order of our models stays.
    known = {entry.name: entry for entry in entries}
    return (*known.values(), *_others(set(known)))


@cache
def bundled_catalogue() -> tuple[CatalogueEntry, ...]:
    """Return the models of the catalogue that comes with TotalPassport."""
    document = read_json(DATA_FOLDER / "catalogue.json", ModelError)
    ours = tuple(_entry_from(entry) for entry in document["models"])
    known = {entry.name for entry in ours}
    modes = ((task, *named) for task in list_tasks() for named in task.with_small())
    of_tasks = (_entry_of_task(task, name, mode) for task, name, mode in modes if mode.model not in known)
    published = document["verifications"]
    return tuple(
        replace(entry, verification=_verification_from(published[entry.name])) if entry.name in published else entry
        for entry in (*ours, *of_tasks)
    )


def _entry_of_task(task: Task, mode_name: str, mode: TaskMode) -> CatalogueEntry:
    small = mode.plans == task.mode(mode_name).small_plans
    return CatalogueEntry(
        name=mode.model,
        title=model_title(task, mode_name, mode),
        description=task.description,
        licence=task.licence.name,
        spacing_mm=mode.spacing_mm,
        datasets=tuple(_dataset_of(part, mode, small=small) for part in mode.parts),
        task=task,
        mode=mode_name,
    )


def _dataset_of(part: TaskPart, mode: TaskMode, *, small: bool) -> Dataset:
    weights, unknown = part.weights, ExpectedFile()  # what is pinned are the files of the networks of usual size
    return Dataset(
        folder=weights.folder,
        part=part.name,
        url=weights.url,
        approximate_bytes=weights.archive.size_bytes or USUAL_ARCHIVE_BYTES,
        largest_bytes=LARGEST_ARCHIVE_BYTES,
        archive=weights.archive,
        checkpoint=unknown if small else weights.checkpoint,
        plans=unknown if small else weights.plans,
        trainer_folder=mode.trainer_folder,
        small=small,
    )


def read_catalogue(path: Path) -> tuple[CatalogueEntry, ...]:
    """Return the models of a catalogue file.

    Raises
    ------
    ModelError
        It cannot be read, or is no valid catalogue.
    """
    document = read_json(path, ModelError)
    validate(document, "catalogue", f"'{path}'", ModelError)
    return tuple(_entry_from(entry) for entry in document["models"])


def _entry_from(entry: dict[str, Any]) -> CatalogueEntry:
    right, anterior, superior = entry["spacing_mm"]
    known = mode_of_model(entry["name"])
    return CatalogueEntry(
        name=entry["name"],
        title=entry["title"],
        description=entry["description"],
        licence=entry["licence"],
        spacing_mm=(right, anterior, superior),
        bundled_folder=DATA_FOLDER / entry["bundled_folder"] if entry["bundled_folder"] else None,
        datasets=tuple(_dataset_from(dataset) for dataset in entry["datasets"]),
        verification=_verification_from(entry["verification"]) if "verification" in entry else None,
        task=known[0] if known else None,
        mode=known[1] if known else NORMAL,
        bundle=_checkpoint_from(entry["bundle"]) if "bundle" in entry else None,
    )


def _checkpoint_from(entry: dict[str, Any]) -> PublishedCheckpoint:
    return PublishedCheckpoint(**{**entry, "archives": tuple(entry.get("archives", ()))})


def _verification_from(entry: dict[str, Any]) -> Verification:
    files = {key: PublishedFile(**entry[key]) for key in ("ct", "labels")}
    return Verification(**{**entry, **files, "options": MappingProxyType(entry.get("options", {}))})


def _dataset_from(entry: dict[str, Any]) -> Dataset:
    files = {key: ExpectedFile(**entry[key]) for key in ("archive", "checkpoint", "plans")}
    return Dataset(**{**entry, **files})


def _others(known: set[str]) -> list[CatalogueEntry]:
    """Return the installed models that no catalogue knows: what users brought in under names of their own."""
    try:
        folders = sorted(path for path in models_folder().iterdir() if (path / DESCRIPTION_FILE).is_file())
    except OSError:
        return []
    return [_installed_entry(folder) for folder in folders if folder.name not in known]


def _installed_entry(folder: Path) -> CatalogueEntry:
    """Describe an installed model from its own description, of which nothing may be sound."""
    try:
        document = read_json(folder / DESCRIPTION_FILE, ModelError)
        spacing_mm = None
        if document["spacing_mm"] is not None:
            right, anterior, superior = (float(value) for value in document["spacing_mm"])
            spacing_mm = (right, anterior, superior)
        return CatalogueEntry(
            name=folder.name,
            title=str(document["title"]),
            description=str(document.get("intended_use") or "A model of your own."),
            licence=str(document["licence"] or "unknown"),
            spacing_mm=spacing_mm,
        )
    except (ModelError, LookupError, TypeError, ValueError, AttributeError):
        return CatalogueEntry(
            name=folder.name,
            title=folder.name,
            description="Its description is damaged.",
            licence="unknown",
            spacing_mm=None,
        )


def find_entry(name: str) -> CatalogueEntry:
    """Return the model of a name.

    Raises
    ------
    ModelError
        There is none.
    """
    for entry in list_models():
        if entry.name == name:
            return entry
    names = [entry.name for entry in list_models()]
    raise ModelError(f"There is no model '{name}'.", did_you_mean(name, names))


def with_companions(name: str, find: Callable[[str], CatalogueEntry] = find_entry) -> list[CatalogueEntry]:
    """Return a model with all others that it needs to run, those first, each once: crops may have crops themselves.

    Parameters
    ----------
    name : str
        The model's.
    find : callable
        Returns a model by its name.

    Raises
    ------
    ModelError
        There is no such model.
    """
    entry = find(name)
    mode = entry.task.mode(entry.mode) if entry.task is not None else None
    needed = [
        found for other in (companion_models(mode, mode.crop) if mode else ()) for found in with_companions(other, find)
    ]
    return list({found.name: found for found in (*needed, entry)}.values())


def is_foreign(name_or_path: str) -> bool:
    """Whether a model is none of a catalogue: anybody may have made it, and it may do anything."""
    path = os.environ.get(CATALOGUE_VARIABLE)
    known = {entry.name for entry in bundled_catalogue()}
    with contextlib.suppress(ModelError):
        known |= {entry.name for entry in (read_catalogue(Path(path)) if path else ())}
    return name_or_path not in known


def find_model(name_or_path: str) -> ModelDescription:
    """Return a model by its name in the catalogue, or from the path of its folder or file.

    A model that is installed can be used whatever has become of the catalogue that the environment names.

    Raises
    ------
    ModelError
        There is no such model, or it cannot be used.
    """
    try:
        models = list_models()
    except ModelError:
        models = tuple(entry for entry in list_models_of_ours() if entry.installed)
        if name_or_path not in {entry.name for entry in models}:
            raise
    for entry in models:
        if entry.name == name_or_path:
            if not entry.installed:
                raise ModelError(f"The model '{entry.name}' is not installed.", entry.needs)
            return read_model(entry.folder)
    path = Path(name_or_path)
    if not path.exists():
        meant = did_you_mean(name_or_path, [entry.name for entry in models])
        raise ModelError(f"There is no model '{name_or_path}'.", f"{meant} Or give the path of a model.")
    return read_model(path)
