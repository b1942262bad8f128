"""The whole way, from a file to files: the two functions that the command line, the child process and notebooks call.

from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run

result = run("ct.nii.gz", "out", RunOptions(model="fast", preview=True))
print(result.passport.organs[5].volume_mm3)
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .base.errors import BadInput, as_user_error
from .base.events import Cancellation, EventCallback, Progress, ignore_event, start
from .base.files import make_folder
from .base.memory import available_bytes
from .base.outputs import OutputFiles, check_destination
from .image.content import is_among
from .image.formats import stem_of
from .image.grid import canonical_grid, labels_on_stored_grid, to_canonical
from .image.nifti import save_labels
from .image.preparation import PreparedCT, prepare
from .image.preview import write_preview
from .image.volume import Volume, load_ct
from .models.catalogue import find_model
from .models.description import ModelDescription
from .options import DEFAULT_OPTIONS, OutputPaths, RunOptions
from .passport import Passport
from .passport.checks import with_finding
from .passport.document import passport_text
from .passport.extraction import extract_passport
from .passport.findings_text import error_titles
from .passport.provenance import source_of, with_provenance
from .passport.rules import Finding
from .segmentation.cleaning import remove_small_blobs, remove_small_pieces
from .segmentation.engine_choice import NetworkOpener
from .segmentation.engines import version_of_onnxruntime
from .segmentation.estimate import LONG_SECONDS, Estimate
from .segmentation.official_statistics import official_statistics, statistics_text
from .segmentation.segment import ModelGridLabels, needed_parts, segment

RUN_SHARES = {"load": 0.04, "prepare": 0.04, "infer": 0.8, "restore": 0.02, "describe": 0.04, "write": 0.06}
"""Stages of a run and their usual shares of its time."""


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run wrote, and the passport itself.

    Attributes
    ----------
    paths : OutputPaths
        The files.
    passport : Passport
        What the passport's file holds.
    provider, arithmetic : str
        What really ran; the provider by onnxruntime's name.
    precision : str
        What was asked for.
    seconds : mapping of str to float
        Wall time of each stage.
    network_seconds : float
        The part of the stage ``infer`` that was spent in the network.
    """

    paths: OutputPaths
    passport: Passport
    provider: str
    precision: str
    arithmetic: str
    seconds: Mapping[str, float]
    network_seconds: float


@dataclass(frozen=True, kw_only=True)
class SegmentedScan:
    """A scan with what was found in it: all that its files are made of.

    Attributes
    ----------
    ct : Volume
        The scan as it was read.
    prepared : PreparedCT
        The same on the model's grid.
    model : ModelDescription
        What has segmented it.
    searched : sequence of int
        The label values that were looked for.
    found : ModelGridLabels
        What was found, on the model's grid.
    labels : numpy.ndarray
        The same on the scan's grid, uint8 ``[i, j, k]``.
    """

    ct: Volume
    prepared: PreparedCT
    model: ModelDescription
    searched: Sequence[int]
    found: ModelGridLabels
    labels: np.ndarray


def run(
    ct_path: Path | str,
    output_folder: Path | str,
    options: RunOptions = DEFAULT_OPTIONS,
    *,
    on_event: EventCallback = ignore_event,
    cancellation: Cancellation | None = None,
) -> RunResult:
    """Segment a CT and write its labels and its passport.

    Writes ``<stem>_segmentation.nii.gz`` (uint8 on the input's grid), ``<stem>_passport.json`` and what else is asked
    for into ``output_folder``: all of it, or nothing.

    Parameters
    ----------
    ct_path : Path or str
        NIfTI file in Hounsfield units.
    output_folder : Path or str
        Is made if it does not exist.
    options : RunOptions
        The model, where and how it runs, and what else to write.
    on_event : callable
        Receives the events of ``docs/architecture.md``.
    cancellation : Cancellation, optional
        Lets another thread or process stop the run.

    Raises
    ------
    TotalPassportError
        In one of its classes; see `errors`.
    """
    ct_path = Path(ct_path)
    progress = start(RUN_SHARES, on_event, cancellation)
    with as_user_error(), ExitStack() as stack:
        with progress.stage("load"):
            model = find_model(options.model)
            wanted = wanted_labels(model, options.roi)
            networks = stack.enter_context(NetworkOpener(options.provider, options.precision, progress.warn))
            # Opening a network takes about as long as loading a CT, and mostly one core.
            networks.prepare(needed_parts(model, wanted)[0])
            ct = load_ct(ct_path, progress.warn)
            paths = OutputPaths.in_folder(make_folder(Path(output_folder)), stem_of(ct_path), options)
            _require_writable(paths, ct_path)
        with progress.stage("prepare"):
            prepared = prepare(ct, model.spacing_mm)
        with progress.stage("infer"):
            found = segment(
                prepared,
                model,
                networks,
                on_window=progress.step,
                wanted=wanted,
                on_estimate=partial(_report_estimate, progress, available_bytes()),
            )
        with progress.stage("restore"):
            found = _cleaned(found, model, options)
            segmented = SegmentedScan(
                ct=ct,
                prepared=prepared,
                model=model,
                searched=wanted or model.label_values,
                found=found,
                labels=labels_on_stored_grid(found.voxels, prepared.grid),
            )
        with progress.stage("describe"):
            measured, statistics = _measure(segmented, options, progress)
            measured = _with_word_of_unknown_scan(measured, segmented)
            running = _running(found, options.precision)
            passport = with_provenance(
                measured, source=source_of(ct), model=_identity(model, networks), running=running
            )
        with progress.stage("write"):
            _write(paths, segmented, passport, statistics)
        return RunResult(
            paths=paths,
            passport=passport,
            provider=found.provider,
            precision=options.precision,
            arithmetic=found.arithmetic,
            seconds=progress.seconds,
            network_seconds=found.network_seconds,
        )


def wanted_labels(model: ModelDescription, roi: Sequence[str]) -> list[int]:
    """Return the label values of structures by name; empty if none is named.

    Raises
    ------
    BadInput
        The model does not find a structure of such a name.
    """
    values = {model.labels[value].name: value for value in model.label_values}
    for name in roi:
        if name not in values:
            close = difflib.get_close_matches(name, values, n=3)
            hint = f"Did you mean {' or '.join(close)}?" if close else f"It finds {', '.join(values)}."
            raise BadInput(f"The model '{model.name}' finds no structure called '{name}'.", hint)
    return sorted(values[name] for name in roi)


def _require_writable(paths: OutputPaths, ct_path: Path) -> None:
    """Find out now what cannot be written, which spares the user the wait."""
    for path in paths.written().values():
        check_destination(path, ct_path)


def _report_estimate(progress: Progress, free_bytes: int | None, estimate: Estimate) -> None:
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


def _cleaned(found: ModelGridLabels, model: ModelDescription, options: RunOptions) -> ModelGridLabels:
    voxels = found.voxels
    if model.least_piece_fraction > 0:
        voxels = remove_small_pieces(voxels, model.least_piece_fraction)
    if options.remove_small_blobs:
        voxels = remove_small_blobs(voxels, float(np.prod(model.spacing_mm)))
    return replace(found, voxels=voxels)


def _identity(model: ModelDescription, networks: NetworkOpener) -> dict[str, Any]:
    """Return which model it was, for the passport; a network that has run was hashed when it was opened."""
    digests = [part.sha256 or networks.files(part).sha256 for part in model.parts]
    return {"name": model.name, "version": model.version, "networks_sha256": digests}


def _running(found: ModelGridLabels, precision: str) -> dict[str, str]:
    """Return what the networks ran on, for the passport."""
    return {
        "provider": found.provider,
        "precision": precision,
        "arithmetic": found.arithmetic,
        "onnxruntime": version_of_onnxruntime(),
    }


def _measure(scan: SegmentedScan, options: RunOptions, progress: Progress) -> tuple[Passport, str | None]:
    """Return the passport of what was found, and the text of the file of statistics if that was asked for."""
    hounsfield = scan.prepared.fill_whole_grid()
    passport = extract_passport(
        scan.found.voxels, scan.found.affine, scan.model.labels, hounsfield, progress.step, scan.searched
    )
    if not passport.organs:
        progress.warn("nothing_found", "The model found no organ in this scan.")
    if not options.statistics:
        return passport, None
    if scan.model.statistics_grid == "model":
        labels, spacing_mm = scan.found.voxels, scan.model.spacing_mm
    else:
        # Its voxel sizes are the header's, which need not be quite the affine's.
        labels, hounsfield, spacing_mm = scan.labels, scan.ct.voxels, scan.ct.nominal_spacing_mm
    statistics = official_statistics(
        labels=labels,
        hounsfield=hounsfield,
        voxel_volume_mm3=float(np.prod(spacing_mm)),
        table=scan.model.labels,
        values=scan.searched,
        include_incomplete=options.statistics_include_incomplete,
    )
    return passport, statistics_text(statistics)


def _with_word_of_unknown_scan(passport: Passport, scan: SegmentedScan) -> Passport:
    """Return the passport, with an error for every organ if the model does not know such a scan."""
    known, ct = scan.model.known_scans, scan.ct
    if not known or is_among(known, ct.voxels, ct.affine):
        return passport
    sentence = f"The model '{scan.model.name}' knows only the sample that comes with it; here its organs mean nothing."
    finding = Finding(code="unknown_scan", severity="error", labels=tuple(passport.organs), message=sentence)
    return with_finding(passport, finding)


def _write(paths: OutputPaths, scan: SegmentedScan, passport: Passport, statistics: str | None) -> None:
    """Write all files; they get their names together at the end."""
    ct, table = scan.ct, scan.model.labels
    with OutputFiles(inputs=[ct.path]) as files:
        save_labels(files.path(paths.segmentation), scan.labels, like=ct, table=table, values=scan.searched)
        files.path(paths.passport).write_text(passport_text(passport), encoding="utf-8")
        if paths.statistics is not None and statistics is not None:
            files.path(paths.statistics).write_text(statistics, encoding="utf-8")
        if paths.preview is not None:
            grid = canonical_grid(ct.affine, ct.voxels.shape)
            write_preview(
                files.path(paths.preview),
                ct=to_canonical(ct.voxels, grid),
                labels=to_canonical(scan.labels, grid),
                affine=grid.affine,
                table=table,
                errors=error_titles(passport),
            )
