"""Which models there are can be asked at any time, on any Python, and the answer is true at that moment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from support.networks import write_model
from support.processes import environment
from support.weights import FAST, dataset_document, model_entry, write_catalogue
from TotalPassportLib.base.errors import ModelError
from TotalPassportLib.base.files import DATA_FOLDER
from TotalPassportLib.base.hints import Hint, HintCode
from TotalPassportLib.models.catalogue import bundled_catalogue, find_entry, find_model, list_models, read_catalogue

pytestmark = pytest.mark.usefixtures("home")

BARE_PYTHON = """
import sys
for name in ("nibabel", "numpy", "onnxruntime", "fastjsonschema", "onnx", "scipy"):
    sys.modules[name] = None
from TotalPassportLib.models.catalogue import list_models
from TotalPassportLib.models.transfer.intake import download_model
print([model.name for model in list_models() if model.installed])
"""


def test_models_are_listed_where_nothing_is_installed_yet() -> None:
    result = subprocess.run(
        [sys.executable, "-c", BARE_PYTHON], env=environment(), capture_output=True, text=True, check=False
    )
    assert result.stdout.strip() == "['demo']", result.stderr


def test_the_bundled_catalogue_is_valid_and_leads_to_https_only() -> None:
    schema = json.loads((DATA_FOLDER / "schemas" / "catalogue.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(json.loads((DATA_FOLDER / "catalogue.json").read_text(encoding="utf-8")), schema)
    ours = read_catalogue(DATA_FOLDER / "catalogue.json")
    assert bundled_catalogue()[: len(ours)] == ours
    addresses = [dataset.url for entry in list_models() if not entry.licensed for dataset in entry.datasets]
    assert len(set(addresses)) > 40
    assert all(address.startswith("https://") for address in addresses)


def test_licensed_weights_have_no_address_and_say_where_the_licence_is() -> None:
    licensed = [entry for entry in list_models() if entry.licensed]
    assert {"tissue_types", "heartchambers_highres", "face"} <= {entry.name for entry in licensed}
    for entry in licensed:
        assert all(dataset.url is None for dataset in entry.datasets)
        assert isinstance(entry.needs, Hint)
        assert entry.needs.code is HintCode.GET_LICENSED_WEIGHTS
        assert str(entry.needs.arguments["terms"]).startswith("https://")


def test_the_parts_are_the_datasets_in_the_order_in_which_they_are_merged() -> None:
    numbers = {entry.name: [dataset.number for dataset in entry.datasets] for entry in list_models()}
    expected = {"demo": [], "fast": [297], "fastest": [298], "full": [291, 292, 293, 294, 295]}
    assert dict(list(numbers.items())[:4]) == expected
    assert numbers["headneck_muscles"] == [778, 779]


def test_whether_a_model_is_installed_is_never_remembered(home: Path) -> None:
    entry = find_entry("fast")
    assert not entry.installed
    write_model(home / "models" / "fast", name="fast")
    assert entry.installed
    assert find_model("fast").name == "fast"
    (home / "models" / "fast" / "model.json").unlink()
    assert not entry.installed


def test_a_model_that_is_not_installed_tells_how_to_get_it_with_and_without_a_network() -> None:
    with pytest.raises(ModelError, match="not installed") as caught:
        find_model("full")
    hint = caught.value.hint
    assert isinstance(hint, Hint)
    assert hint.code is HintCode.DOWNLOAD_MODEL
    assert hint.arguments["model"] == "full"
    assert hint.arguments["datasets"] == [291, 292, 293, 294, 295]
    assert "download_model('full')" in str(hint)
    assert "import_models" in str(hint)


def test_models_of_ones_own_are_listed_behind_the_known_ones(home: Path) -> None:
    write_model(home / "models" / "a-model", title="Mine")
    names = [entry.name for entry in list_models()]
    assert names == [*(entry.name for entry in bundled_catalogue()), "a-model"]
    assert find_entry("a-model").title == "Mine"


def test_a_catalogue_of_ones_own_goes_before_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = model_entry("fast", [dataset_document(FAST, "https://mirror.invalid/fast.zip")])
    other = model_entry("other", [])
    monkeypatch.setenv("TOTALPASSPORT_CATALOGUE", str(write_catalogue(tmp_path / "own.json", mirror, other)))
    assert [entry.name for entry in list_models()] == [*(entry.name for entry in bundled_catalogue()), "other"]
    assert find_entry("fast").datasets[0].url == "https://mirror.invalid/fast.zip"


@pytest.mark.parametrize("address", ["http://mirror.invalid/fast.zip", "file:///etc/passwd", ""])
def test_a_catalogue_that_leads_elsewhere_than_https_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    entry = model_entry("fast", [dataset_document(FAST, address)])
    monkeypatch.setenv("TOTALPASSPORT_CATALOGUE", str(write_catalogue(tmp_path / "own.json", entry)))
    with pytest.raises(ModelError, match="not a valid catalogue"):
        list_models()


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"schema": "totalpassport-catalogue/1", "models": []}'])
def test_a_catalogue_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    path = tmp_path / "own.json"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("TOTALPASSPORT_CATALOGUE", str(path))
    with pytest.raises(ModelError, match=r"own\.json"):
        list_models()


def test_a_catalogue_that_is_none_does_not_take_away_what_is_installed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(home / "models" / "fast", name="fast")
    write_model(home / "models" / "a-model", name="a-model")
    (tmp_path / "own.json").write_text("{")
    monkeypatch.setenv("TOTALPASSPORT_CATALOGUE", str(tmp_path / "own.json"))
    assert [find_model(name).name for name in ("demo", "fast", "a-model")] == ["demo", "fast", "a-model"]
    for name in ("full", "nothing"):
        with pytest.raises(ModelError, match=r"own\.json"):
            find_model(name)
