"""One model, of one or several parts, on one prepared CT: the label volume at the model's resolution."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from .estimate import Cost, Estimate, count_windows, estimate, measured, slab_bytes
from .inference.blending import LabelBlender
from .inference.session import NetworkSession
from .inference.windows import Size, gaussian_weights, padding, window_positions
from .memory import require_memory, resident_bytes
from .models.description import ModelDescription, Part
from .preparation import PreparedCT, normalise

StepCallback = Callable[[int, int], None]
EstimateCallback = Callable[[Estimate], None]


@dataclass(frozen=True)
class LowResolutionLabels:
    """Label values, uint8 ``[x, y, z]`` on the model's grid; ``affine`` maps its indices to RAS mm."""

    voxels: np.ndarray
    affine: np.ndarray
    provider: str


def segment(
    ct: PreparedCT,
    model: ModelDescription,
    provider: str,
    on_window: StepCallback,
    wanted: Collection[int] = (),
    on_estimate: EstimateCallback = lambda estimate: None,
) -> LowResolutionLabels:
    """Run the parts of a model; a later part overwrites an earlier one where it finds something.

    Parameters
    ----------
    ct : the CT at the model's spacing.
    provider : see `NetworkSession`.
    on_window : called with (finished, all) windows before the first and after each one.
    wanted : label values to keep, all if empty; parts that have none of them do not run.
    on_estimate : called once, when the first window has shown what a window takes.

    Raises
    ------
    ModelError, OutOfMemory, Cancelled, BadInput : see `NetworkSession` and the callbacks.
    """
    parts = needed_parts(model, wanted)
    count = Count(ct, parts, on_window, on_estimate)
    labels_zyx = np.zeros(ct.shape_zyx, np.uint8)
    inside = labels_zyx[ct.box_zyx]
    ran_on = ""
    for part in parts:
        session = NetworkSession(part, provider)
        found = _segment_part(ct, session, count.window_done)
        np.copyto(inside, found, where=found != 0)
        ran_on = session.provider
    if wanted:
        # After the parts are put together, as in TotalSegmentator: what a later part claims is lost to an earlier one.
        kept = np.zeros(256, np.uint8)
        kept[list(wanted)] = list(wanted)
        labels_zyx = kept[labels_zyx]
    return LowResolutionLabels(labels_zyx.transpose(2, 1, 0), ct.affine, ran_on)


def needed_parts(model: ModelDescription, wanted: Collection[int]) -> list[Part]:
    """Return the parts that can find any of the wanted label values; all of them where none is named."""
    return [part for part in model.parts if not wanted or not set(part.label_values).isdisjoint(wanted)]


class Count:
    """Counts the windows of all parts, and after the first one says what all of them will take."""

    def __init__(
        self, ct: PreparedCT, parts: list[Part], on_window: StepCallback, on_estimate: EstimateCallback
    ) -> None:
        self._ct, self._parts = ct, parts
        self._on_window, self._on_estimate = on_window, on_estimate
        self._resident_before = resident_bytes()
        self._done = 0
        self._total = sum(count_windows(ct.hounsfield_zyx.shape, part) for part in parts)
        on_window(0, self._total)

    def window_done(self, cost: Cost) -> None:
        """Count a window that took this much."""
        self._done += 1
        if self._done == 1:
            input_voxels = int(np.prod(self._ct.grid.shape))
            shape = self._ct.hounsfield_zyx.shape
            self._on_estimate(estimate(shape, input_voxels, self._parts, cost, self._resident_before))
        self._on_window(self._done, self._total)


def _segment_part(ct: PreparedCT, session: NetworkSession, on_window: Callable[[Cost], None]) -> np.ndarray:
    """Return label values ``[z, y, x]`` of one part in the CT's box."""
    part = session.part
    depth, height, width = part.patch_size_zyx
    borders = padding(ct.hounsfield_zyx.shape, part.patch_size_zyx)
    image = np.pad(normalise(ct.hounsfield_zyx, part.normalisation), borders)
    shape: Size = image.shape
    channels = len(part.label_values)
    require_memory(slab_bytes(ct.hounsfield_zyx.shape, part), f"Collecting the results of part '{part.name}'")
    blender = LabelBlender(shape, part.patch_size_zyx, gaussian_weights(part.patch_size_zyx), channels)
    for z, y, x in window_positions(shape, part):
        window = image[z : z + depth, y : y + height, x : x + width]
        with measured() as cost:
            blender.add((z, y, x), session.run(np.ascontiguousarray(window)))
        on_window(cost)
    labels = np.asarray(part.label_values, np.uint8)[blender.finish()]
    unpadded = tuple(slice(low, size - high) for (low, high), size in zip(borders, shape, strict=True))
    return np.asarray(labels[unpadded])
