"""The peer of a study before this program: the network once over the whole volume, with onnxruntime as it comes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..base.events import Cancellation, Progress, ignore_event
from ..base.memory import require_memory
from ..base.outputs import atomic_write
from ..base.runtime import onnxruntime_module
from ..image.grid import labels_on_stored_grid
from ..image.nifti import save_labels
from ..image.preparation import PreparedCT, prepare
from ..image.volume import load_ct
from ..models.catalogue import find_model
from ..models.description import Part, read_head

SegmentPart = Callable[[PreparedCT, Part, Progress], np.ndarray]
STAGES = ("load", "prepare", "infer", "restore", "write")
PLAIN_PROVIDER = "CPUExecutionProvider"
OUTPUT_COPIES = 4
"""Memory that a network needs at least, in terms of its output: its own maps come on top."""


def segment_plainly(model: str, ct_path: Path, output: Path, segment_part: SegmentPart) -> dict[str, Any]:
    """Segment a CT part by part and write its labels on the CT's grid, with nothing around it that makes it faster.

    Parameters
    ----------
    segment_part : callable
        Gives label values ``[z, y, x]`` of the prepared CT's box for one part; its time in the network goes into the
        stage ``network`` of the progress that it gets.

    Returns
    -------
    Dictionary with ``seconds`` by stage, ``network_seconds``, ``provider``, ``arithmetic`` and ``precision``.

    Raises
    ------
    TotalPassportError
        The scan or the model cannot be used, or the volume does not fit into memory.
    """
    progress = Progress(dict.fromkeys(STAGES, 1.0), ignore_event, Cancellation())
    network = Progress({"network": 1.0}, ignore_event, Cancellation())
    with progress.stage("load"):
        description = find_model(model)
        ct = load_ct(ct_path)
    with progress.stage("prepare"):
        prepared = prepare(ct, description.spacing_mm)
    with progress.stage("infer"):
        labels_zyx = np.zeros(prepared.shape_zyx, np.uint8)
        inside = labels_zyx[prepared.box_zyx]
        for part in description.parts:
            found = segment_part(prepared, part, network)
            np.copyto(inside, found, where=found != 0)
    with progress.stage("restore"):
        labels = labels_on_stored_grid(labels_zyx.transpose(2, 1, 0), prepared.grid)
    with progress.stage("write"), atomic_write(output) as temporary:
        save_labels(temporary, labels, like=ct, table=description.labels, values=description.label_values)
    return {
        "seconds": progress.seconds,
        "network_seconds": network.seconds["network"],
        "provider": PLAIN_PROVIDER,
        "arithmetic": "float32",
    }


def segment_whole_volume(model: str, ct_path: Path, output: Path) -> dict[str, Any]:
    """Segment a CT without windows, see `segment_plainly`."""
    return segment_plainly(model, ct_path, output, _segment_part)


def _segment_part(prepared: PreparedCT, part: Part, network: Progress) -> np.ndarray:
    """Return label values ``[z, y, x]`` in the CT's box."""
    onnxruntime = onnxruntime_module()
    shape = prepared.hounsfield_zyx.shape
    missing = [(0, -size % divisor) for size, divisor in zip(shape, part.divisor_zyx, strict=True)]
    image = np.pad(part.normalisation.apply(prepared.hounsfield_zyx), missing)
    head = read_head(part)
    maps = len(part.label_values) if head is None else head.shape[1] - 1
    require_memory(OUTPUT_COPIES * 4 * maps * image.size, "The network on the whole volume")
    session = onnxruntime.InferenceSession(str(part.network), providers=[PLAIN_PROVIDER])
    (port,) = session.get_inputs()
    with network.stage("network"):
        (output,) = session.run(None, {port.name: image[np.newaxis, np.newaxis]})
    channels = np.stack([_highest(output, z, head) for z in range(shape[0])])
    labels = np.asarray(part.label_values, np.uint8)[channels]
    return np.asarray(labels[:, : shape[1], : shape[2]])


def _highest(output: np.ndarray, z: int, head: np.ndarray | None) -> np.ndarray:
    """Return the highest channel ``[y, x]`` of one plane of what a network gives.

    Without a head that is logits ``[1, channels, z, y, x]``, else features ``[1, z, y, x, features]``.
    """
    if head is None:
        return np.asarray(output[0, :, z].argmax(axis=0))
    return np.asarray((output[0, z] @ head[:, :-1].T + head[:, -1]).argmax(axis=-1))
