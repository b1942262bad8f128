"""Names are names: nothing that the user called a scan is read as HTML, wherever it is shown."""

from __future__ import annotations

import html
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

NAME = "<img src='x'> & <b>CT</b>"
ESCAPED = "&lt;img src='x'&gt; &amp; &lt;b&gt;CT&lt;/b&gt;"
TABLES = ("setupLabel",)
"""Labels of several columns, which the module writes as HTML."""
UI_FILE = Path(__file__).parents[3] / "Resources" / "UI" / "TotalPassport.ui"


def labels_without_a_text_of_their_own() -> list[str]:
    """Return the labels that the module fills."""
    labels = [element for element in ElementTree.parse(UI_FILE).iter("widget") if element.get("class") == "QLabel"]
    return [
        str(label.get("name"))
        for label in labels
        if label.get("name") not in TABLES and not any(item.get("name") == "text" for item in label.findall("property"))
    ]


@pytest.fixture
def named(panel: Any) -> Any:
    """The panel with a scan of such a name, which has no voxels."""
    import slicer

    panel.parameters.inputVolume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", NAME)
    return panel


@pytest.mark.parametrize("name", labels_without_a_text_of_their_own())
@pytest.mark.slow
def test_labels_show_what_they_are_given(panel: Any, name: str) -> None:
    import qt

    assert getattr(panel.ui, name).textFormat == qt.Qt.PlainText


def test_a_model_names_itself_as_text_in_the_table_of_parts(panel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    named = SimpleNamespace(title=NAME, installed=True, known_scans=())
    monkeypatch.setattr(panel.widget.models.models, "entries", (named,))
    panel.widget.parts.refresh()
    assert html.escape(NAME) in panel.ui.setupLabel.text
    assert NAME not in panel.ui.setupLabel.text


def test_a_reason_names_the_scan_in_the_label_and_in_the_tooltip(named: Any) -> None:
    assert f"'{NAME}' has no voxels" in named.ui.reasonLabel.text
    assert ESCAPED in named.ui.applyButton.toolTip


def test_a_failure_names_it_in_the_status_and_in_the_dialog(named: Any) -> None:
    named.parameters.segmentationToDescribe = named.add_boxes({"liver": 1})
    named.parameters.segmentationToDescribe.SetName(NAME)
    named.use_child(
        "emit(event='error', code='bad_input', exit_code=2, message=\"'segmentation.nii' is empty.\", hint='')"
    )
    named.ui.describeButton.click()
    named.wait()
    assert f"'{NAME}' is empty." in named.ui.statusLabel.text
    (shown,) = named.error_dialogs()
    assert f"'{ESCAPED}' is empty." in shown


def test_a_question_with_buttons_of_its_own_is_plain(panel: Any) -> None:
    import qt

    formats: list[Any] = []

    def answer(box: Any) -> Any:
        formats.append(box.textFormat)
        return qt.QMessageBox.Cancel

    panel.host.answers.expect("message_box", answer)
    assert not panel.widget.dialogs.confirm("title", NAME, "Delete")
    assert formats == [qt.Qt.PlainText]
