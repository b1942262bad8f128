"""A picture of one structure: three slices around it, what was found filled, and what is true as a line."""

from __future__ import annotations

import numpy as np

from .preview import WINDOW_HU, encode_png, side_by_side, slice_picture

MARGIN_MM = 25.0
"""Of its surroundings that are seen."""
LARGEST_SIDE_PIXELS = 220
SMALLEST_PIXEL_MM = 0.5
FOUND_RGB = (255, 140, 40)
TRUTH_RGB = (80, 220, 255)
OTHERS_RGB = (96, 104, 116)
_FOUND, _OTHERS = 1, 2


def view_box(box: tuple[slice, slice, slice], affine: np.ndarray, shape: tuple[int, ...]) -> tuple[slice, slice, slice]:
    """Return a box with `MARGIN_MM` around it, as far as the image goes.

    Parameters
    ----------
    box : tuple of slice
        Around the structure, ``[right, anterior, superior]``.
    affine : np.ndarray
        Voxel indices to RAS mm.
    shape : tuple of int
        Of the image.
    """
    margins = np.ceil(MARGIN_MM / np.linalg.norm(affine[:3, :3], axis=0)).astype(int)
    i, j, k = (
        slice(max(side.start - int(margin), 0), min(side.stop + int(margin), size))
        for side, margin, size in zip(box, margins, shape, strict=True)
    )
    return i, j, k


def organ_picture(
    found: np.ndarray,
    affine: np.ndarray,
    *,
    truth: np.ndarray | None = None,
    others: np.ndarray | None = None,
    scan: np.ndarray | None = None,
    window: tuple[float, float] = WINDOW_HU,
) -> bytes:
    """Return a PNG: coronal, sagittal and axial slices where the two differ most, or else where there is most of it.

    Parameters
    ----------
    found : np.ndarray
        Boolean ``[right, anterior, superior]``, cut to what is to be seen; so are the others.
    affine : np.ndarray
        Voxel indices to RAS mm; its column lengths are the voxel sizes.
    truth : np.ndarray, optional
        What it should have been.
    others : np.ndarray, optional
        Where other structures are.
    scan : np.ndarray, optional
        The scan's values; black without it.
    window : tuple of float
        Values from black to white.
    """
    spacing_mm = np.linalg.norm(np.asarray(affine)[:3, :3], axis=0)
    pixel_mm = max(float((np.array(found.shape) * spacing_mm).max()) / LARGEST_SIDE_PIXELS, SMALLEST_PIXEL_MM)
    labels = np.zeros(found.shape, np.uint8)
    if others is not None and scan is None:
        labels[others] = _OTHERS
    labels[found] = _FOUND
    colors = np.zeros((3, 3), np.float32)
    colors[_FOUND], colors[_OTHERS] = FOUND_RGB, OTHERS_RGB
    grey = np.full(found.shape, window[0], np.float32) if scan is None else scan
    interesting = found if truth is None else found ^ truth
    if not interesting.any():
        interesting = found if truth is None else found | truth
    panels = []
    for axis in (1, 0, 2):  # coronal, sagittal, axial
        other_axes = tuple({0, 1, 2} - {axis})
        place = int(np.argmax(interesting.sum(axis=other_axes)))
        sizes_mm = np.delete(spacing_mm, axis)
        grey_slice, labels_slice = (np.asarray(volume.take(place, axis=axis)) for volume in (grey, labels))
        panel = slice_picture(grey_slice, labels_slice, sizes_mm, colors, window, pixel_mm)
        if truth is not None:
            _draw_outline(panel, np.asarray(truth.take(place, axis=axis)), sizes_mm / pixel_mm)
        panels.append(panel)
    return encode_png(side_by_side(panels))


def _draw_outline(panel: np.ndarray, truth: np.ndarray, zoom: np.ndarray) -> None:
    from scipy import ndimage  # as in `preview`

    area = ndimage.zoom(truth.astype(np.uint8), zoom, order=0, mode="nearest").T[::-1, ::-1] > 0
    panel[area & ~ndimage.binary_erosion(area)] = TRUTH_RGB
