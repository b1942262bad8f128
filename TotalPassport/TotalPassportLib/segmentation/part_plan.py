"""What running one part of a model on one CT comes to: where its windows lie, and what memory they need."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ..models.description import Part
from ..models.network_files import NetworkFiles
from .blending import held_bytes
from .cells import Cells
from .windows import padding, window_axes

IMAGE_AND_LABEL_BYTES = 6
"""Bytes of a voxel beside what the blending holds: the normalised image in float32, and labels."""


@dataclass(frozen=True, kw_only=True)
class PartPlan:
    """One part on one CT; computed once, for progress, estimate and blending alike.

    Attributes
    ----------
    part : Part
        The network and its description.
    files : NetworkFiles
        Its files.
    precision : str
        One of `engines.PRECISIONS`.
    cells : Cells
        The windows on the padded CT, and the cells between their borders.
    borders : list of tuple of int
        Voxels to add before and after each axis ``z, y, x``.
    """

    part: Part
    files: NetworkFiles
    precision: str
    cells: Cells
    borders: list[tuple[int, int]]

    @classmethod
    def of(cls, shape_zyx: tuple[int, ...], part: Part, files: NetworkFiles, precision: str) -> PartPlan:
        """Return the plan for a CT of some shape at the model's spacing."""
        return cls(
            part=part,
            files=files,
            precision=precision,
            cells=Cells(window_axes(shape_zyx, part), part.patch_size_zyx),
            borders=padding(shape_zyx, part.patch_size_zyx),
        )

    @property
    def windows(self) -> int:
        """How many windows cover the CT."""
        return len(self.cells.starts)

    @property
    def held_bytes(self) -> int:
        """Size of what the part holds while voxels wait for their last window."""
        return held_bytes(self.cells, self.files.head, len(self.part.label_values), self.precision)

    @property
    def pipeline_bytes(self) -> int:
        """Size of all arrays that the part needs beside the network: cells, float32 image, labels."""
        return self.held_bytes + IMAGE_AND_LABEL_BYTES * prod(self.cells.shape)
