"""Images that are hardly in Hounsfield units are warned of; real CTs, however they are cut, are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.bad_scans import SPACING
from support.scans import save_nifti
from TotalPassportLib.base.files import DATA_FOLDER
from TotalPassportLib.image.volume import load_ct


def warnings_of(path: Path) -> dict[str, str]:
    warnings: dict[str, str] = {}
    load_ct(path, warnings.__setitem__)
    return warnings


@pytest.fixture(scope="module")
def body(shared: Path) -> np.ndarray:
    """A real CT of chest and abdomen, 3 mm."""
    return np.asarray(nibabel.load(shared / "data" / "example_ct.nii.gz").dataobj, np.float32)


REAL = ("data/example_ct", "data/example_ct_sm", "odd/ct_sform_aligned", "odd/tilt", "parity/inputs/anisotropic_psl")
REAL += ("parity/inputs/zero_border_float32", "parity_tasks/inputs/ct_oblique", "parity_tasks/inputs/ct_thick")


@pytest.mark.parametrize("name", REAL)
def test_a_ct_is_not_suspected(name: str, shared: Path) -> None:
    assert "not_hounsfield" not in warnings_of(shared / f"{name}.nii.gz")


def test_the_sample_is_not_suspected() -> None:
    assert warnings_of(DATA_FOLDER / "demo" / "demo_ct.nii.gz") == {}


def test_no_part_of_a_ct_is_suspected(body: np.ndarray, tmp_path: Path) -> None:
    suspected = []
    for corner in np.ndindex(4, 4, 4):
        i, j, k = (start * size // 5 for start, size in zip(corner, body.shape, strict=True))
        part = body[i : i + 40, j : j + 40, k : k + 40]
        if warnings_of(save_nifti(tmp_path / "part.nii", part, SPACING)):
            suspected.append((i, j, k))
    assert suspected == []


RESCALED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "z-scores": lambda ct: (ct - ct.mean()) / ct.std(),
    "-1 to 1": lambda ct: ct.clip(-1000, 1000) / 1000,
    "0 to 1": lambda ct: (ct - ct.min()) / np.ptp(ct),
    "8 bits": lambda ct: np.rint(255 * (ct - ct.min()) / np.ptp(ct)),
    "stored without its intercept": lambda ct: ct.clip(-1024, None) + 1024,
    "an intercept twice": lambda ct: ct - 1024,
    "a window of soft tissue": lambda ct: ct.clip(-160, 240),
    "a window of the abdomen": lambda ct: ct.clip(-400, 600),
    "cut off above": lambda ct: ct.clip(None, 200),
    "a map of t values": lambda ct: np.random.default_rng(0).normal(0, 3, ct.shape),
    "a phase image": lambda ct: np.random.default_rng(0).uniform(-4096, 4095, ct.shape),
    "a distance map": lambda ct: np.linalg.norm(np.indices(ct.shape) - 50.0, axis=0) - 40,
}


@pytest.mark.parametrize("kind", RESCALED)
def test_a_rescaled_image_is_warned_of_with_its_range(kind: str, body: np.ndarray, tmp_path: Path) -> None:
    voxels = RESCALED[kind](body).astype(np.float32)
    warning = warnings_of(save_nifti(tmp_path / "ct.nii", voxels, SPACING))["not_hounsfield"]
    assert f"The values of 'ct.nii' go from {voxels.min():g} to {voxels.max():g}, and " in warning


@pytest.mark.parametrize("name", ["parity_tasks/inputs/example_mr_sm", "parity_tasks/inputs/mr_fractions"])
def test_an_mr_is_warned_of(name: str, shared: Path) -> None:
    assert "another modality" in warnings_of(shared / f"{name}.nii.gz")["not_hounsfield"]


def test_a_published_windowed_ct_is_warned_of(shared: Path) -> None:
    warning = warnings_of(shared / "odd" / "ct_window.nii.gz")["not_hounsfield"]
    assert "% of the voxels have the lowest, as if all below had been cut off" in warning
