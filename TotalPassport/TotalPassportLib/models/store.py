"""The installed models: each a folder that is whole, with a record of where it comes from.

<home>/models/<name>/model.json, its networks, record.json
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import __version__
from ..base.errors import BadInput, ModelError, as_user_error
from ..base.events import Progress
from ..base.files import make_folder, read_json, validate
from ..base.hints import Hint, HintCode
from ..base.locking import exclusive
from ..base.outputs import atomic_write
from ..base.paths import cache_folder, home_folder, models_folder
from ..base.temporaries import replace_folder
from .catalogue import MODEL_NAME, find_entry, list_models
from .catalogue_entry import CatalogueEntry
from .description import verify_network
from .reading import read_model
from .transfer.checksums import FIRST_SEEN_FILE, Weights, fingerprint_of, forget_first_seen

RECORD_FILE = "record.json"


@contextmanager
def workspace(name: str, progress: Progress) -> Iterator[Path]:
    """Yield an empty folder to make the model ``name`` in, while no other process does the same.

    What a process that was killed left there is removed; so is everything at the end.
    """

    def waiting() -> None:
        progress.warn("waiting", f"Another process is bringing in '{name}'; waiting for it.")

    lock = cache_folder() / "locks" / f"{name}.lock"
    folder = cache_folder() / "incoming" / name
    with as_user_error(), exclusive(lock, waiting, progress.cancellation.check):
        shutil.rmtree(folder, ignore_errors=True)
        make_folder(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def check_name(name: str) -> str:
    """Return ``name`` if a model that users bring in may be called so.

    Raises
    ------
    BadInput
        It is no proper name, or that of a model that comes with TotalPassport.
    """
    if not MODEL_NAME.fullmatch(name) or name.endswith("."):
        raise BadInput(f"'{name}' is no name for a model.", "Use letters, digits, '_', '-' and '.' only.")
    if any(entry.name == name and entry.bundled_folder for entry in list_models()):
        raise BadInput(f"The model '{name}' comes with TotalPassport and stays as it is.", "Choose another name.")
    return name


def put_into_store(model: Path, name: str, *, origin: str, weights: list[Weights]) -> Path:
    """Put a finished model folder into the store under ``name``, in place of what is there, and record its origin.

    Parameters
    ----------
    model : Path
        The folder, inside a `workspace`.
    origin : str
        ``download``, ``import`` or ``totalsegmentator``.
    weights : list[Weights]
        What it was converted from; none for a model that came in our own layout.
    """
    read_model(model)  # what cannot be read must not look installed
    _write_record(model, name, origin, weights)
    make_folder(models_folder())
    target = models_folder() / name
    replace_folder(model, target)
    return target


def _write_record(model: Path, name: str, origin: str, weights: list[Weights]) -> None:
    files = {path.name: vars(fingerprint_of(path)) for path in sorted(model.iterdir()) if path.name != RECORD_FILE}
    record = {
        "schema": "totalpassport-record/1",
        "name": name,
        "installed": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "way": origin,
        "software": f"TotalPassport {__version__}",
        "files": files,
        "sources": [
            {
                "dataset": source.dataset,
                "url": source.url,
                "archive": vars(source.archive) if source.archive else None,
                "files": {key: vars(value) for key, value in source.files.items()},
            }
            for source in weights
        ],
    }
    with atomic_write(model / RECORD_FILE, internal=True) as temporary:
        temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")


def read_record(entry: CatalogueEntry) -> dict[str, Any] | None:
    """Return the record of an installed model; None for one that comes with TotalPassport.

    Raises
    ------
    ModelError
        There is none, or it is damaged.
    """
    if entry.bundled_folder:
        return None
    path = entry.folder / RECORD_FILE
    document = read_json(path, ModelError)
    validate(document, "record", f"'{path}'", ModelError)
    return dict(document)


def check_integrity(entry: CatalogueEntry) -> None:
    """Check that an installed model is, byte for byte, what was installed.

    Raises
    ------
    ModelError
        A file is missing, was added or was changed, or the model cannot be read.
    """
    if not entry.installed:
        raise ModelError(f"The model '{entry.name}' is not installed.", entry.needs)
    record = read_record(entry)
    for part in read_model(entry.folder).parts:
        verify_network(part)
    if record is None:
        return
    hint = Hint(HintCode.REINSTALL_MODEL, model=entry.name)
    present = {path.name for path in entry.folder.iterdir()} - {RECORD_FILE}
    if odd := present ^ set(record["files"]):
        raise ModelError(f"The model '{entry.name}' has missing or added files: {', '.join(sorted(odd))}.", hint)
    for name, known in record["files"].items():
        if vars(fingerprint_of(entry.folder / name)) != known:
            raise ModelError(f"The file '{entry.folder / name}' was changed since it was installed.", hint)


def remove_everything() -> None:
    """Delete all models that were brought in, the cache, and what is known of released weights; the rest stays.

    Raises
    ------
    BadInput
        A part of it cannot be deleted.
    """
    with as_user_error():
        for folder in (models_folder(), cache_folder()):
            if folder.is_dir() and not folder.is_symlink():
                shutil.rmtree(folder)
        (home_folder() / FIRST_SEEN_FILE).unlink(missing_ok=True)
        with suppress(OSError):  # a folder that somebody has named may hold other things
            home_folder().rmdir()


def remove_model(name: str, forget: bool = False) -> None:
    """Delete an installed model.

    Parameters
    ----------
    forget : bool
        Also forget the hashes that its released weights had when they first came.

    Raises
    ------
    ModelError
        It is not installed.
    BadInput
        It comes with TotalPassport, or cannot be deleted.
    """
    folder = models_folder() / check_name(name)
    if forget:
        forget_first_seen(find_entry(name))
    elif not folder.is_dir():
        raise ModelError(f"The model '{name}' is not installed.", Hint(HintCode.LIST_MODELS))
    if folder.is_dir():
        grave = cache_folder() / "incoming" / f"{name}.removed"
        with as_user_error():
            shutil.rmtree(grave, ignore_errors=True)
            make_folder(grave.parent)
            folder.rename(grave)  # first, so that a model is never there in part
            shutil.rmtree(grave)
