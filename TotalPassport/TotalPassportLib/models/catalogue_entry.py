"""What the catalogue knows of a model: what it is, where its weights are, and what it needs before it can run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from ..base.errors import ModelError
from ..base.files import read_json
from ..base.hints import Hint, HintCode
from ..base.paths import models_folder
from ..image.content import ScanContent
from .description import DESCRIPTION_FILE, known_scans_from
from .nnunet.layout import dataset_number
from .task import NORMAL, ExpectedFile, Task


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Released weights of one network: where they are, and what is known of them.

    ``url`` is None where nobody may publish them. ``trainer_folder`` is which training of several in one archive is
    meant, where that is known; ``small`` says that it is that of a task's smaller networks.
    """

    folder: str
    part: str
    url: str | None
    approximate_bytes: int
    largest_bytes: int
    archive: ExpectedFile
    checkpoint: ExpectedFile
    plans: ExpectedFile
    trainer_folder: str | None = None
    small: bool = False

    @property
    def release(self) -> str:
        """What its files are remembered by."""
        return f"{self.folder}/{self.trainer_folder}" if self.small else self.folder

    @property
    def number(self) -> int:
        """The dataset's number, by which nnU-Net knows it."""
        return dataset_number(self.folder) or 0


@dataclass(frozen=True, kw_only=True)
class PublishedCheckpoint:
    """A checkpoint of a bundle of MONAI's, of which only an MD5 was published.

    ``checkpoint`` is its name in the bundle, ``archives`` are addresses of the whole bundle.
    """

    checkpoint: str
    version: str
    url: str
    md5: str
    approximate_bytes: int
    largest_bytes: int
    archives: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """A file that somebody has published, pinned."""

    url: str
    size_bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """The file's name, the last part of its address."""
        return self.url.rsplit("/", 1)[1]


@dataclass(frozen=True, kw_only=True)
class Verification:
    """A published scan and its published labels, and how well a model must reproduce them.

    ``least_organ_dice`` holds for every organ of at least ``least_organ_ml`` in the published labels. ``options`` are
    those of the run that made them, by their names in `RunOptions`.
    """

    title: str
    ct: PublishedFile
    labels: PublishedFile
    least_mean_dice: float
    least_organ_dice: float
    least_organ_ml: float
    options: Mapping[str, bool] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class CatalogueEntry:
    """One model by name.

    ``spacing_mm`` is along R, A, S, None where scans keep their voxels. ``datasets`` are what it is converted from, if
    anything. ``task`` and ``mode`` say which task it is for, if any.
    """

    name: str
    title: str
    description: str
    licence: str
    spacing_mm: tuple[float, float, float] | None
    bundled_folder: Path | None = None
    datasets: tuple[Dataset, ...] = ()
    verification: Verification | None = None
    task: Task | None = None
    mode: str = NORMAL
    bundle: PublishedCheckpoint | None = None
    """What it is converted from, if that is a checkpoint of a bundle of MONAI's."""

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses from which it can be downloaded; none of what comes along or needs a licence."""
        if self.bundle is not None:
            return (self.bundle.url,)
        return tuple(dataset.url for dataset in self.datasets if dataset.url is not None)

    @property
    def folder(self) -> Path:
        """Where the model is, or will be."""
        return self.bundled_folder or models_folder() / self.name

    @property
    def installed(self) -> bool:
        """Whether the model can be run now."""
        return (self.folder / DESCRIPTION_FILE).is_file()

    @property
    def installed_bytes(self) -> int:
        """How much the installed model takes, in bytes; 0 if it vanishes meanwhile."""
        try:
            return sum(path.stat().st_size for path in self.folder.iterdir())
        except OSError:
            return 0

    @property
    def approximate_bytes(self) -> int:
        """About how much has to be downloaded, in bytes."""
        if self.bundle is not None:
            return self.bundle.approximate_bytes
        return sum(dataset.archive.size_bytes or dataset.approximate_bytes for dataset in self.datasets)

    @property
    def known_scans(self) -> tuple[ScanContent, ...]:
        """The only scans that a model which comes along knows; none for one that is meant for any scan."""
        return _known_scans(self.bundled_folder) if self.bundled_folder is not None else ()

    @property
    def licensed(self) -> bool:
        """Whether its weights come only from a file that the user has."""
        return any(dataset.url is None for dataset in self.datasets)

    @property
    def needs(self) -> Hint | str:
        """What to do when it is not installed."""
        if self.bundle is not None:
            return Hint(
                HintCode.DOWNLOAD_BUNDLE,
                model=self.name,
                checkpoint=self.bundle.checkpoint,
                megabytes=round(self.approximate_bytes / 1e6),
            )
        if not self.datasets:
            return "It comes with TotalPassport; install TotalPassport again."
        if self.licensed and self.task is not None:
            return Hint(
                HintCode.GET_LICENSED_WEIGHTS,
                model=self.name,
                terms=self.task.licence.terms_url,
                datasets=[dataset.number for dataset in self.datasets],
            )
        return Hint(
            HintCode.DOWNLOAD_MODEL,
            model=self.name,
            datasets=[dataset.number for dataset in self.datasets],
            megabytes=round(self.approximate_bytes / 1e6),
        )


@cache
def _known_scans(folder: Path) -> tuple[ScanContent, ...]:
    return known_scans_from(read_json(folder / DESCRIPTION_FILE, ModelError))  # our own file: the tests check it
