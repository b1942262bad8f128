"""Whether weights are the released ones: by the catalogue's checksums, or by those of their first coming."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...base.errors import ModelError
from ...base.files import make_folder, read_json, sha256_of, validate
from ...base.hints import Hint, HintCode
from ...base.locking import exclusive
from ...base.outputs import atomic_write
from ...base.paths import cache_folder, home_folder
from ..catalogue_entry import CatalogueEntry, Dataset
from ..nnunet.layout import NEEDED_FILES
from ..task import ExpectedFile

FIRST_SEEN_FILE = "first-seen.json"
"""In the home: hashes of released files, which outlive the models made of them."""


@dataclass(frozen=True)
class Fingerprint:
    """Size and SHA-256 of a file."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The files of one dataset in official layout, with their hashes; ``archive`` is the zip they came in, if any."""

    folder: Path
    """The trainer's folder."""
    files: Mapping[str, Fingerprint]
    """By their names below the folder, such as ``fold_0/checkpoint_final.pth``."""
    url: str | None = None
    archive: Fingerprint | None = None

    @property
    def dataset(self) -> str:
        """The dataset folder's name."""
        return self.folder.parent.name


def fingerprint_of(path: Path) -> Fingerprint:
    """Return a file's size and SHA-256."""
    return Fingerprint(path.stat().st_size, sha256_of(path))


def check_released(entry: CatalogueEntry, weights: list[Weights]) -> None:
    """Check released weights against the catalogue's checksums, and against what was seen when they first came.

    Raises
    ------
    ModelError
        They are not the released ones.
    """
    first_seen = _first_seen()
    for dataset, source in zip(entry.datasets, weights, strict=True):
        for name, expected in _expected_files(dataset).items():
            known = source.files[name]
            if expected.sha256 not in (None, known.sha256) or expected.size_bytes not in (None, known.size_bytes):
                raise ModelError(
                    f"'{name}' of {source.dataset} is not the released file (its SHA-256 or size differs).",
                    Hint(HintCode.IMPORT_UNDER_OTHER_NAME, model=entry.name),
                )
        seen = first_seen.get(dataset.release)
        for name, known in source.files.items():
            if seen is not None and seen["files"].get(name) != known.sha256:
                raise ModelError(
                    f"'{name}' of {source.dataset} differs from the one first seen on {seen['date'][:10]}.",
                    Hint(HintCode.FORGET_RELEASE, model=entry.name),
                )


def _expected_files(dataset: Dataset) -> dict[str, ExpectedFile]:
    plans, _, checkpoint = NEEDED_FILES
    return {plans: dataset.plans, checkpoint: dataset.checkpoint}


def remember_first_seen(entry: CatalogueEntry, weights: list[Weights]) -> None:
    """Take down the hashes of released weights that came for the first time."""
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with _edited() as seen:
        for dataset, source in zip(entry.datasets, weights, strict=True):
            files = {name: known.sha256 for name, known in source.files.items()}
            seen.setdefault(dataset.release, {"date": date, "files": files})


def forget_first_seen(entry: CatalogueEntry) -> None:
    """Forget the hashes of a model's released weights, so that another release can come."""
    with _edited() as seen:
        for dataset in entry.datasets:
            seen.pop(dataset.release, None)


def _first_seen() -> dict[str, Any]:
    path = home_folder() / FIRST_SEEN_FILE
    if not path.exists():
        return {}
    try:
        document = read_json(path, ModelError)
        validate(document, "first-seen", f"'{path}'", ModelError)
    except ModelError as error:
        raise ModelError(error.message, f"Delete '{path}' if you did not change it.") from error
    return dict(document["datasets"])


@contextmanager
def _edited() -> Iterator[dict[str, Any]]:
    """Yield what was seen, by dataset folder, and write it down again; one process at a time."""
    with exclusive(cache_folder() / "locks" / f"{FIRST_SEEN_FILE}.lock", lambda: None, lambda: None):
        seen = _first_seen()
        yield seen
        document = {"schema": "totalpassport-first-seen/1", "datasets": seen}
        with atomic_write(make_folder(home_folder()) / FIRST_SEEN_FILE, durable=True, internal=True) as temporary:
            temporary.write_text(json.dumps(document, indent=1), encoding="utf-8")
