"""What the checks catch, and what they leave in peace."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import nibabel
import numpy as np
import pytest
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.passport import Passport
from TotalPassportLib.passport.checks import apply_checks
from TotalPassportLib.passport.extraction import extract_passport
from TotalPassportLib.passport.findings_text import findings_text
from TotalPassportLib.passport.organ import CHECKS
from TotalPassportLib.passport.rules import SEVERITIES, load_rules, rule_named

TOTAL = load_label_table("total")
Box = tuple[tuple[int, int, int], tuple[int, int, int]]
"""Centre in RAS mm and whole size in mm."""


def scan(boxes: dict[str, Box], searched: Collection[str] = ()) -> Passport:
    """Return the passport of boxes for organs on a grid of 3 mm around the origin; later ones cover earlier ones."""
    labels = np.zeros((120, 100, 200), np.uint8)
    for name, (centre, size) in boxes.items():
        low = (np.array(centre) - np.array(size) / 2) / 3 + np.array(labels.shape) // 2
        labels[tuple(slice(round(a), round(b)) for a, b in zip(low, low + np.array(size) / 3, strict=True))] = (
            TOTAL.named(name).value
        )
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = [-180, -150, -300]
    looked_for = [TOTAL.named(name).value for name in searched] if searched else None
    return extract_passport(labels, affine, TOTAL, searched=looked_for or [])


def found(passport: Passport) -> set[str]:
    return {finding.code for finding in passport.findings}


SPINE = [f"vertebrae_T{n}" for n in range(5, 13)]


def column(names: list[str], step_mm: int = 30, side_mm: int = 0) -> dict[str, Box]:
    """Return equal boxes from head to foot."""
    return {name: ((side_mm, -60, 150 - step_mm * n), (30, 30, 18)) for n, name in enumerate(names)}


HEALTHY: dict[str, Box] = {
    **column(SPINE),
    **column([f"rib_left_{n}" for n in range(5, 11)], side_mm=-90),
    **column([f"rib_right_{n}" for n in range(5, 11)], side_mm=90),
    "liver": ((60, 30, 0), (90, 120, 150)),
    "spleen": ((-75, 0, 0), (45, 60, 75)),
    "kidney_right": ((45, -45, -120), (45, 45, 90)),
    "kidney_left": ((-45, -45, -120), (45, 45, 90)),
    "heart": ((-15, 60, 120), (75, 75, 105)),
    "aorta": ((-12, -30, 0), (18, 18, 240)),
    "inferior_vena_cava": ((15, -24, -60), (24, 18, 120)),
    "spinal_cord": ((0, -90, 0), (12, 12, 240)),
}


def test_a_healthy_body_raises_neither_error_nor_warning() -> None:
    passport = scan(HEALTHY, HEALTHY)
    assert {finding.severity for finding in passport.findings} <= {"note"}, passport.findings


def reflected(boxes: dict[str, Box], axis: int) -> dict[str, Box]:
    signs = [1, 1, 1]
    signs[axis] = -1
    return {name: (tuple(np.multiply(centre, signs)), size) for name, (centre, size) in boxes.items()}


WHOLE_SCAN = [(0, "mirrored"), (1, "back_to_front"), (2, "upside_down")]


@pytest.mark.parametrize(("axis", "code"), WHOLE_SCAN)
def test_a_reflected_body_is_told_once_and_for_all(axis: int, code: str) -> None:
    passport = scan(reflected(HEALTHY, axis), HEALTHY)
    errors = [finding for finding in passport.findings if finding.severity == "error"]
    assert [finding.code for finding in errors] == [code]
    assert passport.findings[0] == errors[0]
    assert findings_text(passport).splitlines()[1].startswith(f"  error: {rule_named(code).title}: ")


@pytest.mark.parametrize(("axis", "code"), WHOLE_SCAN)
@pytest.mark.parametrize("name", ["example_seg_fast.nii.gz", "example_seg_fast_force_split.nii.gz"])
@pytest.mark.slow
def test_real_segmentations_are_fine_as_they_are_and_caught_with_a_wrong_affine(
    axis: int, code: str, name: str, shared: Path
) -> None:
    image = nibabel.load(shared / "data" / name)
    labels = np.asarray(image.dataobj).astype(np.uint8)
    wrong = image.affine.copy()
    wrong[:, axis] *= -1
    for affine, expected in ((image.affine, set()), (wrong, {code})):
        passport = extract_passport(labels, affine, TOTAL)
        assert {finding.code for finding in passport.findings if finding.severity == "error"} == expected


def test_a_mirrored_patient_is_caught_even_where_the_network_named_pairs_by_their_place() -> None:
    mirrored = reflected(HEALTHY, 0)
    swap = {"left": "right", "right": "left"}
    renamed = {"_".join(swap.get(part, part) for part in name.split("_")): box for name, box in mirrored.items()}
    passport = scan(renamed, renamed)
    assert "mirrored" in found(passport)
    assert "wrong_side" not in found(passport)


def test_one_exchanged_pair_is_told_but_the_scan_is_not_called_mirrored() -> None:
    boxes = dict(HEALTHY)
    boxes["kidney_left"], boxes["kidney_right"] = boxes["kidney_right"], boxes["kidney_left"]
    passport = scan(boxes, boxes)
    (finding,) = (finding for finding in passport.findings if finding.severity == "error")
    assert (finding.code, finding.labels) == ("wrong_side", (2, 3))
    assert finding.message == "Left kidney lies 90 mm to the right of Right kidney."
    assert "wrong_side" in passport.organs[2].checks
    assert "wrong_side" not in passport.organs[5].checks


def test_two_exchanged_vertebrae_are_out_of_order() -> None:
    boxes = dict(HEALTHY)
    boxes["vertebrae_T8"], boxes["vertebrae_T9"] = boxes["vertebrae_T9"], boxes["vertebrae_T8"]
    passport = scan(boxes, boxes)
    (finding,) = (finding for finding in passport.findings if finding.code == "vertebra_order")
    assert finding.labels == (TOTAL.named("vertebrae_T9").value, TOTAL.named("vertebrae_T8").value)
    assert "upside_down" not in found(passport)


def test_two_exchanged_ribs_are_out_of_order() -> None:
    boxes = dict(HEALTHY)
    boxes["rib_left_7"], boxes["rib_left_8"] = boxes["rib_left_8"], boxes["rib_left_7"]
    assert "rib_order" in found(scan(boxes, boxes))


def test_a_short_last_rib_that_ends_higher_than_the_one_above_it_is_in_order() -> None:
    long, short = ((-90, -60, -60), (30, 30, 120)), ((-90, 0, -30), (30, 30, 30))
    assert "rib_order" not in found(scan({"rib_left_11": long, "rib_left_12": short}))


def test_a_vertebra_that_swallowed_the_next_is_uneven_and_the_next_one_missing() -> None:
    boxes = dict(HEALTHY)
    del boxes["vertebrae_T9"]
    boxes["vertebrae_T8"] = ((0, -60, 45), (30, 30, 48))
    passport = scan(boxes, [*boxes, "vertebrae_T9"])
    assert {"vertebra_volume", "missing_in_row"} <= found(passport)
    (finding,) = (finding for finding in passport.findings if finding.code == "missing_in_row")
    assert "Vertebra T9" in finding.message


def test_a_shifted_vertebra_leaves_uneven_distances() -> None:
    boxes = HEALTHY | {"vertebrae_T8": ((0, -60, 42), (30, 30, 15))}
    assert "vertebra_spacing" in found(scan(boxes, boxes))


def test_what_was_not_looked_for_is_not_missed() -> None:
    boxes = {name: box for name, box in HEALTHY.items() if name not in ("vertebrae_T9", "kidney_left")}
    assert not {"missing_in_row", "missing_partner"} & found(scan(boxes, boxes))
    assert {"missing_in_row", "missing_partner"} <= found(scan(boxes, HEALTHY))


def test_by_default_every_structure_of_the_table_was_looked_for() -> None:
    passport = scan({"kidney_right": HEALTHY["kidney_right"]})
    assert "missing_partner" in {finding.code for finding in apply_checks(passport.organs, TOTAL)}


def test_structures_without_voxels_are_told_in_one_note_if_they_were_looked_for() -> None:
    passport = scan(HEALTHY, [*HEALTHY, "pancreas", "gallbladder"])
    (finding,) = (finding for finding in passport.findings if finding.code == "empty")
    assert (finding.severity, finding.labels) == ("note", ())
    assert finding.message == f"2 of {len(HEALTHY) + 2} structures have no voxel: Gallbladder, Pancreas."
    everything = scan(HEALTHY, [label.name for label in TOTAL.values()])
    (finding,) = (finding for finding in everything.findings if finding.code == "empty")
    assert finding.message.endswith(f" and {117 - len(HEALTHY) - 10} more.")
    assert "empty" not in {finding.code for finding in apply_checks(passport.organs, TOTAL)}, (
        "nobody knows what was wanted"
    )


def test_an_organ_in_pieces_is_told_with_the_share_of_the_largest() -> None:
    boxes = HEALTHY | {"pancreas": ((-12, -30, 0), (60, 60, 60))}  # cuts the aorta in two
    passport = scan(boxes, boxes)
    (finding,) = (finding for finding in passport.findings if finding.code == "islands")
    assert finding.message == "Aorta is in 2 pieces; the largest holds 50 % of it."
    assert passport.organs[52].n_components == 2
    assert "islands" not in found(scan(HEALTHY, HEALTHY))


def test_a_few_stray_voxels_are_no_islands() -> None:
    labels = np.zeros((40, 40, 40), np.uint8)
    labels[5:20, 5:20, 5:20], labels[30, 30, 30] = 5, 5
    passport = extract_passport(labels, np.eye(4), TOTAL)
    assert passport.organs[5].n_components == 2
    assert "islands" not in found(passport)


@pytest.mark.parametrize(("size", "expected"), [((9, 9, 9), True), ((90, 120, 150), False), ((240, 200, 240), True)])
def test_volumes_are_held_against_those_of_reference_adults(size: tuple, expected: bool) -> None:
    passport = scan({"liver": ((0, 0, 0), size)})
    assert ("implausible_volume" in found(passport)) == expected
    assert "ICRP" in rule_named("implausible_volume").source


def test_a_small_rest_of_an_organ_at_the_border_is_no_implausible_volume() -> None:
    passport = scan({"liver": ((0, 0, -295), (30, 30, 12))})
    assert found(passport) >= {"touches_border"}
    assert "implausible_volume" not in found(passport)


def test_a_pair_of_unequal_size_is_noted_unless_one_is_cut() -> None:
    small = ((45, -45, -120), (30, 30, 60))
    assert "asymmetric_pair" in found(scan(HEALTHY | {"kidney_right": small}))
    cut = {"kidney_left": ((-45, -45, -120), (45, 45, 90)), "kidney_right": ((45, -45, -294), (45, 45, 12))}
    assert "asymmetric_pair" not in found(scan(cut))


def test_specks_take_no_part_in_comparisons() -> None:
    boxes = HEALTHY | {"kidney_right": ((-120, -45, -120), (6, 6, 6))}
    passport = scan(boxes, boxes)
    assert "few_voxels" in passport.organs[2].checks
    assert "wrong_side" not in found(passport)


def test_an_image_without_organs_is_told() -> None:
    passport = extract_passport(np.zeros((4, 5, 6), np.uint8), np.eye(4), TOTAL)
    assert [finding.code for finding in passport.findings] == ["nothing_found"]
    assert passport.organs == {}


def test_structures_that_no_rule_knows_are_measured_all_the_same() -> None:
    labels = np.zeros((30, 30, 30), np.uint16)
    labels[5:20, 5:20, 5:25] = 999
    assert extract_passport(labels, np.eye(4), TOTAL).findings == ()


def test_every_rule_names_structures_of_the_table_and_explains_itself() -> None:
    names = {label.name for label in TOTAL.values()}
    for rule in load_rules():
        pairs = [*rule.pairs, *(pair for group in rule.groups for pair in group)]
        mentioned = {name for pair in pairs for name in pair}
        mentioned |= {name for row in rule.rows for name in row} | set(rule.settings.get("exempt", ()))
        mentioned |= set(rule.settings.get("masses_g", {}))
        assert mentioned <= names
        assert set(rule.settings.get("replaces", ())) <= set(CHECKS)
        assert rule.severity in SEVERITIES
        assert CHECKS[rule.code].endswith(".")
    assert len({rule.code for rule in load_rules()}) == len(load_rules())


def test_the_summary_has_the_gravest_first_and_counts_the_notes() -> None:
    lines = findings_text(scan(reflected(HEALTHY, 0), HEALTHY)).splitlines()
    assert lines[0].startswith("checks: 1 error")
    assert lines[1].startswith("  error: mirrored scan: ")
    assert findings_text(extract_passport(np.full((9, 9, 9), 5, np.uint8), np.eye(4), TOTAL)).splitlines()[-1] == (
        "  notes: cut by the image's edge (1), axes not distinct (1)"
    )
