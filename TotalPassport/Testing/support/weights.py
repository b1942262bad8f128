"""Weights in official layout, as small as they can be, and catalogues that lead to them."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from TotalPassportLib.models.nnunet.layout import NEEDED_FILES
from TotalPassportLib.models.transfer.download import DownloadSettings

QUICK = DownloadSettings(attempts=3, sleep=lambda seconds: None, free_bytes=lambda folder: 10**12)
"""A download that waits for nothing."""
CHECKPOINT = "fold_0/checkpoint_final.pth"
TRAINER = "nnUNetTrainer__nnUNetPlans__3d_fullres"
FAST = "Dataset297_TotalSegmentator_total_3mm_1559subj"
FASTEST = "Dataset298_TotalSegmentator_total_6mm_1559subj"
FULL = (
    "Dataset291_TotalSegmentator_part1_organs_1559subj",
    "Dataset292_TotalSegmentator_part2_vertebrae_1532subj",
    "Dataset293_TotalSegmentator_part3_cardiac_1559subj",
    "Dataset294_TotalSegmentator_part4_muscles_1559subj",
    "Dataset295_TotalSegmentator_part5_ribs_1559subj",
)


def digest(content: bytes) -> str:
    """Return the SHA-256 of a content."""
    return hashlib.sha256(content).hexdigest()


def isolate(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Pretend that this user has no models and no weights; return the home, which is empty."""
    monkeypatch.setenv("TOTALPASSPORT_HOME", str(folder / "home"))
    monkeypatch.setenv("TOTALSEG_HOME_DIR", str(folder / "no-totalsegmentator"))
    monkeypatch.setenv("HOME", str(folder / "user"))
    for variable in ("TOTALSEG_WEIGHTS_PATH", "TOTALPASSPORT_CATALOGUE"):
        monkeypatch.delenv(variable, raising=False)
    return folder / "home"


def files_of(dataset: str, checkpoint: bytes | None = None) -> dict[str, bytes]:
    """Return the files of a dataset by their names below its trainer's folder; no network is in them."""
    contents = (b'{"plans": true}', b'{"dataset": true}', checkpoint or f"weights of {dataset}".encode())
    return dict(zip(NEEDED_FILES, contents, strict=True))


def write_dataset(root: Path, dataset: str, checkpoint: bytes | None = None) -> Path:
    """Write a dataset's folder and return its trainer's folder."""
    trainer = root / dataset / TRAINER
    for name, content in files_of(dataset, checkpoint).items():
        (trainer / name).parent.mkdir(parents=True, exist_ok=True)
        (trainer / name).write_bytes(content)
    return trainer


def zip_dataset(dataset: str, checkpoint: bytes | None = None) -> bytes:
    """Return the bytes of a dataset's archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files_of(dataset, checkpoint).items():
            archive.writestr(zipfile.ZipInfo(f"{dataset}/{TRAINER}/{name}"), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def zip_folder(dataset: Path, patch_size_zyx: tuple[int, int, int] | None = None) -> bytes:
    """Return the bytes of the archive of a real dataset folder; smaller patches make it fast on small scans."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(dataset.rglob("*")):
            if patch_size_zyx and path.name == "plans.json":
                plans = json.loads(path.read_text(encoding="utf-8"))
                plans["configurations"]["3d_fullres"]["patch_size"] = patch_size_zyx
                archive.writestr(str(path.relative_to(dataset.parent)), json.dumps(plans))
            else:
                archive.write(path, path.relative_to(dataset.parent))
    return buffer.getvalue()


def dataset_document(dataset: str, url: str, **changes: Any) -> dict[str, Any]:
    """Return a dataset's entry in a catalogue, nothing pinned."""
    unknown = {"size_bytes": None, "sha256": None}
    return {
        "folder": dataset,
        "part": "part",
        "url": url,
        "approximate_bytes": 1000,
        "largest_bytes": 50_000_000,
        "archive": unknown,
        "checkpoint": unknown,
        "plans": unknown,
    } | changes


def model_entry(name: str, datasets: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a model's entry in a catalogue."""
    return {
        "name": name,
        "title": f"The model {name}",
        "description": "For tests.",
        "licence": "Apache-2.0",
        "spacing_mm": [3.0, 3.0, 3.0],
        "bundled_folder": None,
        "datasets": datasets,
    }


def write_catalogue(path: Path, *models: dict[str, Any]) -> Path:
    """Write a catalogue file."""
    path.write_text(json.dumps({"schema": "totalpassport-catalogue/1", "models": models}), encoding="utf-8")
    return path
