"""Principal axes with one convention for order and sign."""

from __future__ import annotations

import numpy as np


def principal_axes(covariance_mm2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ascending eigenvalues ``[..., 3]`` (mm2) and eigenvectors ``[..., 3, 3]`` as columns in the same order.

    A principal axis has no direction of its own, so one is chosen: the largest component of the longest and of the
    shortest axis is positive, and the middle axis makes the three right-handed. Eigenvalues below 1e-9 of the largest
    are 0: a flat or thin organ has no thickness but rounding.

    Parameters
    ----------
    covariance_mm2 : np.ndarray
        float64 ``[..., 3, 3]``, one matrix or a stack of them.
    """
    symmetric = (covariance_mm2 + np.swapaxes(covariance_mm2, -1, -2)) / 2
    eigenvalues, vectors = np.linalg.eigh(symmetric)
    eigenvalues = np.where(eigenvalues < 1e-9 * eigenvalues[..., 2:], 0.0, eigenvalues)
    shortest, longest = _positive(vectors[..., 0]), _positive(vectors[..., 2])
    return eigenvalues, np.stack([shortest, np.cross(longest, shortest), longest], axis=-1)


def axis_separation(eigenvalues_mm2: np.ndarray) -> tuple[float, float]:
    """Return the gaps (longest to middle, middle to shortest) as fractions of the largest eigenvalue."""
    shortest, middle, longest = (float(value) for value in eigenvalues_mm2)
    if longest <= 0:
        return 0.0, 0.0
    return (longest - middle) / longest, (middle - shortest) / longest


def _positive(vectors: np.ndarray) -> np.ndarray:
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=-1)[..., None], axis=-1)
    return np.asarray(np.where(largest < 0, -vectors, vectors))
