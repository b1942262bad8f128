"""Official weights as a user gives them: collected from folders and zips, converted, and kept by content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...base.errors import BadInput, ModelError
from ...base.events import Cancellation, EventCallback, Progress, StepCallback, ignore_event, share_of
from ...base.files import make_folder, read_json, sha256_of
from ...base.hints import Hint, HintCode
from ...base.outputs import atomic_write
from ...base.paths import cache_folder
from ...base.text import counted
from ..catalogue import find_entry, list_models
from ..catalogue_entry import CatalogueEntry, Dataset
from ..nnunet.archive import unpack_weights
from ..nnunet.layout import (
    LEVELS_BELOW,
    NEEDED_FILES,
    dataset_number,
    find_datasets,
    find_neighbours,
    is_trainer_folder,
    plans_name,
    weight_files,
)
from ..reading import is_sound_model
from ..store import workspace
from ..task import TASKS_FOLDER, list_tasks
from .bundles import bundle_model
from .checksums import Weights, fingerprint_of
from .converted_models import converter_identity, made_in_cache

HASHES_FILE = "hashes.json"
CONVERTERS = (
    "nnunet/architecture", "nnunet/checkpoint", "nnunet/conventions", "nnunet/convert", "nnunet/graph",
    "nnunet/layers", "nnunet/layout", "nnunet/plans", "nnunet/released", "nnunet/unpickling", "onnx_graph",
)  # fmt: skip
"""Modules that the conversion is made of."""
PLANS_NAMES = {mode.plans for task in list_tasks() for _, mode in task.with_small()}
"""What the plans of released networks are called; of one dataset those of another size have other ones."""
MOST_HASHES = 500
"""Hashes that are remembered; the oldest are forgotten first."""


def collect_weights(paths: Sequence[Path], work: Path, progress: Progress) -> dict[int, Path]:
    """Return the trainer's folder of every dataset in folders, zips and folders of zips; zips are unpacked to ``work``.

    Raises
    ------
    ModelError
        A path is not there, or an archive is damaged or hostile.
    """
    found: dict[int, Path] = {}
    archives: list[Path] = []
    for path in paths:
        if not path.exists():
            raise ModelError(f"There is no file or folder '{path}'.", "Check the path.")
        if path.is_dir():
            found |= find_datasets(path)
            archives += sorted(entry for entry in path.glob("Dataset*.zip") if dataset_number(entry.name) is not None)
        else:
            archives.append(path)
    archives = _without_copies(archives)
    for index, archive in enumerate(archives):
        # Each into a folder of its own: two may hold the same dataset.
        unpack_weights(archive, work / f"{index:04}", share_of(progress.step, index, len(archives)))
    return {**find_datasets(work), **found}


def _without_copies(archives: Sequence[Path]) -> list[Path]:
    """Return archives without those that are there already, under the same name or another: browsers number copies."""
    by_size: dict[int, list[Path]] = {}
    kept = []
    for archive in archives:
        alike = by_size.setdefault(archive.stat().st_size, [])
        if not any(archive.samefile(other) or sha256_of(archive) == sha256_of(other) for other in alike):
            alike.append(archive)
            kept.append(archive)
    return kept


def fingerprint_weights(trainer: Path, url: str | None = None, archive: Path | None = None) -> Weights:
    """Return the files of one dataset with their hashes."""
    trainer = trainer.absolute()
    files = {name: fingerprint_of(trainer / name) for name in weight_files(trainer)}
    return Weights(folder=trainer, files=files, url=url, archive=fingerprint_of(archive) if archive else None)


def dataset_numbers(entry: CatalogueEntry) -> set[int]:
    """Return the numbers of the datasets that a model is made of."""
    return {dataset.number for dataset in entry.datasets}


def trainer_of(dataset: Dataset, found: Mapping[int, Path]) -> Path:
    """Return the folder of the training that is meant by a dataset that was found: there may be several in one."""
    folder = found[dataset.number].absolute()
    meant = folder.parent / dataset.trainer_folder if dataset.trainer_folder else folder
    return meant if is_trainer_folder(meant) else folder


def missing_datasets(entry: CatalogueEntry, found: Mapping[int, Path]) -> list[Dataset]:
    """Return the datasets of a model that were not found, or only with networks of the other size."""
    return [dataset for dataset in entry.datasets if dataset.number not in found or _is_other_size(dataset, found)]


def _is_other_size(dataset: Dataset, found: Mapping[int, Path]) -> bool:
    there = plans_name(trainer_of(dataset, found))
    return dataset.trainer_folder is not None and there in PLANS_NAMES and f"__{there}__" not in dataset.trainer_folder


def complete_models(found: Mapping[int, Path]) -> list[CatalogueEntry]:
    """Return the models of the catalogue for which all datasets are there."""
    return [entry for entry in list_models() if entry.datasets and not missing_datasets(entry, found)]


def require_datasets(entry: CatalogueEntry, datasets: Mapping[int, Path], place: str) -> None:
    """Raise `ModelError` if a dataset of the model is missing."""
    missing = missing_datasets(entry, datasets)
    if missing:
        names = ", ".join(
            f"{dataset.folder}/{dataset.trainer_folder}" if dataset.number in datasets else dataset.folder
            for dataset in missing
        )
        there = ", ".join(sorted(trainer.absolute().parent.name for trainer in datasets.values())) or "no dataset"
        raise ModelError(
            f"{place} lacks {names}; {there} was found, down to {counted(LEVELS_BELOW, 'level')} of folders.",
            Hint(HintCode.FIND_WEIGHTS, files=NEEDED_FILES, model=entry.name),
        )


def weights_model(
    name: str, folder: Path, on_event: EventCallback = ignore_event, cancellation: Cancellation | None = None
) -> Path:
    """Return a model folder made of the weights in ``folder``, converted now or at an earlier time.

    Converted models are kept in the cache by the content of the weights, so that neither another place nor another
    name of the same files makes a difference.

    Parameters
    ----------
    name : str
        The model of the catalogue that the weights are for, such as ``fast``.
    folder : Path
        A folder in official layout, such as the one in which TotalSegmentator keeps its weights.

    Raises
    ------
    ModelError
        The folder does not hold the model's weights, or they cannot be converted.
    BadInput
        The model is not made of such weights.
    """
    entry = find_entry(name)
    if not entry.datasets:
        raise BadInput(
            f"The model '{name}' is not made of official weights.",
            "Leave them out, or choose one that is, such as fast.",
        )
    folder = Path(folder)
    if not folder.is_dir():
        raise ModelError(f"There is no weights folder '{folder}'.", "Give the folder that holds the dataset folders.")
    datasets = find_datasets(folder)
    if missing_datasets(entry, datasets):
        datasets = {**find_neighbours(folder), **datasets}
    require_datasets(entry, datasets, f"The weights folder '{folder}'")
    trainers = [trainer_of(dataset, datasets) for dataset in entry.datasets]
    progress = Progress({"convert": 1.0}, on_event, cancellation or Cancellation())
    key = f"{name}-{_content_key(trainers)}"
    target = cache_folder() / "weights" / key
    if is_sound_model(target):
        return target
    with workspace(key, progress) as work:
        return made_in_cache(
            target, name, work, lambda folder: convert(name, trainers, folder, progress.step), progress
        )


def find_weights_model(
    name: str,
    folders: Sequence[Path],
    on_event: EventCallback = ignore_event,
    cancellation: Cancellation | None = None,
) -> Path:
    """Return a model folder made of the weights in the first of some folders that has all of them.

    Raises
    ------
    ModelError
        There is no such model, or none of the folders has all of its weights.
    BadInput
        The model is not made of such weights.
    """
    entry = find_entry(name)
    if entry.bundle is not None:
        return bundle_model(entry, folders, on_event, cancellation)
    whole = (folder for folder in folders if not missing_datasets(entry, find_datasets(folder)))
    return weights_model(name, next(whole, folders[0]), on_event, cancellation)


def convert(name: str, trainers: Sequence[Path], destination: Path, step: StepCallback) -> None:
    """Convert the weights of a model's parts, in their order.

    Parameters
    ----------
    step : StepCallback
        Receives parts done and total; its exceptions stop the conversion.
    """
    from ..nnunet.convert import convert_official_folder  # lazily: numpy and onnx are needed only now

    step(0, len(trainers))
    convert_official_folder(trainers, destination, name, step)


def _content_key(trainers: Sequence[Path]) -> str:
    """Return a name for the content of weights, and for the way in which they are converted."""
    known = _read_hashes()
    digest = hashlib.sha256(converter_identity(CONVERTERS))
    for task in sorted(TASKS_FOLDER.glob("*.json")):
        digest.update(task.read_bytes())
    for trainer in trainers:
        for name in weight_files(trainer):
            digest.update(_quick_hash(trainer / name, known).encode())
    _write_hashes(known)
    return digest.hexdigest()[:32]


def _quick_hash(path: Path, known: dict[str, list[int | str]]) -> str:
    """Return a file's SHA-256, from memory if its size and times are what they were."""
    status = path.stat()
    state = [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    remembered = known.pop(str(path), None)
    sha256 = str(remembered[3]) if remembered and remembered[:3] == state else fingerprint_of(path).sha256
    known[str(path)] = [*state, sha256]
    return sha256


def _read_hashes() -> dict[str, list[int | str]]:
    path = cache_folder() / HASHES_FILE
    try:
        document = read_json(path, ModelError) if path.exists() else {}
    except ModelError:
        return {}
    items = document.items() if isinstance(document, dict) else ()
    return {key: value for key, value in items if isinstance(value, list) and len(value) == 4}


def _write_hashes(known: dict[str, list[int | str]]) -> None:
    newest = dict(list(known.items())[-MOST_HASHES:])
    with atomic_write(make_folder(cache_folder()) / HASHES_FILE, internal=True) as temporary:
        temporary.write_text(json.dumps(newest), encoding="utf-8")
