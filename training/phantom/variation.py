"""Chance, in one place: how far organs of one phantom stray from the textbook."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .shapes import Vector


@dataclass
class Jitter:
    """Draws small deviations from one generator, truncated so that organs never leave their place.

    Parameters
    ----------
    rng : the phantom's only source of chance.
    amount : 0 for the textbook body, 1 for the usual variation.
    """

    rng: np.random.Generator
    amount: float = 1.0

    def normal(self, sd: float, size: int | None = None) -> np.ndarray | float:
        """Normal deviates, cut at two standard deviations."""
        return np.clip(self.rng.normal(0.0, 1.0, size), -2, 2) * sd * self.amount

    def value(self, mean: float, relative_sd: float) -> float:
        """A number around ``mean``."""
        return float(mean * (1 + self.normal(relative_sd)))

    def point(self, mean: Vector, sd_mm: float = 4.0) -> Vector:
        """A point around ``mean``, mm."""
        return tuple(np.asarray(mean, float) + self.normal(sd_mm, 3))

    def radii(self, mean: Vector, relative_sd: float = 0.07) -> Vector:
        """Half axes around ``mean``, mm: a common factor and a smaller one per axis."""
        common = 1 + self.normal(relative_sd)
        return tuple(np.asarray(mean, float) * common * (1 + self.normal(relative_sd / 2, 3)))

    def angle(self, mean_deg: float, sd_deg: float = 5.0) -> float:
        """An angle around ``mean_deg``, degrees."""
        return float(mean_deg + self.normal(sd_deg))

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return bool(self.rng.random() < probability)
