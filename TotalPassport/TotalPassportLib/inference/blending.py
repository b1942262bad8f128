"""Blends the logits of overlapping windows and turns them into labels, slab by slab.

The arithmetic is that of nnU-Net on a CPU: weighted sums and their division are rounded to float16 after every step,
the label is the first highest channel. Labels of a network change in 0.2 to 0.3 % of the voxels under any other
rounding.

Windows come with rising z, so planes below the present window are final: only one patch's height of logits is held.
"""

from __future__ import annotations

import numpy as np

from .half import HalfArithmetic, first_highest
from .windows import Size


class LabelBlender:
    """Collects windows in order of rising z and gives the label volume.

    Parameters
    ----------
    shape : size of the (padded) volume, ``[z, y, x]``.
    patch : size of a window.
    weights : float16 window weights, see `windows.gaussian_weights`.
    channels : number of the network's output channels.
    """

    def __init__(self, shape: Size, patch: Size, weights: np.ndarray, channels: int) -> None:
        self._weights = weights
        self._weights_single = weights.astype(np.float32)
        self._arithmetic = HalfArithmetic()
        self._first_plane = 0
        # Planes come first, so that moving the slab along z moves whole blocks of memory.
        self._sums = np.zeros((patch[0], channels, *shape[1:]), np.float16)
        self._counts = np.zeros((patch[0], *shape[1:]), np.float16)
        self.labels = np.zeros(shape, np.uint8 if channels <= 256 else np.uint16)
        """Channel index of every voxel; complete after `finish`."""

    def add(self, start: Size, logits: np.ndarray) -> None:
        """Add the float32 logits ``[channels, z, y, x]`` of the window that begins at ``start``."""
        z, y, x = start
        if z < self._first_plane:
            raise ValueError("windows must come in order of rising z")
        self._advance(z)
        rows = slice(y, y + logits.shape[2])
        columns = slice(x, x + logits.shape[3])
        for channel, values in enumerate(logits):
            sums = self._sums[:, channel, rows, columns]
            sums[...] = self._arithmetic.accumulate(sums, values, self._weights_single)
        self._counts[:, rows, columns] += self._weights

    def finish(self) -> np.ndarray:
        """Return the channel index of every voxel, ``[z, y, x]``."""
        self._emit(self.labels.shape[0] - self._first_plane)
        return self.labels

    def _advance(self, z: int) -> None:
        """Make the slab begin at plane ``z``; what falls out is final."""
        done = z - self._first_plane
        if done == 0:
            return
        self._emit(min(done, len(self._sums)))
        for slab in (self._sums, self._counts):
            for plane in range(len(slab) - done):  # plane by plane: the ranges overlap, and numpy would copy the slab
                slab[plane] = slab[plane + done]
            slab[-done:] = 0
        self._first_plane = z

    def _emit(self, planes: int) -> None:
        for plane in range(planes):
            mean = self._arithmetic.average(self._sums[plane], self._counts[plane])
            self.labels[self._first_plane + plane] = first_highest(mean)
