"""The command ``batch`` as a user types it: what it prints, and what it ends with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.processes import assert_one_sentence, run_cli, sentences
from support.scans import grid_around, rasterise, save_nifti

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good scan and a damaged one."""
    folder = tmp_path_factory.mktemp("scans")
    shape, affine = grid_around(np.eye(3), (5.0, 5.0, 5.0), (0.0, 0.0, 0.0))
    save_nifti(folder / "good.nii.gz", rasterise(shape, affine), affine)
    (folder / "bad.nii.gz").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the results of the module's batch go."""
    return tmp_path_factory.mktemp("results")


def test_where_some_scans_fail_the_exit_code_is_7_and_a_line_says_so_of_each(
    scans: Path, results: Path, threshold_model: Path
) -> None:
    done = run_cli("batch", scans, "-o", results, "--model", threshold_model)
    assert done.returncode == 7
    assert "2 scans: 1 done, 1 failed" in done.stdout
    assert str(results / "organs.csv") in done.stdout
    assert "] good.nii.gz: 3 organs in " in done.stderr
    assert "bad.nii.gz: failed: " in done.stderr
    (sentence,) = sentences(done.stderr)
    assert sentence.startswith("totalpassport: 1 of 2 scans failed, the first of them 'bad.nii.gz': ")


def test_what_was_done_before_is_told_and_for_programs_it_is_a_line_of_json(
    scans: Path, results: Path, threshold_model: Path
) -> None:
    done = run_cli("batch", scans / "good.nii.gz", "-o", results, "--model", threshold_model, "--json", "-q")
    assert done.returncode == 0
    assert done.stderr == ""
    facts = json.loads(done.stdout)
    assert (facts["scans"], facts["run"], facts["failed"]) == (1, 0, [])


def test_where_all_scans_fail_the_exit_code_is_8(scans: Path, tmp_path: Path, threshold_model: Path) -> None:
    done = run_cli("batch", scans / "bad.nii.gz", "-o", tmp_path, "--model", threshold_model)
    assert done.returncode == 8


def test_results_of_other_settings_are_refused_in_words_of_the_command_line(scans: Path, results: Path) -> None:
    done = run_cli("batch", scans / "good.nii.gz", "-o", results, "--model", "demo")
    assert_one_sentence(done, 2, "or do them again with --overwrite")


def test_a_batch_of_nothing_is_refused(tmp_path: Path) -> None:
    done = run_cli("batch", tmp_path, "-o", tmp_path / "out", "--model", "demo")
    assert_one_sentence(done, 2, "There is no scan in")
