"""Scans that cannot be used give a sentence in the window, with the scan's name and the next step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

SHAPES = {"one slice": (40, 36, 1), "3 x 3 x 3 voxels": (3, 3, 3), "two-dimensional": (40, 1, 36)}


def refused(panel: Any, voxels: np.ndarray) -> str:
    """Run on these voxels with the real child and return the sentence in the dialog."""
    panel.set_voxels(voxels)
    panel.use_real_child()
    panel.apply_and_wait()
    (shown,) = panel.error_dialogs()
    assert f"✖ {shown}" == panel.ui.statusLabel.text
    assert "Phantom" in shown
    assert "/" not in shown.split("Phantom")[0]  # not our temporary file
    assert panel.temporary_folders() == []
    assert panel.ui.applyButton.text == "Apply"
    return shown


@pytest.mark.parametrize("name", SHAPES)
def test_a_scan_that_is_too_small(ready: Any, demo_model: None, name: str) -> None:
    rng = np.random.default_rng(1)
    assert "small" in refused(ready, rng.normal(0, 300, SHAPES[name]).astype(np.int16))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_taken_for_air_with_a_warning(
    ready: Any, demo_model: None, value: float
) -> None:
    voxels = np.full((20, 20, 20), -1000, np.float32)
    voxels[3:9] = 40
    voxels[3, 4, 5] = value
    ready.set_voxels(voxels)
    ready.use_real_child()
    ready.apply()
    ready.wait()
    assert "1 voxels" in ready.ui.logText.toPlainText()
    assert "taken for air" in ready.ui.logText.toPlainText()


def test_a_scan_of_a_single_value(ready: Any, demo_model: None) -> None:
    assert "value" in refused(ready, np.zeros((20, 20, 20), np.int16))


def test_a_volume_without_voxels_cannot_be_chosen_for_a_run(panel: Any) -> None:
    import slicer

    empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Hollow")
    panel.parameters.inputVolume = empty
    assert not panel.ui.applyButton.enabled
    assert "Hollow" in panel.ui.reasonLabel.text


def test_an_mr_like_scan_is_run_with_a_warning(ready: Any, demo_model: None) -> None:
    rng = np.random.default_rng(1)
    ready.set_voxels(rng.integers(0, 255, (32, 32, 32)).astype(np.uint8))
    ready.use_real_child()
    ready.apply()
    ready.wait()
    assert "Hounsfield" in ready.ui.logText.toPlainText()


@pytest.mark.parametrize("direction", [(0, 0, 0), (0, 1, 0), (float("nan"), 0, 0)], ids=["none", "twice", "NaN"])
def test_a_volume_whose_axes_are_none_is_a_sentence(ready: Any, direction: tuple[float, float, float]) -> None:
    i, j, k = direction
    ready.phantom.SetIJKToRASDirections(i, 0, 0, j, 1, 0, k, 0, 1)
    ready.apply()
    ready.logic.waitForFinished(60)
    (sentence,) = ready.error_dialogs()
    assert sentence.startswith("The axes of the volume 'Phantom' do not span a space")
    assert "Internal error" not in sentence
