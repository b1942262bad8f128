"""Questions in SQL see two tables and nothing else; answers are tables, in Python and in files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import TotalPassportLib as tp
from support.cohorts import MR, OUTLIER, SCANS, scan_of
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.cohorts import Cohort
from TotalPassportLib.cohorts.answers import Answer, write_answer

secret = [1, 2, 3]
HOSTILE = {
    "a file of the system": "SELECT * FROM read_csv('/etc/passwd')",
    "a file by its name": "SELECT * FROM '/etc/passwd'",
    "its own files": "SELECT * FROM read_parquet('{folder}/organs.parquet')",
    "a text": "SELECT * FROM read_text('{folder}/cohort.json')",
    "names of files": "SELECT * FROM glob('/etc/*')",
    "a copy out": "COPY organs TO '{folder}/out.csv'",
    "a copy over a table": "COPY (SELECT 1) TO '{folder}/organs.parquet'",
    "a database": "ATTACH '{folder}/x.db'",
    "an extension": "INSTALL httpfs",
    "the network": "SELECT * FROM read_csv('https://localhost/x.csv')",
    "an export": "EXPORT DATABASE '{folder}/x'",
    "a setting": "SET enable_external_access = true",
    "a pragma": "PRAGMA enable_profiling",
    "a variable of Python": "SELECT * FROM secret",
    "a table of its own": "CREATE TABLE t AS SELECT 1",
    "a dropped table": "DROP VIEW organs",
    "two statements": "SELECT 1; SELECT 2",
    "none": "",
    "no SQL": "what is the mean?",
    "an unknown column": "SELECT weight FROM organs",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_question_reaches_nothing_beyond_the_tables(name: str, cohort_folder: Path) -> None:
    before = {path: path.read_bytes() for path in cohort_folder.iterdir()}
    with Cohort(cohort_folder) as cohort:
        with pytest.raises(BadInput, match=r"DuckDB refuses the question|A question is one SELECT statement"):
            cohort.query(HOSTILE[name].format(folder=cohort_folder))
        assert cohort.query("SELECT count(*) AS n FROM scans").rows == ((SCANS,),)
    assert {path: path.read_bytes() for path in cohort_folder.iterdir()} == before


def test_a_question_may_describe_the_tables_and_take_parameters(cohort: Cohort) -> None:
    assert "volume_mm3" in cohort.query("DESCRIBE organs").column("column_name")
    answer = cohort.query("SELECT mean_hu FROM organs WHERE scan = ? AND name = ?", [scan_of(OUTLIER), "liver"])
    assert answer.rows == ((57.0,),)


def test_a_dataframe_takes_one_line(passports: Path, cohort_folder: Path) -> None:
    for frame in (tp.cohort(passports).to_dataframe(), tp.cohort(cohort_folder).to_dataframe()):
        assert len(frame) == 4 * SCANS - 1
        livers = frame[frame["name"] == "liver"]
        assert livers["volume_mm3"].notna().all()
        assert livers["mean_hu"].isna().sum() == 1  # the MR has no Hounsfield units
        assert set(frame["model"]) == {"fast", "full"}


def test_a_cohort_is_kept_where_a_place_is_named(passports: Path, tmp_path: Path) -> None:
    kept = tp.cohort(passports, tmp_path / "c")
    assert len(kept) == len(tp.cohort(tmp_path / "c")) == SCANS
    assert "p0_20200315" in set(kept.scans()["scan"])


def test_units_are_in_columns_of_their_own(cohort: Cohort) -> None:
    rows = cohort.query("SELECT scan, mean_hu, intensity_mean FROM organs WHERE name = 'liver'")
    assert {row["scan"] for row in rows if row["intensity_mean"] is not None} == {scan_of(MR)}
    assert {row["scan"] for row in rows if row["mean_hu"] is None} == {scan_of(MR)}


def test_an_answer_is_a_table_everywhere(tmp_path: Path) -> None:
    rows = (("=1+1\x1b[2J", 1.5, None, True), ("<b>", float("nan"), 3, False))
    answer = Answer(columns=("scan", "a", "b", "c"), rows=rows, notes=("A <note>.",))
    assert len(answer) == 2
    assert answer.column("b") == [None, 3]
    assert "\x1b" not in repr(answer)
    assert repr(answer).splitlines()[0].split() == ["scan", "a", "b", "c"]
    assert "<b>" not in answer._repr_html_()
    frame = answer.to_dataframe()
    assert frame.attrs["notes"] == ["A <note>."]
    assert np.isnan(frame["b"][0])
    write_answer(answer, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()[1].startswith("'=1+1\\x1b[2J,1.5,,True")
    write_answer(answer, tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["rows"][1]["a"] is None
    with pytest.raises(BadInput, match=r"does not end with \.csv or \.json"):
        write_answer(answer, tmp_path / "a.xlsx")


def test_a_long_answer_says_how_much_more_there_is() -> None:
    answer = Answer(columns=("n",), rows=tuple((n,) for n in range(50)))
    assert repr(answer).endswith("and 30 more rows")
    assert len(answer.text().splitlines()) == 51


def test_what_is_no_cohort_is_refused(passports: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"is no cohort: it has no cohort\.json"):
        Cohort(passports)
    with pytest.raises(BadInput, match="is no cohort"):
        Cohort(tmp_path / "nowhere")
