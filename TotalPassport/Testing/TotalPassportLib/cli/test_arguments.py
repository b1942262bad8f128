"""Arguments as people type them, and what a command says: to people, to log files, to programs, or nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.networks import write_model
from support.passports import body
from TotalPassportLib.base.files import DATA_FOLDER
from TotalPassportLib.base.labels import bundled_tables, load_label_table
from TotalPassportLib.cli.main import command_line_parser, main
from TotalPassportLib.passport import read_passport, write_passport

COMMANDS = ["run", "passport", "demo", "compare", "align", "models", "export", "verify", "benchmark"]


def organs_of(folder: Path) -> list[str]:
    return [organ.name for organ in read_passport(folder / "phantom_passport.json").organs.values()]


@pytest.mark.parametrize(
    ("roi", "found"),
    [
        (["--roi", "liver", "spleen"], ["spleen", "liver"]),
        (["--roi", "liver,spleen"], ["spleen", "liver"]),
        (["--roi", "liver, spleen ,"], ["spleen", "liver"]),
        (["--roi", "liver", "--roi", "spleen"], ["spleen", "liver"]),
        (["--roi", "LIVER"], ["liver"]),
        (["--roi", "Right kidney", "Spleen"], ["spleen", "kidney_right"]),
        (["--roi", "Kidney-Right"], ["kidney_right"]),
        (["--roi", "kidneys"], ["kidney_right"]),
        (["--roi=Kidneys,spleen"], ["spleen", "kidney_right"]),
    ],
    ids=lambda value: " ".join(value),
)
@pytest.mark.parametrize("before", [True, False], ids=["before the scan", "after it"])
def test_structures_are_asked_for_as_people_write_them(
    before: bool, roi: list[str], found: list[str], threshold_model: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    rest = ["-o", str(tmp_path), "--model", str(threshold_model)]
    arguments = ["run", *roi, str(phantom_ct), *rest] if before else ["run", str(phantom_ct), *rest, *roi]
    assert main(arguments) == 0
    assert organs_of(tmp_path) == found


@pytest.mark.parametrize(
    ("roi", "says"),
    [
        ("livr", "finds no structure called 'livr'. Did you mean liver?"),
        ("Right Kidny", "Did you mean kidney_right?"),
        ("ribs", "finds no structure of the group 'ribs'. It finds spleen, kidney_right, liver."),
        (",", "',' names no structure. Name some of spleen"),
        ("brain", "It finds spleen, kidney_right, liver"),
    ],
)
def test_a_structure_that_is_not_found_is_told_with_what_may_be_meant(
    roi: str, says: str, threshold_model: Path, phantom_ct: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", "--roi", roi, str(phantom_ct), "-o", str(tmp_path), "--model", str(threshold_model)]
    assert main(arguments) == 2
    assert says in capsys.readouterr().err


def test_a_table_of_ones_own_may_have_commas_in_its_names(phantom_ct: Path, tmp_path: Path) -> None:
    labels = [
        {"value": value, "name": name, "display_name": name, "color_rgb": [1, 2, 3]}
        for value, name in ((1, "spleen, left"), (2, "kidney"), (5, "liver"))
    ]
    model = write_model(tmp_path / "model", labels=labels)
    assert main(["run", "--roi", "spleen, left", str(phantom_ct), "-o", str(tmp_path), "--model", str(model)]) == 0
    assert organs_of(tmp_path) == ["spleen, left"]


def test_groups_are_made_of_structures_that_there_are() -> None:
    names = {label.name for table in bundled_tables() for label in load_label_table(table).values()}
    groups = json.loads((DATA_FOLDER / "structure_groups.json").read_text(encoding="utf-8"))["groups"]
    assert {"kidneys", "lungs", "ribs", "vertebrae"} <= set(groups)
    assert len(groups["ribs"]) == 24
    assert len(groups["lungs"]) == 5
    assert all(set(members) <= names for members in groups.values())
    assert not names & set(groups)


def test_a_mistyped_model_or_provider_is_told_with_what_may_be_meant(
    phantom_ct: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, code, says in (
        (["--model", "fasst"], 4, "There is no model 'fasst'. Did you mean fast"),
        (["--model", "Demo"], 4, "Did you mean demo?"),
        (["--model", "demo", "--provider", "CPU"], 2, "There is no provider 'CPU'. Did you mean cpu?"),
    ):
        assert main(["run", str(phantom_ct), "-o", str(tmp_path), *arguments]) == code
        assert says in capsys.readouterr().err
    assert main(["models", "info", "fastst"]) == 4
    assert "Did you mean fast" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "usage", "says"),
    [
        (["run", "ct.nii", "-o", "out", "--preveiw"], "totalpassport run", "Did you mean --preview?"),
        (["models", "remove", "a", "b"], "totalpassport models remove", "unrecognized arguments: b"),
        (["align", "a"], "totalpassport align", "the following arguments are required"),
        (["segment", "ct.nii"], "totalpassport", "there is no 'segment'"),
        (["modles"], "totalpassport", "Did you mean models?"),
        (["models", "dowload"], "totalpassport models", "Did you mean download?"),
        (["run", "ct.nii", "-o", "out", "--precision", "turbbo"], "totalpassport run", "Did you mean turbo?"),
        (["run", "ct.nii", "-o", "out", "--threads", "-1"], "totalpassport run", "--threads"),
        (["run", "ct.nii", "-o", "out", "--threads", "many"], "totalpassport run", "is no whole number from 0 to 1024"),
    ],
)
def test_what_cannot_be_understood_is_told_with_the_usage_of_its_own_command(
    arguments: list[str], usage: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"usage: {usage} [")
    assert says in said
    assert f"{usage}: error:" in said


@pytest.mark.parametrize(
    ("arguments", "listed"), [([], COMMANDS), (["models"], ["list", "info", "download", "import", "remove"])]
)
def test_a_command_alone_lists_what_it_has(
    arguments: list[str], listed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert all(re.search(rf"^    {name}\s", shown, re.MULTILINE) for name in listed)


def test_lists_of_the_benchmark_do_not_swallow_a_scan() -> None:
    parser = command_line_parser()
    options = parser.parse_command(
        ["benchmark", "-o", "out", "--precision", "exact", "turbo", "a.nii.gz", "b.nii", "--provider", "cpu"]
    )
    assert options.scans == [Path("a.nii.gz"), Path("b.nii")]
    assert (options.precision, options.provider) == (["exact", "turbo"], ["cpu"])


@pytest.fixture
def run_arguments(threshold_model: Path, phantom_ct: Path, tmp_path: Path) -> list[str]:
    return ["run", str(phantom_ct), "-o", str(tmp_path / "out"), "--model", str(threshold_model)]


def test_a_log_file_gets_a_line_a_stage_in_words_and_seconds(
    run_arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*run_arguments, "--threads", "1"]) == 0
    lines = capsys.readouterr().err.splitlines()
    stages = [line for line in lines if re.fullmatch(r"  the [a-z' ]+ in \d+\.\d s", line)]
    assert [line.split(" in ")[0].strip() for line in stages] == [
        "the input was read",
        "the scan was resampled",
        "the networks ran",
        "the labels were put on the scan's grid",
        "the organs were measured",
        "the results were written",
    ]
    assert any(re.fullmatch(r"  \d+ windows of '.+' will take about \d+ s", line) for line in lines)


def test_quiet_says_nothing_but_warnings_and_errors(
    run_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*run_arguments, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert (tmp_path / "out" / "phantom_passport.json").exists()
    assert main(["run", "nowhere.nii", "-o", "out", "-q", "--model", "demo"]) == 2
    assert capsys.readouterr().err.startswith("totalpassport: ")


def test_json_is_one_line_a_result(
    run_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def result(*arguments: object) -> dict[str, object]:
        capsys.readouterr()
        assert main([str(argument) for argument in arguments] + ["--json"]) in (0, 6)
        out = capsys.readouterr().out
        assert out.count("\n") == 1
        return json.loads(out)

    ran = result(*run_arguments)
    assert Path(str(ran["segmentation"])).exists()
    assert (ran["organs"], ran["precision"]) == (3, "exact")
    described = result("passport", ran["segmentation"], "-o", tmp_path / "p.json")
    assert described["organs"] == 3
    write_passport(body(), tmp_path / "a.json")
    assert result("compare", tmp_path / "a.json", tmp_path / "a.json")["changed"] == {}
    assert result("align", tmp_path / "a.json", tmp_path / "a.json", "-o", tmp_path / "t.tfm")["acceptable"] is True
    assert result("export", tmp_path / "a.json", "-o", tmp_path / "a.csv")["organs"] == 20
    assert "demo" in [model["name"] for model in result("models", "list")]  # type: ignore[index]
