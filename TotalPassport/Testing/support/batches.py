"""Folders as a batch leaves them: results, masks and passports of known labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from TotalPassportLib.base.labels import LabelTable, load_label_table
from TotalPassportLib.description_run import describe
from TotalPassportLib.image.nifti import save_labels
from TotalPassportLib.image.volume import Volume

BREAKDOWN = {"preprocessing": 0.2, "inference": 6.8, "postprocessing": 0.9, "passport_extraction": 2.1}
"""Means of the study of 49 scans, in seconds."""


def write_labels(
    path: Path, voxels: np.ndarray, affine: np.ndarray, known: list[int] | None = None, table: LabelTable | None = None
) -> Path:
    """Write a label image as a run does: with the names of all labels that were looked for."""
    table = table or load_label_table("total")
    header = nibabel.Nifti1Header()
    header.set_data_shape(voxels.shape)
    header.set_sform(affine, 1)
    header.set_zooms(np.linalg.norm(affine[:3, :3], axis=0))
    spacing = tuple(float(size) for size in np.linalg.norm(affine[:3, :3], axis=0))
    like = Volume(voxels=voxels, affine=affine, nominal_spacing_mm=spacing, header=header, path=path)
    save_labels(path, voxels.astype(np.uint8), like=like, table=table, values=list(table) if known is None else known)
    return path


def write_batch(
    folder: Path,
    scans: Mapping[str, np.ndarray],
    affine: np.ndarray,
    known: list[int] | None = None,
    seconds: Mapping[str, float] | None = None,
    failed: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Write a batch's folder and return its results.

    Parameters
    ----------
    scans : subject without its ending -> labels.
    known : labels that the model looks for; by default those of the table ``total``.
    seconds : subject -> its latency, 10 by default.
    failed : subject -> why it has failed.
    """
    for kind in ("masks", "passports"):
        (folder / kind).mkdir(parents=True)
    results: list[dict[str, Any]] = []
    for subject, voxels in scans.items():
        mask = write_labels(folder / "masks" / f"{subject}_mask.nii.gz", voxels, affine, known)
        passport = folder / "passports" / f"{subject}_passport.json"
        organs = len(describe(mask, passport).organs) if voxels.any() else 0
        latency = (seconds or {}).get(subject, 10.0)
        results.append(
            {
                "subject": f"{subject}.nii.gz",
                "latency_total_sec": latency,
                "breakdown": {stage: part * latency / 10 for stage, part in BREAKDOWN.items()},
                "num_organs": organs,
                "passport_size_kb": round(passport.stat().st_size / 1000, 2) if passport.exists() else 0.0,
                "mask_path": f"masks/{mask.name}",
                "passport_path": f"passports/{passport.name}",
            }
        )
    for subject, error in (failed or {}).items():
        results.append({"subject": f"{subject}.nii.gz", "latency_total_sec": 0.0, "num_organs": 0, "error": error})
    (folder / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    return results
