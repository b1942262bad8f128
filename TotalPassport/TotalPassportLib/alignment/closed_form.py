"""Weighted least squares between paired points, solved in closed form.

Every function takes points ``[n, 3]`` of two frames and weights ``[n]``, and returns the 4 x 4 matrix that maps
``moving`` onto ``fixed``, minimising the weighted sum of squared distances.
"""

from __future__ import annotations

import numpy as np


def weighted_rigid(fixed: np.ndarray, moving: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the best rotation and translation.

    The solution by singular values: Kabsch, Acta Crystallographica A32 (1976) 922; without reflections as in Umeyama,
    IEEE PAMI 13 (1991) 376. Further leading dimensions ``[..., n, 3]`` are solved all at once: ``[..., 4, 4]``.
    """
    fixed_mean, moving_mean, covariance = _cross_covariance(fixed, moving, weights)
    rotation, _ = _nearest_rotation(covariance)
    return _assembled(rotation, fixed_mean, moving_mean)


def weighted_similarity(fixed: np.ndarray, moving: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the best rotation, translation and single scale (Umeyama, IEEE PAMI 13 (1991) 376, eq. 40 to 43)."""
    fixed_mean, moving_mean, covariance = _cross_covariance(fixed, moving, weights)
    rotation, trace = _nearest_rotation(covariance)
    variance = float(_normalised(weights) @ ((moving - moving_mean) ** 2).sum(axis=1))
    return _assembled(float(trace) / variance * rotation, fixed_mean, moving_mean)


def weighted_affine(fixed: np.ndarray, moving: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the best affine map: the normal equations of linear regression about the weighted means."""
    fixed_mean, moving_mean, covariance = _cross_covariance(fixed, moving, weights)
    _, _, moving_covariance = _cross_covariance(moving, moving, weights)
    linear = np.linalg.solve(moving_covariance, covariance.T).T
    return _assembled(linear, fixed_mean, moving_mean)


def rotation_angle_deg(matrix: np.ndarray) -> np.ndarray:
    """Return the angle of rotations ``[..., 3, 3]``, also as part of ``[..., 4, 4]``, 0 to 180 degrees."""
    trace = np.trace(matrix[..., :3, :3], axis1=-2, axis2=-1)
    return np.asarray(np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1))))


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map points ``[n, 3]`` by a 4 x 4 matrix; matrices ``[..., 4, 4]`` give ``[..., n, 3]``."""
    return np.asarray(points @ np.swapaxes(matrix[..., :3, :3], -1, -2) + matrix[..., None, :3, 3])


def _normalised(weights: np.ndarray) -> np.ndarray:
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _cross_covariance(
    fixed: np.ndarray, moving: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return both weighted means ``[..., 3]`` and the covariance of fixed with moving ``[..., 3, 3]``."""
    share = _normalised(weights)[..., None]
    fixed_mean, moving_mean = (share * fixed).sum(axis=-2), (share * moving).sum(axis=-2)
    centred = share * (fixed - fixed_mean[..., None, :])
    return fixed_mean, moving_mean, np.swapaxes(centred, -1, -2) @ (moving - moving_mean[..., None, :])


def _nearest_rotation(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rotation that maximises trace(R^T C), and that maximum."""
    left, singular, right = np.linalg.svd(covariance)
    sign = np.sign(np.linalg.det(left @ right))
    sign = np.where(sign == 0, 1.0, sign)
    left = np.concatenate([left[..., :2], left[..., 2:] * sign[..., None, None]], axis=-1)
    return left @ right, singular[..., 0] + singular[..., 1] + sign * singular[..., 2]


def _assembled(linear: np.ndarray, fixed_mean: np.ndarray, moving_mean: np.ndarray) -> np.ndarray:
    matrix = np.zeros((*linear.shape[:-2], 4, 4))
    matrix[..., :3, :3] = linear
    matrix[..., :3, 3] = fixed_mean - (linear @ moving_mean[..., None])[..., 0]
    matrix[..., 3, 3] = 1
    return matrix
