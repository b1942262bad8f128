"""What a batch is judged by: the study's own one-liners, bounds that are data, and kinds of scans."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.report.batch_measures import (
    batch_measures,
    kind_rows,
    load_checks,
    quality_checks,
    range_rows,
    scan_kind,
)
from TotalPassportLib.report.organ_statistics import quantile
from TotalPassportLib.report.result_files import BatchEntry, read_batch_results

ENTRIES = [
    {
        "subject": f"scan_{number}.nii.gz",
        "latency_total_sec": seconds,
        "breakdown": {
            "preprocessing": 0.02 * seconds,
            "inference": 0.68 * seconds,
            "postprocessing": 0.09 * seconds,
            "passport_extraction": 0.21 * seconds,
        },
        "num_organs": organs,
        "passport_size_kb": 1700.0,
        "mask_path": "",
        "passport_path": "",
    }
    for number, (seconds, organs) in enumerate([(9.575, 60), (8.635, 55), (10.0, 80), (23.0, 70), (4.0, 18)])
]
ONE_LINERS = {
    "latency_mean_sec": (
        "import json, sys; data=json.load(sys.stdin); "
        "print(f'Average: {sum(r[\"latency_total_sec\"] for r in data)/len(data):.3f}s')"
    ),
    "success_rate_percent": (
        "import json, sys; data=json.load(sys.stdin); errors=[r for r in data if 'error' in r]; "
        "print(f'Success: {len(data)-len(errors)}/{len(data)}')"
    ),
    "organs_mean": (
        "import json, sys; import numpy as np; data=json.load(sys.stdin); counts=[r['num_organs'] for r in data]; "
        "print(f'Organs: {np.mean(counts):.1f} \u00b1 {np.std(counts):.1f}')"
    ),
}
"""As the study's guide has them."""
SAYS = {
    "latency_mean_sec": "Average: {latency_mean_sec:.3f}s",
    "success_rate_percent": "Success: 5/5",
    "organs_mean": "Organs: {organs_mean:.1f} \u00b1 {organs_sd:.1f}",
}


def results(folder: Path, entries: object = ENTRIES) -> list[BatchEntry]:
    (folder / "results.json").write_text(json.dumps(entries), encoding="utf-8")
    return read_batch_results(folder)


@pytest.mark.parametrize("name", ONE_LINERS)
def test_the_numbers_are_those_of_the_studys_one_liners(name: str, tmp_path: Path) -> None:
    measures = batch_measures(results(tmp_path))
    command = [sys.executable, "-X", "utf8", "-c", ONE_LINERS[name]]
    told = subprocess.run(
        command, input=json.dumps(ENTRIES), capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert told.stdout.strip() == SAYS[name].format(**measures)
    assert measures["success_rate_percent"] == 100


def test_percentile_shares_and_success_rate(tmp_path: Path) -> None:
    failed = {"subject": "broken.nii.gz", "latency_total_sec": 0.0, "num_organs": 0, "error": "No scan."}
    measures = batch_measures(results(tmp_path, [*ENTRIES, failed]))
    seconds = [entry["latency_total_sec"] for entry in ENTRIES]
    assert measures["latency_p95_sec"] == pytest.approx(np.percentile(seconds, 95))
    assert measures["latency_mean_sec"] == pytest.approx(np.mean(seconds)), "the failed one's 0 s do not count"
    assert measures["success_rate_percent"] == pytest.approx(100 * 5 / 6)
    assert measures["inference_percent"] == pytest.approx(68)
    assert measures["passport_extraction_percent"] == pytest.approx(21)


def test_where_everything_has_failed_nothing_is_measured(tmp_path: Path) -> None:
    measures = batch_measures(results(tmp_path, [{"subject": "a", "error": "No."}]))
    assert measures["success_rate_percent"] == 0
    assert measures["latency_mean_sec"] is None
    statuses = {check.name: check.status for check in quality_checks(measures, load_checks())}
    assert statuses["success_rate"] == "fail"
    assert statuses["mean_latency"] == statuses["mean_dice"] == "not measured"


@pytest.mark.parametrize(
    ("measure", "passes", "fails"),
    [
        ("success_rate_percent", 95.1, 95.0),
        ("latency_mean_sec", 11.9, 12.0),
        ("latency_p95_sec", 19.9, 20.0),
        ("organs_mean", 50.0, 49.9),
        ("organs_mean", 90.0, 90.1),
        ("inference_percent", 60.0, 75.1),
        ("passport_extraction_percent", 3.0, 25.0),
        ("dice_mean", 0.851, 0.85),
    ],
)
def test_the_bundled_thresholds_are_the_studys(measure: str, passes: float, fails: float) -> None:
    def status(value: float) -> str:
        (check,) = (
            check
            for check, entry in zip(
                quality_checks({measure: value}, load_checks()), load_checks()["checks"], strict=True
            )
            if entry["measure"] == measure
        )
        return check.status

    assert (status(passes), status(fails)) == ("pass", "fail")


def test_thresholds_of_ones_own_take_their_place(tmp_path: Path) -> None:
    bounds = {"above": 1, "below": 2}
    entry = {"name": "fast", "title": "Fast", "measure": "latency_mean_sec", "unit": "s"}
    own = {"schema": "totalpassport-quality-checks/1", "checks": [{**entry, **bounds}]}
    (tmp_path / "own.json").write_text(json.dumps(own), encoding="utf-8")
    checks = load_checks(tmp_path / "own.json")
    (check,) = quality_checks({"latency_mean_sec": 1.5}, checks)
    assert (check.status, check.target) == ("pass", "> 1 s and < 2 s")
    assert range_rows([], checks) == kind_rows([], [], checks) == []
    for wrong in ({**own, "schema": "x"}, {**own, "checks": [entry]}):
        (tmp_path / "own.json").write_text(json.dumps(wrong), encoding="utf-8")
        with pytest.raises(BadInput, match=r"own\.json"):
            load_checks(tmp_path / "own.json")


def test_numbers_outside_their_range_are_counted(tmp_path: Path) -> None:
    rows = {row["measure"]: row for row in range_rows(results(tmp_path), load_checks())}
    assert (rows["num_organs"]["lowest"], rows["num_organs"]["highest"], rows["num_organs"]["outside"]) == (18, 80, 0)
    assert rows["preprocessing"]["outside"] == 1, "4 s give 0.08 s of preprocessing"
    assert rows["passport_size_kb"]["mean"] == 1700


@pytest.mark.parametrize(
    ("subject", "organs", "superior_mm", "kind"),
    [
        ("a.nii.gz", ["brain", "urinary_bladder", "liver"], 1700.0, "whole_body"),
        ("a.nii.gz", ["liver", "spleen"], 90.0, "small"),
        ("case_001_exp.nii.gz", ["heart"], 300.0, "thorax_expiration"),
        ("case_001_INSP.nii.gz", ["heart"], 300.0, "thorax_inspiration"),
        ("a.nii.gz", ["kidney_left", "kidney_right", "vertebrae_L4", "heart"], 400.0, "abdomen"),
        ("a.nii.gz", ["kidney_left", "heart"], 300.0, "thorax"),
        ("a.nii.gz", ["femur_left"], 300.0, None),
        ("a.nii.gz", [], None, None),
    ],
)
def test_a_scan_is_of_the_first_kind_that_fits(
    subject: str, organs: list[str], superior_mm: float | None, kind: str | None
) -> None:
    assert scan_kind(subject, organs, superior_mm, load_checks()) == kind


@pytest.mark.parametrize("part", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_quantiles_are_numpys_and_infinite_where_a_neighbour_is(part: float) -> None:
    values = [1.0, 2.0, 4.0, 8.0]
    assert quantile(values, part) == pytest.approx(np.percentile(values, 100 * part))
    assert quantile([3.0], part) == 3.0
    assert quantile([1.0, math.inf], part) == (1.0 if part == 0 else math.inf)
    assert quantile([math.inf, math.inf], part) == math.inf


HOSTILE = {
    "outside": ("../secret.nii.gz", None),
    "elsewhere": ("/etc/passwd", None),
    "of another machine": ("benchmarks/x/masks/scan_mask.nii.gz", "masks/scan_mask.nii.gz"),
    "of Windows": ("C:\\\\results\\\\masks\\\\scan_mask.nii.gz", "masks/scan_mask.nii.gz"),
    "its own": ("masks/scan_mask.nii.gz", "masks/scan_mask.nii.gz"),
    "no name": ("\0", None),
    "a long one": ("x" * 4000, None),
    "the folder": (".", None),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_files_are_taken_from_the_batchs_folder_only(name: str, tmp_path: Path) -> None:
    told, expected = HOSTILE[name]
    folder = tmp_path / "batch"
    (folder / "masks").mkdir(parents=True)
    (folder / "masks" / "scan_mask.nii.gz").touch()
    (tmp_path / "secret.nii.gz").touch()
    (found,) = results(folder, [{"subject": "scan.nii.gz", "mask_path": told}])
    assert found.mask == (None if expected is None else folder / expected)


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "batch"
    (folder / "masks").mkdir(parents=True)
    (tmp_path / "secret.nii.gz").touch()
    (folder / "masks" / "a.nii.gz").symlink_to(tmp_path / "secret.nii.gz")
    (found,) = results(folder, [{"subject": "a", "mask_path": "masks/a.nii.gz"}])
    assert found.mask is None


@pytest.mark.parametrize(
    "document",
    [{}, [], [1], [{}], [{"subject": 3}], [{"subject": "a", "latency_total_sec": "fast"}],
     [{"subject": "a", "breakdown": {"inference": -1}}]],
    ids=str,
)  # fmt: skip
def test_what_is_no_result_of_a_batch_is_refused(document: object, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"results\.json"):
        results(tmp_path, document)


def test_a_folder_without_results_is_refused_and_the_studys_own_name_is_known(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BadInput, match="folder"):
            read_batch_results(folder)
    (tmp_path / "benchmark_results.json").write_text(json.dumps(ENTRIES), encoding="utf-8")
    assert len(read_batch_results(tmp_path)) == 5
