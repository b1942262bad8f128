"""A passport in Python: organs by name, a short form, equality by content, distances, a table and a plot."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from support.missing_packages import without_package
from support.passports import LABELS, body, edited
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.passport import Finding, Passport, read_passport, write_passport
from TotalPassportLib.passport.fields import COLUMNS

mpl.use("Agg")


@pytest.fixture(scope="module")
def passport() -> Passport:
    return body()


def test_organs_are_found_by_name_and_by_label(passport: Passport) -> None:
    assert passport["liver"] is passport[5] is passport.organs[5]
    assert passport["liver"].volume_ml == passport["liver"].volume_mm3 / 1000
    assert len(passport) == len(LABELS)
    assert [organ.label for organ in passport] == list(passport.organs) == list(LABELS)
    assert passport.names[:2] == ("spleen", "kidney_right")
    assert "liver" in passport
    assert 5 in passport
    assert passport["liver"] in passport
    assert "brain" not in passport
    assert 90 not in passport
    assert None not in passport
    assert passport.get("brain") is None


@pytest.mark.parametrize(
    ("key", "sentence"),
    [("Left Kidny", "Did you mean kidney_left?"), ("\x1b[2J", "organ '\\x1b[2J'"), (90, "label 90")],
)
def test_a_missing_organ_is_a_key_error_that_helps(key: str | int, sentence: str, passport: Passport) -> None:
    with pytest.raises(KeyError) as caught:
        passport[key]
    assert sentence in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args


def test_short_forms_are_short_whatever_there_is(passport: Passport) -> None:
    assert repr(passport).startswith("<Passport of 20 organs: spleen, kidney_right, kidney_left, liver, ...; 160 x")
    hostile = edited(passport, 1, name="a\x1b[2J" + "x" * 10_000, checks=("<b>",))
    assert len(repr(hostile)) < 300
    assert len(repr(hostile[1])) < 300
    assert "\x1b" not in repr(hostile) + repr(hostile[1])
    assert repr(replace(passport, organs={})).startswith("<Passport of 0 organs; ")


def test_notebooks_get_a_table_in_which_nothing_acts(passport: Passport) -> None:
    finding = Finding(code="x", severity="error", labels=(), message="<script>alert(1)</script>")
    page = replace(edited(passport, 1, name="<img src=x onerror=alert(1)>"), findings=(finding,))._repr_html_()
    assert page.count("<tr>") == 21
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page
    many = {label: replace(passport[1], label=label) for label in range(1, 5000)}
    assert len(replace(passport, organs=many)._repr_html_()) < 100_000


def test_passports_are_equal_by_what_they_say_and_not_by_when(passport: Passport, tmp_path: Path) -> None:
    assert passport == body()
    assert passport == replace(passport, created="2026-01-01T00:00:00Z")
    assert passport != edited(passport, 5, volume_mm3=1.0)
    points = passport[5].boundary_points_ras_mm.copy()
    points[3, 1] += 1e-6
    assert passport != edited(passport, 5, boundary_points_ras_mm=points)
    assert passport != replace(passport, source={"sha256": "0"})
    assert passport != 5
    assert passport[1] != passport[5]
    write_passport(passport, tmp_path / "p.json")
    assert read_passport(tmp_path / "p.json") == read_passport(tmp_path / "p.json")


def test_what_holds_arrays_has_no_hash(passport: Passport) -> None:
    for value in (passport, passport[5]):
        with pytest.raises(TypeError, match="unhashable"):
            hash(value)


def test_a_passport_survives_a_pickle(passport: Passport) -> None:
    assert pickle.loads(pickle.dumps(passport)) == passport


def test_distances_are_between_centroids_or_between_surfaces(passport: Passport) -> None:
    liver, spleen = passport["liver"], passport["spleen"]
    centres = np.linalg.norm(liver.centroid_ras_mm - spleen.centroid_ras_mm)
    assert passport.distance_mm("liver", "spleen") == passport.distance_mm(1, 5) == pytest.approx(centres)
    gaps = np.linalg.norm(liver.boundary_points_ras_mm[:, None] - spleen.boundary_points_ras_mm, axis=-1)
    assert passport.distance_mm("liver", "spleen", between="surfaces") == pytest.approx(gaps.min())
    with pytest.raises(KeyError, match="Did you mean liver"):
        passport.distance_mm("livr", "spleen")
    with pytest.raises(ValueError, match="'centroids' or 'surfaces'"):
        passport.distance_mm("liver", "spleen", between="edges")  # type: ignore[arg-type]
    bare = edited(passport, 5, boundary_points_ras_mm=np.zeros((0, 3)))
    with pytest.raises(ValueError, match="without boundary points"):
        bare.distance_mm("liver", "spleen", between="surfaces")


def test_a_dataframe_has_the_tables_columns(passport: Passport) -> None:
    table = edited(passport, 5, hu_mean=55.25).to_dataframe()
    assert table.index.name == "name"
    assert list(table.columns) == [column.name for column in COLUMNS if column.name != "name"]
    assert table.loc["liver", "volume_mm3"] == passport["liver"].volume_mm3
    assert table.loc["liver", "mean_hu"] == 55.25
    assert np.isnan(table.loc["spleen", "mean_hu"])
    assert replace(passport, organs={}).to_dataframe().shape == (0, len(COLUMNS) - 1)


@pytest.mark.parametrize("view", ["coronal", "sagittal", "axial"])
def test_a_plot_shows_the_patient_as_radiologists_look(view: str, passport: Passport) -> None:
    axes = passport.plot(["liver", 1], view=view)  # type: ignore[arg-type]
    assert [text.get_text() for text in axes.texts] == ["liver", "spleen"]
    low, high = axes.get_xlim()
    assert low > high  # right, and the front, are on the left
    mpl.pyplot.close(axes.figure)


def test_a_name_is_drawn_as_it_is_and_not_as_a_formula(passport: Passport) -> None:
    axes = edited(passport, 5, name=r"$\frac{").plot(["spleen", 5])
    axes.figure.canvas.draw()
    mpl.pyplot.close(axes.figure)
    with pytest.raises(BadInput, match="no view 'front'"):
        passport.plot(view="front")  # type: ignore[arg-type]


@pytest.mark.parametrize(("package", "use"), [("pandas", "to_dataframe"), ("matplotlib", "plot")])
def test_a_missing_package_is_told_with_its_name(
    package: str, use: str, passport: Passport, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_package(monkeypatch, package)
    with pytest.raises(BadInput, match=f"needs the Python package {package}, which is not installed"):
        getattr(passport, use)()
