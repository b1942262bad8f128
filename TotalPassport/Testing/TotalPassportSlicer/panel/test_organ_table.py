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
    return panel.ui.organTableView.model().index(panel.table_texts(0).index(organ), 1).data(role)


@pytest.mark.slow
def test_what_concerns_the_whole_scan_stands_above_the_table_in_red(mirrored: Any) -> None:
    from TotalPassportLib.passport.rules import rule_named

    label = mirrored.ui.findingsLabel
    assert not label.isHidden()
    assert label.text.startswith("✖ Mirrored scan: 2 of 2 comparisons contradict anatomy")
    assert rule_named("mirrored").explanation in label.toolTip
    assert "rgb(204, 41, 41)" in label.styleSheet


@pytest.mark.slow
def test_below_the_end_of_a_run_stands_what_was_found_in_its_colour(mirrored: Any) -> None:
    assert mirrored.ui.statusLabel.text.startswith("✔ Finished")
    assert not mirrored.ui.foundLabel.isHidden()
    assert mirrored.ui.foundLabel.text.startswith("✖ The checks found 1 error (mirrored scan)")
    assert "rgb(204, 41, 41)" in mirrored.ui.foundLabel.styleSheet
    assert mirrored.ui.foundLabel.text.removeprefix("✖ ") in mirrored.ui.logText.toPlainText()
    mirrored.parameters.passport = None
    assert mirrored.ui.foundLabel.isHidden()


@pytest.mark.slow
def test_success_warnings_and_failure_look_different(ready: Any) -> None:
    def look(label: Any) -> tuple[str, str]:
        return label.text[:2], label.styleSheet

    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    found, succeeded = look(ready.ui.foundLabel), look(ready.ui.statusLabel)
    ready.use_child('raise RuntimeError("no luck")')
    ready.apply_and_wait()
    ready.error_dialogs()
    failed = look(ready.ui.statusLabel)
    assert ready.ui.foundLabel.isHidden(), "what an earlier run found is not what this one did"
    assert [sign for sign, _color in (found, succeeded, failed)] == ["▲ ", "✔ ", "✖ "], "also without colours"
    assert len({color for _sign, color in (found, succeeded, failed, ("", ""))}) == 4
    ready.parameters.inputVolume = None
    assert look(ready.ui.reasonLabel) == found


def test_errors_and_warnings_are_counted_and_their_commonest_kinds_named(application: Any) -> None:
    import numpy as np
    from TotalPassportLib.passport import Passport
    from TotalPassportLib.passport.rules import Finding
    from TotalPassportSlicer.nodes.organs import found_by_checks

    def found(*findings: tuple[str, str]) -> Any:
        listed = tuple(Finding(code=code, severity=severity, labels=(), message="") for code, severity in findings)
        return found_by_checks(Passport(organs={}, shape=(1, 1, 1), affine=np.eye(4), findings=listed))

    islands, note = ("islands", "warning"), ("touches_border", "note")
    both = found(("mirrored", "error"), islands, islands, ("rib_spacing", "warning"), note)
    assert both.text == "The checks found 1 error (mirrored scan), 3 warnings (in pieces, uneven ribs)."
    assert both.mark.sign == "✖"
    assert found(islands).text == "The checks found 1 warning (in pieces)."
    assert found(islands).mark.sign == "▲"
    assert found(note) == found()
    assert found().mark.sign == "✔"


@pytest.mark.slow
def test_the_checks_stand_beside_the_name_as_a_sign_and_titles_say_what_they_mean(mirrored: Any) -> None:
    import qt

    model = mirrored.ui.organTableView.model()
    titles = [model.headerData(section, qt.Qt.Horizontal) for section in range(model.columnCount())]
    assert titles[:3] == ["Organ", "!", "ml"]
    assert set(mirrored.table_texts(1)) == {"✖"}
    assert "millilitres" in model.headerData(2, qt.Qt.Horizontal, qt.Qt.ToolTipRole)
    view = mirrored.ui.organTableView
    assert view.columnViewportPosition(2) < 300, "seen without scrolling"


def test_every_column_of_every_table_says_what_it_means(application: Any) -> None:
    from TotalPassportSlicer.nodes.comparison_nodes import change_columns
    from TotalPassportSlicer.nodes.organs import organ_columns

    for columns in (organ_columns(), change_columns()):
        assert [column.title for column in columns if column.title and not column.meaning] == []


def test_confidence_has_a_column_where_a_run_has_measured_it_and_none_where_not(application: Any) -> None:
    import qt
    from TotalPassportSlicer.nodes.organs import organ_columns, organ_rows
    from TotalPassportSlicer.panel.table_view import TableView

    table = TableView(qt.QTableView(), organ_columns())
    for confidence, titles in ((None, ["ml", "R"]), (0.934, ["ml", "Sure"])):
        table.fill(organ_rows(passport_of_one(confidence=confidence)))
        model = table.view.model()
        shown = [model.headerData(section, qt.Qt.Horizontal) for section in range(model.columnCount())]
        assert shown[2:4] == titles
    assert model.index(0, 3).data() == "93 %"
    assert table.as_text().splitlines()[1].split("\t")[3] == "93 %"


@pytest.mark.slow
def test_left_and_right_of_a_pair_stand_together(panel: Any) -> None:
    from TotalPassportSlicer.nodes.organs import sort_name

    describe(panel, "kidney_left", "liver", "kidney_right")
    assert panel.table_texts(0) == ["Left kidney", "Right kidney", "Liver"]
    assert sorted(["Left rib 10", "Right rib 2", "Left rib 2"], key=sort_name)[:2] == ["Left rib 2", "Right rib 2"]


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
    panel.ui.organTableView.sortByColumn(1, qt.Qt.AscendingOrder)
    assert panel.table_texts(0)[2] == "A mass"


@pytest.mark.slow
def test_searching_finds_organs_by_what_the_checks_say(ready: Any) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    ready.ui.searchLineEdit.text = "axes not distinct"
    assert ready.table_texts(0) == ["Liver"]
    ready.ui.searchLineEdit.text = ""


def passport_of_one(**values: Any) -> Any:
    """Return a passport of a spleen with these values."""
    from dataclasses import replace

    import numpy as np
    from TotalPassportLib.passport import Passport
    from TotalPassportLib.passport.organ import OrganPassport

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
    return Passport(organs={1: replace(organ, **values)}, shape=(1, 1, 1), affine=np.eye(4))


def test_a_passport_that_has_only_codes_is_coloured_by_the_rules(application: Any) -> None:
    from TotalPassportSlicer.nodes.organs import organ_rows

    for checks, severity in {("islands", "few_voxels"): "warning", ("of_tomorrow",): "", (): ""}.items():
        (row,) = organ_rows(passport_of_one(checks=checks))
        assert row.severity == severity
