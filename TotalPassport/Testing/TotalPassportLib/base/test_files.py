"""Files from outside are read within bounds, and JSON strictly."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from TotalPassportLib.base.errors import BadInput, ModelError
from TotalPassportLib.base.files import MAX_JSON_BYTES, make_folder, parse_json, read_json, sha256_of


def test_folders_are_made_but_files_are_not_replaced_by_them(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="is a file, not a folder"):
        make_folder(tmp_path / "file")


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
