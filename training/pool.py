"""The pool of phantoms on the network's grid, made once and kept on disk."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import ndimage

from training.phantom import make_phantom
from training.settings import CHANNEL_LABELS, SPACING_MM


def fill_pool(folder: Path, seeds: Sequence[int], n_processes: int = 2) -> list[Path]:
    """Make the phantoms that are still missing.

    Parameters
    ----------
    folder : gets one ``phantom_<seed>.npz`` per seed, with ``ct_hu`` (int16) and ``channels`` (uint8), [z, y, x].

    Returns
    -------
    the files, in the order of the seeds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"phantom_{seed}.npz" for seed in seeds]
    missing = [(path, seed) for path, seed in zip(paths, seeds, strict=True) if not path.exists()]
    with multiprocessing.get_context("spawn").Pool(n_processes) as workers:
        for done, path in enumerate(workers.imap_unordered(_make_file, missing), start=1):
            print(f"phantom {done}/{len(missing)}: {path.name}", flush=True)
    return paths


def _make_file(task: tuple[Path, int]) -> Path:
    path, seed = task
    ct_hu, channels = phantom_on_network_grid(seed)
    temporary = path.with_suffix(".tmp.npz")
    np.savez(temporary, ct_hu=ct_hu, channels=channels)
    temporary.rename(path)
    return path


def phantom_on_network_grid(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """One phantom as the network would see it.

    Most are painted straight onto the network's grid. The others are painted onto a finer or a thicker-sliced grid and
    resampled linearly, corner aligned, as the product does with real scans.

    Returns
    -------
    int16 HU and uint8 channels, both [z, y, x].
    """
    rng = np.random.default_rng([seed, 100])
    spacing = (SPACING_MM,) * 3
    if rng.random() < 0.4:
        in_plane = float(rng.uniform(1.8, 2.6))
        spacing = (in_plane, in_plane, float(rng.choice([2.0, 2.5, 4.0, 5.0])))
    phantom = make_phantom(seed, spacing, field_of_view="trunk")
    ct_hu, labels = phantom.ct_hu, phantom.labels
    if spacing != (SPACING_MM,) * 3:
        ct_hu, labels = _resample(ct_hu, spacing, order=1), _resample(labels, spacing, order=0)
    channel_of = np.zeros(256, np.uint8)
    channel_of[list(CHANNEL_LABELS)] = np.arange(len(CHANNEL_LABELS))
    return np.ascontiguousarray(ct_hu.T), np.ascontiguousarray(channel_of[labels].T)


def _resample(image: np.ndarray, spacing_mm: tuple[float, ...], order: int) -> np.ndarray:
    shape = np.round(np.array(image.shape) * np.array(spacing_mm) / SPACING_MM).astype(int)
    # Rounding of the shape decides the zoom, so that scipy returns exactly this shape.
    zoomed = ndimage.zoom(image.astype(np.float32), shape / np.array(image.shape), order=order, mode="nearest")
    return zoomed.astype(image.dtype)
