"""Every JSON file is asked whether it is a passport: cheaply, whatever it is, and other people's are left to them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.passports import body
from TotalPassportLib.base import files
from TotalPassportLib.passport import recognition
from TotalPassportLib.passport.document import passport_text
from TotalPassportLib.passport.export import markups_text, seed_text
from TotalPassportLib.passport.recognition import is_passport_file

TEXT = passport_text(body((1, 2)))
PASSPORTS = {
    "as we write it": TEXT,
    "of a version to come": TEXT.replace("passport/1", "passport/12"),
    "with a byte order mark": "\ufeff" + TEXT,
    "in one line": json.dumps(json.loads(TEXT), separators=(",", ":")),
    "indented": json.dumps(json.loads(TEXT), indent=4),
    "with its keys sorted, the schema last": json.dumps(json.loads(TEXT), sort_keys=True),
    "broken behind its beginning": TEXT[:300],
}
OTHERS = {
    "markups": markups_text(body((1, 2))),
    "the seed's format": seed_text(body((1, 2))),
    "another program's": '{"@schema": "https://x/segment-context-schema.json#", "SegmentationCategory": ""}',
    "a list of them": f"[{TEXT}]",
    "one that has one inside": json.dumps({"first": json.loads(TEXT)}),
    "one that speaks of it": '{"about": "totalpassport-passport/1", "of": ["totalpassport-passport/1"]}',
    "a job": '{"schema": "totalpassport-job/1"}',
    "no version": '{"schema": "totalpassport-passport/x"}',
    "deep": '{"a": "totalpassport-passport/1", "b": ' + "[" * 200_000,
    "empty": "",
    "no JSON": "not at all",
}


@pytest.mark.parametrize("name", PASSPORTS)
def test_a_passport_is_known_by_its_schema(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(PASSPORTS[name], encoding="utf-8")
    assert is_passport_file(tmp_path / "a.json")


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_none_is_left_to_others(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(OTHERS[name], encoding="utf-8")
    assert not is_passport_file(tmp_path / "a.json")


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "bytes.json").write_bytes(os.urandom(1000))
    os.mkfifo(tmp_path / "pipe.json")
    for path in (tmp_path / "bytes.json", tmp_path / "pipe.json", tmp_path, tmp_path / "none.json", Path("a\0.json")):
        assert not is_passport_file(path)


def test_a_large_file_of_another_kind_is_never_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(recognition, "read_json", refuse)
    path = tmp_path / "large.json"
    with path.open("w", encoding="utf-8") as file:
        file.write('{"a": [')
        file.writelines("[1.0, 2.0, 3.0]," for _ in range(200_000))
        file.write("1]}")
    assert not is_passport_file(path)
    path.write_text("[" + path.read_text(encoding="utf-8")[1:], encoding="utf-8")
    assert not is_passport_file(path)


def test_it_looks_no_further_than_passports_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": "' + "x" * 500_000 + '", "schema": "totalpassport-passport/1"}', encoding="utf-8")
    assert is_passport_file(path)
    monkeypatch.setattr(recognition, "MAX_JSON_BYTES", 100_000)
    assert not is_passport_file(path)
    assert path.stat().st_size < files.MAX_JSON_BYTES
