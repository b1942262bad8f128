"""The whole way, from a file to files: the two functions that the command line, the child process and notebooks call.

from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run

result = run("ct.nii.gz", "out", RunOptions(model="fast", preview=True))
print(result.passport["liver"].volume_ml)

result = run(nibabel_image, options=RunOptions(model="fast"))  # nothing is written
result.segmentation  # a nibabel image, too
"""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any, overload

import nibabel

from .base.errors import BadInput, as_user_error
from .base.events import Cancellation, EventCallback, Progress, ignore_event, start
from .base.memory_limit import MemoryLimit
from .destinations import paths_of_run, refuse_other_scans_results
from .exports.export_kinds import kinds_meant
from .image.image_objects import ImageObject, image_given, is_path, labels_like
from .image.volume import Volume
from .options import DEFAULT_OPTIONS, NO_PROBABILITIES, OutputPaths, RunOptions
from .run_exports import require_exports
from .run_files import large_outputs, require_writable, write_run_files
from .run_passport import described_run, what_ran
from .run_results import DescribedScan, RunResult, ScanResult, SegmentedScan
from .segmentation.combination import CombinedLabels, combined_labels
from .segmentation.engine_choice import NetworkOpener
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
    with large_outputs(paths, options) as kept:
        found = segment_scan(
            scan, models.asked, models.networks, options, find=models.find, progress=progress, limit=limit,
            probabilities=kept,
        )  # fmt: skip
        limit.lift()
        combined = combined_labels(scan, found, on_model_grid=options.save_lowres, v1_order=options.v1_order)
        segmented = SegmentedScan(scan=scan, found=found, combined=combined, probabilities=kept)
        with progress.stage("describe"):
            return described_run(segmented, models, options, progress)


def write_run(paths: OutputPaths | None, described: DescribedScan, options: RunOptions, progress: Progress) -> None:
    """Write all files of a run, or none of them; nothing where there are no paths."""
    with progress.stage("write"), described.segmented.probabilities or nullcontext():
        if paths is not None:
            write_run_files(paths, described, derived=options.derived_masks)


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
