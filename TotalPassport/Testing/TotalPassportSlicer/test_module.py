"""The module file keeps Slicer's conventions and harms nobody's start-up."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MODULE_FOLDER = Path(__file__).resolve().parents[2]
INSTALLED_LATER = ("nibabel", "onnxruntime", "fastjsonschema", "onnx", "torch")

START_WITHOUT_PACKAGES = """
import sys
sys.path[:0] = [{testing!r}, {module!r}]
later = {later!r}


class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in later:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, NotInstalled())
from host import SlicerHost

host = SlicerHost.start()
widget = host.load_module({file!r})
assert not [name for name in sys.modules if name.split(".")[0] in later]
assert widget.ui.taskComboBox.count >= 3
host.reset()
print("started")
"""


def test_the_panel_opens_before_anything_is_installed(application: Any) -> None:
    code = START_WITHOUT_PACKAGES.format(
        testing=str(MODULE_FOLDER / "Testing"),
        module=str(MODULE_FOLDER),
        later=INSTALLED_LATER,
        file=str(MODULE_FOLDER / "TotalPassport.py"),
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.endswith("started\n"), done.stderr[-3000:]


SELF_TEST_WITHOUT_PACKAGES = """
import importlib.metadata, sys, unittest
sys.path[:0] = [{testing!r}, {module!r}]
version, distributions = importlib.metadata.version, importlib.metadata.distributions


def look_up(name):
    if name in {later!r}:
        raise importlib.metadata.PackageNotFoundError(name)
    return version(name)


importlib.metadata.version = look_up
others = [each for each in distributions() if not each.metadata["Name"].startswith("onnx")]  # each reads a file
importlib.metadata.distributions = lambda: others
from host import SlicerHost

host = SlicerHost.start()
host.load_module({file!r})
suite = unittest.defaultTestLoader.loadTestsFromName("TotalPassport.TotalPassportTest")
result = unittest.TextTestRunner().run(suite)
assert result.wasSuccessful() and result.testsRun > 10, result
assert len(result.skipped) == result.testsRun - 1, "the parameters need no package"
reasons = {{reason for _test, reason in result.skipped}}
host.run_module_test({file!r})
told = [shown.text for shown in host.answers.take("delay")]
assert [text.partition(";")[0] for text in told if text.startswith("Skipped test_")], told
assert len(told) == result.testsRun
host.reset()
print(reasons)
"""


def test_the_modules_own_tests_are_skipped_with_a_reason_before_anything_is_installed(application: Any) -> None:
    code = SELF_TEST_WITHOUT_PACKAGES.format(
        testing=str(MODULE_FOLDER / "Testing"),
        module=str(MODULE_FOLDER),
        later=INSTALLED_LATER,
        file=str(MODULE_FOLDER / "TotalPassport.py"),
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "nibabel" in done.stdout, done.stderr[-3000:]


def test_the_modules_own_tests_say_in_a_sentence_what_they_promise(panel: Any) -> None:
    import TotalPassport

    tests = {name: getattr(TotalPassport.TotalPassportTest, name) for name in dir(TotalPassport.TotalPassportTest)}
    promises = {name: test.__doc__ for name, test in tests.items() if name.startswith("test_")}
    assert len(promises) > 10
    assert [name for name, promise in promises.items() if not promise or not promise.endswith(".")] == []


def test_there_is_one_parameter_wrapper_a_scene_however_often_the_module_is_visited(panel: Any) -> None:
    import slicer

    parameters = panel.parameters
    for _visit in range(3):
        panel.host.exit(panel.widget)
        panel.host.enter(panel.widget)
        slicer.mrmlScene.Clear(False)
    assert panel.parameters is parameters is panel.logic.getParameterNode()


def test_a_visit_leaves_no_observer_behind(panel: Any) -> None:
    def observers() -> int:
        return str(panel.parameters.parameterNode).count("vtkObserver (")

    before = observers()
    for _visit in range(3):
        panel.host.exit(panel.widget)
        panel.host.enter(panel.widget)
    assert observers() == before


def sources() -> list[Path]:
    """Return every Python file of the Slicer side."""
    return [MODULE_FOLDER / "TotalPassport.py", *sorted((MODULE_FOLDER / "TotalPassportSlicer").rglob("*.py"))]


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.name)
def test_files_and_functions_fit_a_sitting_and_a_screen(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    long = {node.name: node.end_lineno - node.lineno + 1 for node in functions}
    assert {name: length for name, length in long.items() if length > 40} == {}


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.name)
def test_translated_texts_are_constants(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_"]
    assert [node.lineno for node in calls if not isinstance(node.args[0], ast.Constant)] == []


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.name)
def test_one_file_opens_all_dialogs_and_only_the_panel_uses_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.name != "dialogs.py":
        for dialog in (
            "QColorDialog",
            "errorDisplay",
            "confirmOkCancelDisplay",
            "warningDisplay",
            "QMessageBox",
            "QFileDialog",
        ):
            assert dialog not in text
    panels = ("compare_panel.py", "describe_panel.py", "engine_panel.py", "models_panel.py", "passport_panel.py")
    further = ("follow_up_panel.py", "scans_panel.py", "segments_button.py", "setup_panel.py", "support_panel.py")
    panels = (*panels, *further)
    if path.name not in ("dialogs.py", "TotalPassport.py", "starter.py", *panels):
        assert "dialogs" not in text.replace("opens no dialogs", "").lower()
    logic = text.partition("\nclass TotalPassportLogic")[2]
    assert "self.dialogs" not in logic


def test_what_slicer_shows_about_the_module(panel: Any) -> None:
    import slicer

    module = slicer.modules.totalpassport
    assert module.title == "TotalPassport"
    assert module.categories == ["Segmentation"]
    assert "CT" in module.helpText
    assert module.acknowledgementText


def test_the_sample_ct_is_offered_in_sample_data(panel: Any) -> None:
    import SampleData
    import slicer

    (source,) = slicer.modules.sampleDataSources["TotalPassport"]
    assert Path(source.thumbnailFileName).is_file()
    node = SampleData.downloadSample(source.sampleName)
    assert node.GetName() == "TotalPassportDemoCT"
    assert min(node.GetImageData().GetDimensions()) > 50


def test_stale_folders_are_swept_up_when_the_panel_opens(slicer_host: Any) -> None:
    from TotalPassportSlicer.child.workspace import PREFIX

    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    folder = Path(slicer_host.app.temporaryPath) / f"{PREFIX}old"
    folder.mkdir()
    (folder / "owner.json").write_text(f'{{"pid": {process.pid}}}', encoding="utf-8")
    slicer_host.load_module(MODULE_FOLDER / "TotalPassport.py")
    assert not folder.exists()
    assert os.path.isdir(slicer_host.app.temporaryPath)
