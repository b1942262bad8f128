"""Whatever has become of the files that we keep for ourselves: a sentence, and everything else goes on."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.networks import edit_model
from support.processes import sentences
from support.weights import FAST, dataset_document, model_entry, write_catalogue, zip_dataset
from TotalPassportLib.cli.main import main
from TotalPassportLib.models.transfer.intake import import_models

pytestmark = pytest.mark.usefixtures("home")

GARBLED: dict[str, bytes | None] = {
    "empty": b"",
    "cut": b'{"schema": "total',
    "a list": b"[]",
    "null": b"null",
    "a number": b"5",
    "not text": b"\xff\xfe\x00\x00" * 9,
    "deep": b"[" * 100_000,
    "half a letter": b'{"schema": "\\ud800"}',
    "twice": b'{"schema": 1, "schema": 2}',
    "endless": b'{"a": 1e999}',
    "of the future": b'{"schema": "totalpassport-record/99", "models": {}, "datasets": 5}',
    "a folder": None,
}


def garble(path: Path, kind: str) -> None:
    content = GARBLED[kind]
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, list[str]]]:
    """Return a function that runs a command and returns its exit code, its output and its sentences."""

    def run(*arguments: object) -> tuple[int, str, list[str]]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Internal error" not in captured.err
        assert "Traceback" not in captured.err
        return code, captured.out, sentences(captured.err)

    return run


@pytest.fixture
def installed(threshold_model: Path) -> Path:
    """A model of one's own in the store."""
    (folder,) = import_models([threshold_model], "mine")
    return folder


@pytest.mark.parametrize("kind", GARBLED)
def test_a_garbled_record_costs_a_sentence(kind: str, installed: Path, say: Any, phantom_ct: Path) -> None:
    garble(installed / "record.json", kind)
    code, out, said = say("models", "list")
    assert (code, said) == (0, [])
    assert "mine" in out
    code, out, said = say("models", "info", "mine")
    assert (code, len(said)) == (0, 1)
    assert "Nearest of four grey levels" in out
    code, _, said = say("models", "verify", "mine")
    assert (code, len(said)) == (4, 1)
    assert say("run", phantom_ct, "-o", installed.parents[2] / "out", "--model", "mine")[0] == 0
    assert say("models", "remove", "mine")[0] == 0


@pytest.mark.parametrize("kind", GARBLED)
def test_a_garbled_description_costs_a_sentence(kind: str, installed: Path, say: Any, phantom_ct: Path) -> None:
    garble(installed / "model.json", kind)
    code, out, said = say("models", "list")
    assert (code, said) == (0, [])
    assert ("mine" in out) == (kind != "a folder")
    code, _, said = say("run", phantom_ct, "-o", installed.parents[2] / "out", "--model", "mine")
    assert (code, len(said)) == (4, 1)
    assert say("models", "remove", "mine")[0] == 0


@pytest.mark.parametrize("kind", GARBLED)
def test_a_garbled_catalogue_costs_a_sentence(
    kind: str, installed: Path, say: Any, phantom_ct: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    garble(tmp_path / "catalogue.json", kind)
    monkeypatch.setenv("TOTALPASSPORT_CATALOGUE", str(tmp_path / "catalogue.json"))
    for arguments in (["models", "list"], ["models", "info", "fast"], ["models", "download", "fast"]):
        code, _, said = say(*arguments)
        assert (code, len(said)) == (4, 1)
    assert say("run", phantom_ct, "-o", tmp_path / "out", "--model", "mine")[0] == 0, "what is installed can be used"


@pytest.mark.parametrize("kind", GARBLED)
def test_garbled_hashes_of_first_comings_cost_a_sentence(
    kind: str, home: Path, say: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are what later releases are compared with, so nothing is imported until the user has looked."""
    garble(home / "first-seen.json", kind)
    monkeypatch.setenv(
        "TOTALPASSPORT_CATALOGUE",
        str(
            write_catalogue(
                tmp_path / "c.json", model_entry("fast", [dataset_document(FAST, "https://a.example/a.zip")])
            )
        ),
    )
    (tmp_path / "a.zip").write_bytes(zip_dataset(FAST))
    code, _, said = say("models", "import", tmp_path / "a.zip")
    assert (code, len(said)) == (4, 1)
    assert "first-seen.json" in said[0]
    assert "Delete" in said[0]


@pytest.mark.parametrize("kind", GARBLED)
@pytest.mark.parametrize("name", ["engines.json", "hashes.json"])
def test_garbled_caches_cost_nothing(
    name: str, kind: str, home: Path, say: Any, threshold_model: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    garble(home / "cache" / name, kind)
    assert say("run", phantom_ct, "-o", tmp_path / "out", "--model", threshold_model)[0] == 0


@pytest.mark.parametrize(
    "url", ["https://[::1/a.zip", "https://host:99999/a.zip", "https://h..x/a.zip", "https://host/gr\u00f6\u00dfe.zip"]
)
def test_an_address_in_a_catalogue_that_is_none_is_a_sentence(
    url: str, say: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_catalogue(tmp_path / "c.json", model_entry("fast", [dataset_document(FAST, url)]))
    monkeypatch.setenv("TOTALPASSPORT_CATALOGUE", str(path))
    code, _, said = say("models", "download", "fast")
    assert (code, len(said)) == (4, 1)
    assert "this is no address" in said[0]


def spoiled_archives() -> Iterator[tuple[str, int, int]]:
    for method, kind in ((zipfile.ZIP_LZMA, "LZMA"), (zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_DEFLATED, "deflate")):
        for part in range(1, 8):
            yield f"{kind} {part}", method, part


@pytest.mark.parametrize(("name", "method", "part"), list(spoiled_archives()))
def test_a_damaged_archive_of_any_compression_is_a_sentence(
    name: str, method: int, part: int, say: Any, tmp_path: Path
) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        for file, content in (
            ("plans.json", b"{}"),
            ("dataset.json", b"{}"),
            ("fold_0/checkpoint_final.pth", b"w" * 999),
        ):
            archive.writestr(f"{FAST}/trainer/{file}", content * 50)
    content = bytearray(path.read_bytes())
    for place in range(len(content) * part // 8, len(content) * part // 8 + 9):
        content[place] ^= 0x5A
    path.write_bytes(content)
    code, _, said = say("models", "import", path, "--as", "mine")
    assert (code, len(said)) == (4, 1)


def test_a_description_that_was_corrected_is_not_refused_for_what_it_said_before(
    threshold_model: Path, home: Path, say: Any, phantom_ct: Path, tmp_path: Path
) -> None:
    """The verdict of a trial once stayed with the network's name for ever, whatever the fault had been."""

    model = Path(shutil.copytree(threshold_model, tmp_path / "model"))
    edit_model(model, lambda document: document["parts"][0].update(label_values=[0, 5, 2]))
    assert say("run", phantom_ct, "-o", tmp_path / "out", "--model", model)[0] == 4
    edit_model(model, lambda document: document["parts"][0].update(label_values=[0, 5, 2, 1]))
    code, _, said = say("run", phantom_ct, "-o", tmp_path / "out", "--model", model)
    assert (code, said) == (0, [])
    assert json.loads((tmp_path / "out" / "phantom_passport.json").read_text(encoding="utf-8"))["organs"]
