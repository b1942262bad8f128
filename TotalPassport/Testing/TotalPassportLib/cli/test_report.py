"""``totalpassport report`` as users meet it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.batches import write_batch, write_labels
from support.processes import assert_one_sentence, files_below, run_cli

AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scans of one liver, and its ground truth."""
    root = tmp_path_factory.mktemp("batch")
    liver = np.zeros((16, 16, 16), np.uint8)
    liver[3:13, 4:12, 5:11] = 5
    write_batch(root / "batch", {"a": liver, "b": liver}, AFFINE, [5])
    (root / "truth").mkdir()
    for name in "ab":
        write_labels(root / "truth" / f"{name}.nii.gz", liver, AFFINE, [5])
    return root


def test_a_report_lies_in_the_batchs_own_folder_unless_told_otherwise(batch: Path, tmp_path: Path) -> None:
    done = run_cli("report", batch / "batch", "--ground-truth", batch / "truth", "-o", tmp_path / "new" / "out")
    assert done.returncode == 0, done.stderr
    assert files_below(tmp_path) == [f"new/out/report.{ending}" for ending in ("html", "json", "md")]
    assert "Mean Dice" in done.stdout
    assert "1.0000" in done.stdout
    assert run_cli("report", batch / "batch", "-q").stdout == ""
    assert (batch / "batch" / "report.html").is_file()


def test_programs_get_measures_and_verdicts(batch: Path, tmp_path: Path) -> None:
    done = run_cli(
        "report", batch / "batch", "--ground-truth", f"{batch}/truth/{{subject}}.nii.gz", "-o", tmp_path, "--json"
    )
    told = json.loads(done.stdout)
    assert told["measures"]["dice_mean"] == 1.0
    assert (told["checks"]["success_rate"], told["checks"]["organs_found"]) == ("pass", "fail")


def test_strict_ends_with_its_own_exit_code_and_writes_all_the_same(batch: Path, tmp_path: Path) -> None:
    done = run_cli("report", batch / "batch", "-o", tmp_path, "--strict", "-q")
    assert_one_sentence(done, 6, "Quality checks that failed: Organs found")
    assert len(files_below(tmp_path)) == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "There is no folder 'nowhere'"),
        (["."], "has no results.json"),
        ([".", "--tolerance-mm", "0"], "0 mm is no tolerance"),
        ([".", "--pictures", "-1"], "-1 is no number of pictures"),
    ],
)
def test_what_cannot_be_reported_is_one_sentence(arguments: list[str], says: str, tmp_path: Path) -> None:
    assert_one_sentence(run_cli("report", *arguments, cwd=tmp_path), 2, says)
    assert files_below(tmp_path) == []
