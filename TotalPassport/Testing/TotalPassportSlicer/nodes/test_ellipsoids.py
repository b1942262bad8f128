"""Equivalent ellipsoids, and axes that are faint where their directions cannot be relied on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.pictures import pixels

SIZE = (400, 400)
LIVER_RGB = (221, 130, 101)


@pytest.fixture
def described(ready: Any) -> Any:
    """The panel after a run on the phantom."""
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    ready.ui.showAllOrgansCheckBox.checked = True
    return ready


def make_organ(label: int, eigenvalues: Any, eigenvectors: Any = None, centroid: Any = (0.0, 0.0, 0.0)) -> Any:
    """Return an organ with given moments."""
    from TotalPassportLib.passport.organ import OrganPassport

    values = np.array(eigenvalues, np.float64)
    axes = np.eye(3) if eigenvectors is None else np.asarray(eigenvectors, np.float64)
    covariance = axes @ np.diag(values) @ axes.T
    points = np.zeros((0, 3))
    return OrganPassport(
        label=label,
        name=f"organ {label}",
        voxel_count=9,
        volume_mm3=9.0,
        centroid_ras_mm=np.array(centroid),
        covariance_mm2=covariance,
        eigenvalues_mm2=values,
        eigenvectors=axes,
        boundary_points_ras_mm=points,
        touches_border=False,
    )


def vertices(node: Any, array: str | None = None) -> np.ndarray:
    """Return a model's points, or an array of theirs."""
    from vtk.util.numpy_support import vtk_to_numpy

    polydata = node.GetPolyData() if hasattr(node, "GetPolyData") else node
    return vtk_to_numpy(polydata.GetPointData().GetArray(array) if array else polydata.GetPoints().GetData())


def enclosed_volume(polydata: Any) -> float:
    """Return the volume inside triangles; it is negative where they face inwards."""
    from vtk.util.numpy_support import vtk_to_numpy

    faces = vtk_to_numpy(polydata.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    corners = vertices(polydata)[faces]
    return float(np.einsum("ni,ni->n", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6)


def test_all_ellipsoids_are_one_model_with_the_organs_centres_and_moments(described: Any) -> None:
    node = described.nodes().ellipsoids
    organs = list(described.passport().organs.values())
    assert node.GetName() == "Phantom ellipsoids"
    for organ, surface in zip(organs, np.split(vertices(node), len(organs)), strict=True):
        mahalanobis = np.linalg.solve(organ.covariance_mm2, (surface - organ.centroid_ras_mm).T).T
        squared = ((surface - organ.centroid_ras_mm) * mahalanobis).sum(axis=1)
        np.testing.assert_allclose(squared, 5.0, rtol=1e-9)  # a solid ellipsoid's surface: x' C^-1 x = 5


def test_ellipsoids_have_the_colours_that_the_segments_have_now(described: Any) -> None:
    described.use_real_child()
    segmentation = described.nodes().segmentation.GetSegmentation()
    for spleen in (None, (0.2, 0.4, 0.6)):
        if spleen is not None:
            segmentation.GetSegment("spleen").SetColor(*spleen)
            described.parameters.segmentationToDescribe = described.nodes().segmentation
            described.ui.describeButton.click()
            assert described.wait().status.value == "done"
        colors = np.split(vertices(described.nodes().ellipsoids, "Organ"), 3)
        for color, name in zip(colors, ("spleen", "kidney_right", "liver"), strict=True):
            expected = np.round(255 * np.array(segmentation.GetSegment(name).GetColor()))
            np.testing.assert_array_equal(np.unique(color, axis=0), [expected])


def test_segments_of_ones_own_colour_their_ellipsoids_and_rows(panel: Any) -> None:
    import qt
    from TotalPassportSlicer.nodes.organ_segments import organ_colors

    node = panel.add_boxes({"Tumour": 1, "liver": 2})
    node.GetSegmentation().GetNthSegment(0).SetColor(1.0, 0.0, 1.0)
    panel.parameters.segmentationToDescribe = node
    panel.ui.describeButton.click()
    assert panel.wait().status.value == "done"
    colors = set(organ_colors(panel.nodes(), panel.passport()).values())
    own = tuple(np.round(255 * np.array(node.GetSegmentation().GetNthSegment(1).GetColor())).astype(int).tolist())
    assert colors == {(255, 0, 255), own}
    row = panel.table_texts(0).index("Tumour")
    color = panel.ui.organTableView.model().index(row, 0).data(qt.Qt.DecorationRole)
    assert (color.red(), color.green(), color.blue()) == (255, 0, 255)


def test_many_ellipsoids_are_opaque_and_coarser_unless_the_user_has_set_their_opacity(application: Any) -> None:
    import slicer
    from TotalPassportSlicer.nodes.ellipsoids import OPACITY, fill_ellipsoids

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", "Ellipsoids")
    organs = [make_organ(label, [4.0, 9.0, 16.0], centroid=(20.0 * label, 0, 0)) for label in range(1, 41)]
    colors = dict.fromkeys(range(1, 41), (200, 100, 50))
    fill_ellipsoids(node, organs[:3], colors)
    assert node.GetDisplayNode().GetOpacity() == OPACITY
    fine = len(vertices(node)) // 3
    fill_ellipsoids(node, organs, colors)
    assert node.GetDisplayNode().GetOpacity() == 1.0
    assert len(vertices(node)) // 40 < fine
    fill_ellipsoids(node, organs[:3], colors)
    assert node.GetDisplayNode().GetOpacity() == OPACITY
    node.GetDisplayNode().SetOpacity(0.8)
    fill_ellipsoids(node, organs, colors)
    assert node.GetDisplayNode().GetOpacity() == 0.8


def test_surfaces_face_outwards_even_where_the_axes_are_left_handed(application: Any) -> None:
    from TotalPassportSlicer.nodes.ellipsoids import ellipsoids_polydata

    semi_axes = np.array([10.0, 20.0, 30.0])
    for axes in (np.eye(3), np.diag([1.0, 1.0, -1.0]), np.eye(3)[:, ::-1]):
        organ = make_organ(1, semi_axes**2 / 5, axes)
        polydata = ellipsoids_polydata([organ], {1: (1, 2, 3)})
        assert enclosed_volume(polydata) == pytest.approx(4 / 3 * np.pi * semi_axes.prod(), rel=0.05)
        outward = (vertices(polydata) * vertices(polydata, "Normals")).sum(axis=1)
        assert outward.min() > 0
        np.testing.assert_allclose(np.linalg.norm(vertices(polydata, "Normals"), axis=1), 1.0)


def test_flat_and_line_like_organs_are_thin_but_there_and_a_single_voxel_has_none(application: Any) -> None:
    from TotalPassportSlicer.nodes.ellipsoids import LEAST_PART, ellipsoids_polydata

    organs = [make_organ(1, [0, 20, 80]), make_organ(2, [0, 0, 80], centroid=(100, 0, 0)), make_organ(3, [0, 0, 0])]
    polydata = ellipsoids_polydata(organs, {1: (9, 9, 9), 2: (8, 8, 8), 3: (7, 7, 7)})
    plate, line = np.split(vertices(polydata), 2)
    np.testing.assert_allclose(plate.max(axis=0), [20 * LEAST_PART, 10, 20], rtol=1e-2)
    np.testing.assert_allclose(line.max(axis=0) - [100, 0, 0], [20 * LEAST_PART, 20 * LEAST_PART, 20], rtol=1e-2)
    assert np.isfinite(vertices(polydata, "Normals")).all()
    assert {color[0] for color in vertices(polydata, "Organ").tolist()} == {9, 8}


def test_an_organ_that_is_cut_by_the_edge_of_the_scan_has_no_ellipsoid(application: Any) -> None:
    import slicer
    from TotalPassportSlicer.nodes.ellipsoids import fill_ellipsoids

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", "Ellipsoids")
    organs = [make_organ(1, [20, 20, 80]), replace(make_organ(2, [20, 20, 80]), touches_border=True)]
    fill_ellipsoids(node, organs, {1: (9, 9, 9), 2: (8, 8, 8)})
    assert {color[0] for color in vertices(node, "Organ").tolist()} == {9}


def test_a_passport_without_organs_has_an_empty_model(application: Any) -> None:
    from TotalPassportSlicer.nodes.ellipsoids import ellipsoids_polydata

    assert ellipsoids_polydata([], {}).GetNumberOfPoints() == 0


def picture(panel: Any, path: Path) -> np.ndarray:
    """Return the 3-D view's pixels."""
    panel.host.render_3d_view(path, SIZE, "anterior")
    return pixels(path)


def share_like(image: np.ndarray, rgb: tuple[float, float, float]) -> float:
    """Return the share of pixels with the hue of a colour."""
    color = np.array(rgb) / np.linalg.norm(rgb)
    cosines = image @ color / np.maximum(np.linalg.norm(image, axis=2), 1)
    return float(((cosines > 0.985) & (image.max(axis=2) - image.min(axis=2) > 40)).mean())


def test_ellipsoids_are_seen_in_the_organs_colours_when_asked_for(
    rendering: Any, described: Any, tmp_path: Path
) -> None:
    for box in (described.ui.show3DCheckBox, described.ui.showAxesCheckBox, described.ui.showCentroidsCheckBox):
        box.checked = False
    described.nodes().ellipsoids.GetDisplayNode().SetOpacity(1.0)
    assert share_like(picture(described, tmp_path / "without.png"), LIVER_RGB) < 0.001
    described.ui.showEllipsoidsCheckBox.checked = True
    assert share_like(picture(described, tmp_path / "with.png"), LIVER_RGB) > 0.01


class TestAxesWhoseDirectionCannotBeReliedOn:
    def test_are_faint_and_those_of_other_organs_are_not(self, described: Any) -> None:
        from TotalPassportSlicer.nodes.organs import FAINT

        opacities = vertices(described.nodes().axes, "Axis")[:, 3].reshape(3, -1)
        for organ, opacity in zip(described.passport().organs.values(), opacities, strict=True):
            assert ("unreliable_axes" in organ.checks) == (organ.name == "liver")
            assert set(opacity) == {round(255 * FAINT) if organ.name == "liver" else 255}
        described.click_organ("Liver")
        assert described.nodes().selected_axes[0].GetDisplayNode().GetOpacity() < 1
        described.click_organ("Spleen")
        assert described.nodes().selected_axes[0].GetDisplayNode().GetOpacity() == 1

    def test_are_seen_to_be_faint(self, rendering: Any, described: Any, tmp_path: Path) -> None:
        """The same axes once as they are and once as if they could be relied on: nothing else differs."""
        from TotalPassportSlicer.nodes import presentation

        for box in (described.ui.show3DCheckBox, described.ui.showCentroidsCheckBox):
            box.checked = False
        liver = described.passport().organs[5]
        node = described.nodes().axes
        picture(described, tmp_path / "first.png")  # the view comes to rest with it
        seen = []
        for checks in (liver.checks, ()):
            presentation.fill_axes(node, [replace(liver, checks=checks)])
            without = picture_without_axes(described, tmp_path / "without.png")
            seen.append(np.abs(picture(described, tmp_path / "axes.png") - without).sum())
        faint, strong = seen
        assert 0.1 * strong < faint < 0.6 * strong


def picture_without_axes(panel: Any, path: Path) -> np.ndarray:
    """Return the view with nothing in it but the view itself, seen from the same place."""
    panel.nodes().axes.GetDisplayNode().SetOpacity(0.0)
    image = picture(panel, path)
    panel.nodes().axes.GetDisplayNode().SetOpacity(1.0)
    return image
