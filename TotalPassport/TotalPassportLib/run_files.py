"""The files of a run: whether they can be written, what collects the largest of them meanwhile, and the writing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .base.errors import BadInput
from .base.files import make_folder
from .base.outputs import OutputFiles, check_destination
from .image.grid import canonical_grid, to_canonical
from .image.nifti import save_labels, save_mask
from .image.preview import grey_window, write_preview
from .image.volume import without_header
from .options import LAST_PROBABILITIES, OutputPaths, RunOptions
from .passport.document import passport_text
from .passport.findings_text import error_titles
from .run_exports import write_run_exports
from .run_results import DescribedScan
from .segmentation.logits_collection import LogitsCollection
from .segmentation.logits_store import zarr_module
from .segmentation.masks import DERIVED, MASK_SUFFIX, structure_masks
from .segmentation.probabilities import ProbabilityCollection


def require_writable(paths: OutputPaths, ct_path: Path) -> None:
    """Find out now what cannot be written, which spares the user the wait."""
    for kind, path in paths.written().items():
        if kind in ("masks", "probabilities", "logits", "task_labels"):  # folders of their own
            make_folder(path)
        else:
            make_folder(path.parent)
            check_destination(path, ct_path)


@contextmanager
def large_outputs(
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


def write_run_files(paths: OutputPaths, described: DescribedScan, *, derived: bool) -> None:
    """Write all files of a run; they get their names together at the end.

    ``derived`` asks for the masks that TotalSegmentator computes from others, beside those of the structures.
    """
    segmented, passport = described.segmented, described.passport
    combined = segmented.combined
    scan = combined.scan
    with OutputFiles(inputs=[segmented.scan.path]) as files:
        save_labels(
            files.path(paths.segmentation), combined.voxels, like=scan, table=combined.table, values=combined.searched
        )
        files.path(paths.passport).write_text(passport_text(passport), encoding="utf-8")
        if paths.statistics is not None and described.statistics is not None:
            files.path(paths.statistics).write_text(described.statistics, encoding="utf-8")
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
