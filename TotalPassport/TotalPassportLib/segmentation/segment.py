"""One model, of one or several parts, on one prepared CT: the label volume at the model's resolution."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from ..base.memory import require_memory, resident_bytes, return_free_memory
from ..image.preparation import PreparedCT
from ..models.description import ModelDescription, Part
from .blending import ExactBlender, TurboBlender
from .engine_choice import Networks
from .engines import EXACT, Engine
from .estimate import Cost, Estimate, count_windows, estimate, held_by_part, measured
from .session import NetworkSession
from .windows import gaussian_weights, padding, window_axes

StepCallback = Callable[[int, int], None]
EstimateCallback = Callable[[Estimate], None]


@dataclass(frozen=True)
class LowResolutionLabels:
    """Label values, uint8 ``[x, y, z]`` on the model's grid; ``affine`` maps its indices to RAS mm.

    ``provider`` and ``arithmetic`` are what really ran, of all parts; ``network_seconds`` is the wall time inside the
    networks.
    """

    voxels: np.ndarray
    affine: np.ndarray
    provider: str
    arithmetic: str
    network_seconds: float


def segment(
    ct: PreparedCT,
    model: ModelDescription,
    networks: Networks,
    on_window: StepCallback,
    wanted: Collection[int] = (),
    on_estimate: EstimateCallback = lambda estimate: None,
) -> LowResolutionLabels:
    """Run the parts of a model; a later part overwrites an earlier one where it finds something.

    Parameters
    ----------
    ct : the CT at the model's spacing.
    networks : opens them where they are to run.
    on_window : called with (finished, all) windows before the first and after each one.
    wanted : label values to keep, all if empty; parts that have none of them do not run.
    on_estimate : called once, when the first window has shown what a window takes.

    Raises
    ------
    ModelError, OutOfMemory, Cancelled, BadInput : see `Networks.open` and the callbacks.
    """
    parts = needed_parts(model, wanted)
    count = Count(ct, parts, networks.precision, on_window, on_estimate)
    labels_zyx = np.zeros(ct.shape_zyx, np.uint8)
    inside = labels_zyx[ct.box_zyx]
    ran = []
    for part in parts:
        # Inside the call, so that one network is gone before the next one comes.
        found, engine, seconds = _segment_part(ct, networks.open(part), networks.precision, count.window_done)
        np.copyto(inside, found, where=found != 0)
        ran.append((engine, seconds))
    if wanted:
        # After the parts are put together, as in TotalSegmentator: what a later part claims is lost to an earlier one.
        kept = np.zeros(256, np.uint8)
        kept[list(wanted)] = list(wanted)
        labels_zyx = kept[labels_zyx]
    return LowResolutionLabels(
        labels_zyx.transpose(2, 1, 0),
        ct.affine,
        "+".join(dict.fromkeys(engine.execution_provider for engine, _ in ran)),
        "+".join(dict.fromkeys(engine.arithmetic for engine, _ in ran)),
        sum(seconds for _, seconds in ran),
    )


def needed_parts(model: ModelDescription, wanted: Collection[int]) -> list[Part]:
    """Return the parts that can find any of the wanted label values; all of them where none is named."""
    return [part for part in model.parts if not wanted or not set(part.label_values).isdisjoint(wanted)]


class Count:
    """Counts the windows of all parts, and after the first one says what all of them will take."""

    def __init__(
        self,
        ct: PreparedCT,
        parts: list[Part],
        precision: str,
        on_window: StepCallback,
        on_estimate: EstimateCallback,
    ) -> None:
        self._ct, self._parts, self._precision = ct, parts, precision
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
            about = estimate(shape, input_voxels, self._parts, self._precision, cost, self._resident_before)
            self._on_estimate(about)
        self._on_window(self._done, self._total)


def _segment_part(
    ct: PreparedCT, session: NetworkSession, precision: str, on_window: Callable[[Cost], None]
) -> tuple[np.ndarray, Engine, float]:
    """Return label values ``[z, y, x]`` of one part in the CT's box, what it ran on, and the network's seconds."""
    part = session.part
    shape, patch = ct.hounsfield_zyx.shape, part.patch_size_zyx
    borders = padding(shape, patch)
    image = np.pad(part.normalisation.apply(ct.hounsfield_zyx), borders)
    require_memory(held_by_part(shape, part, precision), f"Collecting the results of part '{part.name}'")
    kind = ExactBlender if precision == EXACT else TurboBlender
    blender = kind(window_axes(shape, part), gaussian_weights(patch), session.head, len(part.label_values))
    for start in blender.starts:
        window = image[tuple(slice(first, first + size) for first, size in zip(start, patch, strict=True))]
        with measured() as cost:
            blender.add(start, session.run(window))
            return_free_memory()  # cells come and go in all sizes, and would leave holes of hundreds of megabytes
        on_window(cost)
    labels = np.asarray(part.label_values, np.uint8)[blender.labels]
    unpadded = tuple(slice(low, size - high) for (low, high), size in zip(borders, image.shape, strict=True))
    return np.asarray(labels[unpadded]), session.engine, session.seconds
