"""Plain onnxruntime as one would write it in an afternoon: float32 on the CPU provider, window by window.

The windows and their weights are nnU-Net's, so that its labels are the method's but for rounding; the logits of all
channels are summed in float32 for the whole volume. There is no other engine, no plan of memory, no body's crop: it
shows what of a run's speed is ours.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from ..base.events import Progress
from ..base.memory import require_memory
from ..base.runtime import onnxruntime_module
from ..image.preparation import PreparedCT
from ..models.description import Part, read_head
from ..segmentation.windows import gaussian_weights, padding, window_axes
from .whole_volume import PLAIN_PROVIDER, segment_plainly


def segment_in_plain_windows(model: str, ct_path: Path, output: Path) -> dict[str, Any]:
    """Segment a CT window by window, see `whole_volume.segment_plainly`."""
    return segment_plainly(model, ct_path, output, _segment_part)


def _segment_part(prepared: PreparedCT, part: Part, network: Progress) -> np.ndarray:
    """Return label values ``[z, y, x]`` in the CT's box."""
    onnxruntime = onnxruntime_module()
    shape, patch = prepared.hounsfield_zyx.shape, part.patch_size_zyx
    added = padding(shape, patch)
    image = np.pad(part.normalisation.apply(prepared.hounsfield_zyx), added)
    channels = len(part.label_values)
    require_memory(4 * channels * image.size, "The logits of the whole volume")
    logits = np.zeros((channels, *image.shape), np.float32)
    weights = gaussian_weights(patch).astype(np.float32)
    head = read_head(part)
    session = onnxruntime.InferenceSession(str(part.network), providers=[PLAIN_PROVIDER])
    (port,) = session.get_inputs()
    for start in itertools.product(*window_axes(shape, part)):
        inside = tuple(slice(first, first + size) for first, size in zip(start, patch, strict=True))
        with network.stage("network"):
            (result,) = session.run(None, {port.name: image[inside][np.newaxis, np.newaxis]})
        # Dividing by the sum of the weights would change no maximum.
        logits[(slice(None), *inside)] += _logits_of(result, head) * weights
    labels = np.asarray(part.label_values, np.uint8)[logits.argmax(axis=0)]
    box = tuple(slice(before, before + size) for (before, _), size in zip(added, shape, strict=True))
    return np.asarray(labels[box])


def _logits_of(result: np.ndarray, head: np.ndarray | None) -> np.ndarray:
    """Return logits ``[channels, z, y, x]`` of what a network gives for a window."""
    if head is None:
        return np.asarray(result[0])
    return np.moveaxis(result[0] @ head[:, :-1].T + head[:, -1], -1, 0)
