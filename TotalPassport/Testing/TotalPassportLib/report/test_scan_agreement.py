"""Scans against ground truth: by names, on one grid, however it is stored, and what does not count."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.batches import write_labels
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.report.named_structures import load_structures
from TotalPassportLib.report.organ_statistics import mean_dice_of, organ_summaries
from TotalPassportLib.report.scan_agreement import StructureAgreement, compare_structures, with_annotations_settled
from TotalPassportLib.report.subject_files import TRUTH_ENDINGS, SubjectFiles

AFFINE = np.diag([1.5, 2.0, 3.0, 1.0])
SPLEEN, KIDNEY, LIVER = 1, 2, 5
TOTAL = load_label_table("total")


def blocks(**shifts: int) -> np.ndarray:
    """A spleen, a right kidney and a liver as blocks; each can be shifted along j, and -1 leaves it out."""
    voxels = np.zeros((20, 18, 16), np.uint8)
    for name, value, i in (("spleen", SPLEEN, 1), ("kidney", KIDNEY, 8), ("liver", LIVER, 14)):
        shift = shifts.get(name, 0)
        if shift >= 0:
            voxels[i : i + 5, 4 + shift : 10 + shift, 3:12] = value
    return voxels


def agreements(found: Path, truth: Path, tolerance_mm: float = 3.0, **options: object) -> dict[str, StructureAgreement]:
    compared = compare_structures(load_structures(found), load_structures(truth, **options), tolerance_mm)
    return {each.name: each for each in compared}


def test_structures_are_matched_by_their_names_whatever_their_numbers(tmp_path: Path) -> None:
    found = write_labels(tmp_path / "found.nii.gz", blocks(liver=1), AFFINE, [SPLEEN, KIDNEY, LIVER])
    numbers = blocks()
    numbers[numbers == LIVER] = 9
    numbers[numbers == KIDNEY] = 5
    (tmp_path / "dataset.json").write_text(
        json.dumps({"labels": {"background": 0, "Spleen": 1, "Right Kidney": 5, "liver": 9}}), encoding="utf-8"
    )
    truth = tmp_path / "truth.nii.gz"
    nibabel.Nifti1Image(numbers, AFFINE).to_filename(truth)
    table = load_label_table(str(tmp_path / "dataset.json"))
    told = agreements(found, truth, table=table)
    assert set(told) == {"spleen", "kidney_right", "liver"}
    assert {each.outcome for each in told.values()} == {"both"}
    assert told["spleen"].overlap.dice == told["kidney_right"].overlap.dice == 1.0
    # Six rows of which five are common; the two surfaces are one voxel of 2 mm apart where they differ.
    assert told["liver"].overlap.dice == pytest.approx(5 / 6)
    assert told["liver"].overlap.hausdorff_95_mm == pytest.approx(2.0)


def test_how_the_ground_truth_is_stored_makes_no_difference(tmp_path: Path) -> None:
    found = write_labels(tmp_path / "found.nii.gz", blocks(), AFFINE, [SPLEEN, KIDNEY, LIVER])
    voxels = blocks(spleen=1, kidney=2, liver=-1)
    plain = write_labels(tmp_path / "truth.nii.gz", voxels, AFFINE, [SPLEEN, KIDNEY, LIVER])
    turned = nibabel.as_closest_canonical(nibabel.load(plain)).as_reoriented([[2, -1], [0, 1], [1, -1]])
    turned.header.extensions.extend(nibabel.load(plain).header.extensions)
    turned.to_filename(tmp_path / "turned.nii.gz")
    masks = tmp_path / "masks"
    masks.mkdir()
    for name, value in (("spleen", SPLEEN), ("kidney_right", KIDNEY), ("liver", LIVER)):
        nibabel.Nifti1Image((voxels == value).astype(np.uint8), AFFINE).to_filename(masks / f"{name}.nii.gz")
    by_file = agreements(found, plain)
    assert by_file["liver"].outcome == "extra"
    assert agreements(found, tmp_path / "turned.nii.gz") == by_file
    assert agreements(found, masks) == by_file
    dataset = tmp_path / "s0001"
    dataset.mkdir()
    masks.rename(dataset / "segmentations")
    assert agreements(found, dataset) == by_file


def test_what_nobody_looked_for_or_annotated_is_not_counted(tmp_path: Path) -> None:
    found = write_labels(tmp_path / "found.nii.gz", blocks(kidney=-1), AFFINE, [SPLEEN, LIVER, 3])
    truth = write_labels(tmp_path / "truth.nii.gz", blocks(liver=-1), AFFINE, [SPLEEN, KIDNEY, 3])
    told = agreements(found, truth)
    outcomes = {name: each.outcome for name, each in told.items()}
    assert outcomes == {
        "spleen": "both",
        "kidney_right": "not searched",
        "liver": "not annotated",
        "kidney_left": "neither",
    }
    assert [name for name, each in told.items() if each.overlap is not None] == ["spleen"]
    assert mean_dice_of(list(told.values())) == 1.0


def test_missed_and_made_up_ones_count_with_nothing(tmp_path: Path) -> None:
    known = [SPLEEN, KIDNEY, LIVER]
    found = write_labels(tmp_path / "found.nii.gz", blocks(kidney=-1), AFFINE, known)
    truth = write_labels(tmp_path / "truth.nii.gz", blocks(liver=-1), AFFINE, known)
    told = agreements(found, truth)
    assert {name: each.outcome for name, each in told.items()} == {
        "spleen": "both",
        "kidney_right": "missed",
        "liver": "extra",
    }
    assert mean_dice_of(list(told.values())) == pytest.approx(1 / 3)
    rows = {row["name"]: row for row in organ_summaries([list(told.values())] * 3 + [[told["spleen"]]])}
    assert rows["kidney_right"]["hausdorff_95_mm"]["median"] == "infinity"
    assert rows["kidney_right"]["outcomes"]["missed"] == rows["kidney_right"]["counted"] == 3
    assert rows["liver"]["volume_error_percent"] is None, "of nothing there is no percentage"
    assert rows["kidney_right"]["volume_error_percent"]["median"] == -100
    assert rows["kidney_right"]["dice_where_in_both"] is None
    assert rows["spleen"]["dice"] == {"n": 4, **dict.fromkeys(("median", "q1", "q3", "lowest", "highest", "mean"), 1.0)}


def test_ground_truth_without_names_covers_what_some_of_it_has(tmp_path: Path) -> None:
    """Numbers of ``total`` in a file that says nothing: a structure that no scan's truth has was not annotated."""
    found = write_labels(tmp_path / "found.nii.gz", blocks(), AFFINE)
    first, second = (
        [
            StructureAgreement(name="liver", outcome=outcome, overlap=None, truth_says=False),
            StructureAgreement(name="spleen", outcome="extra", overlap=None, truth_says=False),
        ]
        for outcome in ("both", "extra")
    )
    settled = with_annotations_settled([first, second])
    assert [[each.outcome for each in scan] for scan in settled] == [
        ["both", "not annotated"],
        ["extra", "not annotated"],
    ]
    said = StructureAgreement(name="spleen", outcome="extra", overlap=None, truth_says=True)
    assert with_annotations_settled([[said]]) == [[said]]
    assert load_structures(found).known == {label.name for label in TOTAL.values()}


def test_another_grid_is_refused_in_words(tmp_path: Path) -> None:
    found = write_labels(tmp_path / "found.nii.gz", blocks(), AFFINE)
    for name, voxels, affine in (
        ("shape", blocks()[:-1], AFFINE),
        ("place", blocks(), AFFINE + np.diag([0, 0, 0, 0]) + np.eye(4, k=3) * 1.5),
        ("size", blocks(), AFFINE * np.array([1, 1, 1.2, 1])),
    ):
        truth = write_labels(tmp_path / f"{name}.nii.gz", voxels, affine)
        with pytest.raises(BadInput, match="ground truth lies on another grid"):
            agreements(found, truth)


def test_two_empty_segmentations_agree_in_nothing_that_counts(tmp_path: Path) -> None:
    nothing = blocks(spleen=-1, kidney=-1, liver=-1)
    paths = [write_labels(tmp_path / f"{name}.nii.gz", nothing, AFFINE, [SPLEEN, LIVER]) for name in ("a", "b")]
    told = agreements(*paths)
    assert {each.outcome for each in told.values()} == {"neither"}
    assert mean_dice_of(list(told.values())) is None
    (row, _) = organ_summaries([list(told.values())])
    assert (row["counted"], row["dice"], row["hausdorff_95_mm"]) == (0, None, None)


@pytest.fixture
def truth_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "truth"
    folder.mkdir()
    for name in ("plain.nii.gz", "seg_seg.nii.gz", "case.nii.gz", "two_gt.nii.gz", "two-label.nrrd", "notes.txt",
                 "long_name_insp.nii.gz"):  # fmt: skip
        (folder / name).touch()
    (folder / "s0001" / "segmentations").mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("plain.nii.gz", "plain.nii.gz"),
        ("plain.nrrd", "plain.nii.gz"),
        ("seg.nii.gz", "seg_seg.nii.gz"),
        ("case_0000.nii.gz", "case.nii.gz"),
        ("s0001_ct.nii.gz", "s0001"),
        ("s0001", "s0001"),
    ],
)
def test_ground_truth_is_found_by_the_scans_name(subject: str, name: str, truth_folder: Path) -> None:
    assert SubjectFiles(str(truth_folder), "ground truth", TRUTH_ENDINGS).of(subject) == truth_folder / name


@pytest.mark.parametrize(
    ("subject", "says"),
    [("two.nii.gz", "2 candidates"), ("long_name.nii.gz", "no ground truth"), ("pla.nii.gz", "no ground truth")],
)
def test_nothing_is_guessed(subject: str, says: str, truth_folder: Path) -> None:
    with pytest.raises(BadInput, match=says):
        SubjectFiles(str(truth_folder), "ground truth", TRUTH_ENDINGS).of(subject)


def test_a_pattern_says_where_it_is(truth_folder: Path) -> None:
    files = SubjectFiles(f"{truth_folder}/{{subject}}_g*.nii.gz", "ground truth")
    assert files.of("two.nii.gz") == truth_folder / "two_gt.nii.gz"
    with pytest.raises(BadInput, match="It has no ground truth"):
        files.of("../t*o.nii.gz")
    for place in (f"{truth_folder}/nowhere", f"{truth_folder}/s0001/segmentations"):
        with pytest.raises(BadInput, match="ground truth"):
            SubjectFiles(place, "ground truth")
