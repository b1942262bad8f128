"""MONAI's bundle comes into the store, or straight into a run; what is not the published file is said."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.bundles import write_bundle, zipped
from support.scans import save_nifti
from support.web import Site
from support.weights import model_entry, write_catalogue
from TotalPassportLib.base.errors import ModelError
from TotalPassportLib.base.events import Event
from TotalPassportLib.models.catalogue import find_entry, find_model
from TotalPassportLib.models.store import check_integrity, read_record
from TotalPassportLib.models.transfer.intake import download_model, import_models
from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run


@pytest.fixture(scope="module")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundles") / "wholeBody_ct_segmentation")


def test_both_models_of_a_zipped_bundle_are_installed_and_recorded(
    bundle_folder: Path, home: Path, tmp_path: Path
) -> None:
    events: list[Event] = []
    folders = import_models([zipped(bundle_folder, tmp_path / "bundle.zip")], None, events.append)
    assert [folder.name for folder in folders] == ["wholebody", "wholebody-lowres"]
    warnings = [event["message"] for event in events if event["event"] == "warning"]
    assert len(warnings) == 2
    assert "is not the file that MONAI published with version 0.2.5 (its MD5 differs)" in warnings[0]
    for name in ("wholebody", "wholebody-lowres"):
        check_integrity(find_entry(name))
        record = read_record(find_entry(name))
        assert record is not None
        (source,) = record["sources"]
        assert set(source["files"]) <= {"model.pt", "model_lowres.pt"}
        assert "other weights than those of version 0.2.5" in find_model(name).source


def test_a_bundle_under_a_name_of_ones_own_has_two_models(bundle_folder: Path, home: Path) -> None:
    folders = import_models([bundle_folder], "mine")
    assert [folder.name for folder in folders] == ["mine", "mine-lowres"]


def test_a_run_with_a_bundle_converts_it_once(bundle_folder: Path, home: Path, tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).normal(-300, 400, (20, 18, 12)).astype(np.float32)
    scan = save_nifti(tmp_path / "ct.nii.gz", voxels, np.diag([3.0, 3.0, 3.0, 1.0]))
    options = RunOptions(model="wholebody-lowres", weights=str(bundle_folder), provider="cpu")
    events: list[Event] = []
    first = run(scan, tmp_path / "one", options, on_event=events.append)
    assert any(event["event"] == "warning" and event["code"] == "other_weights" for event in events)
    second = run(scan, tmp_path / "two", options)
    images = [np.asarray(nibabel.load(result.paths.segmentation).dataobj) for result in (first, second)]
    assert np.array_equal(*images)
    assert len(list((home / "cache" / "weights").glob("wholebody-lowres-*"))) == 1
    passport = json.loads(first.paths.passport.read_text(encoding="utf-8"))
    assert passport["model"]["name"] == "wholebody-lowres"


def test_a_scan_of_one_slice_or_of_one_value_is_taken_with_a_word(
    bundle_folder: Path, home: Path, tmp_path: Path
) -> None:
    options = RunOptions(model="wholebody-lowres", weights=str(bundle_folder), provider="cpu")
    scan = save_nifti(tmp_path / "slice.nii.gz", np.zeros((20, 18, 1), np.float32), np.diag([3.0, 3.0, 3.0, 1.0]))
    events: list[Event] = []
    result = run(scan, tmp_path / "out", options, on_event=events.append)
    assert {event["code"] for event in events if event["event"] == "warning"} >= {"thin_scan", "blank_scan"}
    assert nibabel.load(result.paths.segmentation).shape == (20, 18, 1)


def test_a_place_without_the_wanted_checkpoint_is_named(bundle_folder: Path, home: Path, tmp_path: Path) -> None:
    only = bundle_folder / "models" / "model.pt"
    with pytest.raises(ModelError, match="There is no models/model_lowres"):
        run(tmp_path / "ct.nii", tmp_path / "out", RunOptions(model="wholebody-lowres", weights=str(only)))


def test_a_published_checkpoint_is_downloaded_and_checked(
    bundle_folder: Path, home: Path, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (bundle_folder / "models" / "model.pt").read_bytes()
    url = site.put("model.pt", content)
    entry = model_entry("wholebody", []) | {
        "bundle": {
            "checkpoint": "models/model.pt", "version": "0.2.5", "url": url,
            "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
            "approximate_bytes": len(content), "largest_bytes": 10**8,
        }
    }  # fmt: skip
    monkeypatch.setenv("TOTALPASSPORT_CATALOGUE", str(write_catalogue(tmp_path / "catalogue.json", entry)))
    folder = download_model("wholebody")
    assert folder.name == "wholebody"
    assert "wholeBody_ct_segmentation 0.2.5" in find_model("wholebody").source
    entry["bundle"]["md5"] = "0" * 32
    entry["name"] = "another"
    monkeypatch.setenv("TOTALPASSPORT_CATALOGUE", str(write_catalogue(tmp_path / "catalogue.json", entry)))
    with pytest.raises(ModelError, match="its MD5 differs"):
        download_model("another")
