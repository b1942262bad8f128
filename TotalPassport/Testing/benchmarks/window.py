#!/usr/bin/env python3
"""How quickly 117 organs appear in the scene and leave it, in the test host: one line of JSON with seconds.

    python TotalPassport/Testing/benchmarks/window.py

``present_s`` makes all nodes of a passport anew, ``update_s`` fills them again as a second run does, ``all_s`` shows
labels, axes and ellipsoids of all organs, ``select_s`` is a click on a row after that, ``hide_s`` takes all of it away.
Frames of the 3D view (800 by 600, in software rendering, while the camera goes round; the best of several) are drawn of
the empty scene (``empty_frame_s``), with labels and axes of all organs (``frame_s``), and with their translucent
ellipsoids, for which the view draws everything several times (``frame_with_ellipsoids_s``).
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TESTING = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTING), str(TESTING.parent)]

ORGANS = 117
PER_SIDE = 5
"""Boxes along each axis of the scan; the first ones are organs."""
BOX, GAP = 8, 4
SIZE = (800, 600)


def labels_of_boxes() -> Any:
    """Return label values ``[i, j, k]`` of 117 boxes that do not touch."""
    import numpy as np

    size = PER_SIDE * (BOX + GAP) + GAP
    labels = np.zeros((size, size, size), np.uint8)
    for number in range(ORGANS):
        i, j, k = (GAP + place * (BOX + GAP) for place in np.unravel_index(number, (PER_SIDE,) * 3))
        labels[i : i + BOX, j : j + BOX - 2, k : k + BOX - 3] = number + 1
    return labels


def seconds(work: Callable[[], Any]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return round(time.perf_counter() - start, 3)


def measure(host: Any) -> dict[str, float]:
    """Return the times."""
    import numpy as np
    import slicer
    from screenshots import open_panel
    from TotalPassportLib.base.labels import load_label_table
    from TotalPassportLib.passport.document import passport_text
    from TotalPassportLib.passport.extraction import extract_passport
    from TotalPassportSlicer.nodes import presentation, segmentations
    from TotalPassportSlicer.nodes.scan_nodes import ScanNodes

    panel = open_panel(host)
    labels, table = labels_of_boxes(), load_label_table("total")
    passport = extract_passport(labels, np.diag([-3.0, -3.0, 3.0, 1.0]), table)
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Boxes")
    slicer.util.updateVolumeFromArray(volume, labels.astype(np.int16))
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Boxes segmentation")
    segmentations.fill_segmentation(segmentation, [segmentations.SegmentLayer(voxels=labels, labels=table)], volume)
    nodes = ScanNodes.for_source(volume)
    nodes.segmentation = segmentation
    nodes.document.SetText(passport_text(passport))
    times = {"present_s": seconds(lambda: presentation.present(nodes, passport))}
    times["update_s"] = seconds(lambda: presentation.present(nodes, passport))
    panel.parameters.show3D = False
    panel.parameters.passport = nodes.document

    def show(shown: bool) -> None:
        with slicer.util.NodeModify(panel.parameters):
            panel.parameters.showCentroids = panel.parameters.showAxes = panel.parameters.showEllipsoids = shown
            panel.parameters.showAllOrgans = shown

    show(False)
    times["all_s"] = seconds(lambda: show(True))
    times["select_s"] = seconds(lambda: panel.click_organ(panel.table_texts(0)[3]))
    with tempfile.TemporaryDirectory() as folder:
        host.render_3d_view(Path(folder) / "view.png", SIZE, "anterior", 1.2)  # what is drawn once comes before
    times["frame_with_ellipsoids_s"] = frame(host)
    panel.parameters.showEllipsoids = False
    times["frame_s"] = frame(host)
    panel.parameters.showEllipsoids = True
    times["hide_s"] = seconds(lambda: show(False))
    times["empty_frame_s"] = frame(host)
    return times


def frame(host: Any) -> float:
    """Return the seconds of a frame, the best of several."""
    return round(min(host.three_d_frames(10, SIZE)), 3)


def main() -> int:
    """Measure, and print the times."""
    from host import SlicerHost, rendering_unavailable_reason

    reason = rendering_unavailable_reason()
    if reason:
        print(reason, file=sys.stderr)
        return 1
    host = SlicerHost.start()
    print(json.dumps(measure(host)))
    host.reset()
    return 0


if __name__ == "__main__":
    sys.exit(main())
