"""How sure the networks are, as a volume over the scan: on its exact grid, in colours, shown as long as one asks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

CONFIDENT_CHILD = """
import numpy as np
import nibabel
path = Path(job["output_folder"], "ct_confidence.nii.gz")
scan = nibabel.load(job["ct"])
percent = np.full(scan.shape, 97, np.uint8)
percent[0], percent[-1] = 40, 255
nibabel.save(type(scan)(percent, scan.affine), path)
"""


@pytest.fixture
def confident(ready: Any) -> Any:
    """The panel after a run that was asked how sure the networks are."""
    told = ready.phantom_child.replace(
        'emit(event="result",', f'{CONFIDENT_CHILD}\nemit(event="result", confidence=str(path),'
    )
    assert told != ready.phantom_child
    ready.use_child(told)
    ready.ui.confidenceCheckBox.click()
    ready.apply_and_wait()
    return ready


def overlays() -> set[str | None]:
    import slicer

    return {node.GetForegroundVolumeID() for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")}


def test_it_lies_on_the_scans_grid_with_a_colour_for_every_percent(confident: Any) -> None:
    import slicer

    node = confident.nodes().confidence
    percent = slicer.util.arrayFromVolume(node).transpose(2, 1, 0)
    assert (percent.dtype, percent[0, 0, 0], percent[1, 1, 1]) == (np.uint8, 40, 97)
    from TotalPassportSlicer.nodes.volumes import affine_of

    np.testing.assert_array_equal(affine_of(node), affine_of(confident.phantom))
    display = node.GetDisplayNode()
    assert (display.GetLowerThreshold(), display.GetUpperThreshold(), display.GetApplyThreshold()) == (0, 100, 1)
    table = display.GetColorNode()
    assert table.GetNumberOfColors() == 101
    unsure, sure = ([0.0] * 4, [0.0] * 4)
    table.GetColor(0, unsure)
    table.GetColor(100, sure)
    assert unsure[0] > unsure[1]
    assert sure[1] > sure[0]


def test_it_is_shown_and_hidden_with_the_box_and_is_one_node_however_often_one_runs(confident: Any) -> None:
    import slicer

    node = confident.nodes().confidence
    assert overlays() == {node.GetID()}
    confident.ui.confidenceCheckBox.click()
    assert overlays() == {None}
    confident.ui.confidenceCheckBox.click()
    confident.apply_and_wait()
    assert confident.nodes().confidence is node
    assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == 2
    tables = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLColorTableNode")]
    assert tables.count("TotalPassport confidence") == 1


def test_without_the_box_nothing_is_asked_for_or_made(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    assert ready.nodes().confidence is None
    assert overlays() == {None}
