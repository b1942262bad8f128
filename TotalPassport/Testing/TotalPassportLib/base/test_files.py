"""Files from outside are read within bounds, and JSON strictly."""

from __future__ import annotations

import gc
import hashlib
import json
from pathlib import Path

import pytest
from TotalPassportLib.base.errors import BadInput, ModelError
from TotalPassportLib.base.files import MAX_JSON_BYTES, make_folder, parse_json, read_json, sha256_of


def test_folders_are_made_but_files_are_not_replaced_by_them(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "a" / "b"):
        with pytest.raises(BadInput, match="file' is a file, not a folder"):
            make_folder(folder)


@pytest.mark.parametrize(
    "text",
    ["NaN", "-Infinity", "1e999", "-1e999", "9" * 5000, "1" + "0" * 400, '{"a": 1, "a": 2}', "[" * 100_000, "", "{"],
)
@pytest.mark.parametrize("failure", [BadInput, ModelError])
def test_json_that_is_not_plain_is_refused_as_the_kind_of_failure_asked_for(
    text: str, failure: type[BadInput] | type[ModelError]
) -> None:
    with pytest.raises(failure, match="The letter"):
        parse_json(text, "The letter", failure)


@pytest.mark.parametrize("content", [b'"\xff"', '"a"'.encode("utf-16"), '"ö"'.encode("latin-1")])
def test_json_in_another_encoding_than_utf8_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(BadInput, match="is not valid JSON"):
        read_json(tmp_path / "a.json")


def test_plain_json_is_read_as_it_is() -> None:
    assert parse_json('{"a": [1, -2.5, 1e300, true, null, "ö"]}', "x") == {"a": [1, -2.5, 1e300, True, None, "ö"]}


def test_a_file_of_absurd_size_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(100 * MAX_JSON_BYTES)  # sparse: takes no room
    with pytest.raises(BadInput, match="is larger than"):
        read_json(tmp_path / "a.json")


def test_a_digest_is_of_the_files_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


NUMBERS = [
    "1e50",
    "-1e50",
    "1E+60",
    "0.5e051",
    "1" + "0" * 50,
    "12345678901234567890e40",
    "1e0000099",
    " 1e99",
    "-1.5e77",
]


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_that_are_too_large_to_compute_with_are_noticed_however_they_are_written(number: str) -> None:
    boundless: list[float] = []
    document = parse_json(f'{{"hash": "12e45f0e00", "a": [1,{number}], "b":{number}}}', "x", boundless=boundless)
    assert boundless == [float(number)] * 2
    assert float(document["b"]) == float(number)


@pytest.mark.parametrize(
    "number", ["1e9", "-9.99E+9", "1e-300", "9" * 39 + "e9", "0.1234567890123456789", "-0", "1e049"]
)
def test_numbers_within_bounds_are_read_as_they_are(number: str) -> None:
    boundless: list[float] = []
    text = f'["0e99", "{"3e10" * 20}", {number}, [{number}], -{number.lstrip("-")}]'
    assert parse_json(text, "x", boundless=boundless) == json.loads(text)
    assert boundless == []


def test_a_text_full_of_what_only_looks_like_large_numbers_is_read_in_no_time() -> None:
    text = json.dumps({"hash": "0e99a" * 200_000, "a": 1.5})
    assert parse_json(text, "x")["a"] == 1.5


def test_the_garbage_collector_is_left_as_it_was() -> None:
    for switch, state in ((gc.disable, False), (gc.enable, True)):
        switch()
        parse_json("[1, 2.5]", "x")
        assert gc.isenabled() is state


def test_a_folder_in_the_place_of_a_file_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refusal:
        read_json(tmp_path)
    assert refusal.value.message == f"Expected a file but found a folder: '{tmp_path}'."
