"""How far every label reaches: along the image's axes, along R, A and S, and along its own principal axes."""

from __future__ import annotations

import numpy as np

from .runs import Runs


def label_extents(runs: Runs, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and the highest value of linear functions over the voxel centres of every label.

    Parameters
    ----------
    runs : Runs
        Of the label image.
    directions : np.ndarray
        float64 ``[n, m, 3]``: for each label that occurs, rising, m vectors in index space; the functions are their
        products with the voxel index ``(i, j, k)``.

    Returns
    -------
    Two float64 arrays ``[n, m]``.
    """
    low = np.full(directions.shape[:2], np.inf)
    high = -low
    ends = np.full((2, len(directions), 3), np.inf)
    ends[1] = -np.inf
    slanting = (directions != 0).sum(axis=2) > 1
    for number, i, j, first, last in runs.chunks():
        ends[0, number] = np.minimum(ends[0, number], [i.min(), j.min(), first.min()])
        ends[1, number] = np.maximum(ends[1, number], [i.max(), j.max(), last.max()])
        which = slanting[number]
        di, dj, dk = directions[number, which].T[..., None]
        # A linear function has its extremes over a run at the run's ends.
        row = di * i + dj * j
        begin, end = row + dk * first, row + dk * last
        least, most = np.minimum(begin.min(axis=1), end.min(axis=1)), np.maximum(begin.max(axis=1), end.max(axis=1))
        low[number, which] = np.minimum(low[number, which], least)
        high[number, which] = np.maximum(high[number, which], most)
    # Along one of the image's axes only the ends count.
    products = (directions * ends[:, :, None]).sum(axis=3)
    low[~slanting], high[~slanting] = products.min(axis=0)[~slanting], products.max(axis=0)[~slanting]
    return low, high
