"""Apply with a model that is not here: it is offered, comes, and then the run starts by itself."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.missing_packages import pretend_missing
from support.processes import files_below
from support.web import Site, status, trickle
from support.weights import FAST
from TotalPassportLib.options import RunOptions

TITLE = "The model fast"


@pytest.fixture
def chosen(home: Path, site: Site, ready: Any) -> Any:
    """The panel with a scan and the model ``fast``, which is not installed."""
    ready.choose_model("fast")
    return ready


def left_behind(home: Path) -> list[str]:
    """Return what is in the store besides its lock files."""
    return [name for name in files_below(home) if not name.startswith("cache/locks/")]


def wait_for_nodes(panel: Any) -> None:
    """Wait until the run after the download has put its nodes into the scene, or something has failed."""
    outcomes: list[str] = []

    def over() -> bool:
        outcome = panel.logic.runner.last_outcome
        outcomes[:] = [] if outcome is None or outcome.status.value == "done" else [outcome.sentence]
        return bool(outcomes) or panel.parameters.passport is not None

    panel.wait_until(over, 300)
    assert outcomes == panel.error_dialogs() == []


def test_apply_downloads_the_model_and_then_runs_it_into_nodes(chosen: Any, site: Site, home: Path) -> None:
    assert chosen.ui.applyButton.enabled
    chosen.press("Download", TITLE)
    chosen.apply()
    wait_for_nodes(chosen)
    assert chosen.error_dialogs() == []
    assert chosen.passport().model["name"] == "fast"
    nodes = chosen.nodes()
    assert nodes.source is chosen.phantom
    assert len(chosen.segment_names(nodes.segmentation)) == len(chosen.passport().organs) > 0
    assert chosen.table_texts(0) != []
    assert "Finished" in chosen.ui.statusLabel.text
    log = chosen.ui.logText.toPlainText()
    assert f"Downloading '{TITLE}' from {site.address}/{FAST}.zip." in log
    assert f"Installed: {TITLE}." in log
    assert [request[0] for request in site.requests] == [f"/{FAST}.zip"]
    assert sorted(path.name for path in (home / "models").iterdir()) == ["fast"]
    assert chosen.temporary_folders() == []


def test_the_second_time_nothing_is_asked(chosen: Any, site: Site) -> None:
    chosen.logic.downloadModel("fast")
    assert chosen.wait(120).status.value == "done"
    chosen.widget.enter()
    assert chosen.apply_and_wait(300).status.value == "done"
    assert chosen.parameters.passport is not None
    assert len(site.requests) == 1


def test_before_the_click_the_panel_says_that_the_model_is_not_here(chosen: Any) -> None:
    assert chosen.ui.taskComboBox.currentText == "Whole body (CT)"
    assert chosen.ui.qualityComboBox.currentText == "Fast, 3 mm"
    note = chosen.ui.modelNoteLabel.text
    assert "Apply offers to download it (~ 1.9 MB)" in note
    assert chosen.ui.reasonLabel.text == ""


def test_the_question_says_what_comes_from_where_under_which_licence_and_that_nothing_is_sent(
    chosen: Any, home: Path
) -> None:
    chosen.press("Cancel")
    chosen.apply()
    (question,) = chosen.host.answers.take("message_box")
    for fact in (TITLE, "1.9 MB", "localhost", "once", "Apache-2.0", "Nothing of the scan is sent", str(home)):
        assert fact in question.text


def test_declining_asks_no_server_and_changes_nothing(chosen: Any, site: Site, home: Path) -> None:
    chosen.press("Cancel")
    chosen.apply()
    assert not chosen.logic.busy
    assert "Nothing was downloaded" in chosen.ui.statusLabel.text
    assert site.requests == []
    assert left_behind(home) == []
    assert chosen.parameters.passport is None
    assert chosen.ui.applyButton.text == "Apply"
    assert chosen.ui.applyButton.enabled


def test_cancelling_in_the_middle_keeps_what_has_come_and_the_next_apply_continues_there(
    chosen: Any, site: Site, home: Path
) -> None:
    size = len(site.files[f"/{FAST}.zip"].content)
    site.faults.append(trickle(after=size // 2))
    chosen.press("Download")
    chosen.apply()
    chosen.wait_until(lambda: chosen.ui.progressBar.value >= 40)
    assert chosen.ui.applyButton.text == "Cancel"
    assert "Downloading" in chosen.ui.statusLabel.text
    chosen.apply()
    assert chosen.wait().status.value == "cancelled"
    assert "What has come is kept" in chosen.ui.statusLabel.text
    assert chosen.error_dialogs() == []
    kept = (home / "cache" / "downloads" / f"{FAST}.zip.part").stat().st_size
    assert size // 2 <= kept < size
    assert chosen.parameters.passport is None
    assert chosen.temporary_folders() == []
    chosen.press("Download")
    chosen.apply()
    wait_for_nodes(chosen)
    assert site.requests[-1][1]["Range"] == f"bytes={kept}-"
    assert chosen.error_dialogs() == []


def test_a_download_that_fails_shows_the_address_and_the_way_around_and_leaves_nothing(
    chosen: Any, site: Site, home: Path
) -> None:
    site.faults.append(status(404))
    chosen.press("Download")
    chosen.apply()
    assert chosen.wait().status.value == "failed"
    chosen.host.process_events()
    (shown,) = chosen.error_dialogs()
    assert f"{site.address}/{FAST}.zip" in shown
    assert "404" in shown
    assert "'Import file…' in the section Models" in shown
    assert "totalpassport" not in shown
    assert chosen.ui.statusLabel.text == f"✖ {shown}"
    assert left_behind(home) == []
    assert not chosen.logic.busy
    assert chosen.parameters.passport is None
    assert chosen.temporary_folders() == []


def test_a_scan_that_goes_while_the_model_comes_is_not_run(chosen: Any, site: Site) -> None:
    import slicer

    chosen.press("Download")
    chosen.apply()
    slicer.mrmlScene.RemoveNode(chosen.phantom)
    chosen.wait_until(lambda: "no longer in the scene" in chosen.ui.statusLabel.text, 120)
    assert not chosen.logic.busy
    assert chosen.error_dialogs() == []


def test_closing_the_scene_ends_no_download(chosen: Any, site: Site, home: Path) -> None:
    import slicer

    chosen.press("Download")
    chosen.apply()
    slicer.mrmlScene.Clear(False)
    assert chosen.wait(120).status.value == "done"
    chosen.wait_until(lambda: "no longer in the scene" in chosen.ui.statusLabel.text)
    assert (home / "models" / "fast" / "model.json").is_file()


def test_slicer_quitting_ends_a_download(chosen: Any, site: Site) -> None:
    site.faults.append(trickle(after=1000))
    chosen.press("Download")
    chosen.apply()
    chosen.wait_until(lambda: bool(site.requests))
    chosen.host.app.aboutToQuit.emit()
    assert not chosen.logic.busy
    assert chosen.wait().status.value == "cancelled"
    assert chosen.temporary_folders() == []


def test_weights_that_totalsegmentator_keeps_here_are_taken_without_the_network(
    chosen: Any, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(io.BytesIO(site.files[f"/{FAST}.zip"].content)) as archive:
        archive.extractall(tmp_path / "results")
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(tmp_path / "results"))
    chosen.press("Download")
    chosen.apply()
    wait_for_nodes(chosen)
    assert site.requests == []
    assert "Nothing is downloaded" in chosen.ui.logText.toPlainText()


def test_a_script_is_told_what_a_click_is_asked(chosen: Any) -> None:
    chosen.logic.process(chosen.phantom, RunOptions(model="fast"))
    outcome = chosen.wait()
    assert outcome.status.value == "failed"
    assert "'fast' is not installed" in outcome.message
    assert "'Download' in the section Models" in outcome.hint
    chosen.error_dialogs()


class TestMissingOnnx:
    """Only what makes networks of weights asks for the package onnx."""

    @pytest.fixture(autouse=True)
    def missing(self, monkeypatch: pytest.MonkeyPatch) -> set[str]:
        """Pretend that onnx is not installed, for those who ask whether it is."""
        return pretend_missing(monkeypatch, "onnx")

    def test_it_is_asked_for_with_its_reason_installed_and_the_download_offered(
        self, chosen: Any, missing: set[str], site: Site
    ) -> None:
        chosen.host.packaging.installer = lambda names: missing.clear()
        chosen.press("Install and download")
        chosen.apply()
        (question,) = chosen.host.answers.take()
        assert "onnx>=1.16 turns TotalSegmentator's weights into a network" in question.text
        assert chosen.wait(120).status.value == "done"
        assert [names for names, _options in chosen.host.packaging.calls] == [["onnx>=1.16"]]
        wait_for_nodes(chosen)

    def test_one_question_says_of_packages_and_weights_which_how_large_which_licence_and_from_where(
        self, chosen: Any, site: Site, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shown: list[str] = []

        def look(box: Any) -> Any:
            shown.extend((box.text, box.detailedText))
            return box.Cancel

        monkeypatch.setenv("PIP_INDEX_URL", "https://user:secret@mirror.hospital.example/simple")
        chosen.host.answers.expect("message_box", look)
        chosen.apply()
        text, details = shown
        assert "onnx>=1.16 – 9.7 MB, licence Apache-2.0" in text
        assert "from mirror.hospital.example into Slicer's Python, once, about 10 MB" in text
        assert "Packages that Slicer brings along stay as they are, and Slicer need not be restarted" in text
        for fact in (TITLE, "1.9 MB", "localhost", "Apache-2.0", "Nothing of the scan is sent", str(home)):
            assert fact in text.partition("restarted")[2]
        assert details == f"{site.address}/{FAST}.zip"
        assert "secret" not in text + details

    def test_a_catalogue_of_ones_own_that_only_the_packages_can_read_is_asked_about_anew(
        self, chosen: Any, site: Site, missing: set[str]
    ) -> None:
        models = chosen.widget.models.models
        models.entries = (replace(models.find("fast"), title="What it was before"),)
        chosen.host.packaging.installer = lambda names: missing.clear()
        chosen.press("Install and download", "What it was before")
        chosen.press("Cancel", TITLE)
        chosen.apply()
        assert "Nothing was downloaded" in chosen.ui.statusLabel.text
        assert site.requests == []

    def test_refusing_it_downloads_nothing(self, chosen: Any, site: Site) -> None:
        chosen.press("Cancel", "onnx")
        chosen.apply()
        assert "Nothing was installed" in chosen.ui.statusLabel.text
        assert site.requests == []
        assert not chosen.logic.busy

    def test_a_run_of_a_model_that_is_here_does_not_ask_for_it(self, chosen: Any) -> None:
        chosen.choose_model("demo")
        chosen.use_child(chosen.phantom_child)
        assert chosen.apply_and_wait().status.value == "done"

    def test_a_script_is_told_instead_of_asked(self, chosen: Any) -> None:
        from TotalPassportLib.base.errors import TotalPassportError

        with pytest.raises(TotalPassportError, match="onnx"):
            chosen.logic.downloadModel("fast")
        with pytest.raises(TotalPassportError, match="onnx"):
            chosen.logic.importModels([])
