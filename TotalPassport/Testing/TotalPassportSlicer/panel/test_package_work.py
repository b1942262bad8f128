"""While packages are installed, exchanged or removed, the window lives and nothing in it can start anything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.missing_packages import pretend_missing

STARTERS = (
    "applyButton",
    "describeButton",
    "loadMasksButton",
    "exportButton",
    "compareButton",
    "plotButton",
    "exportChangesButton",
    "alignButton",
    "undoAlignmentButton",
    "downloadModelButton",
    "importFileButton",
    "importFolderButton",
    "totalSegmentatorButton",
    "deleteModelButton",
    "installEngineButton",
    "repairButton",
    "offlineButton",
    "runScansButton",
)
"""The buttons that start work."""


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """A Slicer to which nibabel has to be installed, and that knows it by its metadata only."""
    return pretend_missing(monkeypatch, "nibabel")


@pytest.fixture
def clicks(ready: Any) -> Callable[[], None]:
    """Return a function that does what an impatient user does: changes parameters, and clicks at everything."""

    def click_at_everything() -> None:
        ready.choose_model("fast")
        ready.parameters.inputVolume = None
        ready.parameters.inputVolume = ready.phantom
        ready.choose_model("demo")
        ready.parameters.segmentationToDescribe = ready.add_boxes({"liver": 1})
        ready.click_model("TotalSegmentator fast (3 mm, 117 structures)")
        enabled = [name for name in STARTERS if getattr(ready.ui, name).enabled]
        assert enabled == []
        for name in STARTERS:
            getattr(ready.ui, name).click()
        assert "being installed" in ready.ui.applyButton.toolTip
        assert ready.ui.applyButton.text == "Apply"

    return click_at_everything


def test_apply_installs_once_however_often_it_is_clicked_and_then_runs(
    ready: Any, pip: Any, missing: set[str], clicks: Callable[[], None]
) -> None:
    def install(_arguments: list[str]) -> None:
        clicks()
        missing.clear()

    pip.installer = install
    ready.use_child(ready.phantom_child)
    ready.answer_question(True, "nibabel")
    assert ready.apply_and_wait().status.value == "done"
    assert len(pip.calls) == 1
    assert ready.ui.describeButton.enabled, "the window is as it was before"


def test_events_of_the_window_reach_it_while_pip_works(ready: Any, pip: Any, missing: set[str]) -> None:
    import qt

    questions: list[str] = []

    def click_again() -> None:
        questions.append(ready.ui.statusLabel.text)
        ready.ui.applyButton.click()

    def agree(_text: str) -> bool:
        qt.QTimer.singleShot(0, click_again)  # comes with the events that pip lets through
        return True

    pip.installer = lambda _arguments: missing.clear()
    ready.use_child(ready.phantom_child)
    ready.host.answers.expect("confirm", agree)
    assert ready.apply_and_wait().status.value == "done"
    assert questions == ["Installing nibabel>=5.2…"]
    assert len(pip.calls) == 1


def test_a_failure_gives_the_window_back(ready: Any, pip: Any, missing: set[str], clicks: Callable[[], None]) -> None:
    def fail(_arguments: list[str]) -> None:
        clicks()
        raise RuntimeError("no network")

    pip.installer = fail
    ready.answer_question(True)
    ready.apply()
    assert ready.ui.applyButton.enabled
    assert "no network" in ready.ui.statusLabel.text
    ready.error_dialogs()


def test_a_script_is_refused_meanwhile_and_told_why(ready: Any, pip: Any, missing: set[str]) -> None:
    from TotalPassportLib.base.errors import TotalPassportError

    refused: list[str] = []

    def install(_arguments: list[str]) -> None:
        assert ready.logic.busy
        missing.clear()
        for start in (
            lambda: ready.logic.process(ready.phantom),
            lambda: ready.logic.downloadModel("fast"),
            lambda: ready.widget.start(lambda: refused.append("started")),
        ):
            try:
                start()
            except TotalPassportError as error:
                refused.append(str(error))

    pip.installer = install
    ready.use_child(ready.phantom_child)
    ready.answer_question(True)
    assert ready.apply_and_wait().status.value == "done"
    assert refused == ["Python packages are being installed. Wait until that is done."] * 2
    assert ready.error_dialogs() == refused[:1]


def test_exchanging_the_engine_holds_the_window_through_rehearsal_removal_and_installation(
    ready: Any, pip: Any, clicks: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    import platform

    from TotalPassportLib.base import distributions
    from TotalPassportSlicer.install import engine_exchange

    present, steps = {"onnxruntime": "1.31.0"}, []
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(distributions, "installed", lambda: dict(present))
    monkeypatch.setattr(engine_exchange, "_require_importable", lambda _wanted: None)

    def install(arguments: list[str]) -> None:
        clicks()
        steps.append("rehearse" if "--dry-run" in arguments else "install")
        if "--dry-run" not in arguments:
            present["onnxruntime-openvino"] = "1.24.1"

    def remove(names: list[str]) -> None:
        clicks()
        steps.append("remove")
        for name in names:
            del present[name]

    pip.installer, pip.uninstaller = install, remove
    ready.host.enter(ready.widget)
    ready.press("Install")
    ready.ui.installEngineButton.click()
    assert steps == ["rehearse", "remove", "install"]
    assert ready.ui.applyButton.enabled
    assert present == {"onnxruntime-openvino": "1.24.1"}
