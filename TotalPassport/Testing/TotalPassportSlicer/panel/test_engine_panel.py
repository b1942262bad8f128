"""The section Advanced: what is chosen reaches the run, what really ran is shown, and the faster engine is offered."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from panel_driver import PHANTOM_CHILD
from TotalPassportLib.base.distributions import suitable

OPENVINO = PHANTOM_CHILD.replace(
    "n_organs=3)",
    'n_organs=3, provider="OpenVINOExecutionProvider", precision=job["precision"], arithmetic="bfloat16")',
)
"""The phantom's child, as if it had run a network."""
ENDLESS = """
emit(event="started", pid=os.getpid(), version="0", stages=["infer"])
wait_for_cancel()
"""


def choose(box: Any, name: str) -> None:
    index = box.findData(name)
    assert index >= 0
    box.currentIndex = index


@pytest.fixture
def job_seen(ready: Any, tmp_path: Path) -> Any:
    """Return a function that clicks Apply and returns the job that the child was given."""
    path = tmp_path / "job seen.json"

    def apply() -> dict[str, Any]:
        ready.use_child(f"json.dump(job, open({str(path)!r}, 'w'))\n" + OPENVINO)
        assert ready.apply_and_wait().status.value == "done"
        return json.loads(path.read_text(encoding="utf-8"))

    return apply


@pytest.fixture
def plain_engine(monkeypatch: pytest.MonkeyPatch, slicer_host: Any) -> dict[str, str]:
    """A computer with plain onnxruntime for which there is a faster one; what is installed can be changed."""
    import platform

    from TotalPassportLib.base import distributions
    from TotalPassportSlicer.install import engine_exchange

    present = {"onnxruntime": "1.31.0"}
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(distributions, "installed", lambda: dict(present))
    monkeypatch.setattr(engine_exchange, "_require_importable", lambda _wanted: None)

    def install(arguments: list[str]) -> None:
        if "--dry-run" not in arguments:
            present["onnxruntime-openvino"] = "1.24.1"

    slicer_host.packaging.installer = install
    slicer_host.packaging.uninstaller = lambda names: [present.pop(name) for name in names]
    return present


class TestChoices:
    """Precision and provider."""

    def test_the_default_is_exact_wherever_the_program_thinks_best(self, ready: Any, job_seen: Any) -> None:
        assert ready.ui.precisionComboBox.currentText == "Exact (same labels as TotalSegmentator)"
        assert ready.ui.providerComboBox.currentText == "Automatic"
        job = job_seen()
        assert (job["precision"], job["provider"]) == ("exact", "auto")

    def test_what_is_chosen_reaches_the_run(self, ready: Any, job_seen: Any) -> None:
        choose(ready.ui.precisionComboBox, "turbo")
        choose(ready.ui.providerComboBox, "cpu")
        job = job_seen()
        assert (job["precision"], job["provider"]) == ("turbo", "cpu")

    def test_a_job_with_both_is_valid(self, job_seen: Any) -> None:
        from TotalPassportLib.base.files import validate

        validate(job_seen(), "job", "The job")

    def test_a_saved_scene_brings_the_choices_back(self, ready: Any, tmp_path: Path) -> None:
        import slicer

        choose(ready.ui.precisionComboBox, "turbo")
        choose(ready.ui.providerComboBox, "openvino")
        scene = str(tmp_path / "scene.mrb")
        slicer.util.saveScene(scene)
        slicer.mrmlScene.Clear(False)
        ready.host.enter(ready.widget)
        choose(ready.ui.precisionComboBox, "exact")
        slicer.util.loadScene(scene)
        ready.host.enter(ready.widget)
        assert ready.ui.precisionComboBox.currentText.startswith("Turbo")
        assert ready.ui.providerComboBox.currentText == "OpenVINO (CPU)"

    def test_each_choice_is_explained(self, ready: Any) -> None:
        assert "999 voxels of 1000" in ready.ui.precisionComboBox.toolTip
        assert "Automatic" in ready.ui.providerComboBox.toolTip


class TestWhatRan:
    """The status line and the log."""

    def test_the_end_says_what_really_ran(self, ready: Any, job_seen: Any) -> None:
        choose(ready.ui.precisionComboBox, "turbo")
        job_seen()
        assert ready.ui.statusLabel.text.endswith("with OpenVINO (CPU), turbo (bfloat16).")

    @pytest.mark.parametrize(
        ("event", "text"),
        [
            ({}, ""),
            ({"provider": "CPUExecutionProvider"}, "onnxruntime (CPU)"),
            ({"provider": "NewExecutionProvider", "precision": "exact"}, "NewExecutionProvider, exact"),
            ({"precision": "turbo", "arithmetic": "float32"}, "turbo (float32)"),
            ({"provider": None, "precision": 3, "arithmetic": ["x"]}, "3 (['x'])"),
        ],
    )
    def test_whatever_the_child_leaves_out_is_left_out(self, application: Any, event: dict, text: str) -> None:
        from TotalPassportSlicer.panel.engine_titles import engine_text

        assert engine_text(event) == text

    def test_a_provider_that_gave_way_is_told_in_the_log(self, ready: Any) -> None:
        said = "OpenVINO did not start; the CPU runs it."
        ready.use_child(f"emit(event='warning', code='provider_fallback', message={said!r})\n{OPENVINO}")
        ready.apply_and_wait()
        assert f"Note: {said}" in ready.ui.logText.toPlainText()

    def test_a_provider_that_is_not_there_is_the_childs_own_sentence(self, ready: Any) -> None:
        ready.use_real_child()
        missing = "directml"  # which comes in a package of its own that no test environment has
        choose(ready.ui.providerComboBox, missing)
        ready.apply_and_wait()
        (shown,) = ready.error_dialogs()
        assert f"'{missing}'" in shown
        assert "'onnxruntime (CPU)' in the section Advanced" in shown

    def test_an_engine_that_was_not_the_proposed_one_is_told_again_at_the_end(
        self, ready: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from TotalPassportSlicer.install import installation

        missing = list(suitable().needs)
        monkeypatch.setattr(installation, "missing_requirements", lambda *_file: list(missing))
        note = "There was no wheel. The plain onnxruntime was installed instead."

        def install(*_arguments: Any) -> str:
            missing.clear()
            return note

        monkeypatch.setattr(installation, "install_missing", install)
        ready.use_child(OPENVINO)
        ready.answer_question(True, suitable().package)
        ready.apply_and_wait()
        assert ready.ui.statusLabel.text.startswith("✔ Finished in")
        assert ready.ui.statusLabel.text.endswith(note)
        assert note in ready.ui.logText.toPlainText()
        ready.apply_and_wait()
        assert note not in ready.ui.statusLabel.text, "once is enough"


class TestFasterEngine:
    """The button that exchanges plain onnxruntime."""

    def test_it_is_offered_where_there_is_one_and_not_elsewhere(self, plain_engine: dict[str, str], ready: Any) -> None:
        assert not ready.ui.installEngineButton.isHidden()
        assert "onnxruntime 1.31.0" in ready.ui.engineLabel.text
        assert "onnxruntime-openvino" in ready.ui.engineLabel.text
        plain_engine.clear()
        plain_engine["onnxruntime-gpu"] = "1.30.0"
        ready.host.enter(ready.widget)
        assert ready.ui.installEngineButton.isHidden()
        assert ready.ui.engineLabel.text == "Installed: onnxruntime-gpu 1.30.0."

    def test_opening_the_section_does_not_offer_what_is_there_already(
        self, plain_engine: dict[str, str], ready: Any
    ) -> None:
        plain_engine.clear()
        plain_engine["onnxruntime-openvino"] = "1.24.1"
        section = ready.ui.advancedCollapsibleButton
        ready.host.enter(ready.widget)
        for collapsed in (True, False, True, False):
            section.collapsed = collapsed
        assert not ready.ui.precisionComboBox.isHidden()
        assert ready.ui.installEngineButton.isHidden()

    def test_agreeing_exchanges_them(self, plain_engine: dict[str, str], ready: Any) -> None:
        ready.press("Install", "about 92 MB")
        ready.ui.installEngineButton.click()
        assert plain_engine == {"onnxruntime-openvino": "1.24.1"}
        assert ready.ui.statusLabel.text.startswith("onnxruntime-openvino runs the networks from now on.")
        assert ready.ui.installEngineButton.isHidden()
        assert ready.ui.applyButton.enabled

    def test_declining_changes_nothing(self, plain_engine: dict[str, str], ready: Any) -> None:
        ready.press("Cancel")
        ready.ui.installEngineButton.click()
        assert plain_engine == {"onnxruntime": "1.31.0"}
        assert not ready.ui.installEngineButton.isHidden()

    def test_a_failure_is_one_sentence_and_the_old_one_stays(
        self, plain_engine: dict[str, str], ready: Any, slicer_host: Any
    ) -> None:
        def fail(_arguments: list[str]) -> None:
            raise subprocess.CalledProcessError(1, ["pip", "install", "and", "many", "words"])

        slicer_host.packaging.installer = fail
        ready.press("Install")
        ready.ui.installEngineButton.click()
        (shown,) = ready.error_dialogs()
        assert "pip ended with exit code 1" in shown
        assert "many" not in shown
        assert plain_engine == {"onnxruntime": "1.31.0"}
        assert ready.ui.applyButton.enabled

    def test_it_waits_for_a_run_that_is_under_way(self, plain_engine: dict[str, str], ready: Any) -> None:
        assert ready.ui.installEngineButton.enabled
        ready.use_child(ENDLESS)
        ready.apply()
        assert not ready.ui.installEngineButton.enabled
        assert "run is under way" in ready.ui.installEngineButton.toolTip
        ready.apply()
        ready.wait()
        assert ready.ui.installEngineButton.enabled

    def test_before_anything_is_installed_the_panel_says_what_apply_does(
        self, plain_engine: dict[str, str], ready: Any
    ) -> None:
        plain_engine.clear()
        ready.host.enter(ready.widget)
        assert "Apply offers to install" in ready.ui.engineLabel.text
