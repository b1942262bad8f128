"""Which labels of a 3D view can be read: of those that would cover each other, the larger organ's stays."""

from __future__ import annotations

from typing import Any

import numpy as np

PIXELS_A_LETTER, PIXELS_A_LINE = 3.0, 7.0
"""Of a label in Slicer's markups at text scale 1: five pixels high letters with room around them."""


def labels_that_fit(anchors_px: np.ndarray, widths_px: np.ndarray, height_px: float, ranks: np.ndarray) -> np.ndarray:
    """Return which labels to show so that none covers another, bool ``[n]``.

    Parameters
    ----------
    anchors_px : numpy.ndarray
        Where the labels begin, at the middle of their left sides, float64 ``[n, 2]``; NaN where they are out of sight.
    widths_px : numpy.ndarray
        Their lengths, ``[n]``.
    height_px : float
        The height of each.
    ranks : numpy.ndarray
        Which go first, ``[n]``: the greatest.
    """
    shown = np.zeros(len(anchors_px), bool)
    for index in np.argsort(-ranks, kind="stable"):
        if np.isnan(anchors_px[index]).any():
            continue
        right_px, up_px = (anchors_px[shown] - anchors_px[index]).T
        beside = (right_px >= widths_px[index]) | (-right_px >= widths_px[shown])
        shown[index] = bool(np.all(beside | (np.abs(up_px) >= height_px)))
    return shown


def projected(camera: Any, size_px: tuple[int, int], points_ras_mm: np.ndarray) -> np.ndarray:
    """Return where points are seen in a view, float64 ``[n, 2]``, from its lower left corner; NaN outside of it.

    Parameters
    ----------
    camera : vtkCamera
        The view's.
    size_px : tuple of int
        Width and height of the view.
    points_ras_mm : numpy.ndarray
        Float64 ``[n, 3]``.
    """
    width, height = size_px
    matrix = camera.GetCompositeProjectionTransformMatrix(width / height, -1, 1)
    values = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
    homogeneous = np.column_stack([points_ras_mm, np.ones(len(points_ras_mm))]) @ values.T
    seen = homogeneous[:, :2] / homogeneous[:, 3:]
    seen[(homogeneous[:, 3] <= 0) | (np.abs(seen) > 1).any(axis=1)] = np.nan
    return (seen + 1) / 2 * (width, height)
