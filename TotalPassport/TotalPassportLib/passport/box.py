"""How far every label reaches: along the image's axes, along R, A and S, and along its own principal axes."""

from __future__ import annotations

import numpy as np

from .runs import Runs


def label_extents(runs: Runs, labels: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and the highest value of linear functions over the voxel centres of every label.

    Parameters
    ----------
    runs : of the label image.
    labels : the label values that occur, rising, ``[n]``.
    directions : float64 ``[n, m, 3]``: for each label m vectors in index space; the functions are their products with
        the voxel index ``(i, j, k)``.

    Returns
    -------
    Two float64 arrays ``[n, m]``.
    """
    low = np.full(directions.shape[:2], np.inf)
    high = -low
    for values, i, j, first, last in runs.chunks():
        order = np.argsort(values.astype(runs.labels.dtype), kind="stable")
        starts = np.flatnonzero(np.diff(values[order], prepend=-1))
        present = np.searchsorted(labels, values[order[starts]])
        which = np.repeat(present, np.diff(starts, append=len(order)))
        ends = [column[order].astype(np.float64) for column in (i, j, first, last)]
        for number in range(directions.shape[1]):
            di, dj, dk = _along(directions[:, number], which)
            # A linear function has its extremes over a run at the run's ends.
            row = di * ends[0] + dj * ends[1]
            begin, end = row + dk * ends[2], row + dk * ends[3]
            least = np.minimum.reduceat(np.minimum(begin, end), starts)
            most = np.maximum.reduceat(np.maximum(begin, end), starts)
            low[present, number] = np.minimum(low[present, number], least)
            high[present, number] = np.maximum(high[present, number], most)
    return low, high


def _along(directions: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Return the direction ``[3, n]`` of each run, or one ``[3, 1]`` where it is the same for all labels."""
    shared = (directions == directions[0]).all()
    return np.asarray(directions[:1].T if shared else np.ascontiguousarray(directions.T)[:, which])
