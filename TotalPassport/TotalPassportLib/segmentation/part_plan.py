"""What running one part of a model on one scan comes to: its grid, where its windows lie, what memory they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from ..image.nnunet_resampling import Size, resampled_shape, thick_axis
from ..models.description import Part
from ..models.network_conventions import LABELS
from ..models.network_files import NetworkFiles
from .blending import held_bytes
from .cells import Cells
from .engines import TURBO
from .windows import padding, window_axes

IMAGE_AND_LABEL_BYTES = 6
"""Bytes of a voxel beside what the blending holds: the normalised image in float32, and labels."""
LOGIT_BYTES = 2
"""Of float16, as nnU-Net keeps them."""


@dataclass(frozen=True, kw_only=True)
class PartPlan:
    """One part on one scan; computed once, for progress, estimate and blending alike. Axes are the network's own.

    Attributes
    ----------
    folds : tuple of Part
        The part's networks; their logits are averaged.
    files : NetworkFiles
        Files of the first of them.
    precision : str
        One of `engines.PRECISIONS`.
    image_shape : tuple of int
        Voxels of the image that it is given.
    network_shape : tuple of int
        Voxels of the grid that the network works on: another one where the image is at another voxel size.
    thick_before, thick_after : int, optional
        The axis that is treated apart on the way to that grid and back, see `nnunet_resampling.thick_axis`.
    cells : Cells
        The windows on the padded image, and the cells between their borders.
    borders : list of tuple of int
        Voxels to add before and after each axis.
    """

    folds: tuple[Part, ...]
    files: NetworkFiles
    precision: str
    image_shape: Size
    network_shape: Size
    thick_before: int | None
    thick_after: int | None
    cells: Cells
    borders: list[tuple[int, int]]

    @classmethod
    def of(
        cls,
        shape_zyx: Sequence[int],
        spacing_zyx_mm: np.ndarray,
        folds: tuple[Part, ...],
        files: NetworkFiles,
        precision: str,
    ) -> PartPlan:
        """Return the plan for an image of some shape and voxel size."""
        part = folds[0]
        shape = tuple(shape_zyx[axis] for axis in part.axes)
        current = [float(spacing_zyx_mm[axis]) for axis in part.axes]
        target = [part.spacing_mm[::-1][axis] for axis in part.axes] if part.spacing_mm else current
        network_shape = resampled_shape(shape, current, target)
        return cls(
            folds=folds,
            files=files,
            precision=precision,
            image_shape=shape,
            network_shape=network_shape,
            thick_before=thick_axis(current, target),
            thick_after=thick_axis(target, current),
            cells=Cells(window_axes(network_shape, part), part.patch_size_zyx),
            borders=padding(network_shape, part.patch_size_zyx),
        )

    @property
    def part(self) -> Part:
        """What all of its networks share."""
        return self.folds[0]

    @property
    def needs_logits(self) -> bool:
        """Whether the logits of all voxels are needed together, and labels cannot be had window by window."""
        regions = self.part.regions and not self.part.blending.in_single_precision
        return len(self.folds) > 1 or self.network_shape != self.image_shape or regions

    @property
    def windows(self) -> int:
        """How many windows cover the image, of all folds together."""
        return len(self.cells.starts) * len(self.folds)

    @property
    def held_bytes(self) -> int:
        """Size of what the part holds: what waits for its last window, and logits of the whole image if needed."""
        channels = len(self.part.label_values)
        if self.part.ports.gives == LABELS:
            channels = 2  # a label and a weight for each window that has seen a voxel, about
        precision = TURBO if self.part.blending.in_single_precision else self.precision
        waiting = held_bytes(self.cells, self.files.head, channels, precision)
        if not self.needs_logits:
            return waiting
        volumes = 2 if len(self.folds) > 1 else 1
        return waiting + volumes * LOGIT_BYTES * channels * prod(self.cells.shape)

    @property
    def pipeline_bytes(self) -> int:
        """Size of all arrays that the part needs beside the network: cells, float32 image, labels."""
        return self.held_bytes + IMAGE_AND_LABEL_BYTES * prod(self.cells.shape)
