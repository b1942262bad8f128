"""What is in the scene is also to be seen: pictures of the views, compared for their content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.pictures import pixels

SIZE = (400, 400)


def share_like(picture: np.ndarray, rgb: tuple[float, float, float]) -> float:
    """Return the share of pixels whose hue is that of a colour, however bright they are lit."""
    color = np.array(rgb) / np.linalg.norm(rgb)
    norms = np.linalg.norm(picture, axis=2)
    cosines = picture @ color / np.maximum(norms, 1)
    saturated = picture.max(axis=2) - picture.min(axis=2) > 40
    return float(((cosines > 0.985) & saturated).mean())


@pytest.fixture
def shown(rendering: Any, ready: Any) -> Any:
    """The panel after a run on the phantom, where pictures can be made."""
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    ready.ui.showAllOrgansCheckBox.checked = True
    return ready


def picture_3d(panel: Any, tmp_path: Path) -> np.ndarray:
    path = tmp_path / "view.png"
    panel.host.render_3d_view(path, SIZE, "anterior")
    return pixels(path)


@pytest.mark.slow
def test_axes_are_seen_in_red_green_and_blue_until_they_are_hidden(shown: Any, tmp_path: Path) -> None:
    from TotalPassportSlicer.nodes.organs import AXIS_COLORS

    shown.ui.show3DCheckBox.checked = False
    with_axes = picture_3d(shown, tmp_path)
    for color in AXIS_COLORS:
        assert share_like(with_axes, color) > 0.0005
    shown.ui.showAxesCheckBox.checked = False
    shown.ui.showCentroidsCheckBox.checked = False
    without = picture_3d(shown, tmp_path)
    assert share_like(without, AXIS_COLORS[0]) < share_like(with_axes, AXIS_COLORS[0]) / 4


@pytest.mark.slow
def test_organs_are_seen_in_their_colours(shown: Any, tmp_path: Path) -> None:
    shown.ui.showAxesCheckBox.checked = False
    shown.ui.showCentroidsCheckBox.checked = False
    shown.nodes().segmentation.GetDisplayNode().SetOpacity3D(1.0)
    organs = picture_3d(shown, tmp_path)
    assert share_like(organs, (221, 130, 101)) > 0.01  # the liver's
    shown.ui.show3DCheckBox.checked = False
    assert share_like(picture_3d(shown, tmp_path), (221, 130, 101)) < 0.001


@pytest.mark.slow
def test_a_slice_shows_the_scan_and_the_organ_that_was_clicked(shown: Any, tmp_path: Path) -> None:
    import slicer

    slicer.util.setSliceViewerLayers(background=shown.phantom)
    shown.click_organ("Liver")
    shown.nodes().segmentation.GetDisplayNode().SetOpacity2DFill(1.0)  # else the scan shines through
    path = tmp_path / "slice.png"
    shown.host.render_slice_view("Red", path, SIZE)
    picture = pixels(path)
    grey = (picture.max(axis=2) - picture.min(axis=2) < 12) & (picture.max(axis=2) > 20)
    assert grey.mean() > 0.1
    assert share_like(picture, (221, 130, 101)) > 0.01


@pytest.mark.slow
def test_the_panel_can_be_seen_and_is_not_blank(shown: Any, tmp_path: Path) -> None:
    path = tmp_path / "panel.png"
    shown.host.grab_widget(shown.widget.parent, path)
    picture = pixels(path)
    assert picture.std() > 10
    assert picture.shape[1] >= 300
