"""Exact moments of all labels in one pass.

Sums of coordinates and of their products are whole numbers. They are collected over runs of equal voxels, not over
voxels, and stay exact in float64 below 2^53 (an image of 512 x 512 x 800 leaves a factor of 67). The central moments
are then formed in Python's unbounded integers, so that nothing cancels, wherever the image lies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .runs import Runs


@dataclass(frozen=True, kw_only=True)
class LabelMoments:
    """Count, mean index ``[3]`` and covariance ``[3, 3]`` (divided by the count) of one label, in voxel indices."""

    voxel_count: int
    mean_index: np.ndarray
    covariance_index: np.ndarray


def label_moments(runs: Runs) -> dict[int, LabelMoments]:
    """Return the moments of every label of an image, by rising label."""
    totals = np.zeros((len(runs.present), 10))
    for number, i, j, first, last in runs.chunks():
        length = last - first + 1
        sum_k = length * (first + last) / 2
        square_k = _sum_of_squares(last) - _sum_of_squares(first - 1)
        length_i, length_j = length * i, length * j
        # Sums of whole numbers: exact, in whatever order the products are added.
        totals[number] += (
            *(length.sum(), length_i.sum(), length_j.sum(), sum_k.sum()),
            *(length_i @ i, length_i @ j, i @ sum_k, length_j @ j, j @ sum_k, square_k.sum()),
        )
    return {
        int(label): _moments([int(total) for total in sums]) for label, sums in zip(runs.present, totals, strict=True)
    }


def _sum_of_squares(last: np.ndarray) -> np.ndarray:
    """Return 0^2 + 1^2 + ... + last^2; 0 for last = -1."""
    return np.asarray(last * (last + 1) * (2 * last + 1) / 6)


def _moments(sums: list[int]) -> LabelMoments:
    count, *rest = sums
    first, products = rest[:3], rest[3:]
    second = [[products[0], products[1], products[2]], [products[1], products[3], products[4]]]
    second.append([products[2], products[4], products[5]])
    square = count * count
    covariance = [[(count * second[a][b] - first[a] * first[b]) / square for b in range(3)] for a in range(3)]
    return LabelMoments(
        voxel_count=count,
        mean_index=np.array([total / count for total in first]),
        covariance_index=np.array(covariance),
    )
