"""Three and more scans of one patient: in the order of time, the biggest changes first, curves with the floor."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.cohorts import file_name, passport, write_passports

NUMBERS = (1, 7, 13)
"""Scans of one patient; the liver of the second is four times as large."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Their passports."""
    folder = tmp_path_factory.mktemp("passports")
    for number in NUMBERS:
        write_passports(folder, range(number, number + 1))
    return [folder / file_name(number) for number in NUMBERS]


def add_passport(path: Path, name: str, date: str = "", time: str = "") -> Any:
    """Add a passport to the scene, of a volume whose study has a date."""
    import slicer
    from TotalPassportSlicer.nodes.documents import store_passport
    from TotalPassportSlicer.nodes.scan_nodes import ScanNodes

    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    if date:
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        constants = slicer.vtkMRMLSubjectHierarchyConstants
        study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "Study")
        hierarchy.SetItemAttribute(study, constants.GetDICOMStudyDateAttributeName(), date)
        hierarchy.SetItemAttribute(study, constants.GetDICOMStudyTimeAttributeName(), time)
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), study)
    document = ScanNodes.for_source(volume).document
    store_passport(document, path)
    return document


@pytest.fixture
def followed(panel: Any, files: list[Path]) -> Any:
    """The panel with the section open and three passports of dated scans, the latest first."""
    panel.ui.compareCollapsibleButton.collapsed = False
    dates = ("20240305", "20240405", "20240405")
    times = ("", "101500", "093000")
    places = zip(files, "ABC", dates, times, strict=True)
    panel.documents = [add_passport(*each) for each in reversed(list(places))]
    panel.widget.onNodesChanged(None, None)
    return panel


def scans(panel: Any) -> list[tuple[str, ...]]:
    """Return the rows of the list of scans."""
    view = panel.ui.followedScansTableView
    return list(zip(panel._column(view, 0), panel._column(view, 1), strict=True))


def trends(panel: Any, column: int = 0) -> list[str]:
    """Return a column of the table of organs."""
    return panel._column(panel.ui.trendsTableView, column)


def shown_charts() -> list[Any]:
    """Return the plot charts of the scene."""
    import slicer

    return slicer.util.getNodesByClass("vtkMRMLPlotChartNode")


def series_of(chart: Any) -> list[Any]:
    """Return the series of a chart."""
    return [chart.GetNthPlotSeriesNode(index) for index in range(chart.GetNumberOfPlotSeriesNodes())]


def test_it_is_there_from_three_passports_on(panel: Any, files: list[Path]) -> None:
    panel.ui.compareCollapsibleButton.collapsed = False
    widgets = (panel.ui.followUpLabel, panel.ui.followedScansTableView, panel.ui.followUpButton)
    for path, name in zip(files[:2], "AB", strict=True):
        add_passport(path, name)
    assert all(widget.isHidden() for widget in widgets)
    add_passport(files[2], "C")
    assert not any(widget.isHidden() for widget in widgets)
    assert panel.ui.trendsTableView.isHidden()
    panel.ui.compareCollapsibleButton.collapsed = True
    panel.ui.compareCollapsibleButton.collapsed = False
    assert panel.ui.trendsTableView.isHidden(), "a section that opens shows nothing empty"


def test_scans_stand_in_the_order_of_their_dates_and_times(followed: Any) -> None:
    assert scans(followed) == [("A", "2024-03-05"), ("C", "2024-04-05"), ("B", "2024-04-05")]
    assert followed.ui.earlierButton.isHidden(), "nothing is left to order"


def test_organs_come_by_their_biggest_changes_and_tell_what_the_grid_may_do(followed: Any) -> None:
    import qt

    followed.ui.followUpButton.click()
    assert trends(followed)[0] == "Liver"
    liver = [passport(number).organs[5].volume_mm3 for number in (1, 13, 7)]
    changes = [100 * (volume / liver[0] - 1) for volume in liver]
    assert trends(followed, 1)[0] == f"{max(changes, key=abs):+.1f} %"
    assert trends(followed, 3)[0] == f"{changes[-1]:+.1f} %"
    assert trends(followed, 2)[0] == "volume"
    assert trends(followed, 4)[0].endswith(" %")
    index = followed.ui.trendsTableView.model().index(0, 1)
    assert index.data(qt.Qt.ToolTipRole) == "In B"


def test_the_table_node_has_every_organ_in_every_scan(followed: Any) -> None:
    import slicer

    followed.ui.followUpButton.click()
    table = followed.widget.followUp._followed.table
    assert table.GetName() == "Follow-up of 3 scans"
    assert table.GetNumberOfRows() == 12
    values = table.GetTable()
    assert [values.GetValueByName(row, "Scan").ToString() for row in range(3)] == ["A", "C", "B"]
    days = [values.GetValueByName(row, "Days after the first").ToDouble() for row in range(3)]
    assert days == pytest.approx([0, 31 + 9.5 / 24, 31 + 10.25 / 24])
    assert values.GetValueByName(2, "Changed").ToString() == "yes"
    assert np.isnan(values.GetValueByName(0, "Volume change (%)").ToDouble())
    followed.ui.followUpButton.click()
    tables = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLTableNode")]
    assert tables.count("Follow-up of 3 scans") == 1, "the same scans have one table"


def test_a_curve_has_the_floor_around_it(followed: Any) -> None:
    import slicer

    followed.ui.followUpButton.click()
    followed._click_row(followed.ui.trendsTableView, 0)
    followed.ui.volumeCurvesButton.click()
    volumes, units = shown_charts()
    selection = slicer.app.applicationLogic().GetSelectionNode()
    assert selection.GetActivePlotChartID() == volumes.GetID()
    curve, lowest, highest = series_of(volumes)
    assert [each.GetYColumnName() for each in (curve, lowest, highest)] == ["Liver", "Liver, lowest", "Liver, highest"]
    assert curve.GetLineStyle() == curve.LineStyleSolid
    assert lowest.GetLineStyle() == highest.GetLineStyle() == curve.LineStyleDash
    assert volumes.GetYAxisTitle().startswith("Volume (ml")
    table = curve.GetTableNode().GetTable()
    points = followed.widget.followUp._followed.organs["liver"]
    for row, point in enumerate(points):
        low, middle, high = (
            table.GetValueByName(row, name).ToDouble() for name in ("Liver, lowest", "Liver", "Liver, highest")
        )
        assert middle == pytest.approx(point.measured.volume_ml)
        assert (middle - low, high - middle) == pytest.approx((point.volume_error_ml, point.volume_error_ml))
    followed.ui.unitCurvesButton.click()
    assert selection.GetActivePlotChartID() == units.GetID()
    (mean,) = series_of(units)
    means = [mean.GetTableNode().GetTable().GetValueByName(row, "Liver, mean HU").ToDouble() for row in range(3)]
    assert means == pytest.approx([51, 63, 57])


def test_several_curves_are_in_per_cent_and_nodes_are_used_again(followed: Any) -> None:
    followed.ui.followUpButton.click()
    followed.ui.volumeCurvesButton.click()
    volumes, _units = shown_charts()
    assert len(series_of(volumes)) == 3 * 4, "without a choice, what has changed most"
    assert volumes.GetYAxisTitle().startswith("Volume (%")
    table = series_of(volumes)[0].GetTableNode().GetTable()
    assert table.GetValueByName(0, "Liver").ToDouble() == pytest.approx(100)
    count = followed.count("vtkMRMLPlotSeriesNode")
    followed._click_row(followed.ui.trendsTableView, 1)
    followed.ui.volumeCurvesButton.click()
    assert len(series_of(volumes)) == 3
    assert followed.count("vtkMRMLPlotSeriesNode") == count
    assert len(shown_charts()) == 2


def test_organs_without_hounsfield_units_have_no_curve_of_them_and_that_is_a_sentence(
    followed: Any, tmp_path: Path
) -> None:
    from TotalPassportLib.passport import write_passport
    from TotalPassportSlicer.nodes.documents import store_passport

    for number, document in zip(NUMBERS, followed.documents, strict=True):
        whole = passport(number)
        cut = {**whole.organs, 5: replace(whole.organs[5], touches_border=True)}
        write_passport(replace(whole, organs=cut), tmp_path / "cut.json")
        store_passport(document, tmp_path / "cut.json")
    followed.ui.followUpButton.click()
    liver = trends(followed).index("Liver")
    for chosen_before in (None, 1 - min(liver, 1)):
        if chosen_before is not None:  # a chart of an earlier click is no answer
            followed._click_row(followed.ui.trendsTableView, chosen_before)
            followed.ui.unitCurvesButton.click()
        followed._click_row(followed.ui.trendsTableView, liver)
        followed.ui.unitCurvesButton.click()
        assert "has mean Hounsfield units" in followed.ui.statusLabel.text
        assert followed.error_dialogs()[-1] == followed.ui.statusLabel.text.removeprefix("✖ ")


def test_organs_selected_in_the_organ_table_have_the_curves(followed: Any) -> None:
    followed.parameters.passport = followed.documents[0]
    followed.click_organ("Spleen")
    followed.ui.followUpButton.click()
    followed.ui.volumeCurvesButton.click()
    assert series_of(shown_charts()[0])[0].GetYColumnName() == "Spleen"


def test_without_dates_the_user_puts_them_in_order(panel: Any, files: list[Path]) -> None:
    panel.ui.compareCollapsibleButton.collapsed = False
    for path, name in zip(files, "ABC", strict=True):
        add_passport(path, name)
    panel.widget.onNodesChanged(None, None)
    assert scans(panel) == [("A", ""), ("B", ""), ("C", "")]
    panel._click_row(panel.ui.followedScansTableView, 2)
    panel.ui.earlierButton.click()
    panel.ui.earlierButton.click()
    panel.ui.earlierButton.click()
    assert [row[0] for row in scans(panel)] == ["C", "A", "B"]
    panel.ui.followUpButton.click()
    followed = panel.widget.followUp._followed
    assert followed.scans == ["C", "A", "B"]
    assert followed.axis.title == "Scan number"
    panel.ui.laterButton.click()
    assert panel.ui.trendsTableView.isHidden(), "another order is another follow-up"


def test_unchecked_scans_are_left_out(followed: Any) -> None:
    import qt

    model = followed.ui.followedScansTableView.model()
    assert model.setData(model.index(0, 0), qt.Qt.Unchecked.value, qt.Qt.CheckStateRole)
    assert not followed.ui.followUpButton.enabled
    assert "at least three" in followed.ui.followUpButton.toolTip


def test_the_file_has_dates_and_the_columns_of_the_command_line(followed: Any, tmp_path: Path) -> None:
    from TotalPassportLib.comparison.over_time import COLUMNS

    followed.ui.followUpButton.click()
    followed.answer_save_dialog(str(tmp_path / "follow up.csv"))
    followed.ui.exportFollowUpButton.click()
    rows = list(csv.DictReader(io.StringIO((tmp_path / "follow up.csv").read_text(encoding="utf-8"))))
    assert tuple(rows[0]) == COLUMNS
    assert [row["date"] for row in rows[:3]] == ["2024-03-05", "2024-04-05", "2024-04-05"]
    assert rows[0]["organ"] == "liver"


def test_a_closed_scene_leaves_nothing(followed: Any) -> None:
    import slicer

    followed.ui.followUpButton.click()
    slicer.mrmlScene.Clear()
    assert scans(followed) == trends(followed) == []
    assert followed.ui.followUpButton.isHidden()


def test_scripts_follow_nodes_and_files(panel: Any, files: list[Path]) -> None:
    from TotalPassportLib.base.errors import BadInput

    of_files = panel.logic.followUp(files)
    assert of_files.scans == [path.stem.removesuffix("_passport") for path in files]
    assert next(iter(of_files.organs)) == "liver"
    with pytest.raises(BadInput, match="two scans"):
        panel.logic.followUp(files[:1])
    import slicer

    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty")
    with pytest.raises(BadInput, match="'Empty' has no passport"):
        panel.logic.followUp([volume, volume])
    with pytest.raises(BadInput, match="Choose others"):
        of_files.plot(["no organ"])
