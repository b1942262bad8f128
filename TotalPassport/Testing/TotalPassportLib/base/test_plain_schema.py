"""Passports are checked as strictly where no package that checks schemas is installed."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest
from support.missing_packages import without_package
from support.passports import body
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.files import DATA_FOLDER
from TotalPassportLib.base.plain_schema import first_violation
from TotalPassportLib.passport import read_passport, write_passport
from TotalPassportLib.passport.document import passport_text

SCHEMA = json.loads((DATA_FOLDER / "schemas" / "passport.schema.json").read_text(encoding="utf-8"))
OTHERS = (None, True, -1, 0, 1.5, 2.0, 10**6, "", "x", [], [1], [[1, 2, 3]], {}, {"a": 1})


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield container and key of everything in a document."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from places(value[key])


@pytest.fixture(scope="module")
def document() -> Any:
    made = json.loads(passport_text(body((1, 2))))
    for organ in made["organs"].values():
        organ["boundary_points"] = organ["boundary_points"][:2]
        organ |= {"hu_mean": 1.0, "hu_percentiles": {"5": -3.0}, "border_faces": ["left"], "n_components": 1}
    made["findings"] = [{"code": "a", "severity": "note", "organs": [1], "message": "b"}]
    return made


def test_whatever_is_changed_both_say_the_same(document: Any) -> None:
    check = fastjsonschema.compile(SCHEMA, use_default=False)
    assert first_violation(document, SCHEMA) == ""
    rng, refused = random.Random(7), 0
    count = sum(1 for _ in places(document))
    for place in range(count):
        for change in (*rng.sample(OTHERS, 3), "left out", "added"):
            changed = copy.deepcopy(document)
            container, key = next(pair for index, pair in enumerate(places(changed)) if index == place)
            if change == "left out":
                del container[key]
            elif change == "added" and isinstance(container, list):
                container.append(container[key])
            elif change == "added":
                container[f"{key}0"] = container[key]
            else:
                container[key] = change
            try:
                check(changed)
                valid = True
            except fastjsonschema.JsonSchemaValueException:
                valid = False
            violation = first_violation(changed, SCHEMA)
            assert (violation == "") is valid, (key, change, violation)
            refused += not valid
    assert count > 150
    assert 200 < refused < 5 * count


def test_a_passport_is_read_where_nothing_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a_passport.json"
    write_passport(body((1, 2, 5)), path)
    expected = read_passport(path)
    without_package(monkeypatch, "fastjsonschema")
    assert read_passport(path) == expected
    path.write_text(path.read_text(encoding="utf-8").replace('"voxel_count": ', '"voxel_count": -'), encoding="utf-8")
    with pytest.raises(BadInput, match=r"not a valid passport document: it\.organs\.1\.voxel_count must be bigger"):
        read_passport(path)


@pytest.mark.parametrize("schema", [{"oneOf": []}, {"items": [{}]}, {"properties": {"a": {"pattern": "b"}}}])
def test_what_it_does_not_know_it_does_not_wave_through(schema: Any) -> None:
    with pytest.raises(NotImplementedError):
        first_violation({}, schema)
