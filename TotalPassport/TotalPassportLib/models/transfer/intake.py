"""The ways in which a model comes into the store: from the network, from a file, from TotalSegmentator's own folder.

Each ends the same way: official weights are checked, converted in a workspace, and put into the store when
all of that went well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import BadInput, Cancelled, ModelError
from ...base.events import Cancellation, Event, EventCallback, Progress, StepCallback, ignore_event, share_of, start
from ...base.files import make_folder
from ...base.hints import Hint, HintCode
from ...base.paths import cache_folder, official_folders
from ...base.temporaries import folder_beside, rename_folder
from ...base.text import counted
from ..catalogue import find_entry, list_models, with_companions
from ..catalogue_entry import CatalogueEntry, Dataset
from ..model_copy import copy_model
from ..nnunet.archive import unpack_weights
from ..nnunet.layout import LEVELS_BELOW, find_datasets
from ..reading import is_converted_model
from ..store import check_name, put_into_store, workspace
from .bundles import download_bundle, holds_bundle, import_bundle
from .checksums import Weights, check_released, remember_first_seen
from .download import DownloadSettings, Source, download, require_space
from .weights import (
    collect_weights,
    complete_models,
    convert,
    dataset_numbers,
    fingerprint_weights,
    missing_datasets,
    require_datasets,
    trainer_of,
)

DOWNLOAD_SHARES = {"download": 0.85, "unpack": 0.03, "check": 0.02, "convert": 0.1}
"""Stages of a download and their usual shares of its time."""
IMPORT_SHARES = {"unpack": 0.3, "check": 0.1, "convert": 0.6}
"""Stages of an import."""
CONVERT_SHARES = {"unpack": 0.3, "convert": 0.7}
"""Stages of a conversion."""


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """One model to make of datasets that were found: its parts, in their order, and what to call it.

    ``entry`` is the catalogue's model that must be exactly this one; None where any weights will do.
    """

    name: str
    trainers: tuple[Path, ...]
    entry: CatalogueEntry | None

    def fingerprint_and_check(self) -> list[Weights]:
        """Return the files with their hashes, after the catalogue's checks."""
        weights = [fingerprint_weights(trainer) for trainer in self.trainers]
        if self.entry is not None:
            check_released(self.entry, weights)
        return weights


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
    ModelError
        There is no such model; or its weights cannot be reached, are damaged, or are not the released ones.
    BadInput
        There is no space, or the store cannot be written to.
    Cancelled
        The user stopped it; what has come stays in the cache, and the next download continues there.
    """
    entry = find_entry(name)
    if not entry.datasets and not entry.bundle and not entry.installed:
        raise ModelError(f"The model '{name}' is not installed.", entry.needs)
    progress = start(DOWNLOAD_SHARES, on_event, cancellation)
    if entry.installed:
        return entry.folder
    if entry.licensed:
        raise ModelError(f"The weights of '{name}' are not published: a licence is needed for them.", entry.needs)
    with workspace(name, progress) as work:
        if entry.installed:  # by the process that we waited for
            return entry.folder
        if entry.bundle is not None:
            return download_bundle(entry, work, progress, settings or DownloadSettings())
        found = _use_totalsegmentators(entry, work, progress)
        return found or _download_and_install(entry, work, progress, settings or DownloadSettings())


def download_with_companions(
    name: str,
    on_event: EventCallback = ignore_event,
    cancellation: Cancellation | None = None,
    settings: DownloadSettings | None = None,
) -> list[Path]:
    """Bring a model into the store with all that its task needs beside it, such as the model that crops.

    Raises
    ------
    ModelError, BadInput, Cancelled
        As `download_several` does.
    """
    return download_several([name], on_event, cancellation, settings)


def download_several(
    names: Sequence[str],
    on_event: EventCallback = ignore_event,
    cancellation: Cancellation | None = None,
    settings: DownloadSettings | None = None,
) -> list[Path]:
    """Bring models into the store with all that their tasks need beside them, each once; see `download_model`.

    What nobody may publish is refused before anything is downloaded. Returns the folders of those that were missing, or
    the models' own if none was.

    Raises
    ------
    ModelError, BadInput, Cancelled
        As `download_model` does.
    """
    missing = missing_models(*names)
    folders = [
        download_model(entry.name, _part_of_several(on_event, index, len(missing)), cancellation, settings)
        for index, entry in enumerate(missing)
    ]
    return folders or [find_entry(name).folder for name in names]


def missing_models(*names: str) -> list[CatalogueEntry]:
    """Return what has to be brought in before models can run, themselves included, each once; licensed ones first."""
    needed = {entry.name: entry for name in names for entry in with_companions(name)}
    missing = [entry for entry in needed.values() if not entry.installed]
    return sorted(missing, key=lambda entry: not entry.licensed)


def _part_of_several(on_event: EventCallback, index: int, count: int) -> EventCallback:
    """Return what passes on the events of one of several downloads as if they were one."""

    def emit(event: Event) -> None:
        if event["event"] == "progress":
            on_event({**event, "fraction": round((index + event["fraction"]) / count, 4)})
        elif event["event"] != "started" or index == 0:
            on_event(event)

    return emit


def _use_totalsegmentators(entry: CatalogueEntry, work: Path, progress: Progress) -> Path | None:
    """Install from TotalSegmentator's own folder; None where it has no such weights, or other ones."""
    for folder in official_folders():
        datasets = find_datasets(folder)
        if missing_datasets(entry, datasets):
            continue
        weights = [fingerprint_weights(trainer_of(dataset, datasets)) for dataset in entry.datasets]
        try:
            check_released(entry, weights)
        except ModelError as error:
            progress.warn("not_reused", f"The weights in '{folder}' are not used: {error.message}")
            continue
        progress.warn("reused", f"Nothing is downloaded: '{folder}' has the weights.")
        return _install_official(entry, weights, origin="totalsegmentator", work=work, progress=progress)
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
    model = _install_official(entry, weights, origin="download", work=work, progress=progress)
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
            download(_archive_source(dataset), archive, step, settings)
        before += share


def _archive_source(dataset: Dataset) -> Source:
    assert dataset.url is not None  # `download_model` refuses those
    return Source(
        url=dataset.url,
        largest_bytes=dataset.largest_bytes,
        size_bytes=dataset.archive.size_bytes,
        sha256=dataset.archive.sha256,
    )


def _unpack_and_check(entry: CatalogueEntry, archives: Sequence[Path], work: Path, progress: Progress) -> list[Weights]:
    with progress.stage("unpack"):
        for index, archive in enumerate(archives):
            unpack_weights(archive, work / "official", share_of(progress.step, index, len(archives)))
    trainers = find_datasets(work / "official")
    with progress.stage("check"):
        pairs = zip(entry.datasets, archives, strict=True)
        weights = [
            fingerprint_weights(_trainer_in_archive(dataset, trainers), dataset.url, archive)
            for dataset, archive in pairs
        ]
        check_released(entry, weights)
    return weights


def _trainer_in_archive(dataset: Dataset, trainers: Mapping[int, Path]) -> Path:
    if dataset.number not in trainers:
        raise ModelError(
            f"The archive from {dataset.url} does not hold {dataset.folder}.",
            "The release has changed; look for a newer TotalPassport.",
        )
    return trainer_of(dataset, trainers)


def import_models(
    paths: Sequence[Path],
    name: str | None = None,
    on_event: EventCallback = ignore_event,
    cancellation: Cancellation | None = None,
) -> list[Path]:
    """Bring models from files or folders into the store and return their folders.

    Parameters
    ----------
    paths : Sequence[Path]
        Zips or folders of official weights, folders of such zips, one model in our own layout, or a bundle of MONAI's.
        None at all means the folders where TotalSegmentator keeps its weights.
    name : str | None
        What the model will be called. Under a name of the catalogue official weights are accepted only if they are the
        released ones; under any other name all that can be converted is.

    Raises
    ------
    ModelError
        There is no model in the paths, or it is damaged, or not what its name says.
    BadInput
        The name cannot be given, or the store cannot be written to.
    """
    if name is not None:
        check_name(name)
    progress = start(IMPORT_SHARES, on_event, cancellation)
    if len(paths) == 1 and is_converted_model(paths[0]):
        return [_import_converted(paths[0], name, progress)]
    if len(paths) == 1 and holds_bundle(paths[0]) and (folders := import_bundle(paths[0], name, progress)):
        return folders
    with workspace("import", progress) as work:
        with progress.stage("unpack"):
            trainers = collect_weights(paths or official_folders_here(), work / "official", progress)
        conversions = _plan_conversions(trainers, name)
        with progress.stage("check"):
            weights = [conversion.fingerprint_and_check() for conversion in conversions]
        with progress.stage("convert"):
            folders = []
            for index, (conversion, found) in enumerate(zip(conversions, weights, strict=True)):
                step = share_of(progress.step, index, len(conversions))
                folders.append(_convert_and_install(conversion, found, origin="import", work=work, step=step))
        return folders


def convert_to(path: Path, destination: Path, name: str | None = None, on_event: EventCallback = ignore_event) -> str:
    """Convert official weights into a model folder outside of the store and return the model's name.

    Parameters
    ----------
    path : Path
        A zip or folder of official weights, or a folder of such zips.
    destination : Path
        The folder to make; it must not exist yet.

    Raises
    ------
    ModelError
        There are no weights in the path, or they are damaged.
    BadInput
        The destination is there already, or cannot be written to.
    """
    if destination.exists():
        raise BadInput(f"'{destination}' is there already.", "Choose the name of a new folder.")
    progress = start(CONVERT_SHARES, on_event, None)
    make_folder(destination.parent)
    with workspace("convert", progress) as work, folder_beside(destination) as folder:
        with progress.stage("unpack"):
            trainers = collect_weights([path], work / "official", progress)
        conversion, *others = _plan_conversions(trainers, name)
        if others:
            names = ", ".join(known.name for known in (conversion, *others))
            raise BadInput(f"'{path}' holds several models: {names}.", Hint(HintCode.NAME_ONE_MODEL))
        with progress.stage("convert"):
            convert(conversion.name, conversion.trainers, folder / "model", progress.step)
        rename_folder(folder / "model", destination)
    return conversion.name


def official_folders_here() -> list[Path]:
    """Return TotalSegmentator's weights folders that are on this machine.

    Raises
    ------
    ModelError
        There are none.
    """
    folders = [folder for folder in official_folders() if folder.is_dir()]
    if not folders:
        places = ", ".join(f"'{folder}'" for folder in official_folders())
        raise ModelError(
            f"TotalSegmentator has no weights on this machine; looked in {places}.", "Give a file or folder."
        )
    return folders


def _import_converted(path: Path, name: str | None, progress: Progress) -> Path:
    with workspace("import", progress) as work:
        with progress.stage("convert"):
            name = check_name(copy_model(path, work / "model", name))
        return put_into_store(work / "model", name, origin="import", weights=[])


def _plan_conversions(trainers: Mapping[int, Path], name: str | None) -> list[Conversion]:
    """Return which models to make of the datasets that were found.

    Without a name, all of the catalogue for which everything is there. A name of the catalogue means that model; any
    other name takes the one complete model there is, or else all that was found.
    """
    if not trainers:
        raise ModelError(
            f"No model was found in what was given, down to {counted(LEVELS_BELOW, 'level')} of folders.",
            "Give a zip or folder of official weights, or a model folder or ONNX file of TotalPassport.",
        )
    models = [entry for entry in list_models() if entry.datasets]
    complete = complete_models(trainers)
    wanted = [entry for entry in models if entry.name == name]
    if name is None:
        touched = [entry for entry in models if dataset_numbers(entry) & set(trainers)]
        wanted = complete or touched[:1]
    for entry in wanted:
        require_datasets(entry, trainers, f"For the model '{entry.name}' what was given")
    if wanted:
        return [Conversion(name=entry.name, trainers=_parts(entry, trainers), entry=entry) for entry in wanted]
    if len(complete) > 1:
        names = ", ".join(entry.name for entry in complete)
        raise BadInput(f"There are several models ({names}), but one name.", "Give the path of one of them.")
    parts = _parts(complete[0], trainers) if complete else tuple(trainers.values())
    return [Conversion(name=check_name(name or parts[0].parent.name), trainers=parts, entry=None)]


def _parts(entry: CatalogueEntry, trainers: Mapping[int, Path]) -> tuple[Path, ...]:
    return tuple(trainer_of(dataset, trainers) for dataset in entry.datasets)


def _install_official(
    entry: CatalogueEntry, weights: list[Weights], *, origin: str, work: Path, progress: Progress
) -> Path:
    conversion = Conversion(name=entry.name, trainers=tuple(source.folder for source in weights), entry=entry)
    with progress.stage("convert"):
        return _convert_and_install(conversion, weights, origin=origin, work=work, step=progress.step)


def _convert_and_install(
    conversion: Conversion, weights: list[Weights], *, origin: str, work: Path, step: StepCallback
) -> Path:
    folder = work / conversion.name
    convert(conversion.name, conversion.trainers, folder, step)
    model = put_into_store(folder, conversion.name, origin=origin, weights=weights)
    if conversion.entry is not None:
        remember_first_seen(conversion.entry, weights)
    return model
