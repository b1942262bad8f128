"""Packages, sample data, translation and the application's facts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from host import environment


class TestPackages:
    """Nothing is installed unless the test says how."""

    def test_installing_without_an_installer_is_an_error(self, slicer_host: Any) -> None:
        import slicer

        with pytest.raises(RuntimeError, match="wanted to install"):
            slicer.util.pip_install("onnxruntime>=1.23")

    def test_the_installer_of_the_test_is_called(self, slicer_host: Any) -> None:
        import slicer

        installed: list[str] = []
        slicer_host.packaging.installer = installed.extend
        slicer.util.pip_install(["onnxruntime>=1.23", "nibabel"])
        assert installed == ["onnxruntime>=1.23", "nibabel"]

    def test_removing_is_up_to_the_test_too(self, slicer_host: Any) -> None:
        import slicer

        with pytest.raises(RuntimeError, match="wanted to uninstall"):
            slicer.util.pip_uninstall(["onnxruntime"])
        removed: list[str] = []
        slicer_host.packaging.uninstaller = removed.extend
        slicer.util.pip_uninstall("onnxruntime nibabel")
        assert removed == ["onnxruntime", "nibabel"]

    @pytest.mark.parametrize("packages", [("nibabel",), {"nibabel"}, None])
    def test_packages_come_as_a_text_or_a_list_and_as_nothing_else(self, slicer_host: Any, packages: Any) -> None:
        import slicer

        slicer_host.packaging.installer = slicer_host.packaging.uninstaller = lambda _names: None
        for function in (slicer.util.pip_install, slicer.util.pip_uninstall, slicer.packaging.pip_install):
            with pytest.raises(ValueError, match="a string or a list"):
                function(packages)

    def test_unknown_options_are_refused(self, slicer_host: Any) -> None:
        import slicer

        slicer_host.packaging.installer = lambda _names: None
        with pytest.raises(ValueError, match="no option '--dry'"):
            slicer.util.pip_install(["nibabel", "--dry"])
        with pytest.raises(TypeError, match="progress"):
            slicer.packaging.pip_install("nibabel", progress=True)

    def test_events_are_delivered_while_pip_works(self, slicer_host: Any) -> None:
        import qt
        import slicer

        heard: list[str] = []
        slicer_host.packaging.installer = lambda _names: heard.append("pip")
        slicer_host.packaging.uninstaller = lambda _names: heard.append("pip")
        for function in (slicer.util.pip_install, slicer.util.pip_uninstall):
            qt.QTimer.singleShot(0, lambda: heard.append("click"))
            function("nibabel")
        assert heard == ["click", "pip", "click", "pip"]

    def test_slicer_5_10_has_no_packaging_and_its_pip_takes_no_options(self, slicer_host: Any) -> None:
        import slicer

        slicer_host.packaging.be_slicer_5_10()
        slicer_host.packaging.installer = lambda _names: None
        with pytest.raises(ImportError):
            import slicer.packaging
        with pytest.raises(TypeError, match="show_progress"):
            slicer.util.pip_install("nibabel", show_progress=False)
        slicer.util.pip_install("nibabel")
        slicer_host.reset()
        import slicer.packaging

        assert slicer.packaging.pip_check("numpy")

    def test_slicers_own_functions_never_reach_the_python_that_runs_the_tests(self, slicer_host: Any) -> None:
        import slicer.util

        functions = (slicer.util.pip_install, slicer.util.pip_uninstall)
        assert {function.__module__ for function in functions} == {"host.packages"}

    def test_ensuring_checks_asks_and_installs(self, slicer_host: Any, tmp_path: Path) -> None:
        import slicer.packaging

        (tmp_path / "requirements.txt").write_text("numpy>=1.0  # there\nno-such-package>=2\n", encoding="utf-8")
        needed = slicer.packaging.load_requirements(tmp_path / "requirements.txt")
        assert not slicer.packaging.pip_check(needed)
        installed: list[str] = []
        slicer_host.packaging.installer = installed.extend
        slicer_host.answers.expect("confirm", True, matching="no-such-package")
        slicer.packaging.pip_ensure(needed, requester="Toy")
        assert installed == ["no-such-package>=2"]


class TestSampleData:
    """The module Sample Data."""

    def test_a_registered_file_is_loaded_under_its_name(self, slicer_host: Any, volume: Any, tmp_path: Path) -> None:
        import SampleData
        import slicer

        slicer.util.saveNode(volume, str(tmp_path / "box.nrrd"))
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category="Toy",
            sampleName="ToyBox",
            uris=(tmp_path / "box.nrrd").as_uri(),
            fileNames="box.nrrd",
            nodeNames="ToyBox",
        )
        assert SampleData.downloadSample("ToyBox").GetName() == "ToyBox"
        assert [source.sampleName for source in slicer.modules.sampleDataSources["Toy"]] == ["ToyBox"]

    def test_the_network_is_not_touched(self, slicer_host: Any) -> None:
        import SampleData

        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category="Toy", sampleName="Far", uris="https://example.org/x.nrrd", fileNames="x.nrrd", nodeNames="x"
        )
        with pytest.raises(RuntimeError, match="from the network"):
            SampleData.downloadSample("Far")

    def test_a_thumbnail_that_is_not_there_is_an_error(self, slicer_host: Any) -> None:
        import SampleData

        with pytest.raises(FileNotFoundError, match="thumbnail"):
            SampleData.SampleDataLogic.registerCustomSampleDataSource(
                category="Toy", sampleName="x", uris="a", fileNames="b", nodeNames="c", thumbnailFileName="/no/x.png"
            )


def test_the_application_knows_itself(slicer_host: Any) -> None:
    import slicer

    app = slicer.app
    assert app.applicationVersion.startswith(f"{app.majorVersion}.{app.minorVersion}.")
    assert Path(app.temporaryPath).is_dir()
    assert not app.testingEnabled()
    assert app.layoutManager().threeDViewCount == 1
    assert slicer.util.mainWindow() is None
    assert Path(slicer.util.tempDirectory()).parent == Path(app.temporaryPath)
    with pytest.raises(AttributeError):
        _ = app.noSuchProperty


def test_python_slicer_is_on_the_path_and_runs_this_python(slicer_host: Any) -> None:
    import sys

    launcher = shutil.which("PythonSlicer")
    assert launcher is not None
    assert Path(launcher).is_relative_to(slicer_host.home)
    result = subprocess.run([launcher, "-c", "import sys; print(sys.executable); sys.exit(4)"], capture_output=True)
    assert result.returncode == 4
    assert result.stdout.decode().strip() == sys.executable


def test_console_processes_run_in_the_background(slicer_host: Any) -> None:
    import slicer

    lines: list[str] = []
    codes: list[int] = []
    slicer.util.launchConsoleProcess(
        [shutil.which("PythonSlicer"), "-c", "print('hello')"],
        blocking=False,
        logCallback=lines.append,
        completedCallback=codes.append,
    )
    slicer_host.wait_until(lambda: codes == [0], 60)
    assert lines == ["hello"]


def test_waiting_in_vain_is_an_error_that_says_what_went_wrong(slicer_host: Any) -> None:
    import qt

    qt.QTimer.singleShot(0, lambda: 1 / 0)
    with pytest.raises(TimeoutError, match="ZeroDivisionError"):
        slicer_host.wait_until(lambda: False, 0.1)
    slicer_host.errors.clear()


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "REQUIRED_PACKAGES", ("no_such_package",))
    environment.host_unavailable_reason.cache_clear()
    assert "no_such_package" in environment.host_unavailable_reason()
    environment.host_unavailable_reason.cache_clear()


@pytest.mark.parametrize(("value", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_what_is_missing_fails_in_ci_and_skips_elsewhere(
    monkeypatch: pytest.MonkeyPatch, value: str, outcome: type[BaseException]
) -> None:
    from host.fixtures import skip_or_fail

    monkeypatch.setitem(os.environ, "CI", value)
    with pytest.raises(outcome, match="no EGL"):
        skip_or_fail("no EGL")
    skip_or_fail(None)
