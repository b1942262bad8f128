"""What a run writes beside NIfTI: whether it can, and of what."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .base.errors import BadInput
from .base.outputs import OutputFiles
from .exports.export_kinds import kinds_meant
from .exports.exporting import require_exportable, write_exports
from .exports.label_layer import LabelLayer
from .image.volume import Volume
from .options import RunOptions
from .passport import Passport
from .run_results import SegmentedScan


def require_exports(options: RunOptions, scan: Volume) -> None:
    """Find out now which formats cannot be written.

    Raises
    ------
    BadInput
        See `require_exportable`.
    """
    kinds = kinds_meant(options.format)
    require_exportable(kinds, scan)
    if options.save_lowres and any(kind.of_dicom for kind in kinds):
        raise BadInput(
            "DICOM objects are on the scan's own grid, and labels on the network's grid were asked for.",
            "Leave save_lowres out, or these formats.",
        )


def write_run_exports(
    paths: Mapping[str, Path], files: OutputFiles, segmented: SegmentedScan, passport: Passport
) -> None:
    """Write the formats beside NIfTI; structures of several tasks may overlap, and each task has a layer."""
    if not paths:
        return
    combined = segmented.combined
    whole = LabelLayer(voxels=combined.voxels, table=combined.table)
    single = len(combined.tasks) == 1
    write_exports(
        paths,
        files.path,
        combined=whole,
        layers=[whole] if single else [LabelLayer(voxels=task.voxels, table=task.table) for task in combined.tasks],
        affine=combined.scan.affine,
        passport=passport,
        scan=segmented.scan,
    )
