"""Pictures rendered off screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.pictures import pixels


def fraction_of(image: np.ndarray, is_color: Any) -> float:
    """The fraction of pixels whose (red, green, blue) fulfil a condition."""
    red, green, blue = np.moveaxis(image, -1, 0)
    return float(np.mean(is_color(red, green, blue)))


@pytest.fixture
def shown(rendering: Any, volume: Any) -> Any:
    """The box volume in the slice views, its bright part as a red segment, and one green point in its middle."""
    import slicer

    slicer.util.setSliceViewerLayers(background=volume)
    volume.GetDisplayNode().AutoWindowLevelOff()
    volume.GetDisplayNode().SetWindowLevelMinMax(-100, 300)  # the box light grey, its surroundings dark grey
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Box")
    node.CreateDefaultDisplayNodes()
    segment_id = node.GetSegmentation().AddEmptySegment("box", "Box", [1.0, 0.0, 0.0])
    voxels = (slicer.util.arrayFromVolume(volume) > 50).astype(np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, node, segment_id, volume)
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Centre")
    points.AddControlPoint([0.5, 0.5, -1.0], "middle")
    points.GetDisplayNode().SetSelectedColor(0.0, 1.0, 0.0)
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, 0.5, 0.5, -1.0)
    return node


def is_red(red: Any, green: Any, blue: Any) -> Any:
    return (red > green + 60) & (red > blue + 60)


def is_green(red: Any, green: Any, blue: Any) -> Any:
    return (green > red + 60) & (green > blue + 60)


def is_dark_grey(red: Any, green: Any, blue: Any) -> Any:
    return (abs(red - 64) < 20) & (abs(green - 64) < 20) & (abs(blue - 64) < 20)


@pytest.mark.parametrize("name", ["Red", "Yellow", "Green"])
@pytest.mark.slow
def test_a_slice_view_shows_volume_segment_and_point(rendering: Any, shown: Any, tmp_path: Path, name: str) -> None:
    rendering.render_slice_view(name, tmp_path / "slice.png", (300, 200))
    image = pixels(tmp_path / "slice.png")
    assert image.shape == (200, 300, 3)
    assert fraction_of(image, is_dark_grey) > 0.1
    assert fraction_of(image, is_red) > 0.03
    assert 0 < fraction_of(image, is_green) < 0.1


def test_translucent_segments_let_the_scan_shine_through_in_slices(rendering: Any, shown: Any, tmp_path: Path) -> None:
    for opacity in (1.0, 0.5):
        shown.GetDisplayNode().SetOpacity2DFill(opacity)
        rendering.render_slice_view("Red", tmp_path / f"{opacity}.png", (160, 120))
    opaque, translucent = (pixels(tmp_path / f"{opacity}.png").astype(float) for opacity in (1.0, 0.5))
    inside = is_red(*np.moveaxis(opaque, -1, 0)) & (np.abs(opaque - translucent).max(axis=2) > 10)
    assert inside.mean() > 0.02
    assert np.median(opaque[inside], axis=0).tolist() == [255, 0, 0]
    # Half of the red, and half of the light grey box; not of black.
    np.testing.assert_allclose(np.median(translucent[inside], axis=0), [191, 64, 64], atol=3)


def test_left_of_the_patient_is_right_in_the_picture(rendering: Any, volume: Any, tmp_path: Path) -> None:
    import slicer

    voxels = slicer.util.arrayFromVolume(volume)
    voxels[:] = 0
    voxels[:, :, 15:] = 100  # x grows to the left of the patient in this volume
    slicer.util.arrayFromVolumeModified(volume)
    volume.GetDisplayNode().SetAutoWindowLevel(False)
    volume.GetDisplayNode().SetWindowLevelMinMax(0, 100)
    slicer.util.setSliceViewerLayers(background=volume)
    rendering.render_slice_view("Red", tmp_path / "slice.png", (200, 200))
    image = pixels(tmp_path / "slice.png")
    assert image[:, 100:].mean() > image[:, :100].mean() + 20


def test_a_3d_view_shows_surfaces_on_the_usual_background(rendering: Any, shown: Any, tmp_path: Path) -> None:
    shown.CreateClosedSurfaceRepresentation()
    rendering.render_3d_view(tmp_path / "view.png", (320, 240))
    image = pixels(tmp_path / "view.png")
    assert image.shape == (240, 320, 3)
    assert fraction_of(image, is_red) > 0.02
    background = image[2, 2]
    assert background[2] > background[0] > 80  # bluish, and not black


def test_translucent_surfaces_let_through_what_is_behind(rendering: Any, shown: Any, tmp_path: Path) -> None:
    shown.CreateClosedSurfaceRepresentation()
    rendering.render_3d_view(tmp_path / "opaque.png", (160, 120))
    shown.GetDisplayNode().SetOpacity3D(0.4)
    rendering.render_3d_view(tmp_path / "translucent.png", (160, 120))
    opaque, translucent = (pixels(tmp_path / f"{name}.png") for name in ("opaque", "translucent"))
    covered = is_red(*np.moveaxis(opaque, -1, 0))
    red, _green, blue = translucent[covered].mean(axis=0)
    assert red > blue  # still red ...
    assert blue > opaque[covered].mean(axis=0)[2] + 40  # ... and the bluish background shines through


def test_the_camera_can_stand_anywhere(rendering: Any, shown: Any, tmp_path: Path) -> None:
    shown.CreateClosedSurfaceRepresentation()
    pictures = []
    for camera in ("anterior", "superior", ((0.0, 200.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 1.0))):
        rendering.render_3d_view(tmp_path / "view.png", (160, 120), camera)
        pictures.append(pixels(tmp_path / "view.png"))
    assert all(fraction_of(picture, is_red) > 0 for picture in pictures)
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])
    with pytest.raises(ValueError, match="no standpoint"):
        rendering.render_3d_view(tmp_path / "view.png", (160, 120), "above")


def test_hiding_in_3d_leaves_the_slices(rendering: Any, shown: Any, tmp_path: Path) -> None:
    shown.CreateClosedSurfaceRepresentation()
    shown.GetDisplayNode().SetVisibility3D(False)
    rendering.render_3d_view(tmp_path / "view.png", (160, 120))
    rendering.render_slice_view("Red", tmp_path / "slice.png", (160, 120))
    assert fraction_of(pixels(tmp_path / "view.png"), is_red) == 0
    assert fraction_of(pixels(tmp_path / "slice.png"), is_red) > 0.03


def test_views_are_made_afresh_after_a_reset(rendering: Any, shown: Any, tmp_path: Path) -> None:
    rendering.render_3d_view(tmp_path / "first.png", (160, 120))
    rendering.reset()
    rendering.render_3d_view(tmp_path / "second.png", (160, 120))
    assert fraction_of(pixels(tmp_path / "second.png"), is_green) == 0


def test_an_unknown_slice_view_is_an_error(rendering: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no slice view"):
        rendering.render_slice_view("Blue", tmp_path / "slice.png")


def test_a_panel_is_drawn_with_legible_text(slicer_host: Any, toy: Any, tmp_path: Path) -> None:
    from PySide6 import QtGui

    slicer_host.grab_widget(toy.parent, tmp_path / "panel.png")
    image = pixels(tmp_path / "panel.png")
    assert image.shape[1] >= 300
    assert fraction_of(image, lambda r, g, b: r + g + b < 150) > 0.002  # dark strokes of letters
    metrics = QtGui.QFontMetrics(toy.ui.runButton.font)
    assert metrics.horizontalAdvance("iiii") < metrics.horizontalAdvance("WWWW")  # a real font, not boxes
