"""Does a model do on this machine what its makers published? The proof that a user can run.

The published scan is segmented by the very pipeline that users run, and compared with the published labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np

from .base.errors import BadInput, ModelError, as_user_error
from .base.events import Cancellation, EventCallback, Progress, ignore_event
from .base.files import make_folder, sha256_of
from .base.hints import Hint, HintCode
from .base.labels import LabelTable
from .base.paths import cache_folder
from .base.temporaries import private_folder
from .image.volume import check_same_grid, load_ct, load_mr, load_segmentation
from .models.catalogue import find_entry, find_model, list_models
from .models.catalogue_entry import PublishedFile, Verification
from .models.description import ModelDescription
from .models.task import CT
from .models.transfer.download import DownloadSettings, Source, download
from .models.transfer.intake import download_model
from .options import RunOptions
from .pipeline import run
from .segmentation.engines import AUTO
from .segmentation.task_segmentation import models_needed

FETCH_SHARES = {"fetch": 1.0}
"""Stages of bringing the published files."""


@dataclass(frozen=True, kw_only=True)
class OrganAgreement:
    """How well one structure agrees; volumes in ml on the scan's grid."""

    label: int
    name: str
    published_ml: float
    found_ml: float
    dice: float


@dataclass(frozen=True, kw_only=True)
class VerificationResult:
    """The comparison of all structures that either result has, by rising label."""

    organs: tuple[OrganAgreement, ...]
    equal_voxels_share: float
    rule: Verification

    @property
    def mean_dice(self) -> float:
        """Mean over the structures; 0 if there are none."""
        return float(np.mean([organ.dice for organ in self.organs])) if self.organs else 0.0

    @property
    def disagreeing(self) -> tuple[OrganAgreement, ...]:
        """Structures that count by their published size and whose Dice is too low."""
        counting = (organ for organ in self.organs if organ.published_ml >= self.rule.least_organ_ml)
        return tuple(organ for organ in counting if organ.dice < self.rule.least_organ_dice)

    @property
    def agrees(self) -> bool:
        """Whether the model does what was published."""
        return self.mean_dice >= self.rule.least_mean_dice and not self.disagreeing


def verify_model(
    name: str = "fast",
    *,
    provider: str = AUTO,
    files_folder: Path | None = None,
    on_event: EventCallback = ignore_event,
    cancellation: Cancellation | None = None,
    settings: DownloadSettings | None = None,
) -> VerificationResult:
    """Download what is missing, segment the published scan and compare.

    Parameters
    ----------
    name : str
        A model of the catalogue that has a published scan; it is downloaded if it is not installed.
    files_folder : Path | None
        Holds the published files under their names, so that they are not downloaded.
    settings : DownloadSettings | None
        How patient downloads are.

    Raises
    ------
    BadInput
        There is nothing published for this model, or a given file is not the published one.
    ModelError
        The model or a file cannot be brought in.
    """
    entry = find_entry(name)
    rule = entry.verification
    if rule is None:
        known = [other.name for other in list_models() if other.verification is not None]
        raise BadInput(
            f"There is no published result to compare the model '{name}' with.", f"There is one for {', '.join(known)}."
        )
    cancellation = cancellation or Cancellation()
    with as_user_error():
        ct, labels = _published_files(rule, files_folder, Progress(FETCH_SHARES, on_event, cancellation), settings)
        if not entry.installed:
            download_model(name, on_event, cancellation, settings)
        options = RunOptions.from_entries({"model": name, "provider": provider, **rule.options})
        for companion in models_needed(find_model(name), (), options.of_tasks):
            if not find_entry(companion).installed:
                download_model(companion, on_event, cancellation, settings)
        with private_folder("verify") as folder:
            result = run(ct, folder, options, on_event=on_event, cancellation=cancellation)
            return _compare(
                result.paths.segmentation, published_path=labels, ct_path=ct, rule=rule, model=find_model(name)
            )


def _published_files(
    rule: Verification, folder: Path | None, progress: Progress, settings: DownloadSettings | None
) -> tuple[Path, Path]:
    with progress.stage("fetch"):
        if folder is not None:
            return _given(rule.ct, folder), _given(rule.labels, folder)
        kept = make_folder(cache_folder() / "verification")
        whole = rule.ct.size_bytes + rule.labels.size_bytes

        def fetch(file: PublishedFile, before: int) -> Path:
            path = kept / file.name
            if not path.exists() or sha256_of(path) != file.sha256:
                path.unlink(missing_ok=True)
                source = Source(
                    url=file.url, largest_bytes=file.size_bytes, size_bytes=file.size_bytes, sha256=file.sha256
                )
                with _told_how_to_give_files():
                    download(source, path, lambda done, total: progress.step(before + done, whole), settings)
            return path

        return fetch(rule.ct, 0), fetch(rule.labels, rule.ct.size_bytes)


@contextmanager
def _told_how_to_give_files() -> Iterator[None]:
    """Say of a download that failed how its file is given by hand: not as models are."""
    try:
        yield
    except ModelError as error:
        if isinstance(error.hint, Hint) and error.hint.code in (HintCode.IMPORT_FILE, HintCode.DOWNLOAD_AGAIN):
            raise ModelError(error.message, Hint(HintCode.GIVE_PUBLISHED_FILES)) from error
        raise


def _given(file: PublishedFile, folder: Path) -> Path:
    path = folder / file.name
    if not path.is_file():
        raise BadInput(f"There is no '{path}'.", f"Get it from {file.url}.")
    if sha256_of(path) != file.sha256:
        raise BadInput(f"'{path}' is not the published file (SHA-256 differs).", f"Get it from {file.url}.")
    return path


def _compare(
    found_path: Path, *, published_path: Path, ct_path: Path, rule: Verification, model: ModelDescription
) -> VerificationResult:
    found = np.asarray(nibabel.load(found_path).dataobj)
    published = load_segmentation(published_path)
    scan = load_ct(ct_path) if model.modality == CT else load_mr(ct_path)
    check_same_grid(scan, published)
    voxel_ml = abs(float(np.linalg.det(scan.affine[:3, :3]))) / 1000
    return VerificationResult(
        organs=organ_agreements(found, published.voxels, model.labels, voxel_ml),
        equal_voxels_share=float((found == published.voxels).mean()),
        rule=rule,
    )


def organ_agreements(
    found: np.ndarray, published: np.ndarray, table: LabelTable, voxel_ml: float
) -> tuple[OrganAgreement, ...]:
    """Return the agreement of every label but 0 that one of two label volumes of the same shape has.

    Dice is twice the common voxels over the sum of both (Dice, Ecology 26, 1945).
    """
    labels = int(max(found.max(), published.max())) + 1
    ours, theirs = (np.bincount(volume.ravel(), minlength=labels) for volume in (found, published))
    common = np.bincount(found[found == published], minlength=labels)
    return tuple(
        OrganAgreement(
            label=label,
            name=table.describe(label).name,
            published_ml=float(theirs[label] * voxel_ml),
            found_ml=float(ours[label] * voxel_ml),
            dice=float(2 * common[label] / (ours[label] + theirs[label])),
        )
        for label in map(int, np.flatnonzero(ours + theirs))
        if label
    )
