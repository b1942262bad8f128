"""The whole way, from a file to files: the two functions that the command line, the child process and notebooks call.

from TotalPassportLib.pipeline import run

result = run("ct.nii.gz", "out", model="demo")
print(result.passport.organs[5].volume_mm3)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from . import __version__
from .errors import BadInput, as_user_error
from .events import Cancellation, EventCallback, Progress, ignore_event
from .files import atomic_write, make_folder, sha256_of
from .grid import canonical_grid, from_canonical, restore_labels, to_canonical
from .inference.session import AUTO, execution_provider
from .labels import Label, LabelTable, load_label_table
from .models.catalogue import find_model
from .models.description import ModelDescription
from .passport import Passport, write_passport
from .passport.document import passport_text
from .passport.extraction import extract_passport
from .preparation import PreparedCT, prepare
from .preview import write_preview
from .segmentation import LowResolutionLabels, segment
from .volume import Volume, check_same_grid, load_ct, load_segmentation, save_labels, stem_of, stored_label_names

RUN_SHARES = {"load": 0.04, "prepare": 0.04, "infer": 0.8, "restore": 0.02, "describe": 0.04, "write": 0.06}
"""Stages of a run and their usual shares of its time."""
DESCRIBE_SHARES = {"load": 0.4, "describe": 0.5, "write": 0.1}
"""Stages of describing an existing segmentation."""


@dataclass(frozen=True)
class RunResult:
    """What a run wrote, and the passport itself; ``seconds`` is the wall time of each stage."""

    segmentation_path: Path
    passport_path: Path
    preview_path: Path | None
    passport: Passport
    provider: str
    seconds: Mapping[str, float]


def run(
    ct_path: Path | str,
    output_folder: Path | str,
    model: str = "demo",
    provider: str = AUTO,
    preview: bool = False,
    on_event: EventCallback = ignore_event,
    cancellation: Cancellation | None = None,
) -> RunResult:
    """Segment a CT and write its labels and its passport.

    Writes ``<stem>_segmentation.nii.gz`` (uint8 on the input's grid), ``<stem>_passport.json`` and, when asked for,
    ``<stem>_preview.png`` into ``output_folder``: all of them, or none.

    Parameters
    ----------
    ct_path : NIfTI file in Hounsfield units.
    model : name in the catalogue, or path of a model.
    provider : where the network runs, see `inference.session.PROVIDER_CHOICES`.
    on_event : receives the events of ``docs/architecture.md``.
    cancellation : lets another thread or process stop the run.

    Raises
    ------
    TotalPassportError : in one of its classes; see `errors`.
    """
    ct_path, output_folder = Path(ct_path), Path(output_folder)
    progress = _start(RUN_SHARES, on_event, cancellation)
    with as_user_error():
        with progress.stage("load"):
            description = find_model(model)
            execution_provider(provider)
            ct = load_ct(ct_path, progress.warn)
            outputs = _outputs(ct_path, output_folder, preview)
        with progress.stage("prepare"):
            prepared = prepare(ct, description.spacing_mm)
        with progress.stage("infer"):
            found = segment(prepared, description, provider, progress.step)
        with progress.stage("restore"):
            labels = _on_input_grid(found, prepared)
        with progress.stage("describe"):
            passport = _passport_of(ct, prepared, found, description, progress)
            if not passport.organs:
                progress.warn("nothing_found", "The model found no organ in this scan.")
        with progress.stage("write"):
            _write(outputs, ct, labels, passport, description.labels)
        return RunResult(*outputs, passport, found.provider, progress.seconds)


def describe(
    segmentation_path: Path | str,
    output: Path | str,
    labels: str | None = None,
    ct_path: Path | str | None = None,
    on_event: EventCallback = ignore_event,
    cancellation: Cancellation | None = None,
) -> Passport:
    """Write the passport of an existing multi-label segmentation, measured on its own grid.

    Parameters
    ----------
    segmentation_path : NIfTI file with whole numbers.
    output : the JSON file to write.
    labels : a bundled label table's name or the path of one; by default the names stored in the file's header, and
        ``total`` where there are none.
    ct_path : the CT on the same grid, for intensities.

    Raises
    ------
    TotalPassportError : in one of its classes; see `errors`.
    """
    segmentation_path, output = Path(segmentation_path), Path(output)
    progress = _start(DESCRIBE_SHARES, on_event, cancellation)
    with as_user_error():
        with progress.stage("load"):
            make_folder(output.parent)
            _refuse_overwriting(output, segmentation_path, *(Path(path) for path in (ct_path, labels) if path))
            given_table = load_label_table(labels) if labels else None
            segmentation = load_segmentation(segmentation_path)
            ct = load_ct(Path(ct_path), progress.warn) if ct_path else None
            if ct is not None:
                check_same_grid(ct, segmentation)
        with progress.stage("describe"):
            table = given_table or _table_from_header(segmentation)
            passport = extract_passport(
                segmentation.voxels, segmentation.affine, table, ct.voxels if ct else None, progress.step
            )
            passport = _with_provenance(passport, segmentation, {"labels": table.name}, {})
        with progress.stage("write"):
            write_passport(passport, output)
        return passport


def _start(shares: Mapping[str, float], on_event: EventCallback, cancellation: Cancellation | None) -> Progress:
    on_event({"event": "started", "pid": os.getpid(), "version": __version__, "stages": list(shares)})
    return Progress(shares, on_event, cancellation or Cancellation())


def _outputs(ct_path: Path, folder: Path, preview: bool) -> tuple[Path, Path, Path | None]:
    make_folder(folder)
    stem = stem_of(ct_path)
    segmentation = folder / f"{stem}_segmentation.nii.gz"
    passport = folder / f"{stem}_passport.json"
    _refuse_overwriting(segmentation, ct_path)
    # Finding out now that the folder cannot be written to spares the user the wait.
    with atomic_write(passport.with_name(f".{stem}.totalpassport-probe")) as probe:
        probe.write_bytes(b"")
    passport.with_name(f".{stem}.totalpassport-probe").unlink(missing_ok=True)
    return segmentation, passport, folder / f"{stem}_preview.png" if preview else None


def _refuse_overwriting(output: Path, *inputs: Path) -> None:
    for path in inputs:
        if output.exists() and path.exists() and output.samefile(path):
            raise BadInput(f"The output '{output}' is the input itself.", "Choose another name or folder.")


def _on_input_grid(found: LowResolutionLabels, prepared: PreparedCT) -> np.ndarray:
    return from_canonical(restore_labels(found.voxels, prepared.grid.shape), prepared.grid)


def _passport_of(
    ct: Volume, prepared: PreparedCT, found: LowResolutionLabels, model: ModelDescription, progress: Progress
) -> Passport:
    hounsfield = np.zeros(found.voxels.shape, np.float32)
    # Outside the box every voxel of the CT is 0, by the box's definition.
    hounsfield.transpose(2, 1, 0)[prepared.box_zyx] = prepared.hounsfield_zyx
    passport = extract_passport(found.voxels, found.affine, model.labels, hounsfield, progress.step)
    identity = {
        "name": model.name,
        "version": model.version,
        "networks_sha256": [part.sha256 or sha256_of(part.network) for part in model.parts],
    }
    return _with_provenance(passport, ct, identity, {"provider": found.provider})


def _with_provenance(
    passport: Passport, source: Volume, model: Mapping[str, Any], running: Mapping[str, Any]
) -> Passport:
    """Add where the passport comes from; the file's name is left out, for it often holds a patient's."""
    grid = {"shape": list(source.voxels.shape), "affine": source.affine.tolist()}
    return replace(
        passport,
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        source={"sha256": sha256_of(source.path), **grid},
        model=model,
        software={"name": "TotalPassport", "version": __version__, **running},
    )


def _write(
    outputs: tuple[Path, Path, Path | None], ct: Volume, labels: np.ndarray, passport: Passport, table: LabelTable
) -> None:
    """Write all files; they are renamed to their names together at the end."""
    segmentation_path, passport_path, preview_path = outputs
    with ExitStack() as stack:
        save_labels(stack.enter_context(atomic_write(segmentation_path)), labels, ct, table)
        stack.enter_context(atomic_write(passport_path)).write_text(passport_text(passport), encoding="utf-8")
        if preview_path is not None:
            grid = canonical_grid(ct.affine, ct.voxels.shape)
            pictures = (to_canonical(ct.voxels, grid), to_canonical(labels, grid), grid.affine, table)
            write_preview(stack.enter_context(atomic_write(preview_path)), *pictures)


def _table_from_header(segmentation: Volume) -> LabelTable:
    """Return the label table of the names stored in a header, with colours and codes where `total` knows the name."""
    total = load_label_table("total")
    names = stored_label_names(segmentation.header)
    if not names:
        return total
    labels: dict[str, Label] = {}
    for value, name in names.items():
        known = total.named(name)
        label = replace(known, value=value) if known else Label(value, name, name, (160, 160, 160))
        labels[name if name not in labels else f"{name} ({value})"] = label
    return LabelTable("stored in the file", [replace(label, name=name) for name, label in labels.items()])
