"""A picture of a segmentation for people without a viewer at hand: three slices, organs in colour, as PNG."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..base.labels import LabelTable
from .lettering import CELL_HEIGHT, CELL_WIDTH, lettering
from .preparation import nonzero_box

WINDOW_HU = (-250.0, 350.0)
"""Grey values from black to white: soft tissue and bone both visible."""
SAMPLING = 3
"""Every so many voxels are enough to know the range of a scan's values."""
PIXEL_MM = 1.0
OPACITY = 0.5
GAP_PIXELS = 8
ERROR_RGB = (204, 41, 41)


def grey_window(intensities: np.ndarray) -> tuple[float, float]:
    """Return the values from black to white of a scan without a unit: all but the lowest and the highest per cent."""
    low, high = np.percentile(intensities[::SAMPLING, ::SAMPLING, ::SAMPLING], (1, 99))
    return float(low), float(max(high, low + 1e-6))


def write_preview(
    path: Path,
    ct: np.ndarray,
    labels: np.ndarray,
    affine: np.ndarray,
    table: LabelTable,
    *,
    window: tuple[float, float] | None = None,
    errors: Sequence[str] = (),
) -> None:
    """Write coronal, sagittal and axial slices side by side, through the middle of what was found.

    Parameters
    ----------
    path : Path
        The PNG file.
    ct, labels : np.ndarray
        Arrays in canonical order ``[right, anterior, superior]`` on the same grid; HU and label values.
    affine : np.ndarray
        Voxel indices to RAS mm; its column lengths are the voxel sizes.
    table : LabelTable
        Gives the colours.
    window : tuple of float, optional
        Values from black to white; by default `WINDOW_HU`.
    errors : sequence of str
        What is wrong with the result, in a few words each: it stands above the slices in red.
    """
    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
    colors = np.zeros((int(labels.max()) + 1, 3), np.float32)
    for value in np.unique(labels[labels > 0]):
        colors[value] = table.describe(int(value)).color_rgb
    center = _center(labels)
    panels = []
    for axis in (1, 0, 2):  # coronal, sagittal, axial
        ct_slice, labels_slice = (volume.take(center[axis], axis=axis) for volume in (ct, labels))
        panels.append(slice_picture(ct_slice, labels_slice, np.delete(spacing_mm, axis), colors, window or WINDOW_HU))
    picture = side_by_side(panels)
    path.write_bytes(encode_png(_under_errors(picture, errors) if errors else picture))


def _center(labels: np.ndarray) -> tuple[int, ...]:
    """Return the voxel in the middle of the labels' bounding box, or of the image if nothing was found."""
    # Of an image without any label the box is the whole.
    return tuple((part.start + part.stop) // 2 for part in nonzero_box(labels))


def slice_picture(
    ct: np.ndarray,
    labels: np.ndarray,
    spacing_mm: np.ndarray,
    colors: np.ndarray,
    window: tuple[float, float],
    pixel_mm: float = PIXEL_MM,
) -> np.ndarray:
    """Return one slice as RGB uint8, in radiological view: patient right on the left, head or front up.

    Parameters
    ----------
    ct, labels : np.ndarray
        The slice, ``[right or anterior, anterior or superior]``.
    spacing_mm : np.ndarray
        Its voxel sizes, ``[2]``.
    colors : np.ndarray
        Label value -> RGB of 0..255, float32 ``[n, 3]``; 0 is left as it is.
    window : tuple of float
        Values from black to white.
    pixel_mm : float
        Size of the picture's pixels.
    """
    from scipy import ndimage  # lazily: it takes longer to import than most scans to load, and few runs need it

    zoom = spacing_mm / pixel_mm
    grey = ndimage.zoom(ct.astype(np.float32), zoom, order=1, mode="nearest")
    overlay = ndimage.zoom(labels, zoom, order=0, mode="nearest")
    low, high = window
    image = np.repeat(np.clip((grey - low) / (high - low), 0, 1)[..., np.newaxis] * 255, 3, axis=2)
    found = overlay > 0
    image[found] = (1 - OPACITY) * image[found] + OPACITY * colors[overlay[found]]
    return np.asarray(image.transpose(1, 0, 2)[::-1, ::-1].round().astype(np.uint8))


def side_by_side(panels: list[np.ndarray]) -> np.ndarray:
    """Return RGB pictures in a row on black, the smaller ones in the middle."""
    height = max(panel.shape[0] for panel in panels)
    width = sum(panel.shape[1] for panel in panels) + GAP_PIXELS * (len(panels) - 1)
    picture = np.zeros((height, width, 3), np.uint8)
    left = 0
    for panel in panels:
        top = (height - panel.shape[0]) // 2
        picture[top : top + panel.shape[0], left : left + panel.shape[1]] = panel
        left += panel.shape[1] + GAP_PIXELS
    return picture


def _under_errors(picture: np.ndarray, errors: Sequence[str]) -> np.ndarray:
    """Return the picture below a red band that says what is wrong."""
    width = max(picture.shape[1], 2 * CELL_WIDTH)
    letters = lettering(f"error: {', '.join(errors)}", columns=width // CELL_WIDTH - 1)
    band = np.empty((letters.shape[0] + 2 * (CELL_HEIGHT // 2), width, 3), np.uint8)
    band[:] = ERROR_RGB
    top = CELL_HEIGHT // 2
    band[top : top + letters.shape[0], CELL_WIDTH // 2 : CELL_WIDTH // 2 + letters.shape[1]][letters] = 255
    below = np.zeros((picture.shape[0], width, 3), np.uint8)
    below[:, : picture.shape[1]] = picture
    return np.concatenate([band, below])


def encode_png(picture: np.ndarray) -> bytes:
    """Return an RGB uint8 array ``[row, column, 3]`` as a PNG file (W3C PNG, filter 0).

    An image library would be a dependency for these lines alone.
    """
    height, width, _ = picture.shape
    rows = np.insert(picture.reshape(height, -1), 0, 0, axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body
