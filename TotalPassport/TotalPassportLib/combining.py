"""One mask of several structures: the lungs of their lobes, all ribs, the vertebrae."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .base.errors import BadInput, as_user_error
from .base.labels import table_from_names
from .base.outputs import OutputFiles, check_destination
from .base.structure_names import structure_groups
from .destinations import WRITTEN_ENDINGS
from .image.formats import stem_of
from .image.label_names import stored_label_names
from .image.mask_folder import MaskFolder
from .image.nifti import save_labels, save_mask
from .image.volume import Volume, load_labels, voxels_on_grid_of, without_header


def official_groups() -> Mapping[str, tuple[str, ...]]:
    """Return what can be combined, by TotalSegmentator's names: group -> structures (``data/official_groups.json``).

    Its pelvis is the hips and the femurs, and its vertebrae have the sacrum with them. It offers a heart and has no
    rule for one; here it is the heart muscle with the four chambers.
    """
    return structure_groups("official_groups.json")


def combine_masks(source: Path | str, output: Path | str, group: str, *, named: bool = False) -> int:
    """Write one mask of several structures, and return how many voxels it has.

    Parameters
    ----------
    source : Path or str
        A folder of masks, one structure a file, or a label image with the names of its labels in the header.
    output : Path or str
        The mask to write: uint8, 1 inside, on the grid of the masks; a header of their geometry alone.
    group : str
        One of `official_groups`. A structure that bears the group's own name is the group, such as the heart of the
        task `total`; else all members must be there.
    named : bool
        Store the group's name in the header, as label 1.

    Raises
    ------
    BadInput
        There is no such group, or not all of its structures are there.
    """
    source, output = Path(source), Path(output)
    with as_user_error():
        if group not in official_groups():
            raise BadInput(f"There is no group '{group}'.", f"There are {', '.join(official_groups())}.")
        if not output.name.lower().endswith(WRITTEN_ENDINGS):
            raise BadInput(f"'{output}' is no name of a NIfTI file.", "Let it end with .nii.gz.")
        if not source.exists():
            raise BadInput(f"There is no file or folder '{source}'.", "Check the path.")
        check_destination(output, source)
        grid, mask = _of_folder(source, group) if source.is_dir() else _of_labels(source, group)
        like = without_header(grid)
        inputs = MaskFolder(source).paths if source.is_dir() else [source]
        with OutputFiles(inputs=inputs) as files:
            path = files.path(output)
            if named:
                save_labels(path, mask, like=like, table=table_from_names({1: group}, group), values=[1])
            else:
                save_mask(path, mask, like=like)
        return int(np.count_nonzero(mask))


def _members(group: str, there: set[str], source: Path) -> tuple[str, ...]:
    """Return the structures to combine."""
    if group in there:
        return (group,)
    members = official_groups()[group]
    missing = [name for name in members if name not in there]
    if missing:
        raise BadInput(
            f"'{source}' lacks {len(missing)} of the {len(members)} structures of '{group}': {', '.join(missing)}.",
            "Segment all of them first.",
        )
    return members


def _of_folder(source: Path, group: str) -> tuple[Volume, np.ndarray]:
    folder = MaskFolder(source)
    by_name = {stem_of(path): path for path in folder.paths}
    first, *others = (load_labels(by_name[name]) for name in _members(group, set(by_name), source))
    mask = first.voxels != 0
    for other in others:
        mask |= voxels_on_grid_of(other, first) != 0
    return first, mask.astype(np.uint8)


def _of_labels(source: Path, group: str) -> tuple[Volume, np.ndarray]:
    labels = load_labels(source)
    names = stored_label_names(labels.header)
    if not names:
        raise BadInput(
            f"The header of '{source}' does not tell what its labels mean.", "Give a folder of masks instead."
        )
    values = {name: value for value, name in names.items()}
    members = _members(group, set(values), source)
    return labels, np.isin(labels.voxels, [values[name] for name in members]).astype(np.uint8)
