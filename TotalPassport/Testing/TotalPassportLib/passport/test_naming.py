"""Which names the labels of a segmentation get, and when it is said that they are a guess."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from TotalPassportLib.base.labels import LabelTable, load_label_table, numbered_label
from TotalPassportLib.passport.extraction import extract_passport
from TotalPassportLib.passport.naming import Naming, name_labels, name_masks, settle, what_to_do
from TotalPassportLib.passport.organ import Passport

TOTAL = load_label_table("total")
AMOS = [
    *("spleen", "kidney_right", "kidney_left", "gallbladder", "esophagus", "liver", "stomach", "aorta"),
    *("inferior_vena_cava", "pancreas", "adrenal_gland_right", "adrenal_gland_left", "duodenum", "urinary_bladder"),
]
"""A public data set's organs, in the order of its labels."""
MIRRORED, UPSIDE_DOWN = np.diag([-1.0, 1, 1, 1]), np.diag([1.0, 1, -1, 1])


@pytest.fixture(scope="module", params=["example_seg_fast.nii.gz", "example_seg_fast_force_split.nii.gz"])
def organs(request: pytest.FixtureRequest, shared: Path) -> tuple[np.ndarray, np.ndarray]:
    """Published label images of TotalSegmentator's own: voxels and affine."""
    image = nibabel.load(shared / "data" / request.param)
    return np.asarray(image.dataobj), image.affine


def renumbered(voxels: np.ndarray, names: list[str]) -> np.ndarray:
    table = np.zeros(256, np.uint8)
    for value, name in enumerate(names, start=1):
        label = TOTAL.named(name)
        if label is not None:
            table[label.value] = value
    return table[voxels]


def settled(voxels: np.ndarray, affine: np.ndarray) -> tuple[Passport, Naming]:
    naming = name_labels([int(label) for label in np.unique(voxels) if label])
    return settle(extract_passport(voxels, affine, naming.table, searched=naming.searched), naming)


def test_a_table_that_is_given_comes_before_all_else() -> None:
    given = LabelTable("mine", [numbered_label(1)])
    naming = name_labels([1], given=given, stored={1: "liver"}, file_stem="spleen")
    assert (naming.names_from, naming.table) == ("given", given)


def test_names_in_the_file_come_before_its_own_name() -> None:
    naming = name_labels([1], stored={0: "background", 1: "Liver"}, file_stem="spleen")
    assert (naming.names_from, naming.table[1].name, naming.searched) == ("header", "liver", (1,))


@pytest.mark.parametrize(
    ("stem", "name"), [("vertebrae_L3", "vertebrae_L3"), ("Kidney Left", "kidney_left"), ("liver_mask", "liver")]
)
def test_a_file_of_one_label_may_be_named_as_a_structure(stem: str, name: str) -> None:
    naming = name_labels([255], stored={255: ""}, file_stem=stem)
    assert (naming.names_from, naming.table[255].name) == ("file name", name)
    assert naming.table[255].terminology == TOTAL.named(name).terminology
    assert naming.remark is None


@pytest.mark.parametrize(("present", "stem"), [([1], "lesion"), ([1, 2], "liver"), ([1, 2, 3, 4, 5, 200], "x")])
def test_labels_that_nothing_tells_of_are_numbered_and_that_is_said(present: list[int], stem: str) -> None:
    naming = name_labels(present, file_stem=stem)
    assert naming.names_from == "none"
    assert [label.name for label in naming.table.values()] == [f"label {value}" for value in present]
    assert all(label.terminology is None for label in naming.table.values())
    assert naming.remark.severity == "note"
    assert naming.remark.message == "Nothing says what the labels are.", "what to do differs between shell and window"
    assert "total_v1" in what_to_do(naming.remark.code).arguments["tables"]


@pytest.mark.parametrize("turn", [np.eye(4), MIRRORED, UPSIDE_DOWN], ids=["as it is", "mirrored", "upside down"])
@pytest.mark.slow
def test_labels_of_total_are_recognised_by_numbers_and_anatomy(turn: np.ndarray, organs: tuple) -> None:
    voxels, affine = organs
    passport, naming = settled(voxels, turn @ affine)
    assert (naming.names_from, naming.table.name) == ("assumed", "total")
    assert passport.organs[5].name == "liver"
    assert [finding.code for finding in passport.findings if finding.code.startswith("names")] == ["names_assumed"]
    errors = {finding.code for finding in passport.findings if finding.severity == "error"}
    assert bool(errors) == (not np.array_equal(turn, np.eye(4)))


@pytest.mark.parametrize("half", [0, 1])
def test_labels_of_total_are_recognised_in_half_a_body(half: int, organs: tuple) -> None:
    voxels, affine = organs
    middle = voxels.shape[2] // 2
    part = voxels[:, :, middle:] if half else voxels[:, :, :middle]
    assert settled(part, affine)[1].names_from == "assumed"


@pytest.mark.parametrize("order", ["version 1", "AMOS", "a few", "chance"])
@pytest.mark.slow
def test_labels_of_others_get_no_names_from_total(order: str, organs: tuple) -> None:
    voxels, affine = organs
    if order == "chance":
        shuffled = np.random.default_rng(0).permutation(np.unique(voxels)[1:])
        other = np.zeros(256, np.uint8)
        other[np.unique(voxels)[1:]] = shuffled
        other = other[voxels]
    elif order == "a few":
        other = np.where(np.isin(voxels, [1, 2, 5]), voxels, 0)
    else:
        names = AMOS if order == "AMOS" else [label.name for label in load_label_table("total_v1").values()]
        other = renumbered(voxels, names)
    passport, naming = settled(other, affine)
    assert naming.names_from == "none"
    assert all(organ.name == f"label {label}" for label, organ in passport.organs.items())
    assert all(organ.terminology is None for organ in passport.organs.values())
    told = {finding.code for finding in passport.findings}
    assert "names_unknown" in told
    assert not told & {"implausible_volume", "mirrored", "wrong_side", "upside_down", "vertebra_order"}


def test_masks_are_numbered_as_the_table_that_has_their_names() -> None:
    stems = ["aorta", "liver", "my lesion", "left_kidney", "Kidney left"]
    naming = name_masks(stems)
    named = [naming.table[value] for value in naming.searched]
    assert [(label.value, label.name) for label in named] == [
        (52, "aorta"),
        (5, "liver"),
        (118, "my lesion"),
        (3, "kidney_left"),
        (119, "Kidney left"),
    ]
    old = name_masks(["aorta", "heart_myocardium", "face"])
    assert (old.table.name, old.searched) == ("total_v1", (7, 44, 93))
