"""Passports on disk: valid by their schema, read back as written, and nothing hostile is believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.files import DATA_FOLDER, MAX_JSON_BYTES
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.passport import Passport, document, read_passport, write_passport
from TotalPassportLib.passport.document import passport_text
from TotalPassportLib.passport.extraction import extract_passport
from TotalPassportLib.passport.findings_text import findings_text


@pytest.fixture(scope="module")
def passport() -> Passport:
    """Three organs, one of them under a value that no table knows."""
    rng = np.random.default_rng(0)
    labels = np.zeros((20, 21, 22), np.uint16)
    labels[2:9, 3:9, 4:12], labels[12:18, 2:8, 1:9], labels[5:7, 14:16, 0] = 5, 1, 65535
    affine = np.diag([-1.5, 2.0, 2.5, 1.0])
    ct, confidence = rng.normal(40, 10, labels.shape), {1: 0.75, 5: 1.0, 65535: 0.0}
    return extract_passport(labels, affine, load_label_table("total"), ct, confidence=confidence)


def test_a_passport_is_valid_by_its_schema(passport: Passport) -> None:
    schema = json.loads((DATA_FOLDER / "schemas" / "passport.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(schema).validate(json.loads(passport_text(passport)))


def test_a_passport_is_read_back_as_it_was_written(passport: Passport, tmp_path: Path) -> None:
    write_passport(passport, tmp_path / "p.json")
    read = read_passport(tmp_path / "p.json")
    assert list(read.organs) == [1, 5, 65535]
    assert read.shape == passport.shape
    assert np.array_equal(read.affine, passport.affine)
    for label, organ in passport.organs.items():
        again = read.organs[label]
        assert (again.name, again.voxel_count, again.checks) == (organ.name, organ.voxel_count, organ.checks)
        for field in ("centroid_ras_mm", "covariance_mm2", "eigenvalues_mm2", "eigenvectors", "hu_mean", "hu_sd"):
            assert np.allclose(getattr(again, field), getattr(organ, field), rtol=0, atol=1e-9), field
        for field in ("bounding_box_ras_mm", "obb_origin_ras_mm", "obb_size_mm", "surface_area_mm2", "confidence"):
            assert np.allclose(getattr(again, field), getattr(organ, field), rtol=0, atol=1e-6), field
        for field in ("border_faces", "near_border", "n_components", "terminology", "hu_percentiles"):
            assert getattr(again, field) == getattr(organ, field), field
        assert np.allclose(again.boundary_points_ras_mm, organ.boundary_points_ras_mm, atol=0.005)
    assert read.findings == passport.findings
    assert read.findings
    assert passport_text(read) == passport_text(passport)


def test_each_organ_stands_on_a_line_of_its_own(passport: Passport) -> None:
    lines = passport_text(passport).splitlines()
    assert [line.split(":")[0] for line in lines if '"voxel_count"' in line] == ['"1"', '"5"', '"65535"']


def set_organ(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["organs"]["5"].update({field: value})


def drop(field: str) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.pop(field)


EDITS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "NaN": set_organ("volume_mm3", float("nan")),
    "infinite": set_organ("centroid", [float("inf"), 0, 0]),
    "a whole number beyond all floats": set_organ("volume_mm3", 10**400),
    "a coordinate beyond all floats": set_organ("centroid", [10**400, 0, 0]),
    "text for a number": set_organ("volume_mm3", "large"),
    "true for a number": set_organ("voxel_count", True),
    "two coordinates": set_organ("centroid", [1.0, 2.0]),
    "ragged points": set_organ("boundary_points", [[1, 2, 3], [4, 5]]),
    "negative volume": set_organ("volume_mm3", -1.0),
    "no voxels": set_organ("voxel_count", 0),
    "no name": lambda document: document["organs"]["5"].pop("name"),
    "label 0": lambda document: document["organs"].update({"0": document["organs"]["5"]}),
    "label with a line break": lambda document: document["organs"].update({"5\n": document["organs"]["5"]}),
    "too many points": set_organ("boundary_points", [[0.0, 0.0, 0.0]] * 10_001),
    "label of letters": lambda document: document["organs"].update({"liver": document["organs"]["5"]}),
    "a later version": lambda document: document.update(schema="totalpassport-passport/2"),
    "negative eigenvalues": set_organ("eigenvalues", [-1, 1, 1]),
    "confidence beyond 1": set_organ("confidence", 1.5),
    "findings without code": lambda document: document["findings"].append({"severity": "error", "organs": []}),
    "percentiles of words": set_organ("hu_percentiles", {"5": "low"}),
    "terminology of words": set_organ("terminology", "liver"),
    "a box without an end": set_organ("bounding_box_ras", [[0, 0, 0]]),
    "another frame": lambda document: document.update(frame="LPS"),
    "no organs": drop("organs"),
    "no geometry": drop("geometry"),
    "no schema": drop("schema"),
    "shape of zero": lambda document: document["geometry"].update(shape=[0, 1, 1]),
    "organs as a list": lambda document: document.update(organs=[]),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_passport_with_impossible_contents_is_refused(name: str, passport: Passport, tmp_path: Path) -> None:
    document = json.loads(passport_text(passport))
    EDITS[name](document)
    path = tmp_path / "p.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(BadInput, match=r"p\.json") as caught:
        read_passport(path)
    assert caught.value.hint


def written(document: dict[str, Any], folder: Path) -> Path:
    path = folder / "p.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_future_version_is_told_in_plain_words(passport: Passport, tmp_path: Path) -> None:
    document = json.loads(passport_text(passport)) | {"schema": "totalpassport-passport/2", "organs": "otherwise"}
    with pytest.raises(
        BadInput, match=r"is a passport of format 2, and this version of TotalPassport reads format 1\."
    ):
        read_passport(written(document, tmp_path))


def test_what_later_versions_add_is_passed_over(passport: Passport, tmp_path: Path) -> None:
    document = json.loads(passport_text(passport))
    document["mood"] = {"of": ["the", "day"]}
    document["organs"]["5"] |= {"taste": "sweet", "checks": ["a_check_of_tomorrow"]}
    document["organs"]["5"]["terminology"]["type"]["version"] = "2030"
    document["findings"] = [{"code": "new", "severity": "hint", "organs": [5, 77], "message": "Hello.", "more": 1}]
    read = read_passport(written(document, tmp_path))
    assert read.organs[5].checks == ("a_check_of_tomorrow",)
    (finding,) = read.findings
    assert (finding.severity, finding.labels) == ("note", (5,))
    assert "new" in findings_text(read)


def test_a_passport_with_nothing_but_what_is_required_can_be_read(passport: Passport, tmp_path: Path) -> None:
    schema = json.loads((DATA_FOLDER / "schemas" / "passport.schema.json").read_text(encoding="utf-8"))
    document = json.loads(passport_text(passport))
    needed = schema["definitions"]["organ"]["required"]
    document = {name: document[name] for name in schema["required"]}
    document["organs"] = {label: {name: organ[name] for name in needed} for label, organ in document["organs"].items()}
    organ = read_passport(written(document, tmp_path)).organs[5]
    assert organ.surface_area_mm2 is None
    assert organ.roundness is None
    assert organ.hu_percentiles is None
    assert np.allclose(organ.semi_axes_mm, passport.organs[5].semi_axes_mm)


POINTS = {
    "a truth value": [[1, 2, True]],
    "a text": [[1, 2, "3"]],
    "two numbers": [[1.5, 2.5, 3.5], [1.5, 2.5]],
    "nothing": [None],
    "an object": [{"x": 1, "y": 2, "z": 3}],
    "numbers in a row": [1.0, 2.0, 3.0],
    "a text of three letters": ["abc"],
    "too many": [[0, 0, 0]] * 10_001,
}


@pytest.mark.parametrize("name", POINTS)
def test_boundary_points_that_are_none_are_refused(name: str, passport: Passport, tmp_path: Path) -> None:
    document = json.loads(passport_text(passport))
    document["organs"]["5"]["boundary_points"] = POINTS[name]
    with pytest.raises(BadInput, match=r"is not a valid passport document: .*boundary_points"):
        read_passport(written(document, tmp_path))


def test_boundary_points_of_whole_numbers_and_none_at_all_are_read(passport: Passport, tmp_path: Path) -> None:
    document = json.loads(passport_text(passport))
    document["organs"]["5"]["boundary_points"] = [[1, 2, 3]] * 10_000
    document["organs"]["1"]["boundary_points"] = []
    read = read_passport(written(document, tmp_path))
    assert (read["liver"].boundary_points_ras_mm == [1.0, 2.0, 3.0]).all()
    assert read["spleen"].boundary_points_ras_mm.shape == (0, 3)


def test_numbers_are_rounded_as_the_header_says(passport: Passport) -> None:
    document = json.loads(passport_text(passport))
    assert document["precision"]["boundary_points"] == 0.01
    for organ in document["organs"].values():
        for name in ("centroid", "covariance", "surface_area_mm2", "obb_diameter_mm", "boundary_points"):
            decimals = {"centroid": 9, "covariance": 9, "boundary_points": 2}.get(name, 6)
            assert np.array_equal(np.round(organ[name], decimals), organ[name]), name


@pytest.mark.slow
def test_the_largest_passport_that_is_read_is_read_or_refused_in_seconds(passport: Passport, tmp_path: Path) -> None:
    document = json.loads(passport_text(passport))
    document["organs"] = {str(label): document["organs"]["5"] for label in range(1, 3000)}
    path = written(document, tmp_path)
    assert path.stat().st_size < MAX_JSON_BYTES
    assert len(read_passport(path).organs) == 2999
    path.write_bytes(b" " * (MAX_JSON_BYTES + 1))
    with pytest.raises(BadInput, match="is larger than 64 MB"):
        read_passport(path)


@pytest.mark.slow
def test_a_passport_that_could_not_be_read_again_is_not_written(
    passport: Passport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of an image of noise, in which every grey value is a label."""
    monkeypatch.setattr(document, "LARGEST_PASSPORT_BYTES", 2**20)  # the sixty-fourth part takes no time
    organ = passport.organs[5]
    noise = replace(passport, organs={label: replace(organ, label=label) for label in range(1, 65536)})
    (tmp_path / "p.json").write_bytes(b"old")
    with pytest.raises(BadInput, match="of 65535 structures would be larger than the 64 MB that can be read again"):
        write_passport(noise, tmp_path / "p.json")
    assert (tmp_path / "p.json").read_bytes() == b"old"


@pytest.mark.parametrize("field", ["volume_mm3", "voxel_count", "hu_mean", "centroid", "boundary_points"])
@pytest.mark.parametrize("number", [1e51, -1e300, 10**300, 1e308])
def test_a_number_whose_powers_are_infinite_is_refused(
    field: str, number: float, passport: Passport, tmp_path: Path
) -> None:
    document = json.loads(passport_text(passport))
    value = document["organs"]["5"][field]
    document["organs"]["5"][field] = [number, *value[1:]] if field == "centroid" else number
    if field == "boundary_points":
        document["organs"]["5"][field] = [[number, 0, 0], *value[1:]]
    with pytest.raises(BadInput):
        read_passport(written(document, tmp_path))


TEXTS = {
    "empty": b"",
    "cut off": b'{"schema": "totalpassport-passport/1"',
    "deep nesting": b'{"organs": ' + b"[" * 200_000,
    "deep objects": b'{"a": ' * 100_000,
    "a repeated key": b'{"schema": "x", "schema": "totalpassport-passport/1"}',
    "another encoding": '{"schema": "Röntgen"}'.encode("latin-1"),
    "UTF-16": '{"schema": "x"}'.encode("utf-16"),
    "an overflowing number": b'{"schema": 1e999}',
    "a number of ten thousand digits": b'{"schema": ' + b"9" * 10_000 + b"}",
    "an array": b"[]",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_that_is_no_passport_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_bytes(TEXTS[name])
    with pytest.raises(BadInput, match=r"p\.json"):
        read_passport(path)


def test_a_missing_passport_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no file"):
        read_passport(tmp_path / "nowhere.json")
