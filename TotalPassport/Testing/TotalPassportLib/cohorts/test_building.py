"""A table of passports is made, brought up to date by what has changed, and never left half."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pyarrow.parquet
import pytest
from support.cohorts import OUTLIER, PATTERN, SCANS, file_name, passport, scan_of, write_passports
from support.missing_packages import without_package
from support.processes import environment, files_below
from TotalPassportLib.base.errors import BadInput, Cancelled
from TotalPassportLib.base.events import Cancellation
from TotalPassportLib.cohorts import Cohort
from TotalPassportLib.cohorts.building import BuildOptions, BuildSummary, build_cohort
from TotalPassportLib.cohorts.passport_files import find_passports, scan_names
from TotalPassportLib.passport import write_passport


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_passports(tmp_path / "batch" / "passports", range(4))
    return tmp_path / "batch"


def counts(done: BuildSummary) -> tuple[int, int, int, int, int]:
    return done.scans, done.added, done.changed, done.removed, done.kept


def volumes(folder: Path) -> dict[str, float]:
    with Cohort(folder) as cohort:
        answer = cohort.query("SELECT scan, volume_mm3 FROM organs WHERE name = 'liver' ORDER BY scan")
        return dict(answer.rows)


def test_every_passport_below_the_folder_is_a_scan_and_every_organ_a_row(cohort_folder: Path, cohort: Cohort) -> None:
    assert files_below(cohort_folder) == [".lock", "cohort.json", "organs.parquet", "scans.parquet"]
    assert len(cohort) == SCANS
    assert repr(cohort) == f"<Cohort of {SCANS} scans>"
    rows = cohort.query(
        "SELECT scan, passport, patient, date, model, n_organs, intensity_unit FROM scans ORDER BY scan"
    )
    first = next(iter(rows))
    assert first == {
        "scan": "p0_20200315",
        "passport": "passports/p0_20200315_passport.json",
        "patient": "p0",
        "date": date(2020, 3, 15),
        "model": "fast",
        "n_organs": 4,
        "intensity_unit": "HU",
    }
    liver = next(iter(cohort.query("SELECT * FROM organs WHERE scan = ? AND name = 'liver'", [scan_of(OUTLIER)])))
    expected = passport(OUTLIER)["liver"]
    assert liver["volume_mm3"] == pytest.approx(expected.volume_mm3)
    assert liver["centroid_s_mm"] == pytest.approx(expected.centroid_ras_mm[2], abs=1e-6)
    assert (liver["label"], liver["touches_border"], liver["mean_hu"]) == (5, False, 57.0)
    assert len(cohort.query("SELECT 1 FROM organs")) == 4 * SCANS - 1


def test_the_tables_are_plain_parquet_for_any_other_program(cohort_folder: Path) -> None:
    table = pyarrow.parquet.read_table(cohort_folder / "organs.parquet")
    assert table.num_rows == 4 * SCANS - 1
    assert {"scan", "name", "volume_mm3", "mean_hu"} <= set(table.column_names)


def test_only_what_is_new_or_has_changed_is_read_again(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "c"
    assert counts(build_cohort(folder, output)) == (4, 4, 0, 0, 0)
    before = volumes(output)
    assert counts(build_cohort(folder, output)) == (4, 0, 0, 0, 4)
    write_passports(folder / "more", range(4, 5))
    write_passport(passport(20), folder / "passports" / file_name(1))
    (folder / "passports" / file_name(2)).unlink()
    os.utime(folder / "passports" / file_name(3))  # another time, the same content
    assert counts(build_cohort(folder, output)) == (4, 1, 1, 1, 2)
    after = volumes(output)
    assert set(after) == {scan_of(0), scan_of(1), scan_of(3), f"more/{scan_of(4)}"}
    assert after[scan_of(0)] == before[scan_of(0)]
    assert after[scan_of(1)] == pytest.approx(passport(20)["liver"].volume_mm3)


def test_a_change_that_size_and_time_hide_is_found_when_content_is_compared(folder: Path, tmp_path: Path) -> None:
    output, path = tmp_path / "c", folder / "passports" / file_name(1)
    build_cohort(folder, output)
    state, text = path.stat(), path.read_text(encoding="utf-8")
    path.write_text(text.replace('"touches_border": false', '"touches_border":  true', 1), encoding="utf-8")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert path.stat().st_size == state.st_size
    assert build_cohort(folder, output).changed == 0
    assert build_cohort(folder, output, BuildOptions(check_content=True)).changed == 1
    assert counts(build_cohort(folder, output, BuildOptions(rebuild=True))) == (4, 0, 4, 0, 0)


def test_an_update_gives_what_a_new_build_gives(folder: Path, tmp_path: Path) -> None:
    updated, new = tmp_path / "updated", tmp_path / "new"
    build_cohort(folder, updated)
    write_passports(folder / "passports", range(4, 7))
    (folder / "passports" / file_name(0)).unlink()
    build_cohort(folder, updated)
    build_cohort(folder, new)
    for name in ("scans.parquet", "organs.parquet"):
        assert pyarrow.parquet.read_table(updated / name).equals(pyarrow.parquet.read_table(new / name))
    records = [json.loads((each / "cohort.json").read_text(encoding="utf-8")) for each in (updated, new)]
    assert records[0] == records[1]


def test_damaged_passports_are_reported_and_the_others_are_read(folder: Path, tmp_path: Path) -> None:
    bad = folder / "passports"
    (bad / "cut.json").write_bytes((bad / file_name(0)).read_bytes()[:5000])
    (bad / "empty.json").touch()
    (bad / "later.json").write_text('{"schema": "totalpassport-passport/9"}', encoding="utf-8")
    (folder / "elsewhere.json").write_text('{"schema": "totalpassport-passport/1"}', encoding="utf-8")
    (folder / "statistics.json").write_text("{}", encoding="utf-8")
    done = build_cohort(folder, tmp_path / "c")
    assert done.scans == 4
    assert sorted(done.damaged) == [
        "elsewhere.json",
        "passports/cut.json",
        "passports/empty.json",
        "passports/later.json",
    ]
    assert "format 9" in done.damaged["passports/later.json"]
    assert str(tmp_path) not in json.dumps(done.damaged)
    assert done.other_files == 1
    with Cohort(tmp_path / "c") as cohort:
        assert any("passports/cut.json" in note for note in cohort.overview().notes)
    write_passport(passport(5), bad / "cut.json")
    repaired = build_cohort(folder, tmp_path / "c")
    assert (repaired.scans, repaired.changed) == (5, 1)


def test_several_processes_read_what_one_reads(passports: Path, cohort_folder: Path, tmp_path: Path) -> None:
    build_cohort(passports, tmp_path / "c", BuildOptions(pattern=PATTERN, jobs=2))
    for name in ("scans.parquet", "organs.parquet"):
        one, other = (pyarrow.parquet.read_table(each / name) for each in (cohort_folder, tmp_path / "c"))
        assert one.equals(other)


def test_a_cancelled_build_leaves_what_was_there(folder: Path, tmp_path: Path) -> None:
    output, cancellation = tmp_path / "c", Cancellation()
    build_cohort(folder, output)
    before = {path: path.read_bytes() for path in output.iterdir()}
    write_passports(folder / "passports", range(4, 8))

    def cancel(event: dict) -> None:
        if event["event"] == "progress" and event["stage"] == "describe":
            cancellation.request()

    with pytest.raises(Cancelled):
        build_cohort(folder, output, on_event=cancel, cancellation=cancellation)
    assert {path: path.read_bytes() for path in output.iterdir()} == before


@pytest.mark.slow
def test_a_build_that_is_killed_leaves_the_former_tables_and_no_process(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "c"
    build_cohort(folder, output)
    for number in range(60):
        shutil.copy(folder / "passports" / file_name(0), folder / "passports" / f"copy{number}.json")
    command = [sys.executable, "-m", "TotalPassportLib", "cohort", str(folder), "-o", str(output), "--jobs", "2"]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + 60
    while not list(output.glob(".building-*")) and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    while session_lives(process.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not session_lives(process.pid)
    assert len(volumes(output)) == 4
    assert build_cohort(folder, output).scans == 64
    assert list(output.glob(".building-*")) == []


def session_lives(session: int) -> bool:
    """Whether a process of a session is left."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            return True
    return False


def test_tables_of_another_build_than_the_record_are_made_anew(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "c"
    build_cohort(folder, output)
    other = tmp_path / "other"
    build_cohort(folder / "passports", other)
    shutil.copy(other / "organs.parquet", output / "organs.parquet")  # as if killed between two files
    with pytest.raises(BadInput, match="were not written to their end"):
        Cohort(output)
    assert counts(build_cohort(folder, output))[:2] == (4, 4)
    for content in (b"", b"PAR1 nothing PAR1", (output / "scans.parquet").read_bytes()[:-100]):
        (output / "scans.parquet").write_bytes(content)
        with pytest.raises(BadInput, match="is damaged, or no Parquet file"):
            Cohort(output)
        assert build_cohort(folder, output).scans == 4


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"schema": "totalpassport-cohort/2"}', '{"schema": "totalpassport-cohort/1"}']
)
def test_a_record_that_is_none_is_refused_and_replaced_by_a_build(text: str, folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "c"
    build_cohort(folder, output)
    (output / "cohort.json").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=r"cohort\.json"):
        Cohort(output)
    assert build_cohort(folder, output).scans == 4


def test_patients_of_a_table_are_known_by_scan_and_by_path_and_stay_until_told_otherwise(
    folder: Path, tmp_path: Path
) -> None:
    output, table = tmp_path / "c", tmp_path / "patients.csv"
    table.write_text(
        f"\ufeffscan,patient,date,sex\n{scan_of(0)},Ä,2024-03-05,f\npassports/{file_name(1)},B,20240306,m\n"
        f"{scan_of(2)},C,,\n",
        encoding="utf-8",
    )
    build_cohort(folder, output, BuildOptions(patients=table))
    sql = "SELECT scan, patient, date FROM scans WHERE patient IS NOT NULL ORDER BY scan"
    expected = [(scan_of(0), "Ä", date(2024, 3, 5)), (scan_of(1), "B", date(2024, 3, 6)), (scan_of(2), "C", None)]
    with Cohort(output) as cohort:
        assert list(cohort.query(sql).rows) == expected
    write_passports(folder / "passports", range(4, 5))
    build_cohort(folder, output)
    with Cohort(output) as cohort:
        assert list(cohort.query(sql).rows) == expected
    build_cohort(folder, output, BuildOptions(pattern=PATTERN))
    write_passports(folder / "passports", range(5, 6))
    build_cohort(folder, output)  # the pattern is remembered for files that come
    with Cohort(output) as cohort:
        assert cohort.query("SELECT count(patient) AS n FROM scans").rows == ((6,),)


TABLES = {
    "scan,patient,date\na,b,05.03.2024\n": "'05.03.2024' in row 2 of .* is no date",
    "scan,date\na,2024-01-01\n": "has no column patient",
    "": "has no column patient and no column scan",
    "scan,patient\na,b\na,c\n": r"names the scan 'a' twice \(row 3\)",
    "scan,patient\nnobody,b\n": "names none of the scans",
}


@pytest.mark.parametrize("text", TABLES)
def test_a_mapping_that_cannot_be_is_refused(text: str, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=TABLES[text]):
        build_cohort(folder, tmp_path / "c", BuildOptions(patients=tmp_path / "p.csv"))


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("(", "no regular expression"),
        ("x", "no group for the patient"),
        ("(?P<patient>p[0-9])_(?P<date>20)", "no date"),
    ],
)
def test_a_pattern_that_cannot_be_is_refused(pattern: str, sentence: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=sentence):
        build_cohort(folder, tmp_path / "c", BuildOptions(pattern=pattern))


def test_places_that_cannot_be_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("x", encoding="utf-8")
    for place, output, sentence in (
        (tmp_path / "nowhere", tmp_path / "c", "There is no folder"),
        (folder, tmp_path / "full", "holds other files and is no cohort"),
        (folder, folder, "cannot be the folder of its own passports"),
        (tmp_path / "full", tmp_path / "c", "holds no passports"),
    ):
        with pytest.raises(BadInput, match=sentence):
            build_cohort(place, output)


def test_a_cohort_inside_its_own_folder_is_not_taken_for_passports(folder: Path) -> None:
    assert build_cohort(folder, folder / "cohort").scans == 4
    assert build_cohort(folder, folder / "cohort").other_files == 0


def test_links_in_circles_and_devices_do_no_harm(folder: Path) -> None:
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "passports" / "dev.json").symlink_to("/dev/zero")
    os.mkfifo(folder / "passports" / "pipe.json")
    assert len(find_passports(folder).passports) == 4


def test_names_are_short_and_never_twice() -> None:
    names = scan_names(["passports/a.json", "a_passport.json", "x/passports/a.json", "_passport.json"])
    assert names == {
        "a_passport.json": "a",
        "passports/a.json": "passports/a.json",
        "x/passports/a.json": "x/a",
        "_passport.json": "_passport",
    }


def test_a_missing_package_is_told_with_its_name(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_package(monkeypatch, "duckdb")
    with pytest.raises(BadInput, match="A cohort needs the Python package duckdb"):
        build_cohort(folder, tmp_path / "c")
