"""itk_infer's confidence: one number a scan, the mean over all voxels of 1 - H / ln C, added up slab by slab.

Its own is computed in float16 throughout. There a probability below 3e-8 is 0 and its logarithm minus infinity, which
makes a scan's number NaN as soon as the network is sure of a single voxel: trained networks are. `HalfConfidence` is
that, bit by bit, for those who ask for it; `SingleConfidence` is the same formula in float32, which is always a number.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np

from ..segmentation.confidence import softmax_confidence

EPSILON = 1e-8
"""What itk_infer adds to a probability before its logarithm; less than half of what float16 can tell from 0."""
HALF, SINGLE = np.float16, np.float32


class ScanConfidence(ABC):
    """Collects the logits of a scan."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._voxels = 0

    def add(self, logits: np.ndarray) -> None:
        """Add some planes of logits, float16 ``[c, z, y, x]``."""
        of_voxels = self._of_voxels(logits)
        self._sum += float(of_voxels.sum(dtype=np.float64))
        self._voxels += of_voxels.size

    @property
    def mean(self) -> float:
        """The scan's confidence."""
        return self._rounded(self._sum / self._voxels)

    @abstractmethod
    def _of_voxels(self, logits: np.ndarray) -> np.ndarray:
        """Return the confidence of each voxel."""

    def _rounded(self, mean: float) -> float:
        return mean


class SingleConfidence(ScanConfidence):
    """In float32."""

    def _of_voxels(self, logits: np.ndarray) -> np.ndarray:
        return softmax_confidence(np.moveaxis(logits.astype(SINGLE), 0, -1))


class HalfConfidence(ScanConfidence):
    """In float16, each step rounded, as PyTorch computes it on a processor: in float32, and then to float16."""

    def _of_voxels(self, logits: np.ndarray) -> np.ndarray:
        wide = logits.astype(SINGLE)
        powers = np.exp(wide - wide.max(axis=0))
        shares = (powers / powers.sum(axis=0)).astype(HALF)
        with np.errstate(divide="ignore", invalid="ignore"):
            shifted = (shares.astype(SINGLE) + SINGLE(EPSILON)).astype(HALF)
            logarithms = np.log(shifted.astype(SINGLE)).astype(HALF)
            terms = (shares.astype(SINGLE) * logarithms.astype(SINGLE)).astype(HALF)
            entropy = terms.astype(SINGLE).sum(axis=0).astype(HALF)
            normalised = (-entropy.astype(SINGLE) / SINGLE(math.log(len(logits)))).astype(HALF)
            return np.asarray((1 - normalised.astype(SINGLE)).astype(HALF))

    def _rounded(self, mean: float) -> float:
        return float(HALF(mean))
