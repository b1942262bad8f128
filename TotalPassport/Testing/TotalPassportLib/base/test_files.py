"""Files appear whole or not at all, and JSON from outside is read strictly."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from support.processes import files_below
from TotalPassportLib.base.errors import BadInput, ModelError
from TotalPassportLib.base.files import MAX_JSON_BYTES, atomic_write, make_folder, parse_json, read_json, sha256_of


def test_a_file_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "Dr. Größe v1.nii.gz"
    with atomic_write(path) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.endswith(".nii.gz"), "writers choose the format by the suffix"
        temporary.write_bytes(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert files_below(tmp_path) == [path.name]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError, MemoryError])
def test_a_failure_keeps_the_old_file_and_leaves_no_other(failure: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    with pytest.raises(failure), atomic_write(path) as temporary:  # noqa: PT012 - it fails half-way
        temporary.write_bytes(b"half")
        raise failure
    assert path.read_bytes() == b"old"
    assert files_below(tmp_path) == ["a.json"]


def test_results_have_the_permissions_that_the_user_set(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    with atomic_write(tmp_path / "ours") as temporary:
        temporary.touch()
    assert (tmp_path / "ours").stat().st_mode == plain.stat().st_mode


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nowhere"), atomic_write(tmp_path / "nowhere" / "a.json"):
        pass


def test_a_full_device_is_called_a_full_disk(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("optional: only Linux has a device that is always full")
    with pytest.raises(BadInput, match="The disk is full") as caught, atomic_write(tmp_path / "a.json"):
        Path("/dev/full").write_bytes(b"x")
    assert "Free some space" in caught.value.hint
    assert files_below(tmp_path) == []


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
