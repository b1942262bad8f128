"""From a fresh Slicer to a result, and back: parts in words and colour, a folder instead of a network, repair."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path
from typing import Any

import pytest
from support.web import Site
from support.weights import FAST
from support.wheels import STARTS, OtherPython, write_wheel

DAMAGED = "raise ImportError('half of it was deleted')\n"


@pytest.fixture(scope="module")
def other_python(tmp_path_factory: pytest.TempPathFactory) -> OtherPython:
    """The environment of all tests, which each of them finds empty; spaces and letters of all kinds in its path."""
    folder = tmp_path_factory.mktemp("other-python") / "Klinik für Radiologie, 医院"
    folder.mkdir()
    return OtherPython(folder)


@pytest.fixture
def slicers(pip: Any, other_python: OtherPython, monkeypatch: pytest.MonkeyPatch) -> OtherPython:
    """The Python of a fresh Slicer: what is installed goes there, by the real pip."""
    from TotalPassportSlicer.install import import_check

    there = other_python
    there.empty()
    there.offer("numpy", "2.0.2")
    there.install("numpy")
    next(there.wheels.glob("numpy*")).unlink()
    pip.installer = lambda names: there.pip("install", "-q", *names)
    pip.uninstaller = lambda names: there.pip("uninstall", "-q", "--yes", *names)
    monkeypatch.setattr(importlib.metadata.Distribution, "discover", there.discover)
    monkeypatch.setattr(import_check, "python_program", lambda: there.python)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    return there


def fill(folder: Path) -> Path:
    """Fill a folder with wheels, as somebody has on another computer, and return it."""
    folder.mkdir(exist_ok=True)
    write_wheel(folder, "fastjsonschema", "2.20", {"fastjsonschema": ""})
    write_wheel(folder, "nibabel", "5.3", {"nibabel": ""}, "numpy>=1.20", "packaging>=20")
    write_wheel(folder, "packaging", "24.0", {"packaging": ""})
    write_wheel(folder, "onnx", "1.17", {"onnx": ""}, "numpy>=1.20")
    write_wheel(folder, "onnxruntime-openvino", "1.24.1", {"onnxruntime": STARTS})
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A full folder, with spaces and letters of all kinds in its path."""
    return fill(tmp_path / "für TotalPassport, 設定")


def versions() -> dict[str, str]:
    return {each.metadata["Name"]: each.version for each in importlib.metadata.distributions()}


def shown(panel: Any) -> str:
    """Return the text of the parts, without its markup."""
    import qt

    document = qt.QTextDocument()
    document.setHtml(panel.ui.setupLabel.text)
    return document.toPlainText().replace("\xa0", " ")


def choose(panel: Any, folder: Path) -> None:
    """Click through to a folder."""
    panel.press("Choose folder…")
    panel.host.answers.expect("directory", str(folder))
    panel.ui.offlineButton.click()


class TestParts:
    """What stands in the section."""

    def test_what_is_missing_is_said_in_words_colour_and_in_the_sections_title(self, slicers: Any, panel: Any) -> None:
        assert panel.ui.setupCollapsibleButton.text == "Setup: 3 parts are missing"
        text = shown(panel)
        for name in ("fastjsonschema", "nibabel", "onnxruntime-openvino"):
            assert name in text
        assert text.count("✖") == text.count("not installed\n") == 3
        assert "only making networks needs it" in text
        assert "color: rgb(204, 41, 41)" in panel.ui.setupLabel.text
        assert panel.ui.repairButton.text == "Install…"

    def test_each_part_has_its_version_and_one_that_is_too_old_says_so(self, slicers: Any, ready: Any) -> None:
        fill(slicers.wheels)
        slicers.offer("nibabel", "4.0")
        slicers.install("nibabel==4.0", "fastjsonschema", "onnxruntime-openvino")
        ready.ui.setupCollapsibleButton.collapsed = True
        ready.ui.setupCollapsibleButton.collapsed = False
        text = shown(ready)
        for fact in ("2.20, ready", "1.24.1, ready", "4.0 is too old", "only the demo"):
            assert fact in text
        assert ready.ui.setupCollapsibleButton.text == "Setup: a part is missing"


class TestFolder:
    """A hospital's computer without a network."""

    def test_packages_and_weights_come_from_one_folder_and_then_the_model_runs(
        self, site: Site, slicers: Any, panel: Any, home: Path, folder: Path
    ) -> None:
        (folder / f"{FAST}.zip").write_bytes(site.files[f"/{FAST}.zip"].content)
        choose(panel, folder)
        outcome = panel.wait(180)
        assert outcome.status.value == "done", outcome.sentence
        assert panel.error_dialogs() == []
        there = versions()
        assert there["nibabel"] == "5.3"
        assert there["onnxruntime-openvino"] == "1.24.1"
        assert there["numpy"] == "2.0.2"
        assert (home / "models" / "fast" / "model.json").is_file()
        assert site.requests == []
        text = shown(panel)
        assert "5.3, ready" in text
        assert "The model fast" in text
        assert panel.ui.setupCollapsibleButton.text == "Setup"
        assert panel.ui.repairButton.text == "Repair…"

    def test_deleting_everything_takes_away_what_the_folder_has_brought(
        self, site: Site, slicers: Any, panel: Any, home: Path, folder: Path
    ) -> None:
        import qt

        slicers.offer("somebody-elses", "1.0", "somebody", "", "packaging>=20")
        (folder / f"{FAST}.zip").write_bytes(site.files[f"/{FAST}.zip"].content)
        choose(panel, folder)
        assert panel.wait(180).status.value == "done"
        slicers.install("somebody-elses")
        panel.press("Delete", "onnx, onnxruntime-openvino")
        panel.ui.deleteEverythingButton.click()
        assert sorted(versions()) == ["numpy", "packaging", "somebody-elses"], "what others need stays"
        assert not home.exists()
        assert not any(key.startswith("TotalPassport/") for key in qt.QSettings().allKeys())
        assert len(list(folder.iterdir())) == 6, "the folder is the user's"

    def test_the_question_says_exactly_what_the_folder_must_hold(self, slicers: Any, panel: Any) -> None:
        seen: list[str] = []

        def look(box: Any) -> Any:
            seen.extend((box.text, box.detailedText))
            return box.Cancel

        panel.widget.models.choose("fast")
        panel.host.answers.expect("message_box", look)
        panel.ui.offlineButton.click()
        text, details = seen
        python = ".".join(platform.python_version_tuple()[:2])
        for fact in ("fastjsonschema, nibabel, onnxruntime-openvino, onnx", f"Python {python} on Linux x86_64", "zips"):
            assert fact in text
        assert f"--python-version {python} --platform manylinux_2_28_x86_64" in details
        assert '"numpy==2.0.2"' in details
        assert f"{FAST}.zip" in details

    def test_a_folder_with_nothing_for_us_is_a_sentence(self, slicers: Any, panel: Any, tmp_path: Path) -> None:
        choose(panel, tmp_path)
        (sentence,) = panel.error_dialogs()
        assert "holds neither wheels (*.whl) nor zips of weights" in sentence
        assert "It must hold the wheels (*.whl) of fastjsonschema, nibabel" in sentence
        assert not panel.logic.busy

    def test_a_wheel_that_lacks_is_named_before_anything_is_installed(
        self, slicers: Any, panel: Any, tmp_path: Path
    ) -> None:
        write_wheel(tmp_path, "nibabel", "5.3", {"nibabel": ""})
        choose(panel, tmp_path)
        (sentence,) = panel.error_dialogs()
        assert "holds no wheel of fastjsonschema, onnxruntime-openvino" in sentence
        assert sorted(versions()) == ["numpy"]

    def test_weights_that_are_not_the_released_ones_are_refused_and_packages_stay(
        self, site: Site, slicers: Any, panel: Any, home: Path, folder: Path
    ) -> None:
        (folder / f"{FAST}.zip").write_bytes(site.files[f"/{FAST}.zip"].content[:-50])
        choose(panel, folder)
        assert panel.wait(180).status.value == "failed"
        (sentence,) = panel.error_dialogs()
        assert FAST in sentence
        assert "nibabel" in versions()
        assert not (home / "models" / "fast").exists()


class TestRepair:
    """What was there and does not work."""

    @pytest.fixture
    def installed(self, slicers: Any, panel: Any) -> Any:
        fill(slicers.wheels)
        panel.answer_question(True, "nibabel>=5.2")
        panel.ui.repairButton.click()
        assert "All parts are there and can be loaded" in panel.ui.statusLabel.text
        return panel

    def test_whoever_declines_is_told_that_nothing_was_installed(self, slicers: Any, panel: Any) -> None:
        panel.answer_question(False, "nibabel>=5.2")
        panel.ui.repairButton.click()
        assert panel.ui.statusLabel.text == "Nothing was installed."
        assert sorted(versions()) == ["numpy"]

    def test_a_damaged_package_is_found_and_installed_again_alone(self, installed: Any, slicers: Any) -> None:
        before = len(installed.host.packaging.calls)
        (slicers.packages / "nibabel" / "__init__.py").write_text(DAMAGED, encoding="utf-8")
        installed.press("Install again", "nibabel: ImportError: half of it was deleted")
        installed.ui.repairButton.click()
        assert "Installed again: nibabel" in installed.ui.statusLabel.text
        assert "half" not in (slicers.packages / "nibabel" / "__init__.py").read_text(encoding="utf-8")
        (call,) = installed.host.packaging.calls[before:]
        assert {"nibabel==5.3", "--force-reinstall", "--no-deps"} <= set(call[0])

    def test_a_package_that_has_lost_its_files_is_damaged_although_python_imports_the_empty_folder(
        self, installed: Any, slicers: Any
    ) -> None:
        (slicers.packages / "fastjsonschema" / "__init__.py").unlink()
        installed.press("Install again", "fastjsonschema: 1 of its files are gone")
        installed.ui.repairButton.click()
        assert (slicers.packages / "fastjsonschema" / "__init__.py").is_file()

    def test_where_all_is_well_everything_of_ours_can_be_installed_again(self, installed: Any, slicers: Any) -> None:
        installed.press("Install again", "(?s)All parts are there and can be loaded.*fastjsonschema, nibabel")
        installed.ui.repairButton.click()
        assert "Installed again: fastjsonschema, nibabel, onnx" in installed.ui.statusLabel.text
        assert "numpy" not in installed.ui.statusLabel.text

    def test_a_failure_says_why_and_the_window_is_as_before(self, installed: Any, slicers: Any) -> None:
        next(slicers.wheels.glob("nibabel*")).unlink()
        (slicers.packages / "nibabel" / "__init__.py").write_text(DAMAGED, encoding="utf-8")
        installed.press("Install again", "nibabel")
        installed.ui.repairButton.click()
        assert "'nibabel' was not found where this computer's pip looks" in installed.ui.statusLabel.text
        assert installed.ui.repairButton.enabled
        installed.error_dialogs()
