"""A walk over everything that leaves the program, with names that were chosen to do harm."""

from __future__ import annotations

import csv
import io
import json
import os
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from support.networks import edit_model
from support.passports import body
from support.processes import run_cli
from TotalPassportLib.base.files import DATA_FOLDER
from TotalPassportLib.image.label_names import stored_label_names
from TotalPassportLib.passport import Passport, write_passport
from TotalPassportLib.passport.rules import Finding

EVIL = '=cmd|"/C calc"!A0;=1+1\x1b[2J\x1b]0;owned\x07\u202egpj\u2066<script>alert(1)</script>\r\n@x' + "y" * 5000
"""A formula in several languages, commands of terminals, a change of direction, markup, a second line, and length."""


SHORT = EVIL[:190]


def evil_label(value: int) -> dict[str, Any]:
    return {"value": value, "name": f"{SHORT}{value}", "display_name": SHORT, "color_rgb": [1, 2, 3]}


def harmless_on_a_terminal(text: str) -> bool:
    return not any(
        unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in text if letter not in "\n\t"
    ) and all(len(line) < 7000 for line in text.splitlines())


def harmless_as_a_table(text: str) -> bool:
    """No cell is a formula, whatever the spreadsheet takes for the separator."""
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    cells += [cell for line in text.splitlines() for separator in ";\t" for cell in line.split(separator)]
    numbers = [cell for cell in cells if cell[:1] == "-" and cell[1:2].isdigit()]
    return not any(
        cell.strip(' "')[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20\t\r") and cell not in numbers for cell in cells
    )


@pytest.fixture
def evil() -> Passport:
    passport = body()
    organs = {
        label: replace(organ, name=f"{EVIL[: 40 + label]}{label}{EVIL}", checks=(EVIL,))
        for label, organ in passport.organs.items()
    }
    first = next(iter(organs))
    return replace(
        passport, organs=organs, findings=(Finding(code=EVIL, severity="error", labels=(first,), message=EVIL),)
    )


@pytest.fixture
def evil_file(evil: Passport, tmp_path: Path) -> Path:
    write_passport(evil, tmp_path / "evil.json")
    return tmp_path / "evil.json"


def texts_of(folder: Path, *arguments: object) -> Iterator[str]:
    process = run_cli(*arguments, cwd=folder)
    assert process.returncode in (0, 2, 4), process.stderr
    assert "Traceback" not in process.stderr
    yield process.stdout
    yield process.stderr


def test_tables_of_comparison_and_alignment_do_nothing_to_a_terminal(evil_file: Path, tmp_path: Path) -> None:
    write_passport(body(), tmp_path / "plain.json")
    for other in (evil_file, tmp_path / "plain.json"):
        for text in texts_of(tmp_path, "compare", evil_file, other, "--csv", "changes.csv"):
            assert harmless_on_a_terminal(text), text[:500]
        for text in texts_of(tmp_path, "align", evil_file, other, "-o", "a.json"):
            assert harmless_on_a_terminal(text), text[:500]
        for arguments in (["compare", evil_file, other], ["align", evil_file, other, "-o", "a.json"]):
            for text in texts_of(tmp_path, *arguments, "--json"):
                assert all(letter.isprintable() or letter == "\n" for letter in text), text[:500]
    run_cli("compare", evil_file, evil_file, "--csv", "changes.csv", cwd=tmp_path)
    assert harmless_as_a_table((tmp_path / "changes.csv").read_text(encoding="utf-8"))


def test_exports_run_nowhere(evil_file: Path, tmp_path: Path) -> None:
    for text in texts_of(tmp_path, "export", evil_file, "-o", "organs.csv"):
        assert harmless_on_a_terminal(text)
    assert harmless_as_a_table((tmp_path / "organs.csv").read_text(encoding="utf-8"))
    run_cli("export", evil_file, "-o", "points.mrk.json", cwd=tmp_path)
    json.loads((tmp_path / "points.mrk.json").read_text(encoding="utf-8"))


@pytest.fixture
def evil_model(threshold_model: Path, tmp_path: Path) -> Path:
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(threshold_model, folder)

    def spoil(document: dict[str, Any]) -> None:
        document["title"] = document["licence"] = SHORT
        document["labels"] = [evil_label(value) for value in range(1, 118)]

    return edit_model(folder, spoil)


def test_a_run_with_a_hostile_model_says_and_writes_nothing_that_acts(
    evil_model: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    for text in texts_of(tmp_path, "run", phantom_ct, "-o", "out", "--model", evil_model, "--statistics", "--preview"):
        assert harmless_on_a_terminal(text), text[:500]
    for text in texts_of(tmp_path, "run", phantom_ct, "-o", "out", "--model", evil_model, "--roi", EVIL):
        assert harmless_on_a_terminal(text), text[:500]
    written = list((tmp_path / "out").glob("*.nii.gz"))
    assert written
    for path in written:
        names = stored_label_names(nibabel.load(path).header)
        assert names, "the names in the header can be read again"
        assert all(harmless_on_a_terminal(name[:2000]) for name in names.values())


def test_segmentations_with_hostile_names_are_described_without_harm(tmp_path: Path) -> None:
    labels = np.zeros((16, 16, 16), np.uint8)
    labels[2:6, 2:6, 2:6], labels[9:12, 9:12, 9:12] = 1, 2
    nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), tmp_path / "a.nii.gz")
    table = {
        "schema": "totalpassport-labels/1",
        "name": SHORT[:100],
        "labels": [evil_label(value) for value in (1, 2)],
    }
    (tmp_path / "labels.json").write_text(json.dumps(table), encoding="utf-8")
    for text in texts_of(tmp_path, "passport", "a.nii.gz", "--labels", "labels.json", "-o", "p.json"):
        assert harmless_on_a_terminal(text), text[:500]


def test_a_hostile_catalogue_is_listed_without_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.loads((DATA_FOLDER / "catalogue.json").read_text(encoding="utf-8"))
    for entry in document["models"]:
        entry["title"] = entry["description"] = entry["licence"] = SHORT
    (tmp_path / "catalogue.json").write_text(json.dumps(document), encoding="utf-8")
    monkeypatch.setenv("TOTALPASSPORT_CATALOGUE", str(tmp_path / "catalogue.json"))
    for arguments in (
        ["models", "list"],
        ["models", "info", "fast"],
        ["models", "info", EVIL],
        ["models", "list", "--json"],
    ):
        for text in texts_of(tmp_path, "models", *arguments):
            assert all(letter.isprintable() or letter in "\n\t" for letter in text), text[:500]


@pytest.mark.parametrize("command", ["run", "passport", "compare", "align", "export", "benchmark"])
def test_file_names_in_errors_do_nothing_to_a_terminal(command: str, tmp_path: Path) -> None:
    name = os.fsdecode(b"a\x1b[2J\xff\x9b\r\n") + "\u202e.nii.gz"
    arguments = {"compare": [name, name], "align": [name, name, "-o", "a.tfm"]}.get(command, [name, "-o", name])
    for text in texts_of(tmp_path, command, *arguments):
        assert harmless_on_a_terminal(text)


def test_half_a_letter_in_a_name_is_refused_in_a_sentence(evil_file: Path, tmp_path: Path) -> None:
    text = evil_file.read_text(encoding="utf-8").replace('"name": "', '"name": "\\ud800', 1)
    (tmp_path / "half.json").write_text(text, encoding="utf-8")
    process = run_cli("export", "half.json", "-o", "a.csv", cwd=tmp_path)
    assert process.returncode == 2
    assert "half of a letter" in process.stderr
    assert process.stderr.count("\n") == 1
