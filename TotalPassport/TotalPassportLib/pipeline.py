"""The whole way, from a file to files: the two functions that the command line, the child process and notebooks call.

from TotalPassportLib.pipeline import run

result = run("ct.nii.gz", "out", model="demo")
print(result.passport.organs[5].volume_mm3)
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .base.errors import BadInput, as_user_error
from .base.events import Cancellation, EventCallback, Progress, ignore_event, start
from .base.files import atomic_write, make_folder, refuse_overwriting, sha256_of
from .base.labels import LabelTable
from .base.memory import available_bytes
from .description_run import DESCRIBE_SHARES, describe
from .image.grid import canonical_grid, labels_on_stored_grid, to_canonical
from .image.preparation import PreparedCT, prepare
from .image.preview import write_preview
from .image.volume import Volume, load_ct, save_labels, stem_of
from .models.catalogue import find_model
from .models.description import ModelDescription
from .passport import Passport
from .passport.document import passport_text
from .passport.extraction import extract_passport
from .passport.provenance import source_of, with_provenance
from .segmentation.cleaning import remove_small_blobs, remove_small_pieces
from .segmentation.engine_choice import Networks
from .segmentation.engines import AUTO, EXACT, version_of_onnxruntime
from .segmentation.estimate import LONG_SECONDS, Estimate
from .segmentation.official_statistics import official_statistics, statistics_text
from .segmentation.segment import LowResolutionLabels, needed_parts, segment

__all__ = ["DESCRIBE_SHARES", "RUN_SHARES", "RunResult", "describe", "run", "wanted_labels"]

RUN_SHARES = {"load": 0.04, "prepare": 0.04, "infer": 0.8, "restore": 0.02, "describe": 0.04, "write": 0.06}
"""Stages of a run and their usual shares of its time."""
Outputs = tuple[Path, Path, Path | None, Path | None]
"""Files of a run: segmentation, passport, and where asked for preview and statistics."""


@dataclass(frozen=True)
class Wishes:
    """What a run was asked for beyond its segmentation and passport; see `run`."""

    preview: bool
    roi: Sequence[str]
    statistics: bool
    statistics_include_incomplete: bool
    remove_small_blobs: bool


@dataclass(frozen=True)
class RunResult:
    """What a run wrote, and the passport itself.

    ``provider`` (onnxruntime's name) and ``arithmetic`` are what really ran. ``seconds`` is the wall time of each
    stage, ``network_seconds`` the part of ``infer`` that was spent in the network.
    """

    segmentation_path: Path
    passport_path: Path
    preview_path: Path | None
    statistics_path: Path | None
    passport: Passport
    provider: str
    precision: str
    arithmetic: str
    seconds: Mapping[str, float]
    network_seconds: float


def run(
    ct_path: Path | str,
    output_folder: Path | str,
    model: str = "demo",
    provider: str = AUTO,
    precision: str = EXACT,
    *,
    preview: bool = False,
    roi: Sequence[str] = (),
    statistics: bool = False,
    statistics_include_incomplete: bool = False,
    remove_small_blobs: bool = False,
    on_event: EventCallback = ignore_event,
    cancellation: Cancellation | None = None,
) -> RunResult:
    """Segment a CT and write its labels and its passport.

    Writes ``<stem>_segmentation.nii.gz`` (uint8 on the input's grid), ``<stem>_passport.json`` and what else is asked
    for into ``output_folder``: all of it, or nothing.

    Parameters
    ----------
    ct_path : NIfTI file in Hounsfield units.
    model : name in the catalogue, or path of a model.
    provider : where the network runs, see `segmentation.engines.provider_choices`.
    precision : ``exact`` or ``turbo``, see `segmentation.engines.PRECISIONS`.
    preview : also write ``<stem>_preview.png``.
    roi : names of the structures to keep, all if empty; parts of the model that find none of them do not run.
    statistics : also write ``<stem>_statistics.json`` with TotalSegmentator's own numbers, see `statistics`.
    statistics_include_incomplete : do not set structures near the border to 0 in it.
    remove_small_blobs : remove pieces of at most 200 mm3, as TotalSegmentator's option of that name does.
    on_event : receives the events of ``docs/architecture.md``.
    cancellation : lets another thread or process stop the run.

    Raises
    ------
    TotalPassportError : in one of its classes; see `errors`.
    """
    ct_path, output_folder = Path(ct_path), Path(output_folder)
    wishes = Wishes(preview, roi, statistics, statistics_include_incomplete, remove_small_blobs)
    progress = start(RUN_SHARES, on_event, cancellation)
    with as_user_error(), ExitStack() as stack:
        with progress.stage("load"):
            description = find_model(model)
            wanted = wanted_labels(description, wishes.roi)
            networks = stack.enter_context(Networks(provider, precision, progress.warn))
            # Opening a network takes about as long as loading a CT, and mostly one core.
            networks.prepare(needed_parts(description, wanted)[0])
            ct = load_ct(ct_path, progress.warn)
            outputs = _outputs(ct_path, output_folder, wishes)
        with progress.stage("prepare"):
            prepared = prepare(ct, description.spacing_mm)
        with progress.stage("infer"):
            free = available_bytes()
            found = segment(
                *(prepared, description, networks, progress.step, wanted),
                lambda estimate: _report_estimate(estimate, free, progress),
            )
        with progress.stage("restore"):
            found = _cleaned(found, description, wishes)
            labels = labels_on_stored_grid(found.voxels, prepared.grid)
        with progress.stage("describe"):
            passport = _passport_of(ct, prepared, found, description, precision, progress, wanted)
            if not passport.organs:
                progress.warn("nothing_found", "The model found no organ in this scan.")
        with progress.stage("write"):
            table = _statistics(ct, prepared, found, labels, description, wanted, wishes)
            looked_for = wanted or description.label_values
            _write(outputs, ct, labels, passport, description.labels, looked_for, table)
        engine = found.provider, precision, found.arithmetic
        return RunResult(*outputs, passport, *engine, progress.seconds, found.network_seconds)


def wanted_labels(model: ModelDescription, roi: Sequence[str]) -> list[int]:
    """Return the label values of structures by name; empty if none is named.

    Raises
    ------
    BadInput : the model does not find a structure of such a name.
    """
    values = {model.labels[value].name: value for value in model.label_values}
    for name in roi:
        if name not in values:
            close = difflib.get_close_matches(name, values, n=3)
            hint = f"Did you mean {' or '.join(close)}?" if close else f"It finds {', '.join(values)}."
            raise BadInput(f"The model '{model.name}' finds no structure called '{name}'.", hint)
    return sorted(values[name] for name in roi)


def _outputs(ct_path: Path, folder: Path, wishes: Wishes) -> Outputs:
    make_folder(folder)
    stem = stem_of(ct_path)
    outputs = (
        folder / f"{stem}_segmentation.nii.gz",
        folder / f"{stem}_passport.json",
        folder / f"{stem}_preview.png" if wishes.preview else None,
        folder / f"{stem}_statistics.json" if wishes.statistics else None,
    )
    refuse_overwriting(outputs[0], ct_path)
    # Finding out now that the folder cannot be written to spares the user the wait.
    probe_path = folder / f".{stem}.totalpassport-probe"
    with atomic_write(probe_path) as probe:
        probe.write_bytes(b"")
    probe_path.unlink(missing_ok=True)
    return outputs


def _report_estimate(estimate: Estimate, free_bytes: int | None, progress: Progress) -> None:
    """Say what the run will take, with a way out if that is too much."""
    progress.estimate(estimate.windows, estimate.seconds, estimate.memory_bytes)
    way_out = "choose a model with larger voxels, such as 'fast', or crop the scan"
    if free_bytes is not None and estimate.further_bytes > free_bytes:
        progress.warn(
            "low_memory",
            f"This run needs about {estimate.further_bytes / 2**30:.1f} GB of memory, but only "
            f"{free_bytes / 2**30:.1f} GB are free; it may fail or become very slow. Close other programs, {way_out}.",
        )
    if estimate.seconds > LONG_SECONDS:
        progress.warn(
            "long_run",
            f"This will take about {estimate.seconds / 60:.0f} minutes on this computer; if that is too "
            f"long, {way_out}.",
        )


def _cleaned(found: LowResolutionLabels, model: ModelDescription, wishes: Wishes) -> LowResolutionLabels:
    voxels = found.voxels
    if model.least_piece_fraction > 0:
        voxels = remove_small_pieces(voxels, model.least_piece_fraction)
    if wishes.remove_small_blobs:
        voxels = remove_small_blobs(voxels, float(np.prod(model.spacing_mm)))
    return replace(found, voxels=voxels)


def _passport_of(
    ct: Volume,
    prepared: PreparedCT,
    found: LowResolutionLabels,
    model: ModelDescription,
    precision: str,
    progress: Progress,
    wanted: Sequence[int],
) -> Passport:
    searched = wanted or model.label_values
    measured = (found.voxels, found.affine, model.labels, prepared.hounsfield)
    passport = extract_passport(*measured, progress.step, searched)
    identity = {
        "name": model.name,
        "version": model.version,
        "networks_sha256": [part.sha256 or sha256_of(part.network) for part in model.parts],
    }
    running = {"provider": found.provider, "precision": precision, "arithmetic": found.arithmetic}
    return with_provenance(
        passport,
        source=source_of(ct),
        model=identity,
        running={**running, "onnxruntime": version_of_onnxruntime()},
    )


def _statistics(
    ct: Volume,
    prepared: PreparedCT,
    found: LowResolutionLabels,
    labels: np.ndarray,
    model: ModelDescription,
    wanted: Sequence[int],
    wishes: Wishes,
) -> str | None:
    if not wishes.statistics:
        return None
    if model.statistics_grid == "model":
        volumes, spacing_mm = (found.voxels, prepared.hounsfield), model.spacing_mm
    else:
        # Its voxel sizes are the header's, which need not be quite the affine's.
        volumes, spacing_mm = (labels, ct.voxels), ct.header.get_zooms()[:3]
    table, values = model.labels, wanted or model.label_values
    include = wishes.statistics_include_incomplete
    return statistics_text(
        official_statistics(*volumes, float(np.prod(spacing_mm)), table, values, include_incomplete=include)
    )


def _write(
    outputs: Outputs,
    ct: Volume,
    labels: np.ndarray,
    passport: Passport,
    table: LabelTable,
    looked_for: Sequence[int],
    statistics: str | None,
) -> None:
    """Write all files; they are renamed to their names together at the end."""
    segmentation_path, passport_path, preview_path, statistics_path = outputs
    with ExitStack() as stack:
        save_labels(stack.enter_context(atomic_write(segmentation_path)), labels, ct, table, looked_for)
        stack.enter_context(atomic_write(passport_path)).write_text(passport_text(passport), encoding="utf-8")
        if statistics_path is not None and statistics is not None:
            stack.enter_context(atomic_write(statistics_path)).write_text(statistics, encoding="utf-8")
        if preview_path is not None:
            grid = canonical_grid(ct.affine, ct.voxels.shape)
            pictures = (to_canonical(ct.voxels, grid), to_canonical(labels, grid), grid.affine, table)
            write_preview(stack.enter_context(atomic_write(preview_path)), *pictures)
