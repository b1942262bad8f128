"""A patient over time: the floors of a comparison, the first whole scan as the measure, the biggest changes first."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.cohorts import PATTERN, file_name, passport, write_passports
from support.passports import edited, without
from TotalPassportLib.cohorts.building import BuildOptions, build_cohort
from TotalPassportLib.cohorts.opening import Cohort
from TotalPassportLib.comparison.changes import compare
from TotalPassportLib.comparison.over_time import (
    COLUMNS,
    CUT,
    TimePoint,
    by_organ,
    follow,
    follow_up_csv,
    found_by,
    measurements_of,
)
from TotalPassportLib.passport import Passport

NUMBERS = (1, 7, 13, 19)
"""One patient's scans; the liver of the second is four times as large."""
LIVER = 5


def points_of(passports: list[Passport]) -> dict[str, list[TimePoint]]:
    return by_organ(
        follow([each for number, one in enumerate(passports) for each in measurements_of(one, str(number))])
    )


def test_passports_are_judged_as_a_comparison_of_each_with_the_first() -> None:
    passports = [passport(number) for number in NUMBERS]
    for later, other in enumerate(passports[1:], start=1):
        changes = {organ.name: organ for organ in compare(passports[0], other).organs}
        for organ, points in points_of(passports).items():
            floor = changes[organ].floor
            assert points[later].change_percent == pytest.approx(changes[organ].volume_change_percent)
            assert points[later].floor_percent == (None if floor is None else pytest.approx(floor.volume_percent))
            assert points[later].hu_change == pytest.approx(changes[organ].hu_change)


def test_the_errors_of_two_scans_make_their_floor() -> None:
    liver = points_of([passport(number) for number in NUMBERS])["liver"]
    shares = [100 * point.volume_error_ml / point.measured.volume_ml for point in liver[:2]]
    assert np.hypot(*shares) == pytest.approx(liver[1].floor_percent)
    assert liver[0].change_percent is None


def test_the_biggest_change_by_what_the_grid_may_do_comes_first_and_what_cannot_be_judged_last() -> None:
    cut = [edited(passport(number), 3, touches_border=True) for number in NUMBERS]
    organs = points_of(cut)
    times = [
        max(abs(p.change_percent or 0) / (p.floor_percent or np.inf) for p in points) for points in organs.values()
    ]
    assert next(iter(organs)) == "liver"
    assert times == sorted(times, reverse=True)
    assert list(organs)[-1] == "kidney_left"
    assert {point.remark for point in organs["kidney_left"]} == {CUT}
    assert {point.beyond_floor for point in organs["kidney_left"]} == {None}


def test_the_first_scan_is_the_first_in_which_the_organ_is_whole() -> None:
    first, second, third = (passport(number) for number in NUMBERS[:3])
    liver = points_of([edited(first, LIVER, touches_border=True), without(second, LIVER), third, third])["liver"]
    assert [point.measured.scan for point in liver] == ["0", "2", "3"]
    assert [point.change_percent for point in liver] == [None, None, 0.0]
    assert liver[0].remark == CUT


def test_another_model_is_told() -> None:
    one, other = passport(1), replace(passport(7), model={"labels": "total"})
    assert [found_by(each) for each in (one, other)] == ["fast", "labels of total"]
    assert points_of([one, other])["spleen"][1].remark == "found by another model than the first one"


def test_a_cohort_and_the_passports_themselves_tell_the_same(tmp_path: Path) -> None:
    folder = write_passports(tmp_path / "passports", range(24))
    build_cohort(folder, tmp_path / "cohort", BuildOptions(pattern=PATTERN))
    with Cohort(tmp_path / "cohort") as cohort:
        asked = list(cohort.follow_up("p1"))
    own = [point for points in points_of([passport(number) for number in NUMBERS]).values() for point in points]
    of = {(row["scan"], row["organ"]): row for row in asked}
    for point in own:
        name = file_name(NUMBERS[int(point.measured.scan)]).removesuffix("_passport.json")
        row = of[name, point.measured.organ]
        for column, value in zip(COLUMNS[3:8], point.cells()[3:8], strict=True):
            assert row[column] == (pytest.approx(value, rel=1e-4) if isinstance(value, float) else value), column
    assert len(own) == len(asked)


def test_the_file_has_a_row_a_point_and_leaves_empty_what_is_not_known() -> None:
    text = follow_up_csv(points_of([passport(number) for number in NUMBERS[:2]])["liver"])
    first, second = csv.DictReader(io.StringIO(text))
    assert tuple(first) == COLUMNS
    assert first["change_percent"] == first["date"] == ""
    assert second["beyond_floor"] == "True"
    assert float(second["change_percent"]) > 200
