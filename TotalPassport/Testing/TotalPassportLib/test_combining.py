"""Masks of several structures: what is in them, where, and what is said when a part is missing."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.processes import assert_one_sentence, run_cli
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.combining import combine_masks, official_groups
from TotalPassportLib.image.label_names import label_names_xml, stored_label_names
from TotalPassportLib.models.task import list_tasks

AFFINE = np.diag([-2.0, -2.0, 3.0, 1.0])
LOBES = official_groups()["lung"]


def save(path: Path, voxels: np.ndarray, names: bytes | None = None, affine: np.ndarray = AFFINE) -> Path:
    image = nibabel.Nifti1Image(voxels.astype(np.uint8), affine)
    if names is not None:
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, names))
    nibabel.save(image, path)
    return path


@pytest.fixture
def lobes() -> np.ndarray:
    """A label image of the five lobes with the values of the task total, and a liver."""
    table = load_label_table("total")
    voxels = np.zeros((8, 6, 5), np.uint8)
    for index, name in enumerate((*LOBES, "liver")):
        voxels[index, 1:4, 1:4] = table.named(name).value
    return voxels


@pytest.fixture
def label_file(lobes: np.ndarray, tmp_path: Path) -> Path:
    return save(tmp_path / "labels.nii.gz", lobes, label_names_xml(load_label_table("total"), list(range(1, 118))))


@pytest.fixture
def mask_folder(lobes: np.ndarray, tmp_path: Path) -> Path:
    folder = tmp_path / "masks"
    folder.mkdir()
    for name in (*LOBES, "liver"):
        save(folder / f"{name}.nii.gz", lobes == load_label_table("total").named(name).value)
    return folder


@pytest.mark.parametrize(
    ("group", "columns"), [("lung", (0, 1, 2, 3, 4)), ("lung_left", (0, 1)), ("lung_right", (2, 3, 4))]
)
@pytest.mark.parametrize("kind", ["label_file", "mask_folder"])
def test_a_group_is_its_members_and_nothing_else(
    group: str, columns: tuple[int, ...], kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    output = tmp_path / "out.nii.gz"
    expected = np.zeros((8, 6, 5), np.uint8)
    expected[list(columns), 1:4, 1:4] = 1
    assert combine_masks(request.getfixturevalue(kind), output, group) == expected.sum()
    image = nibabel.load(output)
    assert np.array_equal(np.asanyarray(image.dataobj), expected)
    assert np.array_equal(image.affine, AFFINE)


def test_masks_that_are_stored_along_other_axes_are_put_together_where_they_are(
    mask_folder: Path, lobes: np.ndarray, tmp_path: Path
) -> None:
    mask = lobes == load_label_table("total").named("lung_lower_lobe_left").value
    flipped = AFFINE.copy()
    flipped[:3, 0], flipped[:3, 3] = -AFFINE[:3, 0], AFFINE[:3, 0] * 7
    save(mask_folder / "lung_lower_lobe_left.nii.gz", mask[::-1], affine=flipped)
    combine_masks(mask_folder, tmp_path / "out.nii.gz", "lung")
    assert np.asanyarray(nibabel.load(tmp_path / "out.nii.gz").dataobj)[:, 2, 2].tolist() == [1, 1, 1, 1, 1, 0, 0, 0]


def test_a_missing_part_is_named_and_nothing_is_written(mask_folder: Path, tmp_path: Path) -> None:
    (mask_folder / "lung_middle_lobe_right.nii.gz").unlink()
    with pytest.raises(BadInput, match="lung_middle_lobe_right"):
        combine_masks(mask_folder, tmp_path / "out.nii.gz", "lung")
    assert not (tmp_path / "out.nii.gz").exists()


def test_a_structure_of_the_groups_name_is_the_group(mask_folder: Path, lobes: np.ndarray, tmp_path: Path) -> None:
    save(mask_folder / "heart.nii.gz", lobes == 5)
    assert combine_masks(mask_folder, tmp_path / "out.nii.gz", "heart") == np.count_nonzero(lobes == 5)


def test_every_member_of_every_group_is_found_by_one_task() -> None:
    tables = [{label.name for label in task.labels.values()} for task in list_tasks()]
    for group, members in official_groups().items():
        assert any(set(members) <= names for names in tables), group
    assert [len(official_groups()[group]) for group in ("ribs", "vertebrae", "vertebrae_ribs", "pelvis")] == [
        24,
        26,
        50,
        4,
    ]


def test_a_label_image_without_names_is_refused(lobes: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not tell what its labels mean"):
        combine_masks(save(tmp_path / "plain.nii.gz", lobes), tmp_path / "out.nii.gz", "lung")


@pytest.mark.slow
def test_the_command_says_what_it_wrote_and_which_groups_there_are(label_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.nii.gz"
    process = run_cli("combine", label_file, "-o", output, "-m", "lung", "-ml")
    assert (process.returncode, process.stdout.splitlines()[0]) == (0, "lung: 45 voxels")
    assert stored_label_names(nibabel.load(output).header) == {1: "lung"}
    wrong = run_cli("combine", label_file, "-o", tmp_path / "no.nii.gz", "-m", "lunge")
    assert_one_sentence(wrong, 2, "There are body, heart, lung")
