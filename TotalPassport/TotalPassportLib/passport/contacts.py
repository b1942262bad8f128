"""Which runs of one label lie side by side: the source of connected components and of surface areas.

A neighbour of a voxel lies in its own row (along k) or in one of eight rows around it. Four of these are enough, since
each contact would otherwise be met from both sides; with the three shifts along k they make, together with the row's
own direction, the 13 directions of the 26-neighbourhood.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .runs import SLAB_VOXELS, Runs

ROW_STEPS = ((0, 1), (1, -1), (1, 0), (1, 1))
"""Steps (di, dj) from a row to its neighbours of higher index."""


def contacts(runs: Runs, chunk: int = SLAB_VOXELS // 8) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield the number of a step in `ROW_STEPS` and pairs of run numbers, int64 ``[n]`` each, some at a time.

    The second run of a pair lies in the row one step further, has the same label and touches the first at least by a
    corner.
    """
    rows, columns, depth = runs.shape
    last = runs.starts + runs.lengths - 1
    for begin in range(0, len(runs), chunk):
        part = slice(begin, begin + chunk)
        row, first_k = np.divmod(runs.starts[part], depth)
        i, j = np.divmod(row, columns)
        # One voxel further at both ends, but not past the ends of the row: there another row begins.
        low = runs.starts[part] - (first_k > 0)
        high = last[part] + (first_k + runs.lengths[part] < depth)
        for number, step in enumerate(ROW_STEPS):
            inside = (i + step[0] < rows) & (j + step[1] >= 0) & (j + step[1] < columns)
            offset = (step[0] * columns + step[1]) * depth
            from_run = np.searchsorted(last, low + offset)
            count = np.where(inside, np.searchsorted(runs.starts, high + offset, side="right") - from_run, 0)
            first = np.repeat(np.arange(begin, begin + len(count)), count)
            second = np.arange(len(first)) + np.repeat(from_run - (np.cumsum(count) - count), count)
            same = runs.labels[first] == runs.labels[second]
            yield number, first[same], second[same]
