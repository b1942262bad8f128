"""From the pool to training patches: field of view, window, noise, normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from training.settings import CLIP_HIGH_HU, CLIP_LOW_HU, MEAN_HU, STD_HU


@dataclass(frozen=True)
class PatchSource:
    """Draws patches from a pool of phantoms.

    Parameters
    ----------
    volumes : pairs of int16 HU and uint8 channels, [z, y, x].
    seed : with the number of the step, fixes a patch; so a resumed training sees what it would have seen.
    """

    volumes: Sequence[tuple[np.ndarray, np.ndarray]]
    seed: int = 0

    def patch(self, step: int, size_zyx: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
        """The patch of a step.

        Returns
        -------
        float32 normalised image and uint8 channels, both of the given size.
        """
        rng = np.random.default_rng([self.seed, step])
        image, channels = self.volumes[int(rng.integers(len(self.volumes)))]
        view = _field_of_view(rng, image.shape)
        window = _window(rng, tuple(s.stop - s.start for s in view), size_zyx)
        image, channels = image[view][window], channels[view][window]
        return _pad(normalise(_disturb(rng, image)), size_zyx), _pad(channels, size_zyx)


def load_volumes(paths: Sequence[Path]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read the pool's files into memory."""
    out = []
    for path in paths:
        with np.load(path) as arrays:
            out.append((arrays["ct_hu"], arrays["channels"]))
    return out


def class_frequencies(volumes: Sequence[tuple[np.ndarray, np.ndarray]], n_classes: int) -> np.ndarray:
    """Share of every class in the pool, [classes], counted on every third voxel along each axis."""
    counts = sum(np.bincount(channels[::3, ::3, ::3].ravel(), minlength=n_classes) for _, channels in volumes)
    return counts / counts.sum()


def normalise(image_hu: np.ndarray) -> np.ndarray:
    """Hounsfield units to the network's input, float32."""
    clipped = np.clip(image_hu.astype(np.float32), CLIP_LOW_HU, CLIP_HIGH_HU)
    return (clipped - np.float32(MEAN_HU)) / np.float32(STD_HU)


def _field_of_view(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[slice, ...]:
    """Half of the time only a part of the trunk was scanned, and now and then the sides are cut off."""
    out = []
    for axis, n in enumerate(shape):
        cut = rng.random() < (0.5 if axis == 0 else 0.3)
        smallest = 0.25 if axis == 0 else 0.75
        length = round(n * rng.uniform(smallest, 1.0)) if cut else n
        start = int(rng.integers(n - length + 1))
        out.append(slice(start, start + length))
    return tuple(out)


def _window(rng: np.random.Generator, shape: tuple[int, ...], size: tuple[int, int, int]) -> tuple[slice, ...]:
    """A place for the window; as in a sliding window, the outermost places are the most frequent."""
    out = []
    for n, length in zip(shape, size, strict=True):
        room = max(n - length, 0)
        start = int(np.clip(rng.integers(-room // 4, room + room // 4 + 1), 0, room))
        out.append(slice(start, start + min(n, length)))
    return tuple(out)


def _disturb(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Another scanner: scaled and shifted Hounsfield units, softer or noisier images."""
    out = image.astype(np.float32)
    if rng.random() < 0.2:
        out = ndimage.gaussian_filter(out, rng.uniform(0.3, 0.7))
    if rng.random() < 0.3:
        out += rng.standard_normal(out.shape, dtype=np.float32) * np.float32(rng.uniform(0.0, 18.0))
    return (out + 1000) * np.float32(rng.normal(1.0, 0.015)) - np.float32(1000 + rng.normal(0.0, 6.0))


def _pad(array: np.ndarray, size: tuple[int, int, int]) -> np.ndarray:
    """Zeros around, the array in the middle, the smaller half below: as inference does with small volumes."""
    gaps = [length - n for length, n in zip(size, array.shape, strict=True)]
    return np.pad(array, [(gap // 2, gap - gap // 2) for gap in gaps])
