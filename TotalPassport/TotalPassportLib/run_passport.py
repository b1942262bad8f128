"""What a run says of a scan: its organs measured, the official statistics, and the header with models and scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .base.events import Progress, StepCallback, share_of
from .image.content import is_among
from .image.nifti import affine_in_label_file
from .image.volume import Volume
from .models.description import ModelDescription
from .models.task import CT
from .options import RunOptions
from .passport import Passport
from .passport.checks import with_finding, with_remarks
from .passport.extraction import extract_passport, with_arbitrary_unit
from .passport.joining import joined_passport
from .passport.measuring import measure_labels
from .passport.organ import INPUT_GRID, MODEL_GRID, MeasuredOn
from .passport.provenance import source_of, with_provenance
from .passport.rules import Finding
from .run_results import DescribedScan, SegmentedScan
from .segmentation.combination import TaskLabels, task_labels
from .segmentation.engine_choice import NetworkOpener
from .segmentation.engines import version_of_onnxruntime
from .segmentation.official_statistics import (
    Measures,
    StatisticsKind,
    official_statistics,
    statistics_text,
    voxel_volume_mm3,
)
from .segmentation.task_segmentation import ScanLabels
from .segmentation_run import RunModels


def described_run(
    segmented: SegmentedScan, models: RunModels, options: RunOptions, progress: Progress
) -> DescribedScan:
    """Measure what was found in a scan, and say of what, by which models and how."""
    measured, statistics = _measured(segmented, options, progress)
    model = _identity([each.model for each in models.asked], models.networks)
    passport = _with_header(measured, segmented, model, options)
    return DescribedScan(segmented=segmented, passport=passport, statistics=statistics)


def _measured(segmented: SegmentedScan, options: RunOptions, progress: Progress) -> tuple[Passport, str | None]:
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


def what_ran(found: Sequence[ScanLabels]) -> dict[str, str]:
    """Return the ``provider`` and the ``arithmetic`` of all networks that have run."""
    results = [each.on_model_grid for each in found if each.on_model_grid is not None]
    return {
        name: "+".join(dict.fromkeys(kind for result in results for kind in getattr(result, name).split("+"))) or "none"
        for name in ("provider", "arithmetic")
    }


def _with_word_of_unknown_scan(passport: Passport, model: ModelDescription, scan: Volume) -> Passport:
    """Return the passport, with an error for every organ if the model does not know such a scan."""
    if not model.known_scans or is_among(model.known_scans, scan.voxels, scan.affine):
        return passport
    sentence = f"The model '{model.name}' knows only the sample that comes with it; here its organs mean nothing."
    finding = Finding(code="unknown_scan", severity="error", labels=tuple(passport.organs), message=sentence)
    return with_finding(passport, finding)
