"""The section Models: what there is and what it costs, bringing it in by every way, deleting it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from support.networks import write_model
from support.processes import files_below
from support.web import Site, status, trickle
from support.weights import FAST, FASTEST, FULL, write_dataset, zip_folder

TITLE = "The model fast"

SLOW_CHILD = """
emit(event="started", pid=os.getpid(), version="0", stages=["infer"])
wait_for_cancel()
emit(event="error", code="cancelled", exit_code=5, message="Cancelled.", hint="")
sys.exit(5)
"""

WAYS_IN = ("downloadModelButton", "importFileButton", "importFolderButton", "totalSegmentatorButton")


@pytest.fixture
def models(home: Path, site: Site, panel: Any) -> Any:
    """The panel on a machine without models, in front of a catalogue that leads to the local server."""
    return panel


def installed(home: Path) -> list[str]:
    """Return the names of the models in the store."""
    return sorted(path.name for path in (home / "models").iterdir()) if (home / "models").is_dir() else []


def state_of(panel: Any, title: str) -> str:
    return next(row[1] for row in panel.model_rows() if row[0] == title)


class TestTheTable:
    """Every model with its state, size and licence."""

    def test_it_lists_the_catalogue_with_states_sizes_and_licences(self, models: Any) -> None:
        rows = models.model_rows()
        assert [row[1] for row in rows] == ["comes along", *("not installed" for _ in rows[1:])]
        assert rows[1] == (TITLE, "not installed", "~ 1.9 MB", "Apache-2.0")
        assert rows[0][2].endswith(" MB")
        assert rows[3][2] == "~ 1.1 GB"

    def test_the_size_of_a_tasks_model_counts_the_one_that_it_is_cropped_by(self, models: Any) -> None:
        """230 MB of its own and about 150 MB of the 6 mm network."""
        sizes = {row[0]: row[2] for row in models.model_rows()}
        assert sizes["TotalSegmentator: Liver vessels and tumours (CT)"] == "~ 380 MB"

    def test_a_tooltip_has_the_description_and_the_voxel_size(self, models: Any) -> None:
        import qt

        tip = models.ui.modelsTableView.model().index(1, 0).data(qt.Qt.ToolTipRole)
        assert "For tests." in tip
        assert "3 × 3 × 3 mm" in tip

    def test_the_row_of_the_model_that_is_used_is_chosen_first(self, models: Any) -> None:
        assert models.ui.downloadModelButton.enabled, "that of fast"
        models.choose_model("demo")
        assert "comes with TotalPassport" in models.ui.deleteModelButton.toolTip

    def test_a_model_of_ones_own_is_listed_and_can_be_used(self, models: Any, home: Path) -> None:
        write_model(home / "models" / "mine", name="mine", title="My network")
        models.widget.enter()
        assert models.model_rows()[-1][:2] == ("My network", "installed")
        models.choose_model("mine")
        assert models.parameters.model == "mine"

    def test_a_scene_that_names_a_model_which_is_not_here_harms_nothing(self, models: Any, home: Path) -> None:
        write_model(home / "models" / "mine", name="mine", title="My network")
        models.widget.enter()
        models.choose_model("mine")
        shutil.rmtree(home / "models" / "mine")
        models.widget.enter()
        assert models.parameters.model == "mine"
        assert not models.ui.applyButton.enabled
        write_model(home / "models" / "mine", name="mine", title="My network")
        models.widget.enter()
        assert models.ui.taskComboBox.currentText == "My network"

    def test_models_without_an_address_cannot_be_downloaded_and_say_so(self, models: Any) -> None:
        models.click_model("Demo (synthetic phantoms)")
        assert not models.ui.downloadModelButton.enabled
        assert "here already" in models.ui.downloadModelButton.toolTip


class TestDownload:
    """The button Download."""

    def test_it_brings_the_model_in_and_says_so(self, models: Any, site: Site, home: Path) -> None:
        models.click_model(TITLE)
        assert f"{site.address}/{FAST}.zip" in models.ui.downloadModelButton.toolTip
        models.ui.downloadModelButton.click()
        assert models.wait(120).status.value == "done"
        assert installed(home) == ["fast"]
        assert state_of(models, TITLE) == "installed"
        assert "Not installed" not in models.ui.modelNoteLabel.text
        assert models.ui.statusLabel.text == f"✔ Installed: {TITLE}."
        assert models.ui.progressBar.isHidden()
        assert models.ui.downloadModelButton.text == "Download"
        assert not models.ui.downloadModelButton.enabled
        assert models.ui.deleteModelButton.enabled
        assert models.temporary_folders() == []

    def test_it_becomes_cancel_and_the_next_click_continues_where_it_was(
        self, models: Any, site: Site, home: Path
    ) -> None:
        size = len(site.files[f"/{FAST}.zip"].content)
        site.faults.append(trickle(after=size // 2))
        models.click_model(TITLE)
        models.ui.downloadModelButton.click()
        models.wait_until(lambda: models.ui.progressBar.value >= 40)
        assert models.ui.downloadModelButton.text == "Cancel"
        assert not any(getattr(models.ui, name).enabled for name in WAYS_IN[1:])
        models.ui.downloadModelButton.click()
        assert models.wait().status.value == "cancelled"
        assert models.ui.downloadModelButton.text == "Download"
        assert installed(home) == []
        models.ui.downloadModelButton.click()
        assert models.wait(120).status.value == "done"
        assert site.requests[-1][1]["Range"].startswith("bytes=")
        assert installed(home) == ["fast"]

    def test_a_failure_can_be_tried_again(self, models: Any, site: Site, home: Path) -> None:
        site.faults.append(status(404))
        models.click_model(TITLE)
        models.ui.downloadModelButton.click()
        assert models.wait().status.value == "failed"
        assert "Import file" in models.error_dialogs()[0]
        assert models.ui.downloadModelButton.enabled
        models.ui.downloadModelButton.click()
        assert models.wait(120).status.value == "done"

    def test_a_download_by_a_script_shows_in_the_panel(self, models: Any) -> None:
        models.logic.downloadModel("fast")
        assert models.wait(120).status.value == "done"
        assert state_of(models, TITLE) == "installed"

    def test_while_a_scan_is_worked_on_nothing_can_be_brought_in_or_deleted(self, models: Any, phantom: Any) -> None:
        models.host.enter(models.widget)
        models.choose_scan(phantom)
        models.use_child(SLOW_CHILD)
        models.apply()
        models.click_model(TITLE)
        for name in (*WAYS_IN, "deleteModelButton"):
            button = getattr(models.ui, name)
            assert not button.enabled
            assert "Another run is under way" in button.toolTip
        models.apply()
        models.wait()


class TestImport:
    """Files, folders, and what TotalSegmentator keeps."""

    def test_a_zip_that_a_browser_got_is_imported_without_the_network(
        self, models: Any, site: Site, home: Path, tmp_path: Path
    ) -> None:
        archive = tmp_path / f"{FAST}.zip"
        archive.write_bytes(site.files[f"/{FAST}.zip"].content)
        models.host.answers.expect("open_files", [str(archive)])
        models.ui.importFileButton.click()
        assert models.wait(120).status.value == "done"
        assert installed(home) == ["fast"]
        assert state_of(models, TITLE) == "installed"
        assert site.requests == []

    def test_a_folder_of_zips_is_imported(self, models: Any, home: Path, shared: Path, tmp_path: Path) -> None:
        (tmp_path / "stick").mkdir()
        for dataset in FULL:
            (tmp_path / "stick" / f"{dataset}.zip").write_bytes(zip_folder(shared / "parity" / "weights" / dataset))
        models.host.answers.expect("directory", str(tmp_path / "stick"))
        models.ui.importFolderButton.click()
        assert models.wait(120).status.value == "done"
        assert installed(home) == ["full"]

    def test_a_network_of_ones_own_needs_no_conversion(
        self, models: Any, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from TotalPassportSlicer.install import installation

        # Where a conversion needed it, the panel would ask, and nobody answers here.
        (tmp_path / "conversion.txt").write_text("a-package-that-nobody-has>=1\n", encoding="utf-8")
        monkeypatch.setattr(installation, "CONVERSION_FILE", tmp_path / "conversion.txt")
        write_model(tmp_path / "network", name="mine", title="My network")
        models.host.answers.expect("directory", str(tmp_path / "network"))
        models.ui.importFolderButton.click()
        assert models.wait(120).status.value == "done"
        assert installed(home) == ["mine"]
        assert "My network" in models.offered()

    def test_thinking_better_of_it_does_nothing(self, models: Any) -> None:
        models.host.answers.expect("open_files", [])
        models.ui.importFileButton.click()
        models.host.answers.expect("directory", "")
        models.ui.importFolderButton.click()
        assert not models.logic.busy

    def test_a_zip_that_is_none_is_one_sentence_and_leaves_nothing(
        self, models: Any, home: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "holiday.zip").write_bytes(b"not a zip at all")
        models.host.answers.expect("open_files", [str(tmp_path / "holiday.zip")])
        models.ui.importFileButton.click()
        assert models.wait().status.value == "failed"
        (shown,) = models.error_dialogs()
        assert "holiday.zip" in shown
        assert files_below(home / "models") == files_below(home / "cache" / "incoming") == []

    def test_totalsegmentators_folder_is_offered_only_where_there_is_one(
        self, models: Any, home: Path, tmp_path: Path, shared: Path
    ) -> None:
        button = models.ui.totalSegmentatorButton
        places = tmp_path / "no-totalsegmentator" / "nnunet" / "results"
        assert not button.enabled
        assert str(places) in button.toolTip
        write_dataset(places, FULL[0])  # one of five is no model
        models.widget.enter()
        assert not button.enabled
        shutil.copytree(shared / "parity" / "weights" / FASTEST, places / FASTEST)
        models.widget.enter()
        assert button.enabled
        assert str(places) in button.toolTip
        assert "TotalSegmentator fastest" in button.toolTip
        button.click()
        assert models.wait(120).status.value == "done"
        assert installed(home) == ["fastest"]
        assert (places / FASTEST).is_dir()


class TestDelete:
    """The button Delete."""

    @pytest.fixture
    def with_fast(self, models: Any, home: Path) -> Any:
        write_model(home / "models" / "fast", name="fast")
        models.widget.enter()
        models.click_model(TITLE)
        return models

    def test_it_asks_and_deletes(self, with_fast: Any, home: Path) -> None:
        with_fast.press("Delete", "Delete 'The model fast'")
        with_fast.ui.deleteModelButton.click()
        assert installed(home) == []
        assert files_below(home / "cache" / "incoming") == []
        assert state_of(with_fast, TITLE) == "not installed"
        assert "Not installed" in with_fast.ui.modelNoteLabel.text
        assert with_fast.ui.statusLabel.text == f"Deleted: {TITLE}."
        assert not with_fast.ui.deleteModelButton.enabled

    def test_changing_ones_mind_keeps_it(self, with_fast: Any, home: Path) -> None:
        with_fast.press("Cancel")
        with_fast.ui.deleteModelButton.click()
        assert installed(home) == ["fast"]

    def test_what_comes_along_or_is_not_here_cannot_be_deleted(self, models: Any) -> None:
        models.click_model("Demo (synthetic phantoms)")
        assert not models.ui.deleteModelButton.enabled
        models.click_model(TITLE)
        assert not models.ui.deleteModelButton.enabled
        assert "not installed" in models.ui.deleteModelButton.toolTip

    def test_what_cannot_be_deleted_is_one_sentence(self, with_fast: Any, home: Path) -> None:
        shutil.rmtree(home / "models" / "fast")
        with_fast.press("Delete")
        with_fast.ui.deleteModelButton.click()
        (shown,) = with_fast.error_dialogs()
        assert "not installed" in shown
        assert state_of(with_fast, TITLE) == "not installed"


class TestCataloguesOfOnesOwn:
    """A catalogue that a hospital names may be broken, or come before the package that checks it."""

    @pytest.fixture
    def broken(self, site: Site, tmp_path: Path) -> Path:
        """The catalogue that the environment names, broken; the text that mends it is beside it."""
        path = tmp_path / "catalogue.json"
        shutil.copyfile(path, tmp_path / "sound.json")
        path.write_text("{", encoding="utf-8")
        return path

    def test_a_broken_one_is_told_and_the_demo_still_runs(self, broken: Path, ready: Any) -> None:
        assert "TOTALPASSPORT_CATALOGUE names cannot be used" in ready.ui.catalogueLabel.text
        assert "catalogue.json' is not valid JSON" in ready.ui.catalogueLabel.text
        assert not ready.ui.catalogueLabel.isHidden()
        ready.choose_model("demo")
        assert ready.apply_and_wait(300).status.value == "done"
        assert ready.error_dialogs() == []

    def test_nothing_can_be_brought_in_until_it_is_mended(self, broken: Path, ready: Any, home: Path) -> None:
        write_model(home / "models" / "fast", name="fast")
        ready.widget.enter()
        ready.click_model("TotalSegmentator fastest (6 mm, 117 structures)")
        for name in (*WAYS_IN, "deleteModelButton"):
            assert not getattr(ready.ui, name).enabled
            assert "catalogue.json" in getattr(ready.ui, name).toolTip
        ready.choose_model("fastest")
        assert not ready.ui.applyButton.enabled
        assert "when the catalogue is mended" in ready.ui.reasonLabel.text
        shutil.copyfile(broken.with_name("sound.json"), broken)
        ready.widget.enter()
        assert ready.ui.catalogueLabel.isHidden()
        assert ready.ui.applyButton.enabled
        assert TITLE in [row[0] for row in ready.model_rows()]

    def test_the_panel_opens_before_the_package_that_checks_catalogues_is_installed(
        self, site: Site, slicer_host: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from TotalPassportSlicer.install import installation

        module = Path(installation.__file__).parents[2] / "TotalPassport.py"
        monkeypatch.setitem(sys.modules, "fastjsonschema", None)
        widget = slicer_host.load_module(module)
        assert widget.ui.taskComboBox.count >= 4
        assert widget.ui.catalogueLabel.text == ""
        monkeypatch.undo()


def test_in_testing_mode_no_question_waits_for_an_answer(models: Any, site: Site, phantom: Any) -> None:
    models.host.enter(models.widget)
    models.choose_model("fast")
    models.host.set_testing(True)
    models.apply()
    assert not models.logic.busy
    assert site.requests == []
