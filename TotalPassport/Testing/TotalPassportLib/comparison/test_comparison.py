"""From one scan to the next, what has changed is told, and what only the grid or the image's edge did is not."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from benchmarks.repeatability import flagged_share, judged, passports, ratios, sampled
from scipy import ndimage
from scipy.spatial.transform import Rotation
from support.processes import files_below, run_cli
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.comparison.changes import Comparison, OrganChange, compare
from TotalPassportLib.comparison.export import comparison_csv, comparison_text
from TotalPassportLib.comparison.repeatability import floor_of, uncertainty
from TotalPassportLib.passport import Passport, write_passport
from TotalPassportLib.passport.extraction import extract_passport

TOTAL = load_label_table("total")
LIVER, SPLEEN, KIDNEY_RIGHT, KIDNEY_LEFT = 5, 1, 2, 3


@pytest.fixture(scope="module")
def scan(shared: Path) -> tuple[np.ndarray, np.ndarray]:
    """Labels of a real CT with 61 organs, and their affine."""
    image = nibabel.load(shared / "data" / "example_seg_fast_force_split.nii.gz")
    return np.asarray(image.dataobj).astype(np.uint8), image.affine


def passport_of(labels: np.ndarray, affine: np.ndarray) -> Passport:
    return extract_passport(labels, affine, TOTAL, even_points=False)


@pytest.fixture(scope="module")
def first(scan: tuple[np.ndarray, np.ndarray]) -> Passport:
    return passport_of(*scan)


def lying_elsewhere(affine: np.ndarray) -> np.ndarray:
    """The affine of the same patient who lies turned and shifted in the scanner."""
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_euler("xyz", (8.0, -5.0, 12.0), degrees=True).as_matrix()
    motion[:3, 3] = (40.0, -25.0, 310.0)
    return motion @ affine


def organ(comparison: Comparison, name: str) -> OrganChange:
    return next(organ for organ in comparison.organs if organ.name == name)


def test_a_patient_who_lies_elsewhere_has_not_changed(scan: tuple[np.ndarray, np.ndarray], first: Passport) -> None:
    labels, affine = scan
    comparison = compare(first, passport_of(labels, lying_elsewhere(affine)))
    assert len(comparison.organs) == 61
    assert not comparison.alignment_problem
    for change in comparison.organs:
        assert change.beyond_floor == ()
        assert change.distance_mm == pytest.approx(0.0, abs=1e-6)
        assert change.volume_change_percent == pytest.approx(0.0, abs=1e-9)


def test_an_organ_that_shrank_and_one_that_moved_are_named_and_the_others_are_not(
    scan: tuple[np.ndarray, np.ndarray], first: Passport
) -> None:
    labels, affine = scan
    changed = labels.copy()
    right, left = labels == KIDNEY_RIGHT, labels == KIDNEY_LEFT
    changed[right & ~ndimage.binary_erosion(right)] = 0
    changed[left] = 0
    changed[np.roll(left, 3, axis=2)] = KIDNEY_LEFT
    comparison = compare(first, passport_of(changed, lying_elsewhere(affine)))
    shrunk, moved = organ(comparison, "kidney_right"), organ(comparison, "kidney_left")
    assert {"volume", "shape"} <= set(shrunk.beyond_floor)
    assert shrunk.volume_change_percent == pytest.approx(100 * ((changed == KIDNEY_RIGHT).sum() / right.sum() - 1))
    assert moved.beyond_floor == ("position",)
    np.testing.assert_allclose(moved.displacement_mm, affine[:3, 2] * 3, atol=0.5)
    untouched = ("gallbladder", "duodenum", "urinary_bladder", "sacrum", "vertebrae_L2", "vertebrae_L3", "vertebrae_L4")
    assert all(organ(comparison, name).beyond_floor == () for name in untouched)


def test_organs_at_an_images_edge_are_shown_but_not_judged(
    scan: tuple[np.ndarray, np.ndarray], first: Passport
) -> None:
    labels, affine = scan
    shorter = labels[:, :, : int(np.argwhere(labels == LIVER)[:, 2].mean())]
    liver = organ(compare(first, passport_of(shorter, affine)), "liver")
    assert liver.volume_change_percent < -20
    assert liver.beyond_floor == ()
    assert liver.remark == "cut by the image's edge"


def test_organs_that_only_one_scan_has_are_listed(scan: tuple[np.ndarray, np.ndarray], first: Passport) -> None:
    labels, affine = scan
    without = np.where(labels == LIVER, 0, labels)
    comparison = compare(first, passport_of(without, affine))
    assert (comparison.only_first, comparison.only_second) == (("liver",), ())
    assert compare(passport_of(without, affine), first).only_second == ("liver",)
    assert "Only in the first scan: liver." in comparison_text(comparison)


def test_scans_that_cannot_be_aligned_are_compared_without_positions(
    scan: tuple[np.ndarray, np.ndarray], first: Passport
) -> None:
    labels, affine = scan
    two = passport_of(np.where(np.isin(labels, (LIVER, SPLEEN)), labels, 0), affine)
    comparison = compare(first, two)
    assert comparison.first_from_second_ras_mm is None
    assert [change.displacement_mm for change in comparison.organs] == [None, None]
    assert [change.volume_change_percent for change in comparison.organs] == [0.0, 0.0]
    assert "Positions were not compared. The two passports have 2 organs in common" in comparison_text(comparison)


def test_scans_without_a_common_organ_are_refused(first: Passport) -> None:
    nothing = replace(first, organs={})
    with pytest.raises(BadInput, match="no organ in common"):
        compare(first, nothing)


def resampled(scan: tuple[np.ndarray, np.ndarray], *spacing_mm: float) -> Passport:
    """The passport of the same labels on another grid, at a random place."""
    rng = np.random.default_rng(4)
    return passport_of(*sampled(*scan, np.array(spacing_mm), np.eye(3), rng))


@pytest.mark.parametrize("spacing_mm", [(0.8, 0.8, 5.0), (4.0, 4.0, 4.0), (1.5, 1.5, 1.5), (1.0, 1.0, 3.0)], ids=str)
@pytest.mark.slow
def test_the_same_labels_on_another_grid_have_not_changed(
    scan: tuple[np.ndarray, np.ndarray], first: Passport, spacing_mm: tuple[float, float, float]
) -> None:
    comparison = compare(first, resampled(scan, *spacing_mm))
    judged = [change for change in comparison.organs if not change.remark]
    assert len(judged) >= 20
    assert sum(bool(change.beyond_floor) for change in judged) <= 0.05 * len(judged)
    assert not comparison.too_coarse


@pytest.mark.slow
def test_the_promise_of_95_percent_holds_on_grids_that_the_factors_were_not_taken_from(
    scan: tuple[np.ndarray, np.ndarray],
) -> None:
    found = judged(list(ratios(passports(*scan, repeats=6, seed=11))))
    assert len(found) > 300
    assert flagged_share(found) <= 0.06


@pytest.mark.slow
def test_so_it_does_for_runs_whose_network_is_coarser_than_the_scans(scan: tuple[np.ndarray, np.ndarray]) -> None:
    runs = passports(*scan, repeats=6, seed=5, network_mm=3.0)
    found = judged(list(ratios(runs)))
    assert len(found) > 300
    assert flagged_share(found) <= 0.06
    # Judged by the voxels of the scans alone, more than the promised share would count as changed.
    unaware = judged(list(ratios([replace(passport, model={}) for passport in runs])))
    assert flagged_share(unaware) > 0.06


@pytest.mark.slow
def test_a_change_of_a_tenth_is_named_on_fine_grids(scan: tuple[np.ndarray, np.ndarray]) -> None:
    before = resampled(scan, 1.5, 1.5, 1.5)
    labels, affine = sampled(*scan, np.full(3, 1.5), np.eye(3), np.random.default_rng(5))
    liver = labels == LIVER
    labels[liver & ~ndimage.binary_erosion(liver)] = 0
    change = organ(compare(before, passport_of(labels, affine)), "liver")
    assert -15 < change.volume_change_percent < -8
    assert "volume" in change.beyond_floor


def test_scans_that_are_too_unlike_to_judge_say_so(scan: tuple[np.ndarray, np.ndarray], first: Passport) -> None:
    comparison = compare(first, resampled(scan, 8.0, 8.0, 40.0))
    assert comparison.too_coarse
    assert "voxels too coarse to tell" in {change.remark for change in comparison.organs}
    assert "The voxels are too coarse for most organs" in comparison_text(comparison)


@pytest.mark.slow
def test_the_floor_falls_with_the_voxels_and_tiny_organs_have_none(
    scan: tuple[np.ndarray, np.ndarray], first: Passport
) -> None:
    fine = resampled(scan, 1.5, 1.5, 1.5)
    for label in (LIVER, SPLEEN, KIDNEY_LEFT):
        coarse_floor = floor_of(first.organs[label], first.affine, first.organs[label], first.affine)
        fine_floor = floor_of(fine.organs[label], fine.affine, fine.organs[label], fine.affine)
        assert fine_floor.volume_percent < coarse_floor.volume_percent
        assert fine_floor.position_mm < coarse_floor.position_mm
        assert all(np.array(fine_floor.semi_axes_percent) < coarse_floor.semi_axes_percent)
    speck = replace(first.organs[LIVER], voxel_count=19)
    assert floor_of(speck, first.affine, first.organs[LIVER], first.affine) is None


def test_the_volume_of_a_ball_varies_as_materns_constant_says() -> None:
    """The variance of the number of lattice points in a ball of random place is 0.0666 times its surface in voxels."""
    affine, radius = np.eye(4), 12.0
    rng = np.random.default_rng(0)
    grid = np.indices((28, 28, 28)) - 13.5
    balls = [((grid - rng.uniform(-0.5, 0.5, (3, 1, 1, 1))) ** 2).sum(axis=0) <= radius**2 for _ in range(300)]
    observed = np.std([ball.sum() for ball in balls])
    ball = passport_of(balls[0].astype(np.uint8), affine).organs[1]
    smooth = np.sqrt(0.0666 * 4 * np.pi * radius**2)
    assert observed == pytest.approx(smooth, rel=0.35)
    assert uncertainty(ball, affine).volume_fraction * ball.volume_mm3 >= smooth


def test_the_table_has_a_row_for_every_organ_and_units_in_its_header(
    scan: tuple[np.ndarray, np.ndarray], first: Passport
) -> None:
    labels, affine = scan
    comparison = compare(first, passport_of(labels, lying_elsewhere(affine)))
    rows = list(csv.DictReader(io.StringIO(comparison_csv(comparison))))
    assert len(rows) == 61
    liver = next(row for row in rows if row["name"] == "liver")
    assert float(liver["volume_first_mm3"]) == pytest.approx(first.organs[LIVER].volume_mm3, abs=0.05)
    assert liver["hu_change"] == "", "these passports know no CT"
    measured = [name for name in rows[0] if name not in ("label", "name", "changed", "remark")]
    assert all(name.rsplit("_", 1)[1] in ("mm3", "mm", "percent", "first", "second", "change") for name in measured)
    assert not [cell for row in rows for cell in row.values() if cell == "-0.0"]


def test_a_name_that_a_spreadsheet_would_run_is_only_text(first: Passport) -> None:
    organs = {label: replace(organ, name=f"=run({label})") for label, organ in first.organs.items()}
    disguised = replace(first, organs=organs)
    rows = list(csv.DictReader(io.StringIO(comparison_csv(compare(disguised, disguised)))))
    assert all(row["name"].startswith("'=run(") for row in rows)


@pytest.mark.slow
def test_the_command_prints_the_table_and_writes_the_csv(
    scan: tuple[np.ndarray, np.ndarray], first: Passport, tmp_path: Path
) -> None:
    labels, affine = scan
    grown = labels.copy()
    grown[ndimage.binary_dilation(labels == KIDNEY_LEFT, iterations=2)] = KIDNEY_LEFT
    write_passport(first, tmp_path / "a.json")
    write_passport(passport_of(grown, affine), tmp_path / "b.json")
    result = run_cli("compare", "a.json", "b.json", "--csv", "changes.csv", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    (line,) = (line for line in result.stdout.splitlines() if line.startswith("kidney_left "))
    assert "volume" in line
    assert re.search(r"organs? differs? by more than another voxel grid can explain\.", result.stdout)
    assert (tmp_path / "changes.csv").read_text(encoding="utf-8").startswith("label,name,volume_first_mm3,")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": "totalpassport-passport/2"}', '{"organs": NaN}'])
@pytest.mark.slow
def test_what_is_no_passport_is_refused_with_a_sentence(content: str, first: Passport, tmp_path: Path) -> None:
    write_passport(first, tmp_path / "a.json")
    (tmp_path / "b.json").write_text(content, encoding="utf-8")
    result = run_cli("compare", "a.json", "b.json", "--csv", "out.csv", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("totalpassport: ")
    assert "Traceback" not in result.stderr
    assert files_below(tmp_path) == ["a.json", "b.json"]


@pytest.mark.slow
def test_a_passport_is_never_overwritten_by_the_table(first: Passport, tmp_path: Path) -> None:
    write_passport(first, tmp_path / "a.json")
    before = (tmp_path / "a.json").read_bytes()
    result = run_cli("compare", "a.json", "a.json", "--csv", "a.json", cwd=tmp_path)
    assert result.returncode == 2
    assert "is the input itself" in result.stderr
    assert (tmp_path / "a.json").read_bytes() == before
