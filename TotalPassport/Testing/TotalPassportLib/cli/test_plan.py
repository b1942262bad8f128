"""The command ``plan``: a trial, and what it comes to for many scans."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.processes import assert_one_sentence, run_cli
from support.scans import grid_around, rasterise, save_nifti
from TotalPassportLib.batches.batch_plan import BatchPlan
from TotalPassportLib.cli.plan import plan_text


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small scan."""
    shape, affine = grid_around(np.eye(3), (5.0, 5.0, 5.0), (0.0, 0.0, 0.0))
    return save_nifti(tmp_path_factory.mktemp("scans") / "ct.nii.gz", rasterise(shape, affine), affine)


def plan_of(**changes: object) -> BatchPlan:
    known = {
        "n_scans": 10_000, "n_machines": 4, "n_trial": 8, "n_failed": 0, "start_seconds": 20.0,
        "seconds_per_scan": 7.2, "uncertainty_seconds": 0.72, "bytes_per_scan": 2e6, "price_per_hour": 0.5,
    }  # fmt: skip
    return BatchPlan(**(known | changes))


def test_ten_thousand_scans_on_four_machines_take_a_quarter_of_the_time_and_cost_as_much_as_on_one() -> None:
    plan, alone = plan_of(), plan_of(n_machines=1)
    assert plan.seconds == 20 + 2500 * 7.2
    assert alone.seconds == 20 + 10_000 * 7.2
    assert plan.machine_hours == pytest.approx((4 * 20 + 72_000) / 3600)
    assert plan.cost == pytest.approx(plan.machine_hours * 0.5)
    assert alone.cost == pytest.approx(plan.cost, rel=0.001)
    assert plan.seconds_low == pytest.approx(20 + 2500 * 6.48)
    assert plan.seconds_high == pytest.approx(20 + 2500 * 7.92)
    assert plan.result_bytes == 2e10


def test_a_plan_says_what_it_assumes_and_what_was_measured() -> None:
    text = plan_text(plan_of(n_failed=1))
    assert text.startswith("10000 scans on 4 machines: about 5.0 h (4.5 h to 5.5 h)\n")
    assert "20.02 machine hours, 10.01 at 0.50 an hour" in text
    assert "measured: 8 scans, 7.20 s each (± 0.72 s), 20.0 s to begin; 1 failed and do not count" in text
    assert "assumed:\n  machines like this one" in text


@pytest.mark.slow
def test_a_trial_is_run_and_nothing_of_it_stays(scan: Path, threshold_model: Path, tmp_path: Path) -> None:
    done = run_cli(
        "plan", scan, "--model", threshold_model, "--scans", 10_000, "--trial", 3, "--price-per-hour", 2, "--json",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["scans"], facts["machines"], facts["trial_scans"], facts["trial_failed"]) == (10_000, 1, 3, 0)
    rounded = 10_000 * 0.0005  # a scan's time is told in milliseconds
    assert facts["seconds"] == pytest.approx(
        facts["start_seconds"] + 10_000 * facts["seconds_per_scan"], abs=rounded + 1
    )
    assert facts["cost"] == pytest.approx(2 * facts["machine_hours"], abs=0.01)
    assert facts["seconds_low"] <= facts["seconds"] <= facts["seconds_high"]
    assert facts["result_bytes"] > 10_000 * 1000
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_trial_of_which_every_scan_fails_is_told(threshold_model: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.nii.gz").write_bytes(b"no image")
    done = run_cli("plan", tmp_path / "bad.nii.gz", "--model", threshold_model, "-q")
    assert_one_sentence(done, 2, "Every scan of the trial failed, such as: ")
