"""Before minutes are spent the panel says what speaks against running a scan as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

PLENTY = 10**14


@pytest.fixture
def scan(application: Any) -> Any:
    """Return a function that adds a scan of 40 x 40 x 40 voxels to the scene."""
    import slicer

    def add(spacing_mm: tuple[float, float, float] = (4.0, 4.0, 4.0), like_ct: bool = True) -> Any:
        rng = np.random.default_rng(0)
        voxels = rng.normal(40, 30, (40, 40, 40))
        voxels[:20] = -1000 if like_ct else 0
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Scan")
        slicer.util.updateVolumeFromArray(node, voxels.astype(np.int16))
        node.SetSpacing(*spacing_mm)
        return node

    return add


def told(node: Any, modality: str = "CT", memory: int | None = PLENTY, disk: int = PLENTY) -> str:
    """Return what is said of a scan, with so much memory and disk."""
    from TotalPassportSlicer.nodes.preflight import concerns

    return " ".join(concerns(node, modality, Path("/"), lambda: memory, lambda _folder: disk))


def test_nothing_is_said_of_a_scan_as_it_should_be(scan: Any) -> None:
    assert told(scan()) == ""


def test_values_of_another_modality_are_guessed_at_only_where_nothing_says_which(scan: Any) -> None:
    import slicer

    mr = scan(like_ct=False)
    assert "hardly Hounsfield units" in told(mr)
    assert told(mr, "MR") == ""
    assert "a task for CT may be meant" in told(scan(), "MR")
    assert told(mr, "") == "", "a model of no task may be for anything"
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    hierarchy.SetItemAttribute(hierarchy.GetItemByDataNode(mr), "DICOM.Modality", "CT")
    assert told(mr) == ""


def test_thick_slices_and_small_fields_are_told(scan: Any) -> None:
    assert "Its slices are 8.0 mm apart" in told(scan((4.0, 4.0, 8.0)))
    assert "It is 40 mm across" in told(scan((4.0, 4.0, 1.0)))


def test_too_little_memory_or_disk_is_told(scan: Any) -> None:
    assert "0.5 GB are free" in told(scan(), memory=5 * 10**8)
    assert told(scan(), memory=None) == ""
    assert "It needs about 0.0 GB in '/', where 0.0 GB are free." in told(scan(), disk=10**5)


def test_it_stands_above_apply_and_goes_with_the_scan(panel: Any, scan: Any) -> None:
    panel.choose_model("fast")
    panel.parameters.inputVolume = scan((4.0, 4.0, 8.0))
    assert "▲ Before you run: Its slices are 8.0 mm apart" in panel.ui.concernsLabel.text
    assert not panel.ui.concernsLabel.isHidden()
    panel.parameters.inputVolume = scan()
    assert panel.ui.concernsLabel.isHidden()
