"""The structures of a segmentation by their names, however it is stored: one label image, or a folder of masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.errors import BadInput
from ..base.labels import LabelTable
from ..image.formats import image_files, stem_of
from ..image.grid import CanonicalGrid, canonical_grid, to_canonical
from ..image.label_names import stored_label_names
from ..image.label_voxels import looks_like_intensities, present_labels
from ..image.mask_folder import DATA_SET_FOLDER, Mask, MaskFolder
from ..image.volume import Volume, load_labels
from ..passport.naming import Naming, name_labels, name_masks

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, kw_only=True)
class NamedStructures:
    """A segmentation on its canonical grid.

    Attributes
    ----------
    grid : CanonicalGrid
        Of all of it.
    boxes : mapping of str to tuple of slice
        Name of each structure that has voxels -> the box around them, ``[right, anterior, superior]``.
    known : frozenset of str, optional
        Names of all that were looked for, so that what lacks is known to be absent; None where nobody says.
    names_from : str
        How the names are known, see `passport.naming`.
    labels : numpy.ndarray, optional
        The label image in canonical order; None for masks.
    values : mapping of str to int
        Name -> label value.
    masks : mapping of str to Mask
        Name -> mask, of a folder.
    """

    grid: CanonicalGrid
    boxes: Mapping[str, Box]
    known: frozenset[str] | None
    names_from: str
    labels: np.ndarray | None
    values: Mapping[str, int]
    masks: Mapping[str, Mask]

    def mask(self, name: str, box: Box) -> np.ndarray:
        """Return which voxels of a box belong to a structure; bool, of the box's shape."""
        if self.labels is not None:
            value = self.values.get(name)
            part = self.labels[box]
            return np.zeros(part.shape, bool) if value is None else np.asarray(part == value)
        inside = np.zeros([side.stop - side.start for side in box], bool)
        mask = self.masks.get(name)
        if mask is not None and mask.voxels.size:
            place, source = [], []
            for wanted, own in zip(box, mask.region, strict=True):
                start = max(wanted.start, own.start)
                stop = max(min(wanted.stop, own.start + (own.stop - own.start)), start)
                place.append(slice(start - wanted.start, stop - wanted.start))
                source.append(slice(start - own.start, stop - own.start))
            part = mask.voxels[tuple(source)]
            inside[tuple(slice(at.start, at.start + size) for at, size in zip(place, part.shape, strict=True))] = part
        return inside


def load_structures(
    path: Path, *, table: LabelTable | None = None, names: Mapping[int, str] | None = None
) -> NamedStructures:
    """Load a segmentation.

    Parameters
    ----------
    path : Path
        A label image, or a folder of binary masks; of a folder with one image, that image.
    table : LabelTable, optional
        What the labels are, where the user says it.
    names : mapping of int to str, optional
        Names for a file that has none in its header.

    Raises
    ------
    BadInput
        It is neither.
    OutOfMemory
        It does not fit into memory.
    """
    if path.is_dir() and not (path / DATA_SET_FOLDER).is_dir():
        files = image_files(sorted(each for each in path.iterdir() if each.is_file()))
        path = files[0] if len(files) == 1 else path
    return _of_folder(path, table) if path.is_dir() else _of_file(load_labels(path), table, names or {})


def _of_file(volume: Volume, table: LabelTable | None, names: Mapping[int, str]) -> NamedStructures:
    present = present_labels(volume.voxels)
    stored = stored_label_names(volume.header) or names
    if table is None and not stored and looks_like_intensities(volume.voxels, present):
        raise BadInput(f"'{volume.path}' looks like a scan, not like labels.", "Give label images.")
    naming = (
        name_labels(present, given=table, stored=stored, file_stem=stem_of(volume.path))
        if present or stored or table
        else None
    )
    grid = canonical_grid(volume.affine, volume.voxels.shape)
    labels = to_canonical(volume.voxels, grid)
    values = {} if naming is None else _values(naming, present)
    return NamedStructures(
        grid=grid,
        boxes=_boxes(labels, values),
        known=None if naming is None else _known(naming),
        names_from="none" if naming is None else naming.names_from,
        labels=labels,
        values=values,
        masks={},
    )


def _values(naming: Naming, present: list[int]) -> dict[str, int]:
    return {naming.table.describe(value).name: value for value in present}


def _known(naming: Naming) -> frozenset[str] | None:
    if naming.searched is None:
        return None
    return frozenset(naming.table.describe(value).name for value in naming.searched)


def _boxes(labels: np.ndarray, values: Mapping[str, int]) -> dict[str, Box]:
    from scipy import ndimage  # takes long to import

    found = ndimage.find_objects(labels, max(values.values(), default=0))
    return {name: found[value - 1] for name, value in values.items()}


def _of_folder(path: Path, table: LabelTable | None) -> NamedStructures:
    masks = {mask.name: mask for mask in MaskFolder(path).masks()}
    naming = name_masks(list(masks), table)
    named = {naming.table[value].name: mask for value, mask in zip(naming.searched or (), masks.values(), strict=True)}
    return NamedStructures(
        grid=next(iter(named.values())).grid,
        boxes={name: _bounded(mask) for name, mask in named.items() if mask.voxels.size},
        known=frozenset(named),
        names_from=naming.names_from,
        labels=None,
        values={},
        masks=named,
    )


def _bounded(mask: Mask) -> Box:
    """Return the region of a mask, of which the margin may reach beyond the image."""
    i, j, k = (slice(side.start, min(side.stop, size)) for side, size in zip(mask.region, mask.grid.shape, strict=True))
    return i, j, k


def joint_box(first: Box | None, second: Box | None) -> Box:
    """Return the box around two boxes, of which one may lack."""
    boxes = [box for box in (first, second) if box is not None]
    i, j, k = (
        slice(min(side.start for side in sides), max(side.stop for side in sides)) for sides in zip(*boxes, strict=True)
    )
    return i, j, k
