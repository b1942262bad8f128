"""Two scans compared in the panel: a table, nodes, a plot and a file."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.pairs import run, two_scans


@pytest.fixture
def compared(ready: Any) -> Any:
    """The panel after comparing the phantom with a second scan of it, moved, whose liver has lost two slices."""
    ready.pair = two_scans(ready, shrink=True)
    ready.choose_pair(*ready.pair)
    ready.ui.compareButton.click()
    return ready


def table_of(panel: Any) -> Any:
    """Return the table node of the comparison."""
    from TotalPassportSlicer.nodes.comparison_nodes import find_table

    return find_table(*panel.pair)


def cell(panel: Any, organ: str, column: int, role: Any) -> Any:
    """Return what a cell of the table of changes has for a role."""
    row = panel.change_texts(0).index(organ)
    return panel.ui.changesTableView.model().index(row, column).data(role)


def titles_of(panel: Any) -> list[str]:
    """Return the titles of the table of changes."""
    import qt

    model = panel.ui.changesTableView.model()
    return [model.headerData(section, qt.Qt.Horizontal) for section in range(model.columnCount())]


def test_what_has_changed_is_named_and_marked_and_the_rest_is_not(compared: Any) -> None:
    import qt

    assert compared.change_texts(0) == ["Right kidney", "Liver", "Spleen"], "by name, sides apart"
    assert compared.change_texts(1) == ["+0.0 %", "-18.2 %", "+0.0 %"]
    changed = dict(zip(compared.change_texts(0), compared.change_texts(2), strict=True))
    assert changed["Liver"] == "volume, shape", "a slice is less than the grid may move it"
    assert changed["Right kidney"] == ""
    assert changed["Spleen"] == "voxels too coarse to tell", "it is four slices thick"
    assert cell(compared, "Liver", 0, qt.Qt.BackgroundRole) is not None
    assert cell(compared, "Spleen", 0, qt.Qt.BackgroundRole) is None
    assert cell(compared, "Liver", 1, qt.Qt.ForegroundRole) is not None
    assert cell(compared, "Spleen", 1, qt.Qt.ForegroundRole) is None
    assert "alone may change it by 13 %" in cell(compared, "Liver", 1, qt.Qt.ToolTipRole)
    assert compared.ui.comparisonLabel.text.startswith("1 of 3 organs differ")


def test_name_change_and_reason_are_seen_without_scrolling(compared: Any) -> None:
    import qt

    model = compared.ui.changesTableView.model()
    assert titles_of(compared)[:3] == ["Organ", "Volume", "Changed"]
    assert "why nothing can be said" in model.headerData(2, qt.Qt.Horizontal, qt.Qt.ToolTipRole)


def test_left_and_right_of_a_pair_stand_together_and_what_neither_scan_has_takes_no_column(compared: Any) -> None:
    from TotalPassportLib.comparison.changes import compare
    from TotalPassportSlicer.nodes.comparison_nodes import change_columns

    assert titles_of(compared) == ["Organ", "Volume", "Changed", "Moved", "Shape", "First ml", "Second ml"], (
        "no HU without a CT"
    )
    key = next(column.sort_key for column in change_columns() if column.title == "Organ")
    passport = compared.logic.passportOf(compared.pair[0])
    organ = replace(passport.organs[1], name="kidney_left", label=3)
    pair = replace(passport, organs={1: passport.organs[1], 2: passport.organs[2], 3: organ})
    names = [change.first.name for change in sorted(compare(pair, pair).organs, key=key)]
    assert names == ["kidney_left", "kidney_right", "spleen"]


def opacities(panel: Any, passport: Any) -> dict[str, float]:
    """Return how opaque each segment of a scan is in 3D."""
    from TotalPassportSlicer.nodes.scan_nodes import ScanNodes

    node = ScanNodes(passport).segmentation
    return {name: node.GetDisplayNode().GetSegmentOpacity3D(name) for name in node.GetSegmentation().GetSegmentIDs()}


def test_a_click_on_a_row_goes_to_the_organ_and_lets_it_stand_out_in_both_scans(compared: Any) -> None:
    import slicer

    compared.click_change("Right kidney")
    centre = compared.logic.passportOf(compared.pair[0]).organs[2].centroid_ras_mm
    for position in compared.slice_positions():
        np.testing.assert_allclose(position, centre, atol=1e-6)
    camera = slicer.app.layoutManager().threeDWidget(0).threeDView().cameraNode()
    np.testing.assert_allclose(camera.GetFocalPoint(), centre, atol=1e-6)
    for passport in compared.pair:
        assert opacities(compared, passport) == {"spleen": 0.3, "kidney_right": 1.0, "liver": 0.3}


@pytest.mark.slow
def test_a_double_click_on_a_row_shows_the_organ_of_both_scans_from_near_in_3d(compared: Any) -> None:
    import slicer
    from TotalPassportSlicer.nodes.scan_nodes import ScanNodes

    displays = [ScanNodes(passport).segmentation.GetDisplayNode() for passport in compared.pair]
    for display in displays:
        display.SetVisibility3D(False)
        display.SetSegmentVisibility("spleen", False)
    compared.open_change("Spleen")
    for display in displays:
        assert display.GetVisibility3D()
        assert display.GetSegmentVisibility("spleen")
    camera = slicer.app.layoutManager().threeDWidget(0).threeDView().cameraNode()
    distance = np.linalg.norm(np.subtract(camera.GetPosition(), camera.GetFocalPoint()))
    organ = compared.logic.passportOf(compared.pair[0]).organs[1]
    assert distance == pytest.approx(max(5 * organ.semi_axes_mm[2], 60))
    assert compared.ui.show3DCheckBox.checked


def test_positions_are_compared_as_if_the_scans_lay_on_one_another(compared: Any) -> None:
    moved_mm = [float(text.removesuffix(" mm")) for text in compared.change_texts(3)]
    assert max(moved_mm) < 4.0, "the second scan lies 100 mm off"


def test_columns_are_sorted_by_numbers(compared: Any) -> None:
    import qt

    for column in (1, 3, 6):
        compared.ui.changesTableView.sortByColumn(column, qt.Qt.AscendingOrder)
        numbers = [float(text.split()[0]) for text in compared.change_texts(column)]
        assert numbers == sorted(numbers)
    compared.ui.changesTableView.sortByColumn(2, qt.Qt.AscendingOrder)
    assert compared.change_texts(0)[0] == "Liver"


def test_the_table_node_has_all_numbers_with_units(compared: Any) -> None:
    table = table_of(compared).GetTable()
    first, second = (compared.logic.passportOf(node).organs for node in compared.pair)
    for row, label in enumerate((1, 2, 5)):
        value = {name: table.GetValueByName(row, name) for name in ("Label", "Volume change (%)", "Moved (mm)")}
        assert value["Label"].ToInt() == label
        change = 100 * (second[label].volume_mm3 / first[label].volume_mm3 - 1)
        assert value["Volume change (%)"].ToDouble() == pytest.approx(change)
    assert table.GetValueByName(2, "Volume, first (ml)").ToDouble() == pytest.approx(first[5].volume_mm3 / 1000)
    assert table.GetValueByName(2, "Changed").ToString() == "volume, shape"
    assert np.isfinite(table.GetValueByName(2, "Volume floor (%)").ToDouble())
    assert table_of(compared).GetName() == "Second passport against Phantom passport"


def test_hounsfield_units_are_compared_where_both_passports_have_them(ready: Any) -> None:
    ready.phantom_child = ready.phantom_child.replace('"total")', '"total", ct=job["ct"])')
    first = run(ready, ready.phantom)
    second_volume = ready.add_phantom("Second")
    voxels = slicer_voxels(second_volume)
    voxels[voxels == 300] = 340
    ready.phantom_child = ready.phantom_child.replace("hu == 300", "hu == 340")
    second = run(ready, second_volume)
    ready.choose_pair(first, second)
    ready.ui.compareButton.click()
    assert ready.change_texts(5) == ["+0.0", "+40.0", "+0.0"]
    ready.pair = first, second
    assert table_of(ready).GetTable().GetValueByName(2, "Change of mean (HU)").ToDouble() == pytest.approx(40)


def slicer_voxels(node: Any) -> np.ndarray:
    """Return a volume's voxels; writing to them changes the volume."""
    import slicer

    return slicer.util.arrayFromVolume(node)


def test_the_plot_shows_each_organs_change_and_what_the_grid_may_do(compared: Any) -> None:
    import slicer

    (chart,) = slicer.util.getNodesByClass("vtkMRMLPlotChartNode")
    series = [chart.GetNthPlotSeriesNode(index) for index in range(chart.GetNumberOfPlotSeriesNodes())]
    assert [node.GetYColumnName() for node in series] == [
        "Volume change (%)",
        "Volume floor (%)",
        "Volume floor, downwards (%)",
    ]
    table = table_of(compared).GetTable()
    for node in series:
        assert node.GetTableNode() is table_of(compared)
        assert table.GetColumnByName(node.GetYColumnName()) is not None
        assert table.GetColumnByName(node.GetLabelColumnName()) is not None
    compared.ui.plotButton.click()
    selection = slicer.app.applicationLogic().GetSelectionNode()
    assert selection.GetActivePlotChartID() == chart.GetID()


def test_comparing_again_replaces_the_nodes_and_another_pair_has_its_own(compared: Any) -> None:
    names = compared.node_names()
    compared.ui.compareButton.click()
    assert compared.node_names() == names
    assert compared.count("vtkMRMLPlotSeriesNode") == 3
    compared.choose_pair(*compared.pair[::-1])
    assert compared.change_texts(0) == []
    compared.ui.compareButton.click()
    assert compared.change_texts(1) == ["+0.0 %", "+22.2 %", "+0.0 %"]
    assert compared.count("vtkMRMLPlotChartNode") == 2


def test_the_csv_file_is_the_one_that_the_command_line_writes(compared: Any, tmp_path: Path) -> None:
    from TotalPassportLib.cli.main import main

    for name, node in zip(("a.json", "b.json"), compared.pair, strict=True):
        compared.logic.exportPassport(node, tmp_path / name)
    assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "b.json"), "--csv", str(tmp_path / "c.csv")]) == 0
    compared.answer_save_dialog(str(tmp_path / "panel.csv"))
    compared.ui.exportChangesButton.click()
    text = (tmp_path / "panel.csv").read_text(encoding="utf-8")
    assert text == (tmp_path / "c.csv").read_text(encoding="utf-8")
    assert [row["name"] for row in csv.DictReader(io.StringIO(text))] == ["spleen", "kidney_right", "liver"]


def test_an_export_that_cannot_be_written_says_why(compared: Any, tmp_path: Path) -> None:
    compared.answer_save_dialog(str(tmp_path / "missing" / "changes.csv"))
    compared.ui.exportChangesButton.click()
    (sentence,) = compared.error_dialogs()
    assert "changes.csv" in sentence or "missing" in sentence


def test_changing_ones_mind_in_the_save_dialog_does_nothing(compared: Any) -> None:
    compared.answer_save_dialog("")
    compared.ui.exportChangesButton.click()
    assert compared.error_dialogs() == []


def test_organs_that_only_one_scan_has_are_told(ready: Any) -> None:
    first = run(ready, ready.phantom)
    second_volume = ready.add_phantom("Second")
    ready.phantom_child = ready.phantom_child.replace("hu == 300", "hu == -1")
    second = run(ready, second_volume)
    ready.choose_pair(first, second)
    ready.ui.compareButton.click()
    text = ready.ui.comparisonLabel.text
    assert "Only in the first scan: Liver." in text
    assert "Positions were not compared." in text
    assert titles_of(ready) == ["Organ", "Volume", "Changed", "Shape", "First ml", "Second ml"]


def test_passports_without_a_common_organ_are_a_sentence(ready: Any) -> None:
    first = run(ready, ready.phantom)
    ready.use_real_child()
    ready.parameters.segmentationToDescribe = ready.add_boxes({"Tumour": 1})
    ready.ui.describeButton.click()
    ready.wait()
    ready.choose_pair(first, ready.parameters.passport)
    ready.ui.compareButton.click()
    (sentence,) = ready.error_dialogs()
    assert "no organ in common" in sentence
    assert ready.change_texts(0) == []
    assert not ready.ui.exportChangesButton.enabled


def test_a_new_run_forgets_the_comparison_that_it_may_have_made_untrue(compared: Any) -> None:
    from TotalPassportSlicer.nodes.scan_nodes import ScanNodes

    run(compared, ScanNodes(compared.pair[1]).source)
    assert compared.change_texts(0) == []
    assert "Click Compare first" in compared.ui.exportChangesButton.toolTip


def test_a_closed_scene_leaves_nothing_in_the_section(compared: Any) -> None:
    import slicer

    slicer.mrmlScene.Clear()
    assert compared.change_texts(0) == []
    assert compared.ui.comparisonLabel.text == ""
    assert not compared.ui.compareButton.enabled
    assert not compared.ui.plotButton.enabled
