"""One model, of one or several parts, on one prepared CT: the label volume at the model's resolution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, product

import numpy as np

from .inference.blending import LabelBlender
from .inference.session import NetworkSession
from .inference.windows import Size, gaussian_weights, padding, window_starts
from .memory import require_memory
from .models.description import ModelDescription, Part
from .preparation import PreparedCT, normalise

StepCallback = Callable[[int, int], None]


@dataclass(frozen=True)
class LowResolutionLabels:
    """Label values, uint8 ``[x, y, z]`` on the model's grid; ``affine`` maps its indices to RAS mm."""

    voxels: np.ndarray
    affine: np.ndarray
    provider: str


def segment(ct: PreparedCT, model: ModelDescription, provider: str, on_window: StepCallback) -> LowResolutionLabels:
    """Run every part of a model; a later part overwrites an earlier one where it finds something.

    Parameters
    ----------
    ct : the CT at the model's spacing.
    provider : see `NetworkSession`.
    on_window : called with (finished, all) windows before the first and after each one.

    Raises
    ------
    ModelError, OutOfMemory, Cancelled, BadInput : see `NetworkSession` and the callback.
    """
    total = sum(len(window_positions(ct.hounsfield_zyx.shape, part)) for part in model.parts)
    finished = count(1)
    labels_zyx = np.zeros(ct.shape_zyx, np.uint8)
    inside = labels_zyx[ct.box_zyx]
    ran_on = ""
    on_window(0, total)
    for part in model.parts:
        session = NetworkSession(part, provider)
        found = _segment_part(ct, session, lambda: on_window(next(finished), total))
        np.copyto(inside, found, where=found != 0)
        ran_on = session.provider
    return LowResolutionLabels(labels_zyx.transpose(2, 1, 0), ct.affine, ran_on)


def window_positions(shape: tuple[int, ...], part: Part) -> list[Size]:
    """Return the first voxel of every window on the padded volume, in order of rising z, then y, then x."""
    starts = [
        window_starts(max(size, patch), patch, part.step)
        for size, patch in zip(shape, part.patch_size_zyx, strict=True)
    ]
    return [(z, y, x) for z, y, x in product(*starts)]


def _segment_part(ct: PreparedCT, session: NetworkSession, on_window: Callable[[], None]) -> np.ndarray:
    """Return label values ``[z, y, x]`` of one part in the CT's box."""
    part = session.part
    depth, height, width = part.patch_size_zyx
    borders = padding(ct.hounsfield_zyx.shape, part.patch_size_zyx)
    image = np.pad(normalise(ct.hounsfield_zyx, part.normalisation), borders)
    shape: Size = image.shape
    channels = len(part.label_values)
    bytes_per_plane = 2 * (channels + 1) * shape[1] * shape[2]
    require_memory(depth * bytes_per_plane, f"Collecting the results of part '{part.name}'")
    blender = LabelBlender(shape, part.patch_size_zyx, gaussian_weights(part.patch_size_zyx), channels)
    for z, y, x in window_positions(shape, part):
        window = image[z : z + depth, y : y + height, x : x + width]
        blender.add((z, y, x), session.run(np.ascontiguousarray(window)))
        on_window()
    labels = np.asarray(part.label_values, np.uint8)[blender.finish()]
    unpadded = tuple(slice(low, size - high) for (low, high), size in zip(borders, shape, strict=True))
    return np.asarray(labels[unpadded])
