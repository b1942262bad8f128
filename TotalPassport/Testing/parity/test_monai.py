"""Labels of MONAI's whole-body bundle are those that MONAI 1.4 wrote (``../shared/monai``).

Small networks, of which the windows are the official ones; the largest scans are left to a benchmark.
"""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run

LEAST_EQUAL = 0.9999
CASES = ("all_zero.lowres", "half_spacing.lowres", "oblique_float.lowres", "one_slice.lowres", "example_ct_sm.lowres")


@pytest.fixture(scope="module")
def converted_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the converted networks are kept, so that each is made once."""
    return tmp_path_factory.mktemp("home")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("provider", ["auto"])
def test_labels_are_those_of_monai(
    case: str, provider: str, shared: Path, converted_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOTALPASSPORT_HOME", str(converted_home))
    name, mode = case.split(".")
    folders = (shared / "monai" / "inputs", shared / "data")
    (scan,) = (folder / f"{name}.nii.gz" for folder in folders if (folder / f"{name}.nii.gz").is_file())
    model = "wholebody" if mode == "highres" else "wholebody-lowres"
    options = RunOptions(model=model, weights=str(shared / "monai" / "bundle"), provider=provider)
    result = run(scan, tmp_path / "out", options)
    found = nibabel.load(result.paths.segmentation)
    expected = nibabel.load(shared / "monai" / "expected" / f"{case}.nii.gz")
    equal = np.asarray(found.dataobj) == np.asarray(expected.dataobj).reshape(found.shape)
    print(f"{case}: {np.count_nonzero(~equal)} of {equal.size} voxels differ")
    assert equal.mean() >= LEAST_EQUAL
    assert np.allclose(found.affine, expected.affine, atol=1e-5)
    passport = json.loads(result.paths.passport.read_text(encoding="utf-8"))
    assert passport["model"]["name"] == model
