"""The main job with the real child process and the real demo model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("demo_model")


@pytest.fixture
def real_ct(panel: Any, shared: Path) -> Any:
    """A real thorax and abdomen."""
    import slicer

    node = slicer.util.loadVolume(str(shared / "data" / "example_ct.nii.gz"))
    panel.widget.enter()
    panel.choose_scan(node)
    panel.use_real_child()
    return node


def test_apply_on_a_real_ct_ends_on_its_exact_grid_with_a_passport(panel: Any, real_ct: Any) -> None:
    panel.ui.show3DCheckBox.checked = False
    panel.apply_and_wait(600)
    nodes = panel.nodes()
    labels, affine = panel.exported_labels(nodes.segmentation)
    assert labels.shape == real_ct.GetImageData().GetDimensions()
    np.testing.assert_array_equal(affine, panel.affine(real_ct))
    passport = panel.passport()
    assert len(passport.organs) == len(panel.segment_names(nodes.segmentation)) >= 5
    assert passport.model["name"] == "demo"
    # What Slicer's Segment Statistics counts: the voxels of each segment times the product of the spacing.
    voxel_mm3 = float(np.prod(real_ct.GetSpacing()))
    for organ in passport.organs.values():
        assert organ.volume_mm3 == pytest.approx(np.count_nonzero(labels == organ.label) * voxel_mm3, rel=1e-6)
    shown_ml = dict(zip(panel.table_texts(0), panel.table_texts(2), strict=True))
    liver_ml = np.count_nonzero(labels == 5) * voxel_mm3 / 1000
    assert shown_ml["Liver"] == f"{liver_ml:.1f}"
    assert panel.error_dialogs() == []
    assert passport.findings[0].code == "unknown_scan", "a patient is no phantom, and every place says so"
    assert panel.ui.findingsLabel.text.startswith("✖ Model does not know this scan:")
    assert "model does not know this scan" in panel.ui.foundLabel.text
    assert set(panel.table_texts(1)) == {"✖"}
    table = nodes.table.GetTable()
    checks = [table.GetValueByName(row, "Checks").ToString() for row in range(table.GetNumberOfRows())]
    assert all(text.startswith("model does not know this scan") for text in checks)


def test_cancelling_in_the_middle_of_inference_leaves_nothing(panel: Any, real_ct: Any) -> None:
    panel.apply()
    panel.wait_until(lambda: "Finding organs" in panel.ui.statusLabel.text, 300)
    panel.apply()
    assert panel.wait(60).status.value == "cancelled"
    assert panel.temporary_folders() == []
    assert panel.child_processes() == {}
    assert panel.ui.applyButton.text == "Apply"


@pytest.mark.slow
def test_the_modules_own_tests_pass(panel: Any) -> None:
    panel.run_module_test()
    told = [shown.text for shown in panel.host.answers.take("delay")]
    assert len([text for text in told if text.startswith("Passed")]) > 10
    assert not [text for text in told if text.startswith("Skipped")]
