"""Help when something goes wrong: the log as a file, a report without patients, and everything deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.networks import write_model


def test_the_log_is_saved_with_its_time_stamps(ready: Any, tmp_path: Path) -> None:
    ready.use_child(ready.phantom_child)
    ready.apply_and_wait()
    ready.answer_save_dialog(str(tmp_path / "run.log"))
    ready.ui.saveLogButton.click()
    text = (tmp_path / "run.log").read_text(encoding="utf-8")
    assert text.strip() == ready.ui.logText.toPlainText().strip() != ""


def test_the_log_keeps_its_last_lines_only(panel: Any) -> None:
    for number in range(2100):
        panel.widget.panel.logged(f"line {number}.")
    lines = panel.ui.logText.toPlainText().splitlines()
    assert len(lines) == 2000
    assert lines[-1].endswith("line 2099.")


def test_a_report_has_versions_and_log_and_nothing_of_a_patient(ready: Any) -> None:
    import slicer
    from TotalPassportLib import __version__

    ready.phantom.SetName("Doe^John 19700101")
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Doe to atlas")
    ready.phantom.SetAndObserveTransformNodeID(transform.GetID())
    ready.use_child('print("read /data/Doe/scan.nii", file=sys.stderr); raise RuntimeError("no luck")')
    ready.apply_and_wait()
    ready.error_dialogs()
    ready.ui.reportButton.click()
    report = slicer.app.clipboard().text()
    assert f"TotalPassport {__version__}" in report
    assert "packages: " in report
    assert "models: demo" in report
    assert "no luck" in report
    for secret in ("Doe", "1970", str(Path.home())):
        assert secret not in report


def test_everything_that_was_brought_in_is_deleted_after_a_question(home: Path, ready: Any) -> None:
    import qt

    write_model(home / "models" / "mine", name="mine", title="My network")
    (home / "cache" / "weights").mkdir(parents=True)
    qt.QSettings().setValue("TotalPassport/precision", "turbo")
    ready.widget.enter()
    ready.press("Cancel")
    ready.ui.deleteEverythingButton.click()
    assert (home / "models" / "mine").is_dir()
    ready.press("Delete", "My network")
    ready.ui.deleteEverythingButton.click()
    assert not home.exists()
    assert not qt.QSettings().contains("TotalPassport/precision")
    assert "Everything was deleted" in ready.ui.statusLabel.text
    assert "My network" not in ready.offered()


def test_only_packages_that_the_panel_has_installed_and_nobody_else_needs_are_removed(home: Path, ready: Any) -> None:
    import qt

    qt.QSettings().setValue("TotalPassport/installed_packages", "ruff,nibabel,no-longer-there")
    removed: list[str] = []
    ready.host.packaging.uninstaller = removed.extend
    ready.press("Delete", "ruff")
    ready.ui.deleteEverythingButton.click()
    assert removed == ["ruff"], "what other packages need stays, as nibabel here"
    assert qt.QSettings().value("TotalPassport/installed_packages") is None


def test_cancel_ends_a_child_that_does_not_listen_within_a_second(ready: Any) -> None:
    import time

    ready.use_child(
        """
        emit(event="started", pid=os.getpid(), version="0", stages=["infer"])
        emit(event="progress", stage="infer", done=1, total=4, fraction=0.25)
        assert os.environ["TMPDIR"] == os.path.dirname(sys.argv[1])
        time.sleep(60)
        """
    )
    ready.apply()
    ready.wait_until(lambda: ready.ui.progressBar.value == 25)
    before = time.monotonic()
    ready.apply()
    assert ready.wait().status.value == "cancelled"
    assert time.monotonic() - before < 10, "a busy machine may be slow; a child of a minute is not waited for"
    assert ready.child_processes() == {}
    assert ready.temporary_folders() == []
