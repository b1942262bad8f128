"""A network's input is normalised as its model says, and a scheme of its own costs a model's family no other code."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.networks import LEVELS_HU, threshold_layers, write_model
from support.scans import grid_around, rasterise, save_nifti
from TotalPassportLib.base.errors import ModelError
from TotalPassportLib.base.files import DATA_FOLDER
from TotalPassportLib.image.normalisation import (
    SCHEMES,
    CTNormalisation,
    ZScoreNormalisation,
    normalisation_from_document,
)
from TotalPassportLib.image.preparation import prepare
from TotalPassportLib.image.volume import load_ct
from TotalPassportLib.models.reading import read_model
from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run

SCHEMA = json.loads((DATA_FOLDER / "schemas" / "model.schema.json").read_text(encoding="utf-8"))
ZSCORE = {"scheme": "zscore", "masked": False}
CT = {"scheme": "ct", "clip_low_hu": -1004, "clip_high_hu": 1588.0, "mean_hu": -50.3868, "std_hu": 503.3928}


def test_ct_is_clipped_centred_and_scaled_in_single_precision() -> None:
    hounsfield = np.array([-3000.0, -1004.0, -50.0, 0.0, 40.0, 1588.0, 3000.0], np.float32)
    low, high, mean, std = (np.float32(value) for value in (-1004.0, 1588.0, -50.3868, 503.3928))
    expected = [(min(max(value, low), high) - mean) / std for value in hounsfield]
    normalised = normalisation_from_document(CT).apply(hounsfield)
    assert normalised.dtype == np.float32
    assert normalised.tobytes() == np.array(expected, np.float32).tobytes()
    assert hounsfield[0] == -3000, "the CT itself must stay as it is: the passport measures it"


def test_a_normalisation_is_described_as_it_was_read() -> None:
    ct, zscore = normalisation_from_document(CT), normalisation_from_document(ZSCORE)
    assert isinstance(ct, CTNormalisation)
    assert (ct.document(), zscore.document()) == (CT, ZSCORE)


def test_the_schema_and_the_program_know_the_same_schemes() -> None:
    rule = SCHEMA["definitions"]["part"]["properties"]["normalisation"]
    assert set(rule["properties"]["scheme"]["enum"]) == set(SCHEMES)


@pytest.mark.parametrize("change", [{"std_hu": 0}, {"mean_hu": None}, {"gamma": 2}, {"scheme": "zscore"}])
def test_numbers_that_a_scheme_does_not_have_are_refused(change: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a valid model document"):
        read_model(write_model(tmp_path / "m", part={"normalisation": CT | change}))


def test_an_empty_clip_range_is_named_with_its_part(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", part={"normalisation": CT | {"clip_low_hu": 1588}})
    with pytest.raises(ModelError, match="the clip range is empty in part 'threshold'"):
        read_model(folder)


def test_a_second_scheme_goes_through_the_whole_pipeline(threshold_model: Path, tmp_path: Path) -> None:
    """The network for z-scores has its levels where this scan's z-scores are, so it finds what the other one finds."""
    shape, affine = grid_around(np.eye(3), (3.0, 3.0, 3.0), (0.0, 0.0, 0.0))
    ct = save_nifti(tmp_path / "ct.nii", rasterise(shape, affine), affine)
    seen = prepare(load_ct(ct), (3.0, 3.0, 3.0)).hounsfield_zyx
    levels = [float((level - seen.mean()) / seen.std()) for level in LEVELS_HU]
    model = write_model(tmp_path / "m", threshold_layers(levels, std_hu=1.0), {"normalisation": ZSCORE})
    assert read_model(model).parts[0].normalisation == ZScoreNormalisation(masked=False)
    found, expected = (
        np.asarray(nibabel.load(run(ct, tmp_path / name, RunOptions(model=str(path))).paths.segmentation).dataobj)
        for name, path in (("z", model), ("ct", threshold_model))
    )
    assert set(np.unique(expected)) == {0, 1, 2, 5}
    assert np.array_equal(found, expected)
