"""Cells are the blocks of voxels that the same windows see."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from TotalPassportLib.segmentation.cells import Cells
from TotalPassportLib.segmentation.windows import window_starts

Size = tuple[int, int, int]


@pytest.mark.parametrize(
    ("shape", "patch", "step"),
    [
        ((30, 26, 28), (12, 12, 16), 0.5),
        ((9, 30, 31), (9, 10, 11), 0.3),
        ((12, 12, 12), (12, 12, 12), 0.8),
        ((33, 10, 10), (32, 8, 8), 0.1),  # steps of less than a voxel: some windows are there twice
    ],
)
def test_every_voxel_is_in_one_cell_which_knows_how_many_windows_see_it(shape: Size, patch: Size, step: float) -> None:
    axes = [window_starts(size, wanted, step) for size, wanted in zip(shape, patch, strict=True)]
    cells = Cells(axes, patch)
    windows, times = np.zeros(shape, int), np.zeros(shape, int)
    known = set()
    for start in product(*axes):
        windows[tuple(slice(first, first + size) for first, size in zip(start, patch, strict=True))] += 1
        inside = cells.of_window(start)
        assert sum(cell.voxels for cell in inside) == np.prod(patch)
        known.update((tuple((part.start, part.stop) for part in cell.place), cell) for cell in inside)
    for _, cell in known:
        times[cell.place] += 1
        assert (windows[cell.place] == cell.windows).all()
    assert (times == 1).all()


def test_what_waits_after_each_window_ends_with_nothing() -> None:
    cells = Cells([[0, 3], [0], [0, 6]], (4, 4, 10))
    overlap_x, overlap_z, both = 3 * 4 * 4, 1 * 4 * 6, 1 * 4 * 4
    assert cells.waiting == (
        (overlap_x + overlap_z + both, 0),
        (2 * overlap_z, both),
        (overlap_x + overlap_z, both),
        (0, 0),
    )
