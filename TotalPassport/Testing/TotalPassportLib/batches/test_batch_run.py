"""A batch from scans to results: nothing is lost, nothing is taken for what it is not, nothing is done twice."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from support.processes import files_below
from TotalPassportLib import batch, read_passport
from TotalPassportLib.base.errors import BadInput, Cancelled, ModelError
from TotalPassportLib.base.events import Cancellation
from TotalPassportLib.base.files import DATA_FOLDER
from TotalPassportLib.batches.batch_results import read_results
from TotalPassportLib.passport.export import csv_text

from .conftest import DoneBatch, make_scans

pytestmark = pytest.mark.slow

SEEDS_ONE_LINERS = {
    "Average: ": "import json, sys; data=json.load(sys.stdin); "
    "print(f'Average: {sum(r[\"latency_total_sec\"] for r in data)/len(data):.3f}s')",
    "Success: 2/3": "import json, sys; data=json.load(sys.stdin); errors=[r for r in data if 'error' in r]; "
    "print(f'Success: {len(data)-len(errors)}/{len(data)}')",
    "Organs: 2.0": "import json, sys; import numpy as np; data=json.load(sys.stdin); "
    "counts=[r['num_organs'] for r in data]; "
    "print(f'Organs: {np.mean(counts):.1f} ± {np.std(counts):.1f}')",
}
"""What they say -> the study's quality checks, word for word."""


@pytest.fixture
def copied(done_batch: DoneBatch, tmp_path: Path) -> DoneBatch:
    """The batch with its scans, to be changed."""
    root = tmp_path / "copy"
    shutil.copytree(done_batch.scans.parent, root)
    for record in (root / "out" / "records").glob("*.json"):  # it is as if it had been run there
        record.write_text(record.read_text(encoding="utf-8").replace(str(done_batch.scans.parent), str(root)))
    return replace(done_batch, scans=root / "scans", result=replace(done_batch.result, folder=root / "out"))


def test_the_layout_is_the_study_s(done_batch: DoneBatch) -> None:
    assert files_below(done_batch.folder) == [
        "batch.json",
        "masks/s1_ct_mask.nii.gz",
        "masks/s2_ct_mask.nii.gz",
        "organs.csv",
        "passports/s1_ct_passport.json",
        "passports/s2_ct_passport.json",
        "records/.lock",
        *[f"records/{name}.{kind}" for name in ("damaged", "s1_ct", "s2_ct") for kind in ("csv", "json")],
        "results.json",
    ]


def test_the_results_are_as_their_schema_says(done_batch: DoneBatch) -> None:
    schema = json.loads((DATA_FOLDER / "schemas" / "results.schema.json").read_text(encoding="utf-8"))
    document = json.loads(done_batch.result.results_path.read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(schema).validate(document)
    assert document == [dict(entry) for entry in done_batch.result.results]
    assert [entry["subject"] for entry in document] == ["damaged.nii.gz", "s1_ct.nii.gz", "s2_ct.nii.gz"]
    first = document[1]
    assert sum(first["breakdown"].values()) == pytest.approx(first["latency_total_sec"], abs=0.003)
    assert first["num_organs"] == 3
    assert first["passport_size_kb"] == round((done_batch.folder / first["passport_path"]).stat().st_size / 1024, 2)
    assert (done_batch.folder / first["mask_path"]).is_file()


@pytest.mark.parametrize("says", SEEDS_ONE_LINERS)
def test_the_study_s_one_liners_run_unchanged_also_where_a_scan_has_failed(done_batch: DoneBatch, says: str) -> None:
    command = [sys.executable, "-X", "utf8", "-c", SEEDS_ONE_LINERS[says]]
    with done_batch.result.results_path.open("rb") as results:
        done = subprocess.run(command, stdin=results, capture_output=True, check=True)
    assert done.stdout.decode().startswith(says)


def test_a_scan_that_fails_has_its_reason_and_the_others_go_on(done_batch: DoneBatch) -> None:
    (failed,) = done_batch.result.failed
    assert failed["error"].startswith(f"'{done_batch.scans / 'damaged.nii.gz'}' is not a valid NIfTI file")
    assert (failed["error_code"], failed["exit_code"], failed["mask_path"]) == ("bad_input", 2, None)


def test_the_table_has_the_rows_of_every_passport_behind_their_subject(done_batch: DoneBatch) -> None:
    with done_batch.result.table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["subject"] for row in rows] == ["s1_ct.nii.gz"] * 3 + ["s2_ct.nii.gz"] * 3
    expected = csv_text(read_passport(done_batch.folder / "passports" / "s2_ct_passport.json"))
    own = list(csv.DictReader(expected.splitlines()))
    assert [{name: value for name, value in row.items() if name != "subject"} for row in rows[3:]] == own


def test_what_is_finished_is_not_done_again_and_failures_are(copied: DoneBatch) -> None:
    mask = copied.folder / "masks" / "s1_ct_mask.nii.gz"
    before = mask.stat().st_mtime_ns
    again = batch(copied.scans, copied.folder, copied.options)
    assert again.n_run == 1  # the damaged one
    assert mask.stat().st_mtime_ns == before


def test_a_scan_of_other_content_is_run_again_whatever_its_date_says(copied: DoneBatch) -> None:
    first, second = copied.scans / "s1" / "ct.nii.gz", copied.scans / "s2" / "ct.nii.gz"
    before = (copied.folder / "masks" / "s1_ct_mask.nii.gz").read_bytes()
    shutil.copy2(second, first)
    (copied.scans / "damaged.nii.gz").unlink()
    assert batch(copied.scans, copied.folder, copied.options).n_run == 1
    after = (copied.folder / "masks" / "s1_ct_mask.nii.gz").read_bytes()
    assert after != before
    assert after == (copied.folder / "masks" / "s2_ct_mask.nii.gz").read_bytes()


def test_a_scan_that_is_damaged_now_keeps_no_results_of_its_former_content(copied: DoneBatch) -> None:
    (copied.scans / "s1" / "ct.nii.gz").write_bytes(b"no image")
    done = batch(copied.scans / "s1", copied.folder, copied.options)
    assert [entry["name"] for entry in done.failed] == ["s1_ct"]
    assert not (copied.folder / "masks" / "s1_ct_mask.nii.gz").exists()
    assert not (copied.folder / "passports" / "s1_ct_passport.json").exists()
    assert {row["subject"] for row in csv.DictReader(done.table.open(encoding="utf-8"))} == {"s2_ct.nii.gz"}


def test_results_that_were_removed_are_made_again(copied: DoneBatch) -> None:
    mask = copied.folder / "masks" / "s1_ct_mask.nii.gz"
    mask.unlink()
    assert batch(copied.scans / "s1", copied.folder, copied.options).n_run == 1
    assert mask.is_file()


def test_results_of_other_settings_are_refused_and_left_alone(copied: DoneBatch) -> None:
    before = {name: (copied.folder / name).read_bytes() for name in files_below(copied.folder)}
    with pytest.raises(BadInput, match="have other settings: remove_small_blobs false, not true") as refusal:
        batch(copied.scans, copied.folder, replace(copied.options, remove_small_blobs=True))
    assert "overwrite" in str(refusal.value)
    assert {name: (copied.folder / name).read_bytes() for name in files_below(copied.folder)} == before


def test_with_overwrite_they_are_done_again_and_none_of_the_former_files_stays(copied: DoneBatch) -> None:
    with_preview = batch(copied.scans / "s1", copied.folder, replace(copied.options, preview=True, overwrite=True))
    assert with_preview.n_run == 1
    assert [entry["name"] for entry in with_preview.results] == ["s1_ct"]
    assert (copied.folder / "previews" / "s1_ct_preview.png").is_file()
    without = batch(copied.scans / "s1", copied.folder, replace(copied.options, overwrite=True))
    assert without.n_run == 1
    assert not (copied.folder / "previews" / "s1_ct_preview.png").exists()


def test_another_number_of_threads_is_no_other_setting(copied: DoneBatch) -> None:
    assert batch(copied.scans / "s1", copied.folder, replace(copied.options, threads=2)).n_run == 0


def test_scans_that_were_moved_are_known_by_their_content(copied: DoneBatch) -> None:
    moved = copied.scans.with_name("elsewhere")
    (copied.scans / "damaged.nii.gz").unlink()
    copied.scans.rename(moved)
    done = batch(moved, copied.folder, copied.options)
    assert (done.n_run, list(done.subjects)) == (0, ["s1_ct", "s2_ct"])


def test_a_second_call_adds_its_scans_to_the_folder_under_names_of_their_own(copied: DoneBatch) -> None:
    make_scans(copied.scans.parent / "more", "x.nii.gz", "s1_ct.nii.gz")
    done = batch(copied.scans.parent / "more", copied.folder, copied.options)
    assert list(done.subjects) == ["more_s1_ct", "x"]
    assert [entry["name"] for entry in done.results] == ["damaged", "more_s1_ct", "s1_ct", "s2_ct", "x"]


def test_results_that_are_not_the_batch_s_own_are_not_replaced(copied: DoneBatch) -> None:
    (copied.folder / "records" / "s1_ct.json").unlink()
    shutil.copy(
        copied.folder / "passports" / "s2_ct_passport.json", copied.folder / "passports" / "s1_ct_passport.json"
    )
    (copied.scans / "damaged.nii.gz").unlink()
    (failed,) = batch(copied.scans, copied.folder, copied.options).failed
    assert "is of another scan than" in failed["error"]


def test_max_samples_takes_the_first_ones_by_name_and_changes_none(done_batch: DoneBatch, tmp_path: Path) -> None:
    done = batch(done_batch.scans, tmp_path / "out", done_batch.options, max_samples=2)
    assert list(done.subjects) == ["damaged", "s1_ct"]


def test_several_processes_give_the_same_files(done_batch: DoneBatch, tmp_path: Path) -> None:
    done = batch([done_batch.scans / "s1", done_batch.scans / "s2"], tmp_path, done_batch.options, jobs=2)
    for name in ("masks/s1_ct_mask.nii.gz", "masks/s2_ct_mask.nii.gz"):
        assert (done.folder / name).read_bytes() == (done_batch.folder / name).read_bytes()
    assert done.table.read_bytes() == done_batch.result.table.read_bytes()


def test_a_model_that_is_not_there_is_told_before_anything_is_made(done_batch: DoneBatch, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        batch(done_batch.scans, tmp_path / "out", replace(done_batch.options, model=str(tmp_path / "none")))
    assert not (tmp_path / "out").exists()


def test_a_batch_that_is_stopped_says_so_and_the_next_one_goes_on(done_batch: DoneBatch, tmp_path: Path) -> None:
    cancellation = Cancellation()

    def stop(event: dict) -> None:
        if event["event"] == "scan":
            cancellation.request()

    scans = [done_batch.scans / "s1", done_batch.scans / "s2"]
    with pytest.raises(Cancelled):
        batch(scans, tmp_path, done_batch.options, on_event=stop, cancellation=cancellation)
    assert len(read_results(tmp_path)) >= 1
    batch(scans, tmp_path, done_batch.options)
    assert (tmp_path / "organs.csv").read_bytes() == done_batch.result.table.read_bytes()


def test_a_folder_that_another_batch_writes_into_is_refused(copied: DoneBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    from TotalPassportLib.batches import batch_folder

    monkeypatch.setattr(batch_folder, "WAIT_SECONDS", 0.2)
    with (
        batch_folder.BatchFolder(copied.folder).held(),
        pytest.raises(BadInput, match="Another batch is writing into"),
    ):
        batch(copied.scans, copied.folder, copied.options)
