"""``totalpassport cohort``: a folder becomes a table, and questions are commands, as SQL, as files and as plots."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from support.cohorts import OUTLIER, PATTERN, SCANS, WITHOUT_KIDNEY, scan_of, write_passports
from support.processes import files_below
from TotalPassportLib.cli.main import main


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A batch's folder, ``batch``, and beside it its cohort, ``c``."""
    folder = tmp_path_factory.mktemp("cohort")
    write_passports(folder / "batch" / "passports")
    assert main(["cohort", str(folder / "batch"), "-o", str(folder / "c"), "--pattern", PATTERN, "-q"]) == 0
    return folder


def ask(made: Path, action: str, *arguments: object) -> int:
    return main(["cohort", action, str(made / "c"), *map(str, arguments)])


def test_a_folder_becomes_a_table_and_is_brought_up_to_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_passports(tmp_path / "batch", range(3))
    (tmp_path / "batch" / "bad_passport.json").write_text("{", encoding="utf-8")
    command = ["cohort", str(tmp_path / "batch"), "-o", str(tmp_path / "c")]
    assert main(command) == 0
    told = capsys.readouterr()
    assert told.out.startswith("3 scans: 4 added, 0 read again, 0 removed, 0 kept\n")
    assert "warning: bad_passport.json was left out: 'bad_passport.json' is not valid JSON" in told.err
    assert main(["cohort", "-o", str(tmp_path / "c"), str(tmp_path / "batch"), "--json", "-q"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["scans"], facts["kept"], facts["added"]) == (3, 4, 0)


QUESTIONS = {
    ("info",): "fast",
    ("distribution", "volume_mm3", "--organ", "liver", "spleen"): "spleen",
    ("distribution", "volume_mm3", "--organ", "liver,spleen", "--model", "fast"): "liver",
    ("outliers",): scan_of(OUTLIER),
    ("outliers", "mean_hu", "--least-z", "1"): "robust_z",
    ("asymmetry",): "kidney_left",
    ("asymmetry", "volume_mm3", "--scans"): "robust_z",
    ("missing",): "kidney_left",
    ("missing", "--scans"): scan_of(WITHOUT_KIDNEY),
    ("follow-up", "p1", "--organ", "liver"): "2021-03-15",
    ("nearest", scan_of(0), "liver", "-n", "3"): scan_of(0),
    ("query", "SELECT count(*) AS n FROM scans"): str(SCANS),
}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: " ".join(question)[:30])
def test_a_question_is_answered_in_words_and_in_json(
    question: tuple[str, ...], made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(made, *question) == 0
    assert QUESTIONS[question] in capsys.readouterr().out
    assert ask(made, *question, "--json") == 0
    assert QUESTIONS[question] in json.dumps(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize("ending", ["png", "svg"])
@pytest.mark.parametrize(
    "question",
    [("distribution", "volume_mm3"), ("outliers",), ("asymmetry",), ("missing",), ("follow-up", "p1"),
     ("nearest", scan_of(0), "liver")],
)  # fmt: skip
def test_a_question_is_drawn(question: tuple[str, ...], ending: str, made: Path, tmp_path: Path) -> None:
    path = tmp_path / f"plot.{ending}"
    assert ask(made, *question, "--plot", path, "-q") == 0
    assert files_below(tmp_path) == [path.name]
    if ending == "png":
        extrema = Image.open(path).convert("L").getextrema()
        assert extrema[0] < 100 < 250 < extrema[1]
    else:
        assert "<svg" in path.read_text(encoding="utf-8")


def test_an_answer_is_written_whole(made: Path, tmp_path: Path) -> None:
    assert ask(made, "query", "SELECT scan, name FROM organs", "-o", tmp_path / "a.csv", "-q") == 0
    assert len((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()) == 4 * SCANS
    assert ask(made, "outliers", "-o", tmp_path / "a.json", "-q") == 0
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["rows"][0]["scan"] == scan_of(OUTLIER)


REFUSED = {
    ("distribution", "volume"): "There is no field 'volume'. Did you mean volume_mm3?",
    ("distribution", "intensity_mean"): "has no unit",
    ("distribution", "volume_mm3", "--organ", "livr"): "Did you mean liver?",
    ("distribution", "volume_mm3", "--plot", "plot.pdf"): "does not end with .png or .svg",
    ("outliers", "-o", "x.xlsx"): "does not end with .csv or .json",
    ("outliers", "--least-z", "99", "--plot", "plot.png"): "There is nothing to draw",
    ("missing", "--scans", "--plot", "plot.png"): "Single scans are not drawn",
    ("query", "SELECT * FROM read_csv('/etc/passwd')"): "file system operations are disabled",
    ("query", "DROP VIEW organs"): "A question is one SELECT statement",
    ("follow-up", "nobody"): "The cohort has no patient 'nobody'",
    ("nearest", scan_of(0), "brain"): "has no organ 'brain'",
}


@pytest.mark.parametrize("question", REFUSED, ids=lambda question: " ".join(question)[:40])
def test_what_cannot_be_answered_is_one_sentence(
    question: tuple[str, ...],
    made: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ask(made, *question) == 2
    told = capsys.readouterr().err
    assert REFUSED[question] in told
    assert told.count("\n") == 1
    assert files_below(tmp_path) == []


def test_mistyped_actions_are_told_and_folders_are_not_taken_for_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["cohort", "outlier", "c"]) == 2
    assert "there is no folder 'outlier', and no action either. Did you mean outliers?" in capsys.readouterr().err
    assert main(["cohort", "nowhere", "-o", "c"]) == 2
    assert "There is no folder 'nowhere'" in capsys.readouterr().err
    assert main(["cohort"]) == 0
    assert "totalpassport cohort DIR -o COHORT" in capsys.readouterr().out
    write_passports(tmp_path / "outlier", range(1))
    assert main(["cohort", "outlier", "-o", "c", "-q"]) == 0
