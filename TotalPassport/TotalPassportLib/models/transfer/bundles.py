"""MONAI's whole-body bundle as a user gives it, or from where it is published: checked, converted, kept by content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from ...base.errors import Cancelled, ModelError
from ...base.events import Cancellation, EventCallback, Progress, ignore_event, share_of
from ...base.files import make_folder, sha256_of
from ...base.hints import Hint, HintCode
from ...base.paths import cache_folder
from ..catalogue import list_models
from ..catalogue_entry import CatalogueEntry, PublishedCheckpoint
from ..monai.bundle import MEMBERS, MonaiBundle, is_bundle, read_bundle
from ..store import check_name, put_into_store, workspace
from .checksums import Weights, fingerprint_of
from .converted_models import converter_identity, made_in_cache
from .download import DownloadSettings, Source, download, require_space

CONVERTERS = (
    "monai/bundle", "monai/convert_bundle", "monai/segresnet", "nnunet/checkpoint", "nnunet/unpickling", "onnx_graph",
)  # fmt: skip
"""Modules that the conversion is made of."""
OTHER_WEIGHTS = "{checkpoint} of a bundle wholeBody_ct_segmentation; other weights than those of version {version}"
OWN_WEIGHTS = "{checkpoint} of MONAI's bundle wholeBody_ct_segmentation {version}"


def holds_bundle(path: Path) -> bool:
    """Whether a path may hold a bundle: a folder, a checkpoint, or a zip whose name does not say that it is another."""
    return is_bundle(path) or (path.suffix.lower() == ".zip" and path.is_file() and "Dataset" not in path.name)


def entries_of(bundle: MonaiBundle) -> list[CatalogueEntry]:
    """Return the models of the catalogue that a bundle's checkpoints are for."""
    checkpoints = {entry.bundle.checkpoint: entry for entry in list_models() if entry.bundle is not None}
    return [checkpoints[name] for name in bundle.checkpoints if name in checkpoints]


def md5_of(path: Path) -> str:
    """Return a file's MD5, which is all that MONAI publishes of it: it tells versions apart, not good from evil."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def import_bundle(path: Path, name: str | None, progress: Progress) -> list[Path]:
    """Bring the models of a bundle into the store and return their folders; nothing where there is no bundle.

    Parameters
    ----------
    path : Path
        A folder, a zip, or one checkpoint.
    name : str, optional
        What to call the model; of a bundle with both, that of 1.5 mm, and the other one has ``-lowres`` behind it.

    Raises
    ------
    ModelError
        It is damaged, or another bundle than MONAI's whole-body one.
    """
    with workspace("bundle", progress) as work:
        with progress.stage("unpack"):
            bundle = read_bundle(path, work / "unpacked")
        if bundle is None:
            return []
        entries = entries_of(bundle)
        with progress.stage("check"):
            weights = [fingerprint_bundle(bundle, entry) for entry in entries]
        folders = []
        with progress.stage("convert"):
            for index, (entry, source) in enumerate(zip(entries, weights, strict=True)):
                called = check_name(entry.name if name is None else _name_beside(name, entry, entries))
                folder = work / called
                convert_checkpoint(bundle, entry, folder, called, progress)
                folders.append(put_into_store(folder, called, origin="import", weights=[source]))
                share_of(progress.step, index, len(entries))(1, 1)
        return folders


def _name_beside(name: str, entry: CatalogueEntry, entries: Sequence[CatalogueEntry]) -> str:
    return name if entry == entries[0] else f"{name}-lowres"


def convert_checkpoint(
    bundle: MonaiBundle, entry: CatalogueEntry, destination: Path, name: str, progress: Progress
) -> None:
    """Convert a bundle's checkpoint for a model of the catalogue; what are not the published weights is said."""
    from ..monai.convert_bundle import convert_bundle  # lazily: numpy and onnx are needed only now

    published = _published(entry)
    genuine = md5_of(bundle.checkpoints[published.checkpoint]) == published.md5
    if not genuine:
        progress.warn(
            "other_weights",
            f"'{published.checkpoint}' of '{bundle.name}' is not the file that MONAI published with version "
            f"{published.version} (its MD5 differs): another version, or weights of somebody's own.",
        )
    told = (OWN_WEIGHTS if genuine else OTHER_WEIGHTS).format(
        checkpoint=published.checkpoint, version=published.version
    )
    title = entry.title if name == entry.name else name
    convert_bundle(bundle, published.checkpoint, destination, name, title=title, source=f"Converted from {told}")


def fingerprint_bundle(bundle: MonaiBundle, entry: CatalogueEntry, url: str | None = None) -> Weights:
    """Return the checkpoint of a model of the catalogue with its hash."""
    path = bundle.checkpoints[_published(entry).checkpoint].absolute()
    return Weights(folder=path.parent, files={path.name: fingerprint_of(path)}, url=url)


def download_bundle(entry: CatalogueEntry, work: Path, progress: Progress, settings: DownloadSettings) -> Path:
    """Download the checkpoint of a model of the catalogue and install it.

    Raises
    ------
    ModelError
        It cannot be reached, or is not the published one.
    """
    published = _published(entry)
    target = make_folder(cache_folder() / "downloads") / f"{entry.name}.pt"
    require_space(target.parent, round(2.5 * published.approximate_bytes), settings)
    try:
        with progress.stage("download"):
            if not target.exists():
                source = Source(url=published.url, largest_bytes=published.largest_bytes)
                download(source, target, lambda done, total: progress.step(done, total or 1), settings)
    except (Cancelled, KeyboardInterrupt) as stop:
        hint = "What has come is kept, and the next download continues there."
        raise Cancelled("The download was stopped.", hint) from stop
    with progress.stage("check"):
        if md5_of(target) != published.md5:
            target.unlink()
            raise ModelError(
                f"The file from {published.url} is not the published one (its MD5 differs).",
                Hint(HintCode.DOWNLOAD_AGAIN),
            )
    bundle = MonaiBundle(name=entry.name, checkpoints={published.checkpoint: target})
    with progress.stage("convert"):
        convert_checkpoint(bundle, entry, work / entry.name, entry.name, progress)
        source_files = fingerprint_bundle(bundle, entry, published.url)
        model = put_into_store(work / entry.name, entry.name, origin="download", weights=[source_files])
    target.unlink()
    return model


def bundle_model(
    entry: CatalogueEntry,
    paths: Sequence[Path],
    on_event: EventCallback = ignore_event,
    cancellation: Cancellation | None = None,
) -> Path:
    """Return a model folder made of a checkpoint in the first of some bundles that has it, from the cache if it can be.

    Raises
    ------
    ModelError
        None of them has it, or it cannot be converted.
    """
    published = _published(entry)
    progress = Progress({"convert": 1.0}, on_event, cancellation or Cancellation())
    with workspace(f"{entry.name}-bundle", progress) as work:
        bundle = _first_with(published.checkpoint, paths, work)
        target = cache_folder() / "weights" / f"{entry.name}-{_content_key(bundle, published.checkpoint)}"

        def convert(folder: Path) -> None:
            convert_checkpoint(bundle, entry, folder, entry.name, progress)

        return made_in_cache(target, entry.name, work, convert, progress)


def _first_with(checkpoint: str, paths: Sequence[Path], work: Path) -> MonaiBundle:
    for number, path in enumerate(paths):
        if not path.exists():
            raise ModelError(f"There is no file or folder '{path}'.", "Check the path.")
        bundle = read_bundle(path, work / f"unpacked{number}")
        if bundle is not None and checkpoint in bundle.checkpoints:
            return bundle
    places = " and ".join(f"'{path}'" for path in paths)
    raise ModelError(
        f"There is no {checkpoint} of MONAI's whole-body bundle in {places}.",
        "Give the bundle's folder or zip, or the file itself.",
    )


def _content_key(bundle: MonaiBundle, checkpoint: str) -> str:
    """Return a name for the content of a bundle's files, and for the way in which they are converted."""
    path = bundle.checkpoints[checkpoint]
    digest = hashlib.sha256(converter_identity(CONVERTERS) + sha256_of(path).encode())
    for member in MEMBERS[:2] if path.parent.name == "models" else ():
        beside = path.parents[1] / member
        digest.update(sha256_of(beside).encode() if beside.is_file() else b"-")
    return digest.hexdigest()[:32]


def _published(entry: CatalogueEntry) -> PublishedCheckpoint:
    assert entry.bundle is not None  # only such models come here
    return entry.bundle
