"""Label tables: TotalSegmentator's values and names, codes and colours for each."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.labels import bundled_tables, load_label_table

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
    with pytest.raises(BadInput, match=r"There is no label table 'Totl'\. Did you mean total or total_v1\? Use one of monai_wh"):
        load_label_table("Totl")
