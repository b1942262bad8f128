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
    step = SCHEMA["definitions"]["normalisation_step"]
    assert {*step["properties"]["scheme"]["enum"], "steps"} == set(SCHEMES)
    assert {f"normalisation_{scheme}" for scheme in SCHEMES} <= SCHEMA["definitions"].keys()


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


VALUES = np.array([-2000.0, -160.0, 0.0, 0.25, 39.5, 240.0, 3000.0], np.float32)


def normalised(values: np.ndarray, **document: object) -> np.ndarray:
    """Return values after a scheme; those that were given must stay."""
    before = values.copy()
    found = normalisation_from_document(document).apply(values)
    assert found.dtype == np.float32
    assert np.array_equal(values, before)
    return found


def test_a_window_becomes_its_range_and_the_rest_its_ends() -> None:
    found = normalised(VALUES, scheme="window", level=40, width=400)
    assert found.tolist() == pytest.approx([0, 0, 0.4, 0.400625, 0.49875, 1, 1])
    assert normalised(VALUES, scheme="window", level=40, width=400, low=-1, high=1).tolist() == pytest.approx(
        [-1, -1, -0.2, -0.19875, -0.0025, 1, 1]
    )


def test_a_window_of_whole_numbers_cuts_fractions_and_wraps_as_16_bits_do() -> None:
    found = normalised(np.array([0.9, -0.9, 40000], np.float32), scheme="window", level=0, width=2, whole_numbers=True)
    assert found.tolist() == [0.5, 0.5, 0.0]


def test_fractions_of_a_scan_of_0_to_1_survive() -> None:
    values = np.linspace(0, 1, 11, dtype=np.float32)
    assert len(np.unique(normalised(values, scheme="window", level=0.5, width=1))) == 11
    assert len(np.unique(normalised(values, scheme="range", low=-1, high=1))) == 11


def test_the_range_of_the_scan_itself_is_stretched() -> None:
    found = normalised(VALUES, scheme="range", low=-1, high=1)
    assert (found[0], found[-1]) == (-1, 1)
    assert found[2] == pytest.approx(-0.2)
    assert normalised(np.full(3, 7, np.float32), scheme="range", low=-1, high=1).tolist() == [-7, -7, -7]


def test_quantiles_are_cut_off_or_not() -> None:
    values = np.arange(101, dtype=np.float32)
    cut = normalised(values, scheme="quantiles", lower_percent=10, upper_percent=90)
    assert (cut[0], cut[10], cut[50], cut[90], cut[100]) == (0, 0, 0.5, 1, 1)
    open_ended = normalised(values, scheme="quantiles", lower_percent=10, upper_percent=90, clip=False)
    assert open_ended[100] == pytest.approx(1.125)
    filled = normalised(values, scheme="quantiles", lower_percent=0, upper_percent=100, nonzero=True)
    assert filled[1] == 0, "the voxel that is 0 is not counted"


def test_a_score_of_what_is_not_0_leaves_0_alone() -> None:
    found = normalised(np.array([0, 1, 3, 0], np.float32), scheme="zscore_nonzero")
    assert found.tolist() == [0, -1, 1, 0]
    assert normalised(np.array([0, 5], np.float32), scheme="zscore_nonzero").tolist() == [0, 0], "a deviation of 0 is 1"


def test_steps_follow_one_another() -> None:
    steps = [{"scheme": "zscore_nonzero"}, {"scheme": "range", "low": -1.0, "high": 1.0}]
    found = normalised(np.array([0, 1, 3, 2], np.float32), scheme="steps", steps=steps)
    assert found.tolist() == pytest.approx([0, -1, 1, 0])
    assert normalisation_from_document({"scheme": "steps", "steps": steps}).document()["steps"] == steps


@pytest.mark.parametrize(
    ("scheme", "reason"),
    [
        ({"scheme": "window", "level": 0, "width": 1, "low": 1, "high": 1}, "the range that the window becomes"),
        ({"scheme": "range", "low": 1, "high": 0}, "the range of the values is empty"),
        ({"scheme": "quantiles", "lower_percent": 50, "upper_percent": 50}, "leave nothing between them"),
        ({"scheme": "steps", "steps": [{"scheme": "range", "low": 1, "high": 0}]}, "the range of the values is empty"),
    ],
)
def test_numbers_that_contradict_one_another_are_named(scheme: dict[str, object], reason: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=reason):
        read_model(write_model(tmp_path / "m", part={"normalisation": scheme}))
