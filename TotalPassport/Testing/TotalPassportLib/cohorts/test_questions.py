"""Each question has the right answer where it is known, and says what was left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.cohorts import CUT, MR, OF_OTHER_MODEL, OUTLIER, SCANS, WITHOUT_KIDNEY, passport, scan_of
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.cohorts import Cohort
from TotalPassportLib.cohorts.building import build_cohort
from TotalPassportLib.comparison.changes import compare
from TotalPassportLib.passport import write_passport


def livers_ml(*left_out: int) -> np.ndarray:
    return np.array([passport(number)["liver"].volume_mm3 for number in range(SCANS) if number not in left_out])


def test_a_distribution_is_that_of_the_whole_organs(cohort: Cohort) -> None:
    answer = cohort.distribution("volume_mm3", organs=("liver", "spleen"))
    spleen, liver = answer
    assert (spleen["organ"], liver["organ"]) == ("spleen", "liver")
    volumes = livers_ml(CUT)
    assert liver["scans"] == SCANS - 1
    assert liver["mean"] == pytest.approx(volumes.mean())
    assert liver["sd"] == pytest.approx(volumes.std(ddof=1))
    assert liver["median"] == pytest.approx(np.median(volumes))
    assert liver["p5"] == pytest.approx(np.percentile(volumes, 5))
    assert liver["mad"] == pytest.approx(np.median(np.abs(volumes - np.median(volumes))))
    assert "1 organ cut by an image's edge was left out." in answer.notes
    with_cut = cohort.distribution("volume_mm3", organs="liver", with_cut=True)
    assert with_cut.column("scans") == [SCANS]
    assert not any("edge" in note for note in with_cut.notes)


def test_several_models_are_said_and_one_can_be_chosen(cohort: Cohort) -> None:
    assert any("2 models, fast (23), full (1)" in note for note in cohort.distribution("volume_mm3").notes)
    chosen = cohort.distribution("volume_mm3", organs="spleen", model="full")
    assert chosen.column("scans") == [1]
    assert not any("models" in note for note in chosen.notes)


def test_intensities_without_a_unit_are_refused_and_never_mixed(cohort: Cohort) -> None:
    with pytest.raises(BadInput, match="has no unit: intensities of an MR mean something else in every scan"):
        cohort.distribution("intensity_mean")
    assert cohort.distribution("mean_hu", organs="spleen").column("scans") == [SCANS - 1]
    assert any("never mixed" in note for note in cohort.overview().notes)


def test_an_overview_counts_by_model_and_unit(cohort: Cohort) -> None:
    rows = {(row["model"], row["intensity_unit"]): row for row in cohort.overview()}
    assert rows["fast", "HU"]["scans"] == SCANS - 2
    assert rows["fast", "arbitrary"]["scans"] == rows["full", "HU"]["scans"] == 1
    assert rows["fast", "HU"]["patients"] == 6


def test_outliers_are_those_far_from_the_median_by_the_spread_of_the_others(cohort: Cohort) -> None:
    answer = cohort.outliers("volume_mm3")
    assert [(row["scan"], row["organ"]) for row in answer] == [(scan_of(OUTLIER), "liver")]
    volumes = livers_ml(CUT)
    mad = np.median(np.abs(volumes - np.median(volumes)))
    expected = (passport(OUTLIER)["liver"].volume_mm3 - np.median(volumes)) / (1.4826 * mad)
    assert answer.rows[0][answer.columns.index("robust_z")] == pytest.approx(expected)
    assert len(cohort.outliers("volume_mm3", least_z=0.5)) > 1
    assert len(cohort.outliers("volume_mm3", model="full")) == 0  # of too few scans nothing can be said


def test_asymmetry_is_left_minus_right_by_their_mean(cohort: Cohort) -> None:
    (pair,) = cohort.asymmetry()
    differences = []
    for number in set(range(SCANS)) - {WITHOUT_KIDNEY}:
        left, right = (passport(number)[f"kidney_{side}"].volume_mm3 for side in ("left", "right"))
        differences.append(200 * (left - right) / (left + right))
    assert (pair["left_organ"], pair["scans"]) == ("kidney_left", SCANS - 1)
    assert pair["median"] == pytest.approx(np.median(differences))
    by_scan = cohort.asymmetry(by_scan=True)
    assert len(by_scan) == SCANS - 1
    assert scan_of(WITHOUT_KIDNEY) not in by_scan.column("scan")
    assert sorted(by_scan.column("volume_mm3_left_minus_right_percent")) == pytest.approx(sorted(differences))
    scores = [abs(z) for z in by_scan.column("robust_z")]
    assert scores == sorted(scores, reverse=True)
    assert cohort.asymmetry("mean_hu").column("median") == [0.0]  # a difference, for Hounsfield units have no zero
    with pytest.raises(BadInput, match="says where an organ lies"):
        cohort.asymmetry("centroid_r_mm")
    with pytest.raises(BadInput, match="has a left and a right one"):
        cohort.asymmetry(organs="liver")


def test_missing_organs_are_counted_and_named(cohort: Cohort) -> None:
    rows = {(row["organ"], row["model"]): row for row in cohort.missing_organs()}
    assert (rows["kidney_left", "fast"]["missing"], rows["kidney_left", "fast"]["scans"]) == (1, SCANS - 1)
    assert rows["liver", "fast"]["cut"] == 1
    assert rows["liver", "full"]["missing"] == 0
    answer = cohort.missing_organs(by_scan=True)
    assert [(row["scan"], row["organ"]) for row in answer] == [(scan_of(WITHOUT_KIDNEY), "kidney_left")]


def test_a_follow_up_has_the_floors_of_a_comparison(cohort: Cohort) -> None:
    numbers = [1, 7, 13, 19]  # one patient, a year apart; the second's liver is four times as large
    answer = cohort.follow_up("p1", organs=("liver",))
    rows = list(answer)
    assert [row["scan"] for row in rows] == [scan_of(number) for number in numbers]
    assert rows[0]["change_percent"] is None
    for number, row in zip(numbers[1:], rows[1:], strict=True):
        change = next(each for each in compare(passport(1), passport(number)).organs if each.name == "liver")
        assert change.floor is not None
        assert row["change_percent"] == pytest.approx(change.volume_change_percent)
        assert row["floor_percent"] == pytest.approx(change.floor.volume_percent, rel=1e-4)
        assert row["beyond_floor"] is (abs(change.volume_change_percent) > change.floor.volume_percent)
        assert row["hu_change"] == pytest.approx(number - 1)
    shares = [row["volume_error_ml"] / row["volume_ml"] * 100 for row in rows[:2]]
    assert np.hypot(*shares) == pytest.approx(rows[1]["floor_percent"], rel=1e-4)
    assert any("no measured floor" in note for note in answer.notes)


def test_a_cut_organ_is_shown_in_a_follow_up_and_not_judged(cohort: Cohort) -> None:
    row = next(row for row in cohort.follow_up(f"p{CUT % 6}", organs="liver") if row["scan"] == scan_of(CUT))
    assert row["remark"] == "cut by the image's edge"
    assert (row["change_percent"], row["volume_error_ml"], row["beyond_floor"]) == (None, None, None)
    other = cohort.follow_up(f"p{OF_OTHER_MODEL % 6}", organs="liver")
    assert "found by another model than the first one" in other.column("remark")


def test_who_is_not_known_is_told(cohort: Cohort, passports: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no patient 'p11'\. Did you mean p1"):
        cohort.follow_up("p11")
    build_cohort(passports, tmp_path / "c")
    with Cohort(tmp_path / "c") as nameless, pytest.raises(BadInput, match="does not know whose scans these are"):
        nameless.follow_up("p1")


def test_nearest_shapes_are_alike_whatever_their_size_and_side(tmp_path: Path) -> None:
    base = replace(passport(0)["liver"], surface_area_mm2=9000.0)
    rng = np.random.default_rng(0)
    shapes = {
        "same": base,
        "twice_as_large": replace(
            base, volume_mm3=8 * base.volume_mm3, eigenvalues_mm2=4 * base.eigenvalues_mm2, surface_area_mm2=36_000.0
        ),
        "long": replace(base, eigenvalues_mm2=base.eigenvalues_mm2 * [1, 1, 4]),
        "hollow": replace(base, volume_mm3=base.volume_mm3 / 2),
    }
    for number in range(8):
        eigenvalues = np.sort(base.eigenvalues_mm2 * rng.uniform(1, 2, 3))
        shapes[f"other{number}"] = replace(base, eigenvalues_mm2=eigenvalues)
    (tmp_path / "d").mkdir()
    for name, organ in shapes.items():
        write_passport(replace(passport(0), organs={5: organ}), tmp_path / "d" / f"{name}_passport.json")
    build_cohort(tmp_path / "d", tmp_path / "c")
    with Cohort(tmp_path / "c") as cohort:
        answer = cohort.nearest_shapes("same", "liver", number=20)
    distances = dict(zip(answer.column("scan"), answer.column("distance"), strict=True))
    assert set(answer.column("scan")[:2]) == {"same", "twice_as_large"}
    assert distances["same"] == 0
    assert distances["twice_as_large"] == pytest.approx(0, abs=1e-4)
    assert distances["long"] > 1
    assert distances["hollow"] > 1
    ellipsoid = dict(zip(answer.columns, answer.rows[0], strict=True))
    assert ellipsoid["log_fill"] == pytest.approx(0, abs=0.11)  # an ellipsoid, of a volume varied by 10 %


def test_mistyped_names_are_told_what_they_may_have_meant(cohort: Cohort) -> None:
    for ask, sentence in (
        (lambda: cohort.distribution("volume"), "no field 'volume'"),
        (lambda: cohort.distribution('volume_mm3" FROM organs; --'), "no field"),
        (lambda: cohort.distribution("name"), "no field 'name'"),
        (lambda: cohort.distribution("volume_mm3", organs="livr"), "Did you mean liver"),
        (lambda: cohort.distribution("volume_mm3", model="fst"), "no scan of the model 'fst'"),
        (lambda: cohort.nearest_shapes("p0_20200316", "liver"), "Did you mean p0_20200315"),
        (lambda: cohort.nearest_shapes(scan_of(0), "livr"), "Did you mean liver"),
    ):
        with pytest.raises(BadInput, match=sentence):
            ask()
    assert MR != OUTLIER
