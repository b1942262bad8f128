"""Surfaces for the 3D view: Slicer's own, each made in its own box, and told of while they are made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

SURFACE = "Closed surface"


def points_of(node: Any) -> dict[str, np.ndarray]:
    """Return each segment's surface points, float ``[n, 3]``."""
    from vtk.util.numpy_support import vtk_to_numpy

    segmentation = node.GetSegmentation()
    surfaces = {name: segmentation.GetSegment(name).GetRepresentation(SURFACE) for name in segmentation.GetSegmentIDs()}
    return {name: vtk_to_numpy(surface.GetPoints().GetData()) for name, surface in surfaces.items()}


def test_surfaces_are_those_of_slicers_own_conversion_point_by_point(ready: Any) -> None:
    from TotalPassportLib.base.labels import load_label_table
    from TotalPassportSlicer.nodes.segmentations import SegmentLayer, fill_segmentation
    from TotalPassportSlicer.nodes.surfaces import make_surfaces

    labels = ready.expected_labels().astype(np.uint8)
    labels[0:5, 0:6, 0:4] = 10  # in a corner of the image, which closes it
    ready.set_affine(np.array([[-2.0, 0.3, 0, 5], [0.2, 2.5, 0, -7], [0, 0, 3.0, 9], [0, 0, 0, 1]]))
    nodes = []
    for _copy in range(2):
        node = ready.add_boxes({})
        fill_segmentation(node, [SegmentLayer(voxels=labels, labels=load_label_table("total"))], ready.phantom)
        nodes.append(node)
    told: list[tuple[int, int]] = []
    make_surfaces(nodes[0], lambda done, total: told.append((done, total)))
    nodes[1].CreateClosedSurfaceRepresentation()
    ours, slicers = points_of(nodes[0]), points_of(nodes[1])
    assert len(ours) == 4
    for name, points in slicers.items():
        np.testing.assert_array_equal(ours[name], points)
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    make_surfaces(nodes[0], lambda done, total: told.append((done, total)))
    assert len(told) == 5, "what is there is not made again"


def test_segments_with_images_of_their_own_and_empty_ones_have_surfaces_too(panel: Any) -> None:
    from TotalPassportSlicer.nodes.surfaces import make_surfaces

    node = panel.add_overlapping_boxes("A", "B")
    node.GetSegmentation().AddEmptySegment("nothing", "nothing")
    make_surfaces(node, lambda _done, _total: None)
    segmentation = node.GetSegmentation()
    surfaces = [segmentation.GetSegment(name).GetRepresentation(SURFACE) for name in segmentation.GetSegmentIDs()]
    assert [surface.GetNumberOfPoints() > 50 for surface in surfaces] == [True, True, False]


@pytest.mark.slow
def test_the_panel_says_how_many_surfaces_there_are_and_then_how_the_run_ended(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    real = ready.widget.panel.say
    monkeypatch.setattr(ready.widget.panel, "say", lambda text, *color: (said.append(text), real(text, *color)))
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    assert [text for text in said if text.startswith("Making")] == [f"Making surfaces: {n} of 3" for n in range(4)]
    assert ready.ui.statusLabel.text.startswith("✔ Finished")
    assert "color" in ready.ui.statusLabel.styleSheet
    said.clear()
    ready.ui.show3DCheckBox.checked = False
    ready.ui.show3DCheckBox.checked = True
    assert [text for text in said if text.startswith("Making")] == [], "they are made once"
