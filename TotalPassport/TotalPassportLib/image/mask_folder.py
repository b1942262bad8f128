"""A folder of binary masks, one structure a file, as TotalSegmentator writes it unless told otherwise.

Masks may overlap, so they are no label image: they are read one at a time, and each only where it has voxels.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..base.errors import BadInput
from .formats import has_image_name, image_files, stem_of
from .grid import CanonicalGrid, canonical_grid, to_canonical
from .label_names import stored_label_names
from .label_voxels import looks_like_intensities, present_labels
from .same_grid import grid_difference
from .stored_image import Remark, UnfitImage
from .volume import Volume, load_labels

DATA_SET_FOLDER = "segmentations"
"""TotalSegmentator's data set keeps the masks of a scan in a folder of this name beside the scan."""
MARGIN = 3
"""Voxels around a mask that are kept: within so many of the image's edge an organ counts as near it."""
MOST_NAMED = 5
"""More files than this are only counted in a sentence."""


@dataclass(frozen=True, kw_only=True)
class Mask:
    """A mask, cut to what it holds.

    Attributes
    ----------
    name : str
        What its header calls its one label, where it does; else the file's name without its suffix.
    path : Path
        The file.
    voxels : numpy.ndarray
        uint8 ``[right, anterior, superior]``, 1 inside; with `MARGIN` around it where the image goes on; of no voxels
        where nothing was found.
    region : tuple of slice
        Where that is in ``grid``.
    grid : CanonicalGrid
        The whole image's.
    stored_shape, stored_affine : tuple of int, numpy.ndarray
        The same as the file has it.
    sha256 : str
        Of the file as it was read.
    remarks : tuple of Remark
        What was assumed about it.
    """

    name: str
    path: Path
    voxels: np.ndarray
    region: tuple[slice, slice, slice]
    grid: CanonicalGrid
    stored_shape: tuple[int, int, int]
    stored_affine: np.ndarray
    sha256: str
    remarks: tuple[Remark, ...]

    @property
    def affine(self) -> np.ndarray:
        """Indices of ``voxels`` to RAS mm, float64 4 x 4."""
        shift = np.eye(4)
        shift[:3, 3] = [side.start for side in self.region]
        return np.asarray(self.grid.affine @ shift)


class MaskFolder:
    """The masks of a folder.

    Parameters
    ----------
    folder : Path
        The folder, or a case of TotalSegmentator's data set, whose masks are in ``segmentations``.

    Attributes
    ----------
    skipped : dict of str to str
        Names of files that are no masks -> what they are; complete when all masks have been read.
    remarks : dict of Remark to list of str
        What was assumed, and the names of the masks about which; complete when all masks have been read.
    paths : list of Path
        Files that may be masks, by name.

    Raises
    ------
    BadInput
        There is no image file in it, or two have the same name.
    """

    def __init__(self, folder: Path) -> None:
        inner = folder / DATA_SET_FOLDER
        self.folder = inner if inner.is_dir() else folder
        files = sorted(path for path in self.folder.iterdir() if not path.name.startswith(".") and path.is_file())
        self.paths = image_files(files)
        self.skipped = {path.name: "no image file" for path in files if not has_image_name(path)}
        self.remarks: dict[Remark, list[str]] = {}
        self._hashes: dict[str, str] = {}
        if not self.paths:
            raise BadInput(
                f"The folder '{folder}' has no image files.",
                "Give a label image, or a folder of binary masks, one structure a file (.nii or .nii.gz).",
            )
        self._refuse_repeated_names()

    def _refuse_repeated_names(self) -> None:
        name, number = Counter(stem_of(path) for path in self.paths).most_common(1)[0]
        if number > 1:
            raise BadInput(f"'{self.folder}' has {number} files of the structure '{name}'.", "Leave one of them there.")

    def masks(self, on_file: Callable[[int, int], None] = lambda done, total: None) -> Iterator[Mask]:
        """Yield the masks, one after another; what is none is put among the `skipped`.

        Parameters
        ----------
        on_file : callable
            Called with (finished, all) files.

        Raises
        ------
        BadInput
            A file is damaged, or the masks do not have the same grid.
        """
        first: Mask | None = None
        told: set[str] = set()
        for done, path in enumerate(self.paths):
            on_file(done, len(self.paths))
            mask = self._mask(path)
            if mask is None:
                continue
            first = first or mask
            difference = grid_difference(first.grid, mask.grid)
            if difference:
                raise BadInput(
                    f"'{mask.path}' has another grid than '{first.path.name}': {difference}.",
                    "Give masks of one scan, all on its grid.",
                )
            self._hashes[path.name] = mask.sha256
            for remark in mask.remarks:
                self.remarks.setdefault(remark, []).append(path.name)
            if mask.name in told:
                mask = replace(mask, name=stem_of(path))
            told.add(mask.name)
            yield mask
        if first is None:
            raise BadInput(
                f"The folder '{self.folder}' has no binary masks: {self.skipped_text()}.",
                "Give a folder of binary masks, one structure a file, or one label image by its own name.",
            )

    def _mask(self, path: Path) -> Mask | None:
        try:
            volume = load_labels(path)
        except UnfitImage as error:
            self.skipped[path.name] = error.what
            return None
        values = present_labels(volume.voxels)
        if len(values) > 1:
            is_scan = looks_like_intensities(volume.voxels, values)
            self.skipped[path.name] = "a scan" if is_scan else f"{len(values)} labels in one file"
            return None
        i, j, k = volume.voxels.shape
        grid = canonical_grid(volume.affine, volume.voxels.shape)
        voxels = to_canonical(volume.voxels, grid) != 0
        region = _region(voxels)
        return Mask(
            name=_stored_name(volume, values) or stem_of(path),
            path=path,
            voxels=voxels[region].astype(np.uint8),
            region=region,
            grid=grid,
            stored_shape=(i, j, k),
            stored_affine=volume.affine,
            sha256=volume.sha256,
            remarks=volume.remarks,
        )

    @property
    def sha256(self) -> str:
        """SHA-256 of what ``sha256sum`` prints about the masks that were read, by rising name."""
        lines = [f"{self._hashes[name]}  {name}\n" for name in sorted(self._hashes)]
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()

    def skipped_text(self) -> str:
        """Return the files that are no masks, and what they are."""
        named = [f"{name} ({what})" for name, what in sorted(self.skipped.items())[:MOST_NAMED]]
        further = len(self.skipped) - len(named)
        return ", ".join(named) + (f" and {further} more" if further else "")


def _stored_name(volume: Volume, values: list[int]) -> str:
    """Return what the header of a mask calls its label; empty if it names none, or several."""
    names = [name for name in stored_label_names(volume.header).values() if name]
    return names[0] if len(names) == 1 and len(values) == 1 else ""


def _region(inside: np.ndarray) -> tuple[slice, slice, slice]:
    """Return where a boolean array holds something, with the margin around it; nothing at all if it holds nothing."""
    sides = []
    for axis in range(3):
        places = np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis})))
        if not len(places):
            return slice(0, 0), slice(0, 0), slice(0, 0)
        sides.append(slice(max(int(places[0]) - MARGIN, 0), int(places[-1]) + 1 + MARGIN))
    return sides[0], sides[1], sides[2]
