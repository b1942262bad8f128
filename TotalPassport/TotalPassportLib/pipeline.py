"""The whole way, from a file to files: the two functions that the command line, the child process and notebooks call.

from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run

result = run("ct.nii.gz", "out", RunOptions(model="fast", preview=True))
print(result.passport.organs[5].volume_mm3)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .base.errors import as_user_error
from .base.events import Cancellation, EventCallback, Progress, StepCallback, ignore_event, share_of, start
from .base.files import make_folder
from .base.memory_limit import MemoryLimit
from .base.outputs import OutputFiles, check_destination
from .destinations import paths_of_run, refuse_other_scans_results
from .image.content import is_among
from .image.grid import canonical_grid, to_canonical
from .image.nifti import affine_in_label_file, save_labels, save_mask
from .image.preview import grey_window, write_preview
from .image.volume import Volume, without_header
from .models.description import ModelDescription
from .models.task import CT
from .options import DEFAULT_OPTIONS, OutputPaths, RunOptions
from .passport import Passport
from .passport.checks import with_finding, with_remarks
from .passport.document import passport_text
from .passport.extraction import extract_passport, with_arbitrary_unit
from .passport.findings_text import error_titles
from .passport.joining import joined_passport
from .passport.measuring import measure_labels
from .passport.organ import INPUT_GRID, MODEL_GRID, MeasuredOn
from .passport.provenance import source_of, with_provenance
from .passport.rules import Finding
from .segmentation.combination import CombinedLabels, TaskLabels, combined_labels
from .segmentation.confidence import confidence_by_label
from .segmentation.engine_choice import NetworkOpener
from .segmentation.engines import version_of_onnxruntime
from .segmentation.masks import DERIVED, MASK_SUFFIX, structure_masks
from .segmentation.official_statistics import Measures, StatisticsKind, official_statistics, statistics_text
from .segmentation.task_segmentation import ScanLabels
from .segmentation_run import asked_models, bytes_of_foreign, first_network, load_scan, model_finder, segment_scan

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
    scan : Volume
        The scan as it was read.
    found : sequence of ScanLabels
        What each model has found, in the order in which they were asked for.
    combined : CombinedLabels
        The same as one label image, which is written.
    """

    scan: Volume
    found: Sequence[ScanLabels]
    combined: CombinedLabels


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
    for into ``output_folder``: all of it, or nothing. Results of another scan are not replaced.

    Parameters
    ----------
    ct_path : Path or str
        NIfTI file in Hounsfield units.
    output_folder : Path or str
        Is made if it does not exist. Or the name of the segmentation, see `destinations.paths_of_run`.
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
            find = model_finder(options, on_event, progress.cancellation)
            asked = asked_models(options, find)
            limit = stack.enter_context(MemoryLimit(bytes_of_foreign(asked, options)))
            networks = stack.enter_context(
                NetworkOpener(options.provider, options.precision, progress.warn, options.threads)
            )
            # Opening a network takes about as long as loading a scan, and mostly one core.
            networks.prepare(first_network(asked, options, find))
            scan = load_scan(ct_path, asked, progress, options.series)
            paths = paths_of_run(output_folder, ct_path, options)
            _require_writable(paths, ct_path)
            if not options.overwrite:
                refuse_other_scans_results(ct_path, paths.passport, paths.segmentation, sha256=scan.sha256)
        found = segment_scan(scan, asked, networks, options, find=find, progress=progress, limit=limit)
        limit.lift()
        combined = combined_labels(scan, found, on_model_grid=options.save_lowres, v1_order=options.v1_order)
        segmented = SegmentedScan(scan=scan, found=found, combined=combined)
        with progress.stage("describe"):
            measured, statistics = _measure(segmented, options, progress)
            measured = with_remarks(measured, scan.remarks, "the scan")
            measured = _with_word_of_unknown_scan(measured, asked[0].model, scan)
            ran = _ran(found)
            passport = with_provenance(
                measured,
                source=source_of(scan),
                model=_identity([each.model for each in asked], networks) | _label_spacing(found, options),
                running={**ran, "precision": options.precision, "onnxruntime": version_of_onnxruntime()},
                measured_on=_measured_on(found, options),
            )
        with progress.stage("write"):
            _write(paths, segmented, passport, statistics, derived=options.derived_masks)
        return RunResult(
            paths=paths,
            passport=passport,
            provider=ran["provider"],
            precision=options.precision,
            arithmetic=ran["arithmetic"],
            seconds=progress.seconds,
            network_seconds=sum(each.on_model_grid.network_seconds for each in found if each.on_model_grid),
        )


def _require_writable(paths: OutputPaths, ct_path: Path) -> None:
    """Find out now what cannot be written, which spares the user the wait."""
    for kind, path in paths.written().items():
        if kind == "masks":  # a folder of its own
            make_folder(path)
        else:
            make_folder(path.parent)
            check_destination(path, ct_path)


def _label_spacing(found: Sequence[ScanLabels], options: RunOptions) -> dict[str, list[float]]:
    """Return the networks' voxel sizes along the axes that the passport's geometry has; the largest of several."""
    largest = np.zeros(3)
    for each in found:
        if each.on_model_grid is None or each.prepared is None:
            continue
        sizes = np.linalg.norm(each.on_model_grid.affine[:3, :3], axis=0)
        own = [part.spacing_mm for part in each.model.parts if part.spacing_mm is not None]
        if each.model.spacing_mm is None:  # the network has a grid of its own
            sizes = np.max([sizes, *own], axis=0)
        if _measured_on(found, options) != MODEL_GRID:
            sizes = sizes[each.prepared.grid.orientation[:, 0].astype(int)]
        largest = np.maximum(largest, sizes)
    return {"label_spacing_mm": [round(float(size), 6) for size in largest]} if largest.all() else {}


def _identity(models: Sequence[ModelDescription], networks: NetworkOpener) -> dict[str, Any]:
    """Return which models they were, for the passport; a network that has run was hashed when it was opened."""
    documents: list[dict[str, Any]] = [
        {
            "name": model.name,
            "version": model.version,
            "networks_sha256": [part.sha256 or networks.files(part).sha256 for part in model.parts],
            **({"task": model.task.name} if model.task is not None else {}),
        }
        for model in models
    ]
    if len(documents) == 1:
        return documents[0]
    return {
        "name": "+".join(document["name"] for document in documents),
        "version": "+".join(document["version"] for document in documents),
        "networks_sha256": [digest for document in documents for digest in document["networks_sha256"]],
        "tasks": documents,
        "shared_voxels": f"of the later task: {', '.join(document['name'] for document in documents)}",
    }


def _ran(found: Sequence[ScanLabels]) -> dict[str, str]:
    """Return what the networks ran on."""
    results = [each.on_model_grid for each in found if each.on_model_grid is not None]
    return {
        name: "+".join(dict.fromkeys(kind for result in results for kind in getattr(result, name).split("+"))) or "none"
        for name in ("provider", "arithmetic")
    }


def _measure(segmented: SegmentedScan, options: RunOptions, progress: Progress) -> tuple[Passport, str | None]:
    """Return the passport of what was found, and the text of the file of statistics if that was asked for."""
    combined = segmented.combined
    if _measured_on(segmented.found, options) == MODEL_GRID:
        passport = _on_model_grid(segmented.found[0], progress)
    else:
        passports = [
            _as_written(combined.scan, task, share_of(progress.step, index, len(combined.tasks)))
            for index, task in enumerate(combined.tasks)
        ]
        passport = passports[0]
        if len(passports) > 1:
            numbers = [task.numbers for task in combined.tasks]
            passport = joined_passport(passports, numbers, combined.table, combined.searched)
    if not passport.organs:
        progress.warn("nothing_found", "The model found no organ in this scan.")
    if not options.statistics:
        return passport, None
    statistics: dict[str, Measures] = {}
    for each in segmented.found:
        statistics |= _statistics(segmented.scan, each, options)
    return passport, statistics_text(statistics)


def _measured_on(found: Sequence[ScanLabels], options: RunOptions) -> MeasuredOn:
    """Return whose grid is measured on: a network's can be only where it covers the whole scan."""
    whole = all(each.on_model_grid is not None and each.box is None for each in found)
    asked = options.measure_on == MODEL_GRID and not options.v1_order
    return MODEL_GRID if asked and len(found) == 1 and whole else INPUT_GRID


def _on_model_grid(found: ScanLabels, progress: Progress) -> Passport:
    labels, prepared = found.on_model_grid, found.prepared
    assert labels is not None  # `_measured_on`
    assert prepared is not None
    intensities = prepared.fill_whole_grid()
    passport = extract_passport(
        labels.voxels,
        labels.affine,
        found.model.labels,
        intensities,
        progress.step,
        found.searched,
        None if labels.confidence is None else confidence_by_label(labels.voxels, labels.confidence),
    )
    return passport if found.model.modality == CT else with_arbitrary_unit(passport, 1.0)


def _as_written(scan: Volume, task: TaskLabels, on_organ: StepCallback) -> Passport:
    written = replace(scan, voxels=task.voxels, affine=affine_in_label_file(scan))
    return measure_labels(
        written, task.table, ct=scan, searched=task.searched, on_organ=on_organ, confidence=task.confidence
    )


def _statistics(scan: Volume, found: ScanLabels, options: RunOptions) -> dict[str, Measures]:
    if found.model.statistics_grid == "model" and found.prepared is not None and found.on_model_grid is not None:
        labels, hounsfield = found.on_model_grid.voxels, found.prepared.fill_whole_grid()
        spacing_mm: Any = found.prepared.spacing_mm.astype(np.float64)
    else:
        # Its voxel sizes are the header's, which need not be quite the affine's.
        labels, hounsfield, spacing_mm = found.voxels, scan.voxels, scan.nominal_spacing_mm
    return official_statistics(
        labels=labels,
        hounsfield=hounsfield,
        voxel_volume_mm3=float(np.prod(spacing_mm)),
        table=found.model.labels,
        values=found.searched,
        kind=StatisticsKind(
            include_incomplete=options.statistics_include_incomplete,
            median=options.statistics_aggregation == "median",
            extra=options.statistics_extra,
            normalized=options.statistics_normalized,
        ),
    )


def _with_word_of_unknown_scan(passport: Passport, model: ModelDescription, scan: Volume) -> Passport:
    """Return the passport, with an error for every organ if the model does not know such a scan."""
    if not model.known_scans or is_among(model.known_scans, scan.voxels, scan.affine):
        return passport
    sentence = f"The model '{model.name}' knows only the sample that comes with it; here its organs mean nothing."
    finding = Finding(code="unknown_scan", severity="error", labels=tuple(passport.organs), message=sentence)
    return with_finding(passport, finding)


def _write(
    paths: OutputPaths, segmented: SegmentedScan, passport: Passport, statistics: str | None, *, derived: bool
) -> None:
    """Write all files; they get their names together at the end."""
    combined = segmented.combined
    scan = combined.scan
    with OutputFiles(inputs=[segmented.scan.path]) as files:
        save_labels(
            files.path(paths.segmentation), combined.voxels, like=scan, table=combined.table, values=combined.searched
        )
        files.path(paths.passport).write_text(passport_text(passport), encoding="utf-8")
        if paths.statistics is not None and statistics is not None:
            files.path(paths.statistics).write_text(statistics, encoding="utf-8")
        if paths.masks is not None:
            for name, mask in structure_masks(combined, derived=derived):
                # As TotalSegmentator writes what it derives: with the scan's geometry, and nothing else of its header.
                like = without_header(scan) if name in DERIVED else scan
                save_mask(files.path(paths.masks / f"{name}{MASK_SUFFIX}"), mask, like=like)
        if paths.confidence is not None and combined.confidence_percent is not None:
            save_mask(files.path(paths.confidence), combined.confidence_percent, like=scan)
        if paths.preview is not None:
            grid = canonical_grid(scan.affine, scan.voxels.shape)
            write_preview(
                files.path(paths.preview),
                ct=to_canonical(scan.voxels, grid),
                window=None if scan.intensity_unit == "HU" else grey_window(scan.voxels),
                labels=to_canonical(combined.voxels, grid),
                affine=grid.affine,
                table=combined.table,
                errors=error_titles(passport),
            )
