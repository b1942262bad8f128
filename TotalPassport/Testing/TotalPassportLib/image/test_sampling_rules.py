"""A scan comes to a model's grid by the rule that its description names, and labels come back to where they belong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.networks import write_model
from TotalPassportLib.base.errors import ModelError
from TotalPassportLib.base.files import DATA_FOLDER
from TotalPassportLib.image.preparation import labels_back, prepared_as
from TotalPassportLib.image.preparation_rules import Preparation
from TotalPassportLib.image.sampling_rules import RULES, sampling_from_document
from TotalPassportLib.image.volume import Volume
from TotalPassportLib.models.reading import read_model

SCHEMA = json.loads((DATA_FOLDER / "schemas" / "model.schema.json").read_text(encoding="utf-8"))
FLIPPED = np.array([[0, -2.0, 0, 30], [1.5, 0, 0, -10], [0, 0, -3.0, 40], [0, 0, 0, 1]])
"""Axes of a file that go anterior, left and inferior; 1.5, 2 and 3 mm."""


def scan_of(voxels: np.ndarray, affine: np.ndarray = FLIPPED) -> Volume:
    sizes = tuple(float(size) for size in np.linalg.norm(affine[:3, :3], axis=0))
    return Volume(voxels=voxels, affine=affine, nominal_spacing_mm=sizes, header=None, path=Path("scan.nii"))  # type: ignore[arg-type]


def places_mm(shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    """Return the RAS coordinates of every voxel's middle, ``[3, i, j, k]``."""
    return np.einsum("ij,jxyz->ixyz", affine[:3, :3], np.indices(shape)) + affine[:3, 3].reshape(3, 1, 1, 1)


def test_the_schema_and_the_program_know_the_same_rules() -> None:
    assert set(SCHEMA["properties"]["sampling"]["properties"]["rule"]["enum"]) == set(RULES)


@pytest.mark.parametrize(
    ("rule", "spacing_mm"),
    [
        ({"rule": "linear"}, (1.0, 2.5, 2.0)),
        ({"rule": "monai"}, (1.0, 2.5, 2.0)),
        ({"rule": "fixed_grid", "size": [21, 18, 30]}, None),
        ({"rule": "conform", "size": [40, 40, 48]}, (1.25, 1.25, 1.25)),
        ({"rule": "own"}, None),
    ],
)
@pytest.mark.parametrize("orientation", ["RAS", "LPS", "LAI"])
def test_every_voxel_of_the_models_grid_has_the_value_of_its_place(
    rule: dict[str, object], spacing_mm: tuple[float, float, float] | None, orientation: str
) -> None:
    """The scan's value is a linear function of the place, which linear interpolation keeps wherever the scan is."""
    ramp = np.array([0.3, -0.2, 0.7])
    voxels = np.tensordot(ramp, places_mm((20, 16, 12), FLIPPED), 1).astype(np.float32)
    preparation = Preparation(
        spacing_mm=spacing_mm, sampling=sampling_from_document(rule), orientation=orientation, crop_to_filled=False
    )
    prepared = prepared_as(preparation, scan_of(voxels))
    found = prepared.fill_whole_grid()
    places = places_mm(found.shape, prepared.affine)
    index = np.einsum("ij,jxyz->ixyz", np.linalg.inv(FLIPPED)[:3, :3], places) + np.linalg.inv(FLIPPED)[:3, 3].reshape(
        3, 1, 1, 1
    )
    inside = np.all((index >= 0) & (index <= np.array([19, 15, 11]).reshape(3, 1, 1, 1)), axis=0)
    assert inside.sum() > 500
    assert np.abs(found - np.tensordot(ramp, places, 1))[inside].max() < 1e-3
    signs = [1 if letter in "RAS" else -1 for letter in orientation]
    assert np.array_equal(np.sign(np.diag(prepared.affine)[:3]), signs)


@pytest.mark.parametrize(
    ("rule", "spacing_mm"),
    [
        ({"rule": "linear"}, (0.75, 1.0, 1.5)),
        ({"rule": "monai"}, (0.75, 1.0, 1.5)),
        ({"rule": "fixed_grid", "size": [48, 60, 36]}, None),
        ({"rule": "conform", "size": [90, 90, 90]}, (0.5, 0.5, 0.5)),
        ({"rule": "own"}, None),
    ],
)
def test_labels_of_a_finer_grid_come_back_as_they_were(
    rule: dict[str, object], spacing_mm: tuple[float, float, float] | None
) -> None:
    labels = np.random.default_rng(0).integers(0, 400, (20, 16, 12)).astype(np.uint16)
    labels[[0, -1]] = labels[:, [0, -1]] = labels[:, :, [0, -1]] = 0
    sampling = sampling_from_document(rule)
    preparation = Preparation(spacing_mm=spacing_mm, sampling=sampling, orientation="LPS", crop_to_filled=False)
    scan = scan_of(labels.astype(np.float32))
    prepared = prepared_as(preparation, scan)
    # The nearest label of every place, by its coordinates: what a perfect network would find there.
    places = places_mm(prepared.shape_zyx[::-1], prepared.affine)
    inverse = np.linalg.inv(FLIPPED)
    index = np.einsum("ij,jxyz->ixyz", inverse[:3, :3], places) + inverse[:3, 3].reshape(3, 1, 1, 1)
    i, j, k = (np.clip(np.rint(each), 0, size - 1).astype(int) for each, size in zip(index, labels.shape, strict=True))
    found = labels_back(preparation, labels[i, j, k], prepared)
    assert found.dtype == np.uint16
    assert np.array_equal(found, labels)


def test_what_lies_outside_of_a_conformed_grid_is_background() -> None:
    sampling = sampling_from_document({"rule": "conform", "size": [4, 4, 4]})
    preparation = Preparation(spacing_mm=(1.0, 1.0, 1.0), sampling=sampling, crop_to_filled=False)
    prepared = prepared_as(preparation, scan_of(np.ones((8, 8, 8)), np.eye(4)))
    found = labels_back(preparation, np.full((4, 4, 4), 3, np.uint8), prepared)
    assert (found.sum(), found[2, 2, 2], found[1, 2, 2]) == (3 * 64, 3, 0)


def test_a_file_s_own_axes_are_left_as_they_are() -> None:
    voxels = np.random.default_rng(0).normal(size=(5, 6, 7)).astype(np.float32)
    sampling = sampling_from_document({"rule": "own"})
    preparation = Preparation(spacing_mm=None, sampling=sampling, orientation="stored", crop_to_filled=False)
    prepared = prepared_as(preparation, scan_of(voxels))
    assert np.array_equal(prepared.hounsfield_zyx, voxels.T)
    assert np.array_equal(labels_back(preparation, prepared.fill_whole_grid(), prepared), voxels)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sampling": {"rule": "linear"}, "spacing_mm": None}, "which the sampling 'linear' needs"),
        ({"sampling": {"rule": "linear"}, "orientation": "stored"}, "of which it does not say what they are"),
        ({"sampling": {"rule": "fixed_grid"}}, "not a valid model document"),
        ({"sampling": {"rule": "own", "size": [1, 1, 1]}}, "not a valid model document"),
        ({"orientation": "SAR"}, "not a valid model document"),
        ({"orientation": "LPS"}, "in another orientation than RAS"),
    ],
)
def test_rules_that_make_no_sense_are_refused(changes: dict[str, object], reason: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=reason):
        read_model(write_model(tmp_path / "m", **changes))
