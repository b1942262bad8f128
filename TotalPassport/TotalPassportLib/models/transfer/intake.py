"""The ways in which a model comes into the store: from the network, from a file, from TotalSegmentator's own folder.

Each ends the same way: official weights are looked at, checked, converted in a workspace, and put into the store when
all of that went well.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ... import __version__
from ...base.errors import BadInput, Cancelled, ModelError
from ...base.events import Cancellation, EventCallback, Progress, ignore_event
from ...base.files import make_folder
from ...base.paths import cache_folder, official_folders
from ...base.temporaries import folder_beside, rename_folder
from ..catalogue import CatalogueEntry, Dataset, find_entry, list_models
from ..nnunet.archive import unpack_weights
from ..nnunet.layout import find_datasets
from ..own import copy_model
from ..reading import is_own_layout
from ..store import check_name, install, workspace
from .download import DownloadSettings, Source, download, require_space
from .pins import Weights, check_pins, remember_first_seen
from .weights import Step, complete_models, convert, gather, look, numbers_of, require_all, share_of

DOWNLOAD_SHARES = {"download": 0.85, "unpack": 0.03, "check": 0.02, "convert": 0.1}
"""Stages of a download and their usual shares of its time."""
IMPORT_SHARES = {"unpack": 0.3, "check": 0.1, "convert": 0.6}
"""Stages of an import."""
CONVERT_SHARES = {"unpack": 0.3, "convert": 0.7}
"""Stages of a conversion."""


@dataclass(frozen=True)
class Choice:
    """What to make of datasets that were found: the parts of one model, in their order, and what to call it.

    ``entry`` is the catalogue's model that must be exactly this one; None where any weights will do.
    """

    name: str
    trainers: tuple[Path, ...]
    entry: CatalogueEntry | None

    def look_and_check(self) -> list[Weights]:
        """Return the files with their hashes, after the catalogue's checks."""
        weights = [look(trainer) for trainer in self.trainers]
        if self.entry is not None:
            check_pins(self.entry, weights)
        return weights


def begin(shares: Mapping[str, float], on_event: EventCallback, cancellation: Cancellation | None) -> Progress:
    """Announce a piece of work and its stages."""
    on_event({"event": "started", "pid": os.getpid(), "version": __version__, "stages": list(shares)})
    return Progress(shares, on_event, cancellation or Cancellation())


def download_model(
    name: str,
    on_event: EventCallback = ignore_event,
    cancellation: Cancellation | None = None,
    settings: DownloadSettings | None = None,
) -> Path:
    """Bring a model of the catalogue into the store and return its folder; one that is there already is left alone.

    Weights that TotalSegmentator itself keeps on this machine are used instead of the network, if they are the
    released ones.

    Raises
    ------
    ModelError : there is no such model; or its weights cannot be reached, are damaged, or are not the released ones.
    BadInput : there is no space, or the store cannot be written to.
    Cancelled : the user stopped it; what has come stays in the cache, and the next download continues there.
    """
    entry = find_entry(name)
    if not entry.datasets and not entry.installed:
        raise ModelError(f"The model '{name}' is not installed.", entry.needs)
    progress = begin(DOWNLOAD_SHARES, on_event, cancellation)
    if entry.installed:
        return entry.folder
    with workspace(name, progress) as work:
        if entry.installed:  # by the process that we waited for
            return entry.folder
        found = _use_totalsegmentators(entry, work, progress)
        return found or _download_and_install(entry, work, progress, settings or DownloadSettings())


def _use_totalsegmentators(entry: CatalogueEntry, work: Path, progress: Progress) -> Path | None:
    """Install from TotalSegmentator's own folder; None where it has no such weights, or other ones."""
    for folder in official_folders():
        datasets = find_datasets(folder)
        if not numbers_of(entry) <= set(datasets):
            continue
        weights = [look(datasets[dataset.number]) for dataset in entry.datasets]
        try:
            check_pins(entry, weights)
        except ModelError as error:
            progress.warn("not_reused", f"The weights in '{folder}' are not used: {error.message}")
            continue
        progress.warn("reused", f"Nothing is downloaded: '{folder}' has the weights.")
        return _install_official(entry, "totalsegmentator", weights, work, progress)
    return None


def _download_and_install(entry: CatalogueEntry, work: Path, progress: Progress, settings: DownloadSettings) -> Path:
    archives = [cache_folder() / "downloads" / f"{dataset.folder}.zip" for dataset in entry.datasets]
    # Beside each archive there will be its contents, about as large, and the model made of them, about half of that.
    make_folder(archives[0].parent)
    require_space(archives[0].parent, round(2.5 * entry.approximate_bytes), settings)
    try:
        with progress.stage("download"):
            _fetch_all(entry, archives, progress, settings)
    except (Cancelled, KeyboardInterrupt) as stop:
        hint = "What has come is kept, and the next download continues there."
        raise Cancelled("The download was stopped.", hint) from stop
    try:
        weights = _unpack_and_check(entry, archives, work, progress)
    except ModelError:
        for archive in archives:  # so that the next download starts from nothing
            archive.unlink(missing_ok=True)
        raise
    model = _install_official(entry, "download", weights, work, progress)
    for archive in archives:
        archive.unlink()
    return model


def _fetch_all(entry: CatalogueEntry, archives: Sequence[Path], progress: Progress, settings: DownloadSettings) -> None:
    """Download what is not there yet; the sizes of files that have not begun are the catalogue's estimates."""
    before = 0
    for dataset, archive in zip(entry.datasets, archives, strict=True):
        share = dataset.archive.size_bytes or dataset.approximate_bytes

        def step(done: int, total: int | None, before: int = before, share: int = share) -> None:
            if len(archives) == 1 and total:
                progress.step(done, total)
            else:
                progress.step(before + min(round(share * done / (total or share)), share), entry.approximate_bytes)

        if not archive.exists():
            pin = dataset.archive
            download(Source(dataset.url, dataset.largest_bytes, pin.size_bytes, pin.sha256), archive, step, settings)
        before += share


def _unpack_and_check(entry: CatalogueEntry, archives: Sequence[Path], work: Path, progress: Progress) -> list[Weights]:
    with progress.stage("unpack"):
        for index, archive in enumerate(archives):
            unpack_weights(archive, work / "official", share_of(progress.step, index, len(archives)))
    trainers = find_datasets(work / "official")
    with progress.stage("check"):
        pairs = zip(entry.datasets, archives, strict=True)
        weights = [look(_trainer_of(dataset, trainers), dataset.url, archive) for dataset, archive in pairs]
        check_pins(entry, weights)
    return weights


def _trainer_of(dataset: Dataset, trainers: Mapping[int, Path]) -> Path:
    if dataset.number not in trainers:
        raise ModelError(
            f"The archive from {dataset.url} does not hold {dataset.folder}.",
            "The release has changed; look for a newer TotalPassport.",
        )
    return trainers[dataset.number]


def import_models(
    paths: Sequence[Path],
    name: str | None = None,
    on_event: EventCallback = ignore_event,
    cancellation: Cancellation | None = None,
) -> list[Path]:
    """Bring models from files or folders into the store and return their folders.

    Parameters
    ----------
    paths : zips or folders of official weights, folders of such zips, or one model in our own layout. None at all
        means the folders where TotalSegmentator keeps its weights.
    name : what the model will be called. Under a name of the catalogue official weights are accepted only if they
        are the released ones; under any other name all that can be converted is.

    Raises
    ------
    ModelError : there is no model in the paths, or it is damaged, or not what its name says.
    BadInput : the name cannot be given, or the store cannot be written to.
    """
    if name is not None:
        check_name(name)
    progress = begin(IMPORT_SHARES, on_event, cancellation)
    if len(paths) == 1 and is_own_layout(paths[0]):
        return [_import_own(paths[0], name, progress)]
    with workspace("import", progress) as work:
        with progress.stage("unpack"):
            trainers = gather(paths or official_folders_here(), work / "official", progress)
        choices = _choose(trainers, name)
        with progress.stage("check"):
            weights = [choice.look_and_check() for choice in choices]
        with progress.stage("convert"):
            folders = []
            for index, (choice, found) in enumerate(zip(choices, weights, strict=True)):
                step = share_of(progress.step, index, len(choices))
                folders.append(_convert_and_install(choice, "import", found, work, step))
        return folders


def convert_to(path: Path, destination: Path, name: str | None = None, on_event: EventCallback = ignore_event) -> str:
    """Convert official weights into a model folder outside of the store and return the model's name.

    Parameters
    ----------
    path : a zip or folder of official weights, or a folder of such zips.
    destination : the folder to make; it must not exist yet.

    Raises
    ------
    ModelError : there are no weights in the path, or they are damaged.
    BadInput : the destination is there already, or cannot be written to.
    """
    if destination.exists():
        raise BadInput(f"'{destination}' is there already.", "Choose the name of a new folder.")
    progress = begin(CONVERT_SHARES, on_event, None)
    make_folder(destination.parent)
    with workspace("convert", progress) as work, folder_beside(destination) as folder:
        with progress.stage("unpack"):
            trainers = gather([path], work / "official", progress)
        choice, *others = _choose(trainers, name)
        if others:
            names = ", ".join(known.name for known in (choice, *others))
            raise BadInput(f"'{path}' holds several models: {names}.", "Choose one with --as.")
        with progress.stage("convert"):
            convert(choice.name, choice.trainers, folder / "model", progress.step)
        rename_folder(folder / "model", destination)
    return choice.name


def official_folders_here() -> list[Path]:
    """Return TotalSegmentator's weights folders that are on this machine.

    Raises
    ------
    ModelError : there are none.
    """
    folders = [folder for folder in official_folders() if folder.is_dir()]
    if not folders:
        places = ", ".join(f"'{folder}'" for folder in official_folders())
        raise ModelError(
            f"TotalSegmentator has no weights on this machine; looked in {places}.", "Give a file or folder."
        )
    return folders


def _import_own(path: Path, name: str | None, progress: Progress) -> Path:
    with workspace("import", progress) as work:
        with progress.stage("convert"):
            name = check_name(copy_model(path, work / "model", name))
        return install(work / "model", name, "import", [], work)


def _choose(trainers: Mapping[int, Path], name: str | None) -> list[Choice]:
    """Return which models to make of the datasets that were found.

    Without a name, all of the catalogue for which everything is there. A name of the catalogue means that model; any
    other name takes the one complete model there is, or else all that was found.
    """
    if not trainers:
        raise ModelError(
            "No model was found in what was given.",
            "Give a zip or folder of official weights, or a model folder or ONNX file of TotalPassport.",
        )
    models = [entry for entry in list_models() if entry.datasets]
    complete = complete_models(set(trainers))
    wanted = [entry for entry in models if entry.name == name]
    if name is None:
        touched = [entry for entry in models if numbers_of(entry) & set(trainers)]
        wanted = complete or touched[:1]
    for entry in wanted:
        require_all(entry, trainers, f"For the model '{entry.name}' what was given")
    if wanted:
        return [Choice(entry.name, _parts(entry, trainers), entry) for entry in wanted]
    if len(complete) > 1:
        names = ", ".join(entry.name for entry in complete)
        raise BadInput(f"There are several models ({names}), but one name.", "Give the path of one of them.")
    parts = _parts(complete[0], trainers) if complete else tuple(trainers.values())
    return [Choice(check_name(name or parts[0].parent.name), parts, None)]


def _parts(entry: CatalogueEntry, trainers: Mapping[int, Path]) -> tuple[Path, ...]:
    return tuple(trainers[dataset.number].absolute() for dataset in entry.datasets)


def _install_official(entry: CatalogueEntry, way: str, weights: list[Weights], work: Path, progress: Progress) -> Path:
    choice = Choice(entry.name, tuple(source.folder for source in weights), entry)
    with progress.stage("convert"):
        return _convert_and_install(choice, way, weights, work, progress.step)


def _convert_and_install(choice: Choice, way: str, weights: list[Weights], work: Path, step: Step) -> Path:
    folder = work / choice.name
    convert(choice.name, choice.trainers, folder, step)
    model = install(folder, choice.name, way, weights, work)
    if choice.entry is not None:
        remember_first_seen(choice.entry, weights)
    return model
