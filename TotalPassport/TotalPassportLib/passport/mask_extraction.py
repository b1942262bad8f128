"""From masks, which may overlap, to one passport."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..base.errors import BadInput
from ..base.labels import LabelTable, numbered_label
from ..image.grid import canonical_grid, to_canonical
from ..image.mask_folder import Mask, MaskFolder
from ..image.same_grid import grid_difference
from ..image.volume import Volume
from .checks import apply_checks, with_checks
from .extraction import extract_passport
from .naming import Naming, name_masks
from .organ import OrganPassport, Passport

_INSIDE = LabelTable("mask", [numbered_label(1)])


def extract_masks(
    folder: MaskFolder,
    *,
    given: LabelTable | None = None,
    ct: Volume | None = None,
    on_mask: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Passport, Naming]:
    """Measure the masks of a folder, each whole, one in memory at a time, and check them together.

    Parameters
    ----------
    folder : MaskFolder
        The masks; their files' names are the structures' names.
    given : LabelTable, optional
        Gives the numbers and codes of names that it has.
    ct : Volume, optional
        The scan on the same grid, for the intensities.
    on_mask : callable
        Called with (finished, all) files.

    Raises
    ------
    BadInput
        There is no mask, or the images do not have the same grid.
    """
    hounsfield = None
    measured: dict[str, OrganPassport | None] = {}
    for mask in folder.masks(on_mask):
        if not measured:
            first = mask
            hounsfield = None if ct is None else _on_grid_of(mask, ct)
        measured[mask.name] = _measured(mask, hounsfield)
    naming = name_masks(list(measured), given)
    organs = {
        label: replace(organ, label=label, name=naming.table[label].name, terminology=naming.table[label].terminology)
        for label, organ in zip(naming.searched or (), measured.values(), strict=True)
        if organ is not None
    }
    organs = dict(sorted(organs.items()))
    findings = apply_checks(organs, naming.table, naming.searched)
    passport = Passport(
        organs=with_checks(organs, findings), shape=first.stored_shape, affine=first.stored_affine, findings=findings
    )
    return passport, naming


def _measured(mask: Mask, hounsfield: np.ndarray | None) -> OrganPassport | None:
    if not mask.voxels.size:
        return None
    intensities = None if hounsfield is None else hounsfield[mask.region]
    return extract_passport(mask.voxels, mask.affine, _INSIDE, hounsfield=intensities).organs[1]


def _on_grid_of(mask: Mask, ct: Volume) -> np.ndarray:
    """Return the scan's voxels in the order of the mask's canonical grid."""
    grid = canonical_grid(ct.affine, ct.voxels.shape)
    difference = grid_difference(grid, mask.grid)
    if difference:
        raise BadInput(
            f"'{ct.path}' and '{mask.path}' have different grids: {difference}.",
            "Give the CT that was segmented, or resample one onto the other.",
        )
    return to_canonical(ct.voxels, grid)
