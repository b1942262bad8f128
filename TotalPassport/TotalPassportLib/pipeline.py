"""The whole way, from a file to files: the two functions that the command line, the child process and notebooks call.

from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run

result = run("ct.nii.gz", "out", RunOptions(model="fast", preview=True))
print(result.passport["liver"].volume_ml)

result = run(nibabel_image, options=RunOptions(model="fast"))  # nothing is written
result.segmentation  # a nibabel image, too
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import nibabel
import numpy as np

from .base.errors import BadInput, as_user_error
from .base.events import Cancellation, EventCallback, Progress, StepCallback, ignore_event, share_of, start
from .base.files import make_folder
from .base.memory_limit import MemoryLimit
from .base.outputs import OutputFiles, check_destination
from .destinations import paths_of_run, refuse_other_scans_results
from .exports.export_kinds import kinds_meant
from .image.content import is_among
from .image.grid import canonical_grid, to_canonical
from .image.image_objects import ImageObject, image_given, is_path, labels_like
from .image.nifti import affine_in_label_file, save_labels, save_mask
from .image.preview import grey_window, write_preview
from .image.volume import Volume, without_header
from .models.description import ModelDescription
from .models.task import CT
from .options import DEFAULT_OPTIONS, LAST_PROBABILITIES, NO_PROBABILITIES, OutputPaths, RunOptions
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
from .run_exports import require_exports, write_run_exports
from .run_results import DescribedScan, RunResult, ScanResult, SegmentedScan
from .segmentation.combination import CombinedLabels, TaskLabels, combined_labels, task_labels
from .segmentation.engine_choice import NetworkOpener
from .segmentation.engines import version_of_onnxruntime
from .segmentation.logits_collection import LogitsCollection
from .segmentation.logits_store import zarr_module
from .segmentation.masks import DERIVED, MASK_SUFFIX, structure_masks
from .segmentation.official_statistics import (
    Measures,
    StatisticsKind,
    official_statistics,
    statistics_text,
    voxel_volume_mm3,
)
from .segmentation.probabilities import ProbabilityCollection
from .segmentation.task_segmentation import ScanLabels
from .segmentation_run import (
    RunModels,
    asked_models,
    bytes_of_foreign,
    first_network,
    load_scan,
    model_finder,
    segment_scan,
)

RUN_SHARES = {"load": 0.04, "prepare": 0.04, "infer": 0.8, "restore": 0.02, "describe": 0.04, "write": 0.06}
"""Stages of a run and their usual shares of its time."""


@overload
def run(
    scan: Path | str | ImageObject,
    output: Path | str,
    options: RunOptions = ...,
    *,
    on_event: EventCallback = ...,
    cancellation: Cancellation | None = ...,
) -> RunResult: ...


@overload
def run(
    scan: Path | str | ImageObject,
    output: None = ...,
    options: RunOptions = ...,
    *,
    on_event: EventCallback = ...,
    cancellation: Cancellation | None = ...,
) -> ScanResult: ...


def run(
    scan: Path | str | ImageObject,
    output: Path | str | None = None,
    options: RunOptions = DEFAULT_OPTIONS,
    *,
    on_event: EventCallback = ignore_event,
    cancellation: Cancellation | None = None,
) -> ScanResult:
    """Segment a scan; write its labels and its passport, or return them.

    With an ``output``, ``<stem>_segmentation.nii.gz`` (uint8 on the input's grid), ``<stem>_passport.json`` and what
    else is asked for are written: all of it, or nothing. Results of another scan are not replaced.

    Parameters
    ----------
    scan : Path, str or image
        A file's path, a nibabel image, a SimpleITK image, or a pair of an array ``[i, j, k]`` and its affine from voxel
        indices to RAS mm; a CT in Hounsfield units, or what else the model is for.
    output : Path or str, optional
        A folder, which is made if it does not exist, or the name of the segmentation, see `destinations.paths_of_run`;
        by default nothing is written.
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

    Examples
    --------
    >>> import nibabel
    >>> from TotalPassportLib.base.files import DATA_FOLDER
    >>> image = nibabel.load(DATA_FOLDER / "demo" / "demo_ct.nii.gz")
    >>> result = run(image, options=RunOptions(model="demo"))  # doctest: +SKIP
    >>> result.segmentation.shape == image.shape, result.passport["liver"].volume_ml  # doctest: +SKIP
    (True, 1416.0)
    """
    progress = start(RUN_SHARES, on_event, cancellation)
    with as_user_error(), ExitStack() as stack:
        with progress.stage("load"):
            given = image_given(scan)
            if output is None:
                _refuse_what_needs_files(options)
            find = model_finder(options, on_event, progress.cancellation)
            asked = asked_models(options, find)
            limit = stack.enter_context(MemoryLimit(bytes_of_foreign(asked, options)))
            networks = stack.enter_context(
                NetworkOpener(options.provider, options.precision, progress.warn, options.threads)
            )
            # Opening a network takes about as long as loading a scan, and mostly one core.
            networks.prepare(first_network(asked, options, find))
            volume = load_scan(given, asked, progress, options.series)
            paths = None if output is None else _paths(output, volume, options)
        models = RunModels(asked=asked, find=find, networks=networks)
        described = describe_scan(volume, models, options, progress, limit, paths)
        write_run(paths, described, options, progress)
        results: dict[str, Any] = {
            "segmentation": _segmentation(scan, described.segmented.combined, paths),
            "passport": described.passport,
            **what_ran(described.segmented.found),
            "precision": options.precision,
            "seconds": progress.seconds,
            "network_seconds": described.network_seconds,
        }
        return ScanResult(**results) if paths is None else RunResult(paths=paths, **results)


def describe_scan(
    scan: Volume,
    models: RunModels,
    options: RunOptions,
    progress: Progress,
    limit: MemoryLimit,
    paths: OutputPaths | None = None,
) -> DescribedScan:
    """Segment a scan that was loaded, and measure what was found: all of a run between reading and writing.

    ``paths`` are where `write_run` will write, for what is made on that disk beforehand.

    Raises
    ------
    TotalPassportError
        See `run`.
    """
    with _probabilities(paths, options) as kept:
        found = segment_scan(
            scan, models.asked, models.networks, options, find=models.find, progress=progress, limit=limit,
            probabilities=kept,
        )  # fmt: skip
        limit.lift()
        combined = combined_labels(scan, found, on_model_grid=options.save_lowres, v1_order=options.v1_order)
        segmented = SegmentedScan(scan=scan, found=found, combined=combined, probabilities=kept)
        with progress.stage("describe"):
            measured, statistics = _measure(segmented, options, progress)
            model = _identity([each.model for each in models.asked], models.networks)
            passport = _with_header(measured, segmented, model, options)
        return DescribedScan(segmented=segmented, passport=passport, statistics=statistics)


def write_run(paths: OutputPaths | None, described: DescribedScan, options: RunOptions, progress: Progress) -> None:
    """Write all files of a run, or none of them; nothing where there are no paths."""
    with progress.stage("write"), described.segmented.probabilities or nullcontext():
        if paths is not None:
            _write(paths, described.segmented, described.passport, described.statistics, derived=options.derived_masks)


def _refuse_what_needs_files(options: RunOptions) -> None:
    """Raise `BadInput` if files are asked for, and no place for them."""
    asked = [name for name in ("statistics", "preview", "masks") if getattr(options, name)]
    asked += ["logits"] if options.save_logits else []
    asked += ["probabilities"] if options.save_probabilities != NO_PROBABILITIES else []
    asked += [kind.name for kind in kinds_meant(options.format)]
    if asked:
        raise BadInput(f"{' and '.join(asked).capitalize()} are files.", "Give a folder for them.")


def _paths(output: Path | str, scan: Volume, options: RunOptions) -> OutputPaths:
    """Return where a run writes, when it is known that it can and may."""
    paths = paths_of_run(output, scan.path, options)
    require_writable(paths, scan.path)
    require_exports(options, scan)
    if not options.overwrite:
        refuse_other_scans_results(scan.path, paths.passport, paths.segmentation, sha256=scan.sha256)
    return paths


def _segmentation(scan: Path | str | ImageObject, combined: CombinedLabels, paths: OutputPaths | None) -> Any:
    if paths is not None and is_path(scan) and paths.segmentation.is_file():
        return nibabel.load(paths.segmentation)
    return labels_like(scan, combined.voxels, combined.scan, combined.table, combined.searched)


@contextmanager
def _probabilities(
    paths: OutputPaths | None, options: RunOptions
) -> Iterator[ProbabilityCollection | LogitsCollection | None]:
    """Yield what collects probabilities or logits, if asked for; its files are closed where a run fails."""
    if paths is None or (paths.probabilities is None and paths.logits is None):
        yield None
        return
    if paths.probabilities is not None and paths.logits is not None:
        raise BadInput("A run keeps logits or probabilities, not both.", "Ask for one of them, and run once more.")
    collection: ProbabilityCollection | LogitsCollection
    if paths.logits is not None:
        zarr_module()
        collection = LogitsCollection(folder=paths.logits)
    else:
        assert paths.probabilities is not None
        only_last = options.save_probabilities == LAST_PROBABILITIES
        collection = ProbabilityCollection(folder=paths.probabilities, only_last=only_last)
    try:
        yield collection
    except BaseException:
        collection.close()
        raise


def require_writable(paths: OutputPaths, ct_path: Path) -> None:
    """Find out now what cannot be written, which spares the user the wait."""
    for kind, path in paths.written().items():
        if kind in ("masks", "probabilities", "logits", "task_labels"):  # folders of their own
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


def _with_header(
    measured: Passport, segmented: SegmentedScan, model: Mapping[str, Any], options: RunOptions
) -> Passport:
    """Return the passport with what is to be said of the scan, the models and what they ran on."""
    scan, found = segmented.scan, segmented.found
    measured = with_remarks(measured, scan.remarks, "the scan")
    return with_provenance(
        _with_word_of_unknown_scan(measured, found[0].model, scan),
        source=source_of(scan),
        model={**model, **_label_spacing(found, options)},
        running={**what_ran(found), "precision": options.precision, "onnxruntime": version_of_onnxruntime()},
        measured_on=_measured_on(found, options),
    )


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


def what_ran(found: Sequence[ScanLabels]) -> dict[str, str]:
    """Return the ``provider`` and the ``arithmetic`` of all networks that have run."""
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
    told = task_labels(found)
    passport = extract_passport(
        labels.voxels,
        labels.affine,
        found.model.labels,
        intensities,
        progress.step,
        found.searched,
        told.confidence,
        told.entropy_bits,
    )
    return passport if found.model.modality == CT else with_arbitrary_unit(passport, 1.0)


def _as_written(scan: Volume, task: TaskLabels, on_organ: StepCallback) -> Passport:
    written = replace(scan, voxels=task.voxels, affine=affine_in_label_file(scan))
    return measure_labels(
        written,
        task.table,
        ct=scan,
        searched=task.searched,
        on_organ=on_organ,
        confidence=task.confidence,
        entropy_bits=task.entropy_bits,
    )


def _statistics(scan: Volume, found: ScanLabels, options: RunOptions) -> dict[str, Measures]:
    if found.model.statistics_grid == "model" and found.prepared is not None and found.on_model_grid is not None:
        labels, hounsfield = found.on_model_grid.voxels, found.prepared.fill_whole_grid()
        spacing_mm: Sequence[float] = found.prepared.spacing_mm.tolist()
    else:
        # Its voxel sizes are the header's, which need not be quite the affine's.
        labels, hounsfield, spacing_mm = found.voxels, scan.voxels, scan.nominal_spacing_mm
    return official_statistics(
        labels=labels,
        hounsfield=hounsfield,
        voxel_volume_mm3=voxel_volume_mm3(spacing_mm),
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
    paths: OutputPaths,
    segmented: SegmentedScan,
    passport: Passport,
    statistics: str | None,
    *,
    derived: bool,
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
        if paths.task_labels is not None:
            for labels in combined.tasks:
                name = labels.task.name if labels.task is not None else labels.table.name
                path = files.path(paths.task_labels / f"{name}{MASK_SUFFIX}")
                save_labels(path, labels.voxels, like=scan, table=labels.table, values=labels.searched)
        if paths.masks is not None:
            for name, mask in structure_masks(combined, derived=derived):
                # As TotalSegmentator writes what it derives: with the scan's geometry, and nothing else of its header.
                like = without_header(scan) if name in DERIVED else scan
                save_mask(files.path(paths.masks / f"{name}{MASK_SUFFIX}"), mask, like=like)
        if paths.confidence is not None and combined.confidence_percent is not None:
            save_mask(files.path(paths.confidence), combined.confidence_percent, like=scan)
        if isinstance(segmented.probabilities, LogitsCollection):
            segmented.probabilities.put_in_place()
        elif paths.probabilities is not None and segmented.probabilities is not None:
            for each in segmented.probabilities.found:
                with files.path(paths.probabilities / f"{each.name}.npz").open("wb") as archive:
                    shutil.copyfileobj(each.archive, archive)
                files.path(paths.probabilities / f"{each.name}.pkl").write_bytes(each.properties)
        write_run_exports(paths.exports(), files, segmented, passport)
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
