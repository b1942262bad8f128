"""Pictures of outliers: the structure in view, what was found and what is true, on the scan where that is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.errors import BadInput, TotalPassportError
from ..base.labels import LabelTable
from ..image.formats import read_image
from ..image.grid import canonical_grid, to_canonical
from ..image.organ_picture import organ_picture, view_box
from ..image.same_grid import grid_difference
from .named_structures import NamedStructures, joint_box, load_structures
from .report_outliers import Outlier
from .result_files import BatchEntry, RecordedScan
from .subject_files import SubjectFiles


def outlier_pictures(
    found: Sequence[Outlier],
    *,
    results: Sequence[BatchEntry],
    names: Sequence[Mapping[int, str]],
    truths: SubjectFiles | None,
    table: LabelTable | None,
    images: SubjectFiles | None,
    on_picture: Callable[[int, int], None],
) -> list[bytes | None]:
    """Return a PNG file of each outlier that is about a structure; None where nothing can be shown.

    Parameters
    ----------
    found : sequence of Outlier
        What is to be shown.
    results, names : sequence
        Of all scans of the batch: what they gave, and the names of their labels where masks do not tell.
    truths, images : SubjectFiles, optional
        Ground truth and scans; without these a scan is taken from where the batch read it, if the same is still there.
    table : LabelTable, optional
        What the labels of the ground truth are.
    on_picture : callable
        Called with (finished, all) outliers.
    """
    pictures: list[bytes | None] = [None] * len(found)
    done = 0
    # Scan by scan, so that no file is read twice and one scan is in memory at a time.
    by_scan: dict[int, list[int]] = {}
    for place, outlier in enumerate(found):
        if outlier.structure is not None:
            by_scan.setdefault(outlier.scan, []).append(place)
    for scan, places in by_scan.items():
        view = _view(results[scan], names[scan], truths=truths, table=table, images=images)
        for place in places:
            on_picture(done, len(found))
            done += 1
            if view is not None:
                pictures[place] = view.picture(str(found[place].structure))
    return pictures


@dataclass(frozen=True, kw_only=True)
class _View:
    """A scan's segmentation with what lies under and over it; ``scan`` in canonical order on the same grid."""

    found: NamedStructures
    truth: NamedStructures | None
    scan: np.ndarray | None

    def picture(self, name: str) -> bytes | None:
        boxes = [each.boxes.get(name) for each in (self.found, self.truth) if each is not None]
        if not any(boxes):
            return None
        affine = self.found.grid.affine
        box = view_box(joint_box(*(*boxes, None)[:2]), affine, self.found.grid.shape)
        labels = self.found.labels
        return organ_picture(
            self.found.mask(name, box),
            affine,
            truth=None if self.truth is None else self.truth.mask(name, box),
            others=None if labels is None else labels[box] > 0,
            scan=None if self.scan is None else self.scan[box],
        )


def _view(
    result: BatchEntry,
    names: Mapping[int, str],
    *,
    truths: SubjectFiles | None,
    table: LabelTable | None,
    images: SubjectFiles | None,
) -> _View | None:
    """Return what can be shown of a scan: what cannot be read is left out, for the report says so elsewhere."""
    if result.mask is None:
        return None
    try:
        found = load_structures(result.mask, names=names)
    except BadInput:
        return None
    truth = None
    if truths is not None:
        with suppress(BadInput):
            truth = load_structures(truths.of(result.subject), table=table)
            truth = None if grid_difference(found.grid, truth.grid) else truth
    scan = None
    with suppress(TotalPassportError, OSError, ValueError):
        if images is not None:
            scan = _scan_on(found, images.of(result.subject))
        elif result.scan is not None:
            scan = _scan_on(found, result.scan.path, result.scan)
    return _View(found=found, truth=truth, scan=scan)


def _scan_on(found: NamedStructures, path: Path, recorded: RecordedScan | None = None) -> np.ndarray | None:
    """Return a scan's voxels in canonical order; None where it lies on another grid or is not the recorded one."""
    image = read_image(path, recorded.series if recorded is not None else "")
    if recorded is not None and image.sha256 != recorded.sha256:
        return None
    grid = canonical_grid(image.affine, image.voxels.shape)
    return None if grid_difference(found.grid, grid) else to_canonical(image.voxels, grid)
