"""Exact moments of all labels in one pass.

Sums of coordinates and of their products are whole numbers. They are collected over runs of equal voxels, not over
voxels, and stay exact in float64 below 2^53 (an image of 512 x 512 x 800 leaves a factor of 67). The central moments
are then formed in Python's unbounded integers, so that nothing cancels, wherever the image lies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LabelMoments:
    """Count, mean index ``[3]`` and covariance ``[3, 3]`` (divided by the count) of one label, in voxel indices."""

    voxel_count: int
    mean_index: np.ndarray
    covariance_index: np.ndarray


def label_moments(labels: np.ndarray) -> dict[int, LabelMoments]:
    """Return the moments of every label but 0 of an unsigned integer array ``[i, j, k]``, by rising label."""
    values, i, j, first, length = _runs(labels)
    last = first + length - 1
    sum_k = length * (first + last) // 2
    square_k = _sum_of_squares(last) - _sum_of_squares(first - 1)
    columns = (
        *(length, length * i, length * j, sum_k),
        *(length * i * i, length * i * j, i * sum_k, length * j * j, j * sum_k, square_k),
    )
    present = np.flatnonzero(np.bincount(values))
    totals = [np.bincount(values, weights=column)[present] for column in columns]
    return {int(label): _moments([int(total) for total in sums]) for label, *sums in zip(present, *totals, strict=True)}


def _runs(labels: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return label, i, j, first k and length of every run of a label along k."""
    rows: np.ndarray = np.ascontiguousarray(labels).reshape(-1, labels.shape[2])
    begins = np.ones(rows.shape, bool)
    np.not_equal(rows[:, 1:], rows[:, :-1], out=begins[:, 1:])
    starts = np.flatnonzero(begins)
    lengths = np.diff(starts, append=rows.size)
    values = rows.ravel()[starts]
    kept = values != 0
    starts, lengths, values = starts[kept], lengths[kept], values[kept]
    row, k = np.divmod(starts, labels.shape[2])
    i, j = np.divmod(row, labels.shape[1])
    return values, i, j, k, lengths


def _sum_of_squares(last: np.ndarray) -> np.ndarray:
    """Return 0^2 + 1^2 + ... + last^2; 0 for last = -1."""
    return np.asarray(last * (last + 1) * (2 * last + 1) // 6)


def _moments(sums: list[int]) -> LabelMoments:
    count, *rest = sums
    first, products = rest[:3], rest[3:]
    second = [[products[0], products[1], products[2]], [products[1], products[3], products[4]]]
    second.append([products[2], products[4], products[5]])
    square = count * count
    covariance = [[(count * second[a][b] - first[a] * first[b]) / square for b in range(3)] for a in range(3)]
    return LabelMoments(count, np.array([total / count for total in first]), np.array(covariance))
