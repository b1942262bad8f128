"""The organ table tells what the checks found: of the scan above it, of each organ in its row."""

from __future__ import annotations

from typing import Any

import pytest


def describe(panel: Any, *names: str) -> None:
    """Make the passport of boxes that follow one another from the patient's left to the right."""
    panel.parameters.segmentationToDescribe = panel.add_boxes(dict.fromkeys(names, 1))
    panel.ui.describeButton.click()
    assert panel.wait().status.value == "done"


@pytest.fixture
def mirrored(panel: Any) -> Any:
    """The panel with a passport whose organs lie on the wrong sides."""
    describe(panel, "liver", "spleen", "kidney_left")
    return panel


def checks_cell(panel: Any, organ: str, role: Any) -> Any:
    """Return what the cell of an organ's checks has for a role."""
    return panel.ui.organTableView.model().index(panel.table_texts(0).index(organ), 6).data(role)


@pytest.mark.slow
def test_what_concerns_the_whole_scan_stands_above_the_table_in_red(mirrored: Any) -> None:
    from TotalPassportLib.passport.rules import rule_named

    label = mirrored.ui.findingsLabel
    assert not label.isHidden()
    assert label.text.startswith("Mirrored scan: 2 of 2 comparisons contradict anatomy")
    assert rule_named("mirrored").explanation in label.toolTip
    assert "rgb(204, 41, 41)" in label.styleSheet


@pytest.mark.slow
def test_the_label_goes_with_the_passport_that_it_was_about(mirrored: Any) -> None:
    wrong = mirrored.parameters.passport
    describe(mirrored, "kidney_left", "spleen", "liver")
    assert "Mirrored" not in mirrored.ui.findingsLabel.text
    mirrored.parameters.passport = wrong
    assert "Mirrored" in mirrored.ui.findingsLabel.text
    mirrored.parameters.passport = None
    assert mirrored.ui.findingsLabel.isHidden()


@pytest.mark.slow
def test_a_cell_has_the_colour_of_its_gravest_finding_and_the_sentences_of_all(mirrored: Any) -> None:
    import qt

    passport = mirrored.passport()
    concerning = [finding for finding in passport.findings if 5 in finding.labels]
    assert {finding.severity for finding in concerning} > {"error"}, "graver and lesser ones"
    color = checks_cell(mirrored, "Liver", qt.Qt.ForegroundRole)
    assert (color.red(), color.green(), color.blue()) == (204, 41, 41)
    tip = checks_cell(mirrored, "Liver", qt.Qt.ToolTipRole)
    for finding in concerning:
        assert finding.message in tip


@pytest.mark.slow
def test_sorting_by_the_checks_brings_the_gravest_to_the_top(panel: Any) -> None:
    import qt

    describe(panel, "kidney_right", "A mass", "kidney_left")  # the kidneys lie on the wrong sides
    assert panel.table_texts(0)[0] == "A mass"
    panel.ui.organTableView.sortByColumn(6, qt.Qt.AscendingOrder)
    assert panel.table_texts(0)[2] == "A mass"


@pytest.mark.slow
def test_searching_finds_organs_by_what_the_checks_say(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    ready.ui.searchLineEdit.text = "axes not distinct"
    assert ready.table_texts(0) == ["Liver"]
    ready.ui.searchLineEdit.text = ""


def test_a_passport_that_has_only_codes_is_coloured_by_the_rules(application: Any) -> None:
    from dataclasses import replace

    import numpy as np
    from TotalPassportLib.passport import Passport
    from TotalPassportLib.passport.organ import OrganPassport
    from TotalPassportSlicer.nodes.organs import organ_rows

    zeros = np.zeros((3, 3))
    organ = OrganPassport(
        label=1,
        name="spleen",
        voxel_count=9,
        volume_mm3=9.0,
        centroid_ras_mm=zeros[0],
        covariance_mm2=zeros,
        eigenvalues_mm2=zeros[0],
        eigenvectors=np.eye(3),
        boundary_points_ras_mm=zeros,
        touches_border=False,
    )
    for checks, severity in {("islands", "few_voxels"): "warning", ("of_tomorrow",): "", (): ""}.items():
        (row,) = organ_rows(Passport(organs={1: replace(organ, checks=checks)}, shape=(1, 1, 1), affine=np.eye(4)))
        assert row.severity == severity
