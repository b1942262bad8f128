"""``totalpassport study``: all implementations in one table from one run, and a reason where one cannot run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from parity.cases import FIXTURES
from support.processes import assert_one_sentence, files_below, run_cli, sentences
from support.stand_in_official import stand_in_official
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.files import DATA_FOLDER
from TotalPassportLib.benchmark.study import IMPLEMENTATIONS, study_scans
from TotalPassportLib.benchmark.study_page import study_markdown, study_page

SCHEMAS = {
    name: json.loads((DATA_FOLDER / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
    for name in ("study", "benchmark")
}
SCAN = FIXTURES / "scans" / "thin.nii.gz"
LABELS = FIXTURES / "expected" / "thin.fast.nii.gz"
WEIGHTS = FIXTURES / "weights"


def study(*arguments: object, folder: Path) -> tuple[dict[str, Any], str]:
    process = run_cli("study", *arguments, "-o", folder)
    assert process.returncode == 0, process.stderr
    assert sentences(process.stderr) == []
    assert files_below(folder) == ["study.html", "study.json", "study.md"]
    document = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(SCHEMAS["study"]).validate(document)
    jsonschema.Draft7Validator(SCHEMAS["benchmark"]).validate(document["benchmark"])
    return document, process.stdout


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str, Path]:
    """All five on a scan of which the official labels are known, which are its ground truth, too."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOTALPASSPORT_HOME", str(folder / "home"))
        python = stand_in_official(folder / "environment", LABELS)
        truth = str(LABELS).replace("thin", "{subject}")
        asked = ("--model", "fast", "--weights", WEIGHTS, "--official", python, "--ground-truth", truth)
        return *study(SCAN, *asked, folder=folder / "out"), folder / "out"


def rows_of(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["implementation"]: row for row in document["rows"]}


def test_all_five_stand_in_one_table_from_one_run(whole: Any) -> None:
    document, printed, _ = whole
    rows = rows_of(document)
    assert list(rows) == list(IMPLEMENTATIONS)
    assert (document["baseline"], document["reference"]) == ("official", "official")
    assert [row["scans"] for row in rows.values()] == [1] * 5
    assert rows["official"]["times_as_fast"] == 1
    for row in rows.values():
        ratio = rows["official"]["seconds"]["median"] / row["seconds"]["median"]
        assert row["times_as_fast"] == pytest.approx(ratio, rel=1e-3)
        assert row["title"] in printed
        assert row["peak_bytes"] > 0
    assert rows["official"]["dice"] is None
    assert rows["exact-auto"]["dice"] > 0.999
    assert rows["plain-windows"]["dice"] > 0.95, "the same method, added up in float32"
    assert rows["plain"]["dice"] < rows["plain-windows"]["dice"], "another method"


def test_dice_with_ground_truth_is_that_of_every_implementation(whole: Any) -> None:
    document, printed, _ = whole
    rows = rows_of(document)
    assert rows["official"]["dice_truth"] == 1.0
    assert rows["exact-auto"]["dice_truth"] == pytest.approx(rows["exact-auto"]["dice"], abs=0.01)
    assert "Dice, ground truth" in printed
    assert document["recommended"] in rows
    assert "Recommendation: " in printed


def test_the_files_have_the_same_table(whole: Any) -> None:
    document, _, folder = whole
    markdown = (folder / "study.md").read_text(encoding="utf-8")
    page = (folder / "study.html").read_text(encoding="utf-8")
    assert markdown == study_markdown(document)
    assert page == study_page(document)
    text = "".join(ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>")).itertext())
    for row in document["rows"]:
        assert f"| {row['title']} | {row['seconds']['median']:.2f} s |" in markdown
        assert f"{row['seconds']['median']:.2f} s" in text
    assert "://" not in page


def test_what_cannot_run_is_a_row_that_says_why(threshold_model: Path, phantom_ct: Path, tmp_path: Path) -> None:
    """A model of one's own, and a python without the package: the others run all the same."""
    (tmp_path / "scans" / "deep").mkdir(parents=True)
    (tmp_path / "scans" / "deep" / "a.nii.gz").symlink_to(phantom_ct)
    (tmp_path / "python").touch()
    asked = ("--model", threshold_model, "--official", tmp_path / "python", "--ground-truth", tmp_path / "scans")
    document, printed = study(tmp_path / "scans", *asked, folder=tmp_path / "out")
    rows = rows_of(document)
    assert (document["baseline"], document["reference"]) == ("plain-windows", "exact-auto")
    assert (rows["official"]["scans"], rows["official"]["seconds"]) == (0, None)
    assert "The official package has no model" in rows["official"]["why_not"]
    assert "TotalSegmentator (official) did not run: The official package has no model" in printed
    assert rows["plain-windows"]["dice"] == rows["plain"]["dice"] == 1.0, "a network of single voxels"
    assert any("a: not compared with ground truth" in note for note in document["notes"])


def test_scans_are_found_in_folders_and_no_more_than_asked_for(tmp_path: Path) -> None:
    for name in ("b.nii.gz", "a.nii", "c.nrrd", ".hidden.nii", "deep/d.NII.GZ"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = study_scans([tmp_path, tmp_path / "a.nii"])
    assert [path.name for path in found] == ["a.nii", "b.nii.gz", "d.NII.GZ"]
    assert [path.name for path in study_scans([tmp_path], 2)] == ["a.nii", "b.nii.gz"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no NIfTI file"):
        study_scans([tmp_path / "empty"])


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nowhere.nii.gz", "--model", "demo"], 2, "There is no scan 'nowhere.nii.gz'"),
        ([SCAN, "--model", "demo", "--max-samples", "0"], 2, "0 scans are none"),
        ([SCAN, "--model", "demo", "--ground-truth", "nowhere"], 2, "There is no folder 'nowhere'"),
        ([SCAN, "--model", "nowhere"], 4, "There is no model"),
    ],
)
def test_what_cannot_be_studied_is_one_sentence(arguments: list[Any], code: int, says: str, tmp_path: Path) -> None:
    assert_one_sentence(run_cli("study", *arguments, "-o", tmp_path / "out", cwd=tmp_path), code, says)
    assert files_below(tmp_path / "out") == []
