"""Label tables: TotalSegmentator's values and names, codes and colours for each."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.labels import bundled_tables, load_label_table, structure_named, table_from_names

LABEL = {"value": 3, "name": "a", "display_name": "A", "color_rgb": [1, 2, 3]}


def write_table(folder: Path, *labels: dict[str, Any], **changes: Any) -> str:
    path = folder / "table.json"
    document = {"schema": "totalpassport-labels/1", "name": "mine", "labels": list(labels)} | changes
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def test_the_bundled_table_is_that_of_totalsegmentator(shared: Path) -> None:
    table = load_label_table("total")
    rows = list(csv.DictReader((shared / "facts" / "labels_total.csv").read_text(encoding="utf-8").splitlines()))
    assert [(label.value, label.name) for label in table.values()] == [(int(row["label"]), row["name"]) for row in rows]
    assert len(table) == 117
    for row in rows:
        terminology = table[int(row["label"])].terminology
        assert terminology.category.code == row["sct_category"]
        assert (terminology.type.code, terminology.type.meaning) == (row["sct_type"], row["sct_type_meaning"])
        modifier = terminology.modifier
        assert (modifier.code if modifier else "") == row["sct_modifier"]
        assert (modifier.meaning if modifier else "") == row["sct_modifier_meaning"]


def test_no_two_structures_share_a_colour_or_a_name() -> None:
    for name in bundled_tables():
        labels = load_label_table(name).values()
        assert len({label.color_rgb for label in labels}) == len(labels)
        assert len({label.display_name for label in labels}) == len(labels)


def test_a_table_of_ones_own_is_read_in_order_of_values(tmp_path: Path) -> None:
    table = load_label_table(write_table(tmp_path, LABEL, LABEL | {"value": 1, "name": "b"}))
    assert list(table) == [1, 3]
    assert table.named("a").value == 3
    assert table.named("c") is None
    assert table.describe(7).name == "label 7"


@pytest.mark.parametrize(
    "labels",
    [
        (LABEL, LABEL | {"name": "b"}),
        (LABEL, LABEL | {"value": 4}),
        (),
        (LABEL | {"value": 0},),
        (LABEL | {"value": 65536},),
        (LABEL | {"name": ""},),
        (LABEL | {"color_rgb": [0, 0, 256]},),
        (LABEL | {"colour": "red"},),
        ({"value": 1},),
    ],
    ids=["value twice", "name twice", "empty", "background", "too large", "no name", "colour", "extra", "missing"],
)
def test_a_table_that_contradicts_itself_is_refused(labels: tuple, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"table"):
        load_label_table(write_table(tmp_path, *labels))


def test_an_unknown_table_names_those_there_are() -> None:
    with pytest.raises(BadInput, match=r"There is no label table 'Totl'\.") as refusal:
        load_label_table("Totl")
    assert refusal.value.hint.startswith("Did you mean total? Use one of monai_wholebody, total, total_v1. Or")


@pytest.mark.parametrize("name", ["total_v1", "monai_wholebody"])
def test_tables_of_others_are_bundled_with_the_names_colours_and_codes_of_total(name: str, shared: Path) -> None:
    table, total = load_label_table(name), load_label_table("total")
    rows = list(csv.DictReader((shared / "facts" / "monai_labels.csv").read_text(encoding="utf-8").splitlines()))
    assert table.name == name
    assert {value: label.name for value, label in table.items()} == {
        int(row["bundle_label"]): row["bundle_name_equals_v1_name"] for row in rows
    }
    for row in rows:
        label = table[int(row["bundle_label"])]
        assert label.terminology is not None
        if row["v2_total_label"]:
            assert replace(label, value=int(row["v2_total_label"])) == total.named(label.name)
        else:
            assert total.named(label.name) is None


@pytest.mark.parametrize(
    ("name", "structure"),
    [
        ("liver", "liver"),
        ("Left Kidney", "kidney_left"),
        ("KIDNEY-LEFT", "kidney_left"),
        ("left_kidney", "kidney_left"),
        ("Vertebra L3", "vertebrae_L3"),
        ("rib_left_1", "rib_left_1"),
        ("left rib 11", "rib_left_11"),
        ("bladder", "urinary_bladder"),
        ("heart_myocardium", "heart_myocardium"),
    ],
)
def test_a_structure_is_known_however_its_name_is_written(name: str, structure: str) -> None:
    assert structure_named(name).name == structure


@pytest.mark.parametrize("name", ["", "lesion", "kidney", "L3", "rib", "liver 2", "脾臓", "label 1"])
def test_what_may_be_something_else_is_no_structure(name: str) -> None:
    assert structure_named(name) is None


def test_every_structure_is_found_by_both_of_its_names() -> None:
    for table in map(load_label_table, bundled_tables()):
        for label in table.values():
            assert structure_named(label.name).name == label.name
            assert structure_named(label.display_name).name == label.name


def test_a_header_in_the_order_of_version_1_is_recognised_by_its_names() -> None:
    v1, total = load_label_table("total_v1"), load_label_table("total")
    table = table_from_names({value: v1[value].name for value in (1, 7, 44, 104)}, "stored in the file")
    assert table.name == "total_v1"
    assert replace(table[7], value=52) == total[52]
    assert table_from_names({52: "aorta"}, "stored in the file").name == "total"
    assert table_from_names({7: "aorta", 8: "mass"}, "stored in the file").name == "stored in the file"


def test_an_empty_name_becomes_its_number_and_a_repeated_one_is_told_apart() -> None:
    table = table_from_names({1: " ", 2: "mass", 3: "mass", 4: "liver", 5: "Liver"}, "x")
    assert {value: label.name for value, label in table.items()} == {
        1: "label 1",
        2: "mass",
        3: "mass (3)",
        4: "liver",
        5: "Liver",
    }


def write_dataset(folder: Path, labels: Any) -> str:
    path = folder / "dataset.json"
    path.write_text(json.dumps({"channel_names": {"0": "CT"}, "labels": labels}), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    "labels",
    [{"background": 0, "Left kidney": 7, "tumour": 3}, {"0": "background", "3": "tumour", "7": "Left kidney"}],
    ids=["version 2", "version 1"],
)
def test_a_dataset_of_nnunet_names_labels(labels: dict, tmp_path: Path) -> None:
    table = load_label_table(write_dataset(tmp_path, labels))
    assert {value: label.name for value, label in table.items()} == {3: "tumour", 7: "kidney_left"}
    assert table[7].terminology == load_label_table("total").named("kidney_left").terminology


@pytest.mark.parametrize(
    "labels",
    [
        {"background": 0},
        {"background": 0, "whole": [1, 2]},
        {"background": 0, "a": 1, "b": 1},
        {"a": 1.5},
        {"a": True},
        {"a": None},
        {"a": -1},
        {"a": 65536},
        {"": 1},
        {"1": ""},
        {"x": "liver"},
        {"a": {"b": 1}},
    ],
)
def test_a_dataset_that_does_not_say_which_label_is_which_is_refused(labels: dict, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"dataset\.json"):
        load_label_table(write_dataset(tmp_path, labels))
