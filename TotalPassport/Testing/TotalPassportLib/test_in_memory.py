"""Images in, images out: a run and a description of image objects write nothing and say what those of files say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
import TotalPassportLib as tp
from support.processes import files_below
from TotalPassportLib.image.image_objects import ImageArray
from TotalPassportLib.image.label_names import stored_label_names


def pair(path: Path) -> tuple[np.ndarray, np.ndarray]:
    image = nibabel.load(path)
    return np.asarray(image.dataobj), image.affine


KINDS: dict[str, tuple[Callable[[Path], Any], type, Callable[[Any], np.ndarray]]] = {
    "nibabel": (nibabel.load, nibabel.Nifti1Image, lambda image: np.asarray(image.dataobj)),
    "SimpleITK": (
        lambda path: SimpleITK.ReadImage(str(path)),
        SimpleITK.Image,
        lambda image: SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0),
    ),
    "a pair": (pair, ImageArray, lambda image: image.voxels),
    "a file": (lambda path: path, nibabel.Nifti1Image, lambda image: np.asarray(image.dataobj)),
}


@pytest.fixture(scope="module")
def options(threshold_model: Path) -> tp.RunOptions:
    return tp.RunOptions(model=str(threshold_model))


@pytest.fixture(scope="module")
def of_files(options: tp.RunOptions, phantom_ct: Path, tmp_path_factory: pytest.TempPathFactory) -> tp.RunResult:
    return tp.run(phantom_ct, tmp_path_factory.mktemp("of files"), options)


def same_measures(one: tp.Passport, other: tp.Passport) -> bool:
    """Whether two passports say the same of the organs, whatever they call their source."""
    known = {"source": {}, "model": {}, "software": {}}
    return replace(one, **known) == replace(other, **known)


@pytest.mark.parametrize("name", KINDS)
def test_a_run_of_an_image_gives_labels_of_its_kind_and_the_files_passport(
    name: str,
    options: tp.RunOptions,
    of_files: tp.RunResult,
    phantom_ct: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    make, kind, voxels = KINDS[name]
    result = tp.run(make(phantom_ct), options=options)
    assert isinstance(result, tp.ScanResult)
    assert not isinstance(result, tp.RunResult)
    assert isinstance(result.segmentation, kind)
    assert np.array_equal(voxels(result.segmentation), np.asarray(nibabel.load(of_files.paths.segmentation).dataobj))
    assert same_measures(result.passport, of_files.passport)
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("name", KINDS)
def test_a_description_of_an_image_gives_the_files_passport(
    name: str, of_files: tp.RunResult, phantom_ct: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make, _, _ = KINDS[name]
    found = tp.describe(make(of_files.paths.segmentation), ct=make(phantom_ct), labels="total")
    expected = tp.describe(of_files.paths.segmentation, tmp_path / "p.json", ct=phantom_ct, labels="total")
    assert same_measures(found, expected)
    assert files_below(tmp_path) == ["p.json"]


def test_labels_of_nibabel_carry_their_names(options: tp.RunOptions, phantom_ct: Path) -> None:
    result = tp.run(nibabel.load(phantom_ct), options=options)
    assert stored_label_names(result.segmentation.header)[5] == "liver"
    assert tp.describe(result.segmentation)["liver"].voxel_count == result.passport["liver"].voxel_count


def test_an_image_may_be_written_too_and_is_known_again_by_its_voxels(
    options: tp.RunOptions, phantom_ct: Path, tmp_path: Path
) -> None:
    image = nibabel.load(phantom_ct)
    result = tp.run(image, tmp_path, options)
    assert files_below(tmp_path) == ["image_passport.json", "image_segmentation.nii.gz"]
    assert isinstance(result, tp.RunResult)
    assert result.segmentation.shape == image.shape
    tp.run(image, tmp_path, options)
    with pytest.raises(tp.TotalPassportError, match="is of another scan than 'image'"):
        tp.run((np.asarray(image.dataobj) + 1, image.affine), tmp_path, options)


def test_a_runs_result_reads_its_segmentation_when_it_is_asked_for(of_files: tp.RunResult) -> None:
    assert np.array_equal(np.unique(np.asarray(of_files.segmentation.dataobj)), [0, 1, 2, 5])
    assert len(repr(of_files)) < 2000


def test_what_only_files_can_hold_needs_a_place_for_them(options: tp.RunOptions, phantom_ct: Path) -> None:
    with pytest.raises(tp.TotalPassportError, match="Statistics and preview are files"):
        tp.run(phantom_ct, options=replace(options, statistics=True, preview=True))


def test_what_is_no_image_is_refused_in_a_sentence(options: tp.RunOptions) -> None:
    with pytest.raises(tp.TotalPassportError, match="The image is of the type dict"):
        tp.run({}, options=options)
    with pytest.raises(tp.TotalPassportError, match="'image' is too small to segment"):
        tp.run((np.zeros((3, 3, 3), np.int16), np.eye(4)), options=options)
