"""Labels of a 3D view do not cover each other."""

from __future__ import annotations

import numpy as np


def test_of_two_labels_that_would_cover_each_other_the_larger_organs_stays() -> None:
    from TotalPassportSlicer.nodes.label_placement import labels_that_fit

    anchors = np.array([[0.0, 0.0], [30.0, 5.0], [0.0, 20.0], [60.0, 0.0], [np.nan, np.nan]])
    shown = labels_that_fit(anchors, np.full(5, 50.0), 12.0, np.array([1.0, 2.0, 1.0, 1.0, 9.0]))
    assert shown.tolist() == [False, True, True, False, False]


def test_labels_in_any_arrangement_never_overlap_and_none_is_left_out_without_need() -> None:
    from TotalPassportSlicer.nodes.label_placement import labels_that_fit

    rng = np.random.default_rng(0)
    anchors, widths = rng.uniform(0, 500, (80, 2)), rng.uniform(20, 120, 80)
    shown = labels_that_fit(anchors, widths, 12.0, rng.uniform(0, 1, 80))

    def cover(one: int, other: int) -> bool:
        left, right = sorted((one, other), key=lambda index: anchors[index, 0])
        return bool(
            abs(anchors[one, 1] - anchors[other, 1]) < 12.0 and anchors[right, 0] < anchors[left, 0] + widths[left]
        )

    kept = np.flatnonzero(shown)
    assert not any(cover(one, other) for one in kept for other in kept if one < other)
    assert all(any(cover(index, other) for other in kept) for index in np.flatnonzero(~shown))


def test_points_are_seen_where_the_camera_sees_them() -> None:
    import vtk
    from TotalPassportSlicer.nodes.label_placement import projected

    camera = vtk.vtkCamera()
    camera.SetPosition(0, 500, 0)
    camera.SetFocalPoint(0, 0, 0)
    camera.SetViewUp(0, 0, 1)
    points = np.array([[0.0, 0.0, 0.0], [-50.0, 0.0, 20.0], [0.0, 900.0, 0.0], [5000.0, 0.0, 0.0]])
    seen = projected(camera, (800, 600), points)
    np.testing.assert_allclose(seen[0], (400, 300))
    assert seen[1, 0] > 400, "seen from the front, the patient's left is at the right"
    assert seen[1, 1] > 300
    assert np.isnan(seen[2:]).all(), "behind the camera, and outside of the view"
