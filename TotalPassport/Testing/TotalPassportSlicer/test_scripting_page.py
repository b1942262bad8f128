"""Every recipe of the page on scripting does what it says: the blocks of the page itself are run, in the host.

In the place of TotalSegmentator's network stands one that finds three organs by their grey values; all else is real.
"""

from __future__ import annotations

import csv
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from panel_driver import Panel
from support.networks import write_model
from support.scans import LIVER, grid_around, rasterise, save_nifti
from support.weights import isolate

PAGE = Path(__file__).parents[3] / "docs" / "scripting.md"
RECIPE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def recipes() -> dict[str, str]:
    """Return title -> code of the recipes; a second one below a title has its number behind it."""
    found: dict[str, str] = {}
    for section in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        title = section.splitlines()[0]
        for number, code in enumerate(RECIPE.findall(section), start=1):
            found[title if number == 1 else f"{title} {number}"] = code
    return found


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which a user tries the recipes: scans, and a folder for each year's visit."""
    folder = tmp_path_factory.mktemp("desk")
    shape, affine = grid_around(np.eye(3), (3.0, 3.0, 3.0), (0.0, 0.0, 0.0))
    for name in ("ct.nii.gz", "scans/first.nii.gz", "scans/second.nii.gz"):
        (folder / name).parent.mkdir(exist_ok=True)
        save_nifti(folder / name, rasterise(shape, affine), affine)
    (folder / "visits").mkdir()
    for year, shrunk in (("2022", 0), ("2023", 2), ("2024", 4)):  # a liver that loses slices
        voxels = np.zeros((44, 40, 36), np.int16)
        voxels[4:14, 4:14, 4:14] = 500
        voxels[28:38, 22:32, 4:14] = 1500
        voxels[16:40, 6:20, 16 : 32 - shrunk] = -500
        save_nifti(folder / "visits" / f"{year}.nii.gz", voxels, affine)
    return folder


@pytest.fixture
def script(
    desk: Path, slicer_host: Any, scripted_child: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Panel]:
    """The module in a fresh scene, with a network under the name of TotalSegmentator's fast one."""
    import slicer

    home = isolate(monkeypatch, tmp_path)
    write_model(home / "models" / "fast", name="fast")
    monkeypatch.chdir(desk)
    before = slicer.mrmlScene.GetRootDirectory()
    slicer.mrmlScene.SetRootDirectory(str(tmp_path / "of another scene"))
    module = slicer_host.load_module(Path(__file__).parents[2] / "TotalPassport.py")
    yield Panel(slicer_host, module, scripted_child)
    slicer.mrmlScene.SetRootDirectory(before)


def run(title: str, **names: Any) -> dict[str, Any]:
    """Run a recipe as a script of its own, and return its names."""
    names["__name__"] = "__main__"
    exec(compile(recipes()[title], f"{PAGE.name}: {title}", "exec"), names)
    return names


def test_every_recipe_has_its_test() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    titles = list(recipes())
    assert len(titles) >= 12
    assert [title for title in titles if f'run("{title}"' not in text] == []


@pytest.mark.slow
def test_one_scan(script: Panel, capsys: pytest.CaptureFixture[str]) -> None:
    names = run("One scan")
    passport = names["result"].passport
    assert set(passport.names) == {"liver", "kidney_right", "spleen"}
    assert passport["liver"].volume_ml == pytest.approx(LIVER.volume_mm3 / 1000, rel=0.1)
    assert capsys.readouterr().out.endswith("ct segmentation 3 organs\n")
    assert script.parameters.passport is names["result"].document, "the panel shows it, too"
    assert not script.logic.busy


def test_errors(script: Panel, capsys: pytest.CaptureFixture[str]) -> None:
    run("Errors")
    promised = re.search(r"print\(error\)  # (.*)", recipes()["Errors"])
    assert promised is not None
    assert capsys.readouterr().out.strip() == promised.group(1)
    assert script.error_dialogs() == []


@pytest.mark.slow
def test_without_waiting(script: Panel, capsys: pytest.CaptureFixture[str]) -> None:
    run("Without waiting")
    assert script.logic.busy
    assert capsys.readouterr().out == ""
    script.wait()
    assert capsys.readouterr().out.startswith("3 organs with ")
    script.use_child("raise RuntimeError('no luck')")
    run("Without waiting")
    script.wait()
    assert "no luck" in capsys.readouterr().out
    assert script.error_dialogs() == [], "the script was told"


def test_what_has_to_be_there(script: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    from TotalPassportSlicer.install import installation

    title = "What has to be there: packages and weights"
    names = run("What has to be there: packages and weights")
    assert names["missing"] == []
    assert script.host.packaging.calls == [], "what is there is not installed again"
    lacking = {installation.REQUIREMENTS_FILE: ["nibabel>=5.2"], installation.CONVERSION_FILE: []}
    installed: list[list[str]] = []
    monkeypatch.setattr(installation, "missing_requirements", lambda file: lacking[file])
    monkeypatch.setattr(installation, "install_missing", lambda names, file: installed.append(names) or "")
    monkeypatch.setattr(script.logic, "missingModels", lambda **options: ["fast"])
    downloads: list[str] = []
    monkeypatch.setattr(script.logic, "downloadModel", lambda *names: downloads.extend(names))
    done = types.SimpleNamespace(result=lambda: None)
    monkeypatch.setattr(script.logic, "waitForFinished", lambda: done)
    run(title)
    assert (installed, downloads) == ([["nibabel>=5.2"]], ["fast"])


def test_a_model_that_is_not_there_is_named(script: Panel) -> None:
    assert script.logic.missingModels(task="total") == ["full"]
    assert script.logic.missingModels(model="/a/model/of/mine") == []


@pytest.mark.slow
def test_into_numpy(script: Panel) -> None:
    names = run("Into numpy")
    assert names["centroids_ras_mm"].shape == (3, 3)
    liver = names["names"].index("liver")
    np.testing.assert_allclose(names["centroids_ras_mm"][liver], LIVER.centre_ras_mm, atol=2)
    assert names["volumes_ml"][liver] * 1000 == pytest.approx(27 * int((names["liver"] > 0).sum()))
    assert names["hounsfield"].mean() == pytest.approx(names["passport"]["liver"].hu_mean, abs=0.5)
    assert names["surface_ras_mm"].shape[1] == 3


@pytest.mark.slow
def test_a_segmentation_that_is_there(script: Panel, desk: Path) -> None:
    import slicer
    from TotalPassportLib.passport import read_passport

    assert slicer.util.saveNode(script.add_boxes({"liver": 1, "spleen": 2}), str(desk / "organs.seg.nrrd"))
    slicer.mrmlScene.Clear()
    run("A segmentation that is there")
    assert set(read_passport(desk / "organs_passport.json").names) == {"liver", "spleen"}


@pytest.mark.slow
def test_several_scans(script: Panel, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("Several scans of the scene")
    assert capsys.readouterr().out.splitlines() == [
        "first done 3 organs",
        "second done 3 organs",
        "6 organs of all scans",
    ]
    with (desk / "organs.csv").open(encoding="utf-8", newline="") as file:
        assert [row["subject"] for row in csv.DictReader(file)] == ["first"] * 3 + ["second"] * 3


@pytest.mark.slow
def test_a_folder_without_a_window(
    script: Panel, desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import slicer

    codes: list[int] = []
    monkeypatch.setattr(slicer.util, "exit", codes.append)
    monkeypatch.setattr(sys, "argv", ["segment_folder.py", "scans", "results"])
    run("A folder, without a window")
    assert capsys.readouterr().out.splitlines() == ["first done 3 organs", "second done 3 organs"]
    assert (desk / "results" / "masks" / "first_mask.nii.gz").is_file()
    assert (desk / "results" / "organs.csv").is_file()
    monkeypatch.setattr(sys, "argv", ["segment_folder.py", "nowhere", "results"])
    run("A folder, without a window")
    assert codes == [0, 1]
    assert "There is no file or folder 'nowhere'" in capsys.readouterr().err
    assert script.error_dialogs() == []


@pytest.mark.slow
def test_scan_by_scan(script: Panel, desk: Path) -> None:
    run("A folder, without a window 2")
    names = [f"{name}{ending}" for name in ("first", "second") for ending in (".csv", ".seg.nrrd")]
    assert sorted(path.name for path in (desk / "meshes").iterdir()) == names
    assert script.count("vtkMRMLScalarVolumeNode") == 0
    assert nibabel.load(desk / "ct.nii.gz").shape == nibabel.load(desk / "scans" / "first.nii.gz").shape


@pytest.mark.slow
def test_from_another_extension(script: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    import slicer

    told: list[str] = []
    monkeypatch.setattr(slicer.util, "showStatusMessage", told.append)
    names = run("From another extension")
    assert set(names["passport"].names) == {"liver", "kidney_right", "spleen"}
    script.use_child("raise RuntimeError('no luck')")
    assert run("From another extension")["passport"] is None
    assert "no luck" in told[0]
    monkeypatch.setattr(slicer.modules, "find", lambda name: None)
    assert run("From another extension")["passport"] is None
    assert "Extensions Manager" in told[1]


@pytest.mark.slow
def test_a_follow_up(script: Panel, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import slicer

    names = run("Follow-up of one patient")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("liver -")
    assert lines[0].endswith("True")
    selection = slicer.app.applicationLogic().GetSelectionNode()
    assert selection.GetActivePlotChartID() == names["volume_chart"].GetID()
    with (desk / "follow_up.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["scan"] for row in rows[:3]] == ["2022", "2023", "2024"]


@pytest.mark.slow
def test_two_scans(script: Panel, capsys: pytest.CaptureFixture[str]) -> None:
    run("Two scans")
    *organs, verdict = capsys.readouterr().out.splitlines()
    assert len(organs) == 3
    assert verdict
    assert next(line for line in organs if line.startswith("liver")).startswith("liver -2")


@pytest.mark.slow
def test_in_a_notebook(script: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[int] = []
    library = types.ModuleType("JupyterNotebooksLib")
    library.View3DDisplay = shown.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "JupyterNotebooksLib", library)
    names = run("In a notebook")
    assert shown == [0]
    assert "<table" in names["result"].passport._repr_html_()
    assert names["result"].segmentation.GetDisplayNode().GetVisibility3D()


def test_options_are_checked_by_their_names(script: Panel) -> None:
    from TotalPassportLib.base.errors import BadInput

    with pytest.raises(BadInput, match=r"no option 'fats'\. Did you mean fast"):
        script.logic.run(script.add_phantom(), fats=True)
    with pytest.raises(BadInput, match="no volume"):
        script.logic.run(None)
    with pytest.raises(BadInput, match="no scan to run"):
        script.logic.runScans([])
