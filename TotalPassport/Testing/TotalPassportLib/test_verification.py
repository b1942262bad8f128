"""A user can prove that the models do on this machine what was published; here the publisher is a server of ours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from support.processes import run_cli
from support.web import Site, status
from support.weights import FAST, dataset_document, model_entry, write_catalogue, zip_folder
from TotalPassportLib.base.errors import BadInput, ModelError
from TotalPassportLib.base.hints import Hint, HintCode
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.models.catalogue import bundled_catalogue
from TotalPassportLib.models.transfer.download import DownloadSettings
from TotalPassportLib.verification import organ_agreements, verify_model

HASTY = DownloadSettings(attempts=1, first_pause_s=0.0)
Publish = Callable[..., Path]


def published_file(url: str, content: bytes) -> dict[str, Any]:
    return {"url": url, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@pytest.fixture
def publish(home: Path, site: Site, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Publish small weights in official layout, a scan, and labels; what the official package found by default."""

    def publish(labels: bytes | None = None) -> Path:
        ct = (shared / "data" / "example_ct.nii.gz").read_bytes()
        labels = labels or (shared / "parity" / "expected" / "example_ct.fast.nii.gz").read_bytes()
        weights = site.put("weights.zip", zip_folder(shared / "parity" / "weights" / FAST))
        entry = model_entry("fast", [dataset_document(FAST, weights)])
        entry["verification"] = {
            "title": "A scan that was published",
            "ct": published_file(site.put("ct.nii.gz", ct), ct),
            "labels": published_file(site.put("labels.nii.gz", labels), labels),
            "least_mean_dice": 0.95,
            "least_organ_dice": 0.8,
            "least_organ_ml": 1.0,
        }
        path = write_catalogue(tmp_path / "catalogue.json", entry)
        monkeypatch.setenv("TOTALPASSPORT_CATALOGUE", str(path))
        return path

    return publish


def test_weights_scan_and_labels_are_fetched_and_the_official_result_is_reproduced(
    publish: Publish, site: Site, home: Path
) -> None:
    publish()
    first = run_cli("verify")
    assert first.returncode == 0, first.stderr
    assert "A scan that was published" in first.stdout
    assert "Verdict: agrees." in first.stdout
    lines = [line.split() for line in first.stdout.splitlines() if line.startswith(("small_bowel ", "hip_right "))]
    assert len(lines) == 2
    assert all(float(line[3]) > 0.999 for line in lines), lines
    assert (home / "models" / "fast" / "model.json").is_file()
    asked = len(site.requests)
    assert asked == 3
    assert run_cli("verify").stdout == first.stdout
    assert len(site.requests) == asked, "nothing is fetched twice"


def test_another_result_than_the_published_one_is_told_organ_by_organ(
    publish: Publish, shared: Path, tmp_path: Path
) -> None:
    official = nibabel.load(shared / "parity" / "expected" / "example_ct.fast.nii.gz")
    moved = np.roll(np.asarray(official.dataobj), 6, axis=0)
    nibabel.save(nibabel.Nifti1Image(moved, official.affine, official.header), tmp_path / "moved.nii.gz")
    publish((tmp_path / "moved.nii.gz").read_bytes())
    result = run_cli("verify")
    assert result.returncode == 6
    assert "Verdict: DOES NOT AGREE." in result.stdout
    assert "too low" in result.stdout
    assert "does not do here what was published" in result.stderr


def test_files_that_are_there_already_need_no_network(
    publish: Publish, site: Site, shared: Path, tmp_path: Path
) -> None:
    publish()
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "ct.nii.gz").write_bytes((shared / "data" / "example_ct.nii.gz").read_bytes())
    with pytest.raises(BadInput, match=r"There is no '.*labels.nii.gz'") as missing:
        verify_model(files_folder=folder, settings=HASTY)
    assert site.address in missing.value.hint
    (folder / "labels.nii.gz").write_bytes(b"something else")
    with pytest.raises(BadInput, match="is not the published file"):
        verify_model(files_folder=folder, settings=HASTY)
    assert site.requests == []


def test_a_damaged_file_in_the_cache_is_fetched_again(publish: Publish, site: Site, home: Path) -> None:
    publish()
    damaged = home / "cache" / "verification" / "labels.nii.gz"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"half a fi")
    assert verify_model(settings=HASTY).agrees
    assert sorted(path for path, _ in site.requests) == ["/ct.nii.gz", "/labels.nii.gz", "/weights.zip"]


def test_where_the_network_fails_the_address_is_shown_and_nothing_is_left(
    publish: Publish, site: Site, home: Path
) -> None:
    publish()
    site.faults.append(status(404))
    with pytest.raises(ModelError, match="404") as failure:
        verify_model(settings=HASTY)
    assert f"{site.address}/ct.nii.gz" in str(failure.value)
    assert failure.value.hint == Hint(HintCode.GIVE_PUBLISHED_FILES), "models import would not take a scan"
    assert not list((home / "cache" / "verification").glob("*.gz"))


STAND_INS = {
    "total_mr-fast": (
        "example_mr_sm.nii.gz", "total_mr.fast.example_mr_sm.nii.gz", {},
        {"total_mr-fast": "Dataset852_TotalSegMRI_total_3mm_1088subj"},
    ),
    "fast": (
        "ct_oblique.nii.gz", "total.fast_body_seg.ct_oblique.nii.gz", {"body_seg": True},
        {"fast": FAST, "body-fast": "Dataset300_body_6mm_1559subj"},
    ),
}  # fmt: skip
"""Model -> scan, what the official package made of it, with which options, the datasets of all networks it needs."""


@pytest.mark.parametrize("name", STAND_INS)
def test_scans_of_mr_and_results_of_cut_scans_are_reproduced_too(
    name: str, home: Path, site: Site, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small random weights stand in for the released ones, and the official package's results for the published."""
    scan, labels, options, datasets = STAND_INS[name]
    tasks = shared / "parity_tasks"
    entries = {}
    for model, dataset in datasets.items():
        weights = site.put(f"{dataset}.zip", zip_folder(tasks / "weights" / dataset))
        entries[model] = model_entry(model, [dataset_document(dataset, weights)])
    contents = (tasks / "inputs" / scan).read_bytes(), (tasks / "expected" / labels).read_bytes()
    ct, published = (published_file(site.put(f"{n}.nii.gz", content), content) for n, content in enumerate(contents))
    rule = {"least_mean_dice": 0.999, "least_organ_dice": 0.99, "least_organ_ml": 0.1, "options": options}
    entries[name]["verification"] = {"title": "Stand-ins", "ct": ct, "labels": published, **rule}
    monkeypatch.setenv("TOTALPASSPORT_CATALOGUE", str(write_catalogue(tmp_path / "own.json", *entries.values())))
    result = verify_model(name, settings=HASTY)
    assert result.agrees
    assert result.equal_voxels_share > 0.9999
    assert {path.name for path in (home / "models").iterdir()} >= set(datasets), "what it needs beside it came, too"


@pytest.mark.usefixtures("home")
def test_a_model_without_a_published_result_cannot_be_verified() -> None:
    with pytest.raises(BadInput, match="no published result") as refusal:
        verify_model("demo")
    assert "fast, full, total_mr" in refusal.value.hint


@pytest.mark.parametrize("model", ["fast", "full", "total_mr"])
def test_the_bundled_catalogue_names_the_scan_that_a_model_is_measured_by(model: str, shared: Path) -> None:
    (rule,) = (entry.verification for entry in bundled_catalogue() if entry.name == model)
    places = [shared / "data", shared / "parity_tasks" / "inputs", shared / "parity_tasks" / "published"]
    for file in (rule.ct, rule.labels):
        content = next(folder / file.name for folder in places if (folder / file.name).exists()).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size_bytes, file.sha256)


def test_dice_and_volumes_are_those_of_the_definition() -> None:
    published, found = np.zeros((10, 10, 10), np.uint8), np.zeros((10, 10, 10), np.uint8)
    published[:4], found[2:4] = 5, 5
    published[8], found[9] = 1, 117
    organs = organ_agreements(found, published, load_label_table("total"), 0.027)
    assert [(organ.name, organ.dice) for organ in organs] == [
        ("spleen", 0.0),
        ("liver", pytest.approx(2 * 200 / 600)),
        ("costal_cartilages", 0.0),
    ]
    assert organs[1].published_ml == pytest.approx(400 * 0.027)
    assert organs[1].found_ml == pytest.approx(200 * 0.027)
    assert json.dumps(organs[1].dice)
