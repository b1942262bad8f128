"""The subcommand ``models`` and ``run --weights``, as a user types them."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from support.processes import run_cli
from support.scans import save_nifti
from support.web import Site, serve, trust
from support.weights import (
    FAST,
    FASTEST,
    FULL,
    dataset_document,
    isolate,
    model_entry,
    write_catalogue,
    write_dataset,
    zip_dataset,
    zip_folder,
)
from TotalPassportLib.cli.main import main
from TotalPassportLib.models.transfer.weights import weights_model

OFFICIAL = "https://github.com/wasserth/TotalSegmentator/releases/download/v2.0.0-weights"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home, on a machine without any weights."""
    handler = signal.getsignal(signal.SIGTERM)
    yield isolate(monkeypatch, tmp_path)
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server on this machine that the catalogue's model ``fastest`` comes from."""
    with serve(tmp_path) as site:
        trust(monkeypatch, site)
        entry = model_entry("fastest", [dataset_document(FASTEST, f"{site.address}/{FASTEST}.zip")])
        monkeypatch.setenv("TOTALPASSPORT_CATALOGUE", str(write_catalogue(tmp_path / "catalogue.json", entry)))
        yield site


@pytest.fixture(scope="session")
def tiny_ct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CT of a few voxels with some structure."""
    voxels = np.random.default_rng(3).integers(-500, 500, (20, 18, 16)).astype(np.int16)
    return save_nifti(tmp_path_factory.mktemp("scans") / "tiny.nii.gz", voxels, np.diag([6.0, 6.0, 6.0, 1.0]))


def models(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    capsys.readouterr()
    assert main(["models", "list", "--json"]) == 0
    return {model["name"]: model for model in json.loads(capsys.readouterr().out)}


def failure(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Run a command that fails and return its exit code and its one line."""
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("totalpassport: ")
    assert captured.err.count("\n") == 1
    return code, captured.err


def test_every_model_is_listed_with_its_state(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["demo", "fast", "fastest", "full"]
    assert [" not installed " in line for line in lines] == [False, True, True, True]


def test_programs_get_every_fact(capsys: pytest.CaptureFixture[str]) -> None:
    listed = models(capsys)
    assert listed["demo"]["installed"]
    assert listed["fast"]["installed"] is False
    assert listed["fast"]["spacing_mm"] == [3.0, 3.0, 3.0]
    assert listed["fast"]["licence"] == "Apache-2.0"
    addresses = {name: [dataset["url"] for dataset in listed[name]["datasets"]] for name in ("fast", "fastest", "full")}
    assert addresses == {
        "fast": [f"{OFFICIAL}/{FAST}.zip"],
        "fastest": [f"{OFFICIAL}/{FASTEST}.zip"],
        "full": [f"{OFFICIAL}/{dataset}.zip" for dataset in FULL],
    }
    pin = listed["fast"]["datasets"][0]["checkpoint"]
    assert pin["size_bytes"] == 164939235
    assert pin["sha256"].startswith("1e38e403")


def test_info_shows_the_addresses_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "info", "full"]) == 0
    shown = capsys.readouterr().out
    assert all(f"{OFFICIAL}/{dataset}.zip" in shown for dataset in FULL)
    assert "totalpassport models download full" in shown
    assert "totalpassport models import FILE" in shown


def test_running_a_model_that_is_not_there_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], tiny_ct: Path, tmp_path: Path
) -> None:
    code, line = failure(capsys, "run", tiny_ct, "-o", tmp_path / "out", "--model", "fastest")
    assert code == 4
    assert "totalpassport models download fastest" in line


def test_a_run_takes_fast_and_says_how_to_bring_it_in_and_that_there_is_a_demo(
    capsys: pytest.CaptureFixture[str], tiny_ct: Path, tmp_path: Path
) -> None:
    code, line = failure(capsys, "run", tiny_ct, "-o", tmp_path / "out")
    assert code == 4
    assert "The model 'fast' is not installed." in line
    for way in ("totalpassport models download fast", "totalpassport models import FILE", "--model demo"):
        assert way in line
    assert not (tmp_path / "out").exists()


def test_an_unknown_model_is_a_model_error(capsys: pytest.CaptureFixture[str]) -> None:
    for action in ("info", "download", "verify", "remove"):
        code, line = failure(capsys, "models", action, "nothing")
        assert code == 4, action
        assert "nothing" in line


def test_removing_the_bundled_model_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert failure(capsys, "models", "remove", "demo")[0] == 2


def test_a_download_that_fails_shows_the_address_and_exits_with_4(
    capsys: pytest.CaptureFixture[str], site: Site
) -> None:
    code, line = failure(capsys, "models", "download", "fastest")
    assert code == 4
    assert f"{site.address}/{FASTEST}.zip failed: the server answered 404" in line
    assert "totalpassport models import FILE" in line


def test_weights_that_are_none_are_refused_in_one_sentence(
    capsys: pytest.CaptureFixture[str], site: Site, home: Path, tmp_path: Path
) -> None:
    site.put(f"{FASTEST}.zip", zip_dataset(FASTEST))
    write_dataset(tmp_path / "weights", FASTEST)
    for command in (
        ("download", "fastest"),
        ("import", tmp_path / "weights"),
        ("convert", tmp_path / "weights", "-o", tmp_path / "model"),
    ):
        code, _ = failure(capsys, "models", *command)
        assert code == 4
    assert not (home / "models").exists()
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_the_whole_life_of_a_downloaded_model(
    capsys: pytest.CaptureFixture[str], site: Site, shared: Path, tiny_ct: Path, tmp_path: Path
) -> None:
    site.put(f"{FASTEST}.zip", zip_folder(shared / "parity" / "weights" / FASTEST))
    assert main(["models", "download", "fastest"]) == 0
    listed = models(capsys)["fastest"]
    assert listed["installed"]
    assert listed["installed_bytes"] > 100_000
    assert main(["models", "info", "fastest", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)["record"]
    assert record["sources"][0]["url"] == f"{site.address}/{FASTEST}.zip"
    assert main(["models", "verify"]) == 0
    assert main(["models", "download", "fastest"]) == 0
    assert "installed already" in capsys.readouterr().out
    assert main(["run", str(tiny_ct), "-o", str(tmp_path / "out"), "--model", "fastest"]) == 0
    labels = nibabel.load(tmp_path / "out" / "tiny_segmentation.nii.gz")
    assert labels.shape == (20, 18, 16)
    next(Path(listed["folder"]).glob("*.onnx")).write_bytes(b"damaged")
    capsys.readouterr()
    assert main(["models", "verify"]) == 4
    assert "'fastest' is damaged" in capsys.readouterr().out
    assert main(["models", "remove", "fastest"]) == 0
    assert not models(capsys)["fastest"]["installed"]


@pytest.mark.slow
def test_official_weights_are_converted_once_for_all_later_runs(
    shared: Path, tiny_ct: Path, home: Path, tmp_path: Path
) -> None:
    weights = shared / "parity" / "weights"
    run = run_cli("run", tiny_ct, "-o", tmp_path / "out", "--model", "fastest", "--weights", weights)
    assert run.returncode == 0, run.stderr
    (model,) = (home / "cache" / "weights").iterdir()
    passport = json.loads((tmp_path / "out" / "tiny_passport.json").read_text())
    assert passport["model"]["name"] == "fastest"
    made = (model / "model.json").stat().st_mtime_ns
    assert weights_model("fastest", weights / FASTEST) == model
    assert (model / "model.json").stat().st_mtime_ns == made


def test_weights_without_a_model_that_uses_them_are_told(
    capsys: pytest.CaptureFixture[str], tiny_ct: Path, tmp_path: Path
) -> None:
    run = ("run", tiny_ct, "-o", tmp_path / "out")
    code, line = failure(capsys, *run, "--weights", tmp_path, "--model", "demo")
    assert code == 2
    assert "fast, fastest, full" in line
    code, line = failure(capsys, *run, "--weights", tmp_path / "nowhere", "--model", "fast")
    assert code == 4
    assert "nowhere" in line


def test_a_model_of_five_parts_is_imported_and_converted(
    capsys: pytest.CaptureFixture[str], shared: Path, tmp_path: Path
) -> None:
    datasets = [str(shared / "parity" / "weights" / dataset) for dataset in FULL]
    assert main(["models", "import", *datasets]) == 0
    folder = Path(models(capsys)["full"]["folder"])
    parts = json.loads((folder / "model.json").read_text())["parts"]
    assert [part["name"] for part in parts] == list(FULL)


def test_a_single_dataset_is_converted_anywhere_under_a_name_of_ones_own(
    capsys: pytest.CaptureFixture[str], shared: Path, tmp_path: Path
) -> None:
    given = shared / "parity" / "weights" / FULL[0]
    assert main(["models", "convert", str(given), "-o", str(tmp_path / "organs"), "--as", "organs"]) == 0
    assert json.loads((tmp_path / "organs" / "model.json").read_text())["name"] == "organs"
    code, line = failure(capsys, "models", "convert", given, "-o", tmp_path / "organs")
    assert code == 2
    assert "already" in line


def test_models_made_by_convert_can_be_imported(
    capsys: pytest.CaptureFixture[str], shared: Path, tmp_path: Path
) -> None:
    given = shared / "parity" / "weights" / FASTEST
    assert main(["models", "convert", str(given), "-o", str(tmp_path / "model")]) == 0
    assert main(["models", "import", str(tmp_path / "model"), "--as", "brought"]) == 0
    assert models(capsys)["brought"]["installed"]


def test_weights_that_are_not_the_released_ones_cannot_be_called_fast(
    capsys: pytest.CaptureFixture[str], shared: Path
) -> None:
    given = shared / "parity" / "weights" / FAST
    code, line = failure(capsys, "models", "import", given)
    assert code == 4
    assert "--as" in line
    assert main(["models", "import", str(given), "--as", "random"]) == 0
