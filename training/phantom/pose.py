"""How a body lies in the world: size, tilt, shift and a gentle bend, as a map from the world into the body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .shapes import Points, rotation
from .variation import Jitter


@dataclass(frozen=True)
class Pose:
    """World RAS mm to body RAS mm: an affine map followed by a smooth displacement.

    Parameters
    ----------
    world_to_body : 4 x 4.
    bend_mm : amplitude of the displacement along x, y, z for every wave, waves x 3.
    bend_waves : wave vectors in radians per mm, waves x 3.
    bend_phases : radians, one per wave.
    """

    world_to_body: np.ndarray
    bend_mm: np.ndarray
    bend_waves: np.ndarray
    bend_phases: np.ndarray

    @property
    def largest_bend_mm(self) -> float:
        """No point is displaced along any axis by more than this."""
        return float(np.abs(self.bend_mm).sum(axis=0).max()) if len(self.bend_mm) else 0.0

    def to_body(self, points: Points) -> Points:
        """Body coordinates of world points."""
        m = self.world_to_body.astype(np.float32)
        x, y, z = points
        straight = [m[i, 0] * x + m[i, 1] * y + m[i, 2] * z + m[i, 3] for i in range(3)]
        bent = list(straight)
        for amplitude, wave, phase in zip(self.bend_mm, self.bend_waves, self.bend_phases, strict=True):
            argument = sum(np.float32(w) * s for w, s in zip(wave, straight, strict=True)) + np.float32(phase)
            ripple = np.sin(argument)
            bent = [b + np.float32(a) * ripple for a, b in zip(amplitude, bent, strict=True)]
        return tuple(bent)


def draw_pose(jitter: Jitter) -> Pose:
    """Height and girth vary by some percent, tilt up to about ten degrees, shift by some centimetres."""
    girth = 1 + jitter.normal(0.05)
    scale = np.array([girth, girth * (1 + jitter.normal(0.02)), 1 + jitter.normal(0.05)])
    tilt = rotation(*(jitter.normal(3.5, 3)))
    body_to_world = np.eye(4)
    body_to_world[:3, :3] = tilt * scale
    body_to_world[:3, 3] = jitter.normal(20.0, 3)
    n_waves = 3
    directions = jitter.rng.normal(size=(n_waves, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    lengths_mm = jitter.rng.uniform(220.0, 450.0, n_waves)
    return Pose(
        np.linalg.inv(body_to_world),
        np.array([jitter.normal(1.8, 3) for _ in range(n_waves)]),
        directions * (2 * np.pi / lengths_mm)[:, None],
        jitter.rng.uniform(0, 2 * np.pi, n_waves),
    )
