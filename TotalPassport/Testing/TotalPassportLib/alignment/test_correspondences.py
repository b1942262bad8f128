"""Which organs are compared, and how much each is trusted: bones and whole organs more, cut and changed ones less."""

from __future__ import annotations

import numpy as np
import pytest
from support.passports import LABELS, body, edited
from TotalPassportLib.alignment.correspondences import find_correspondences, kish_effective_count
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.passport import Passport

LIVER, VERTEBRA = 5, 29


def weights(fixed: Passport, moving: Passport) -> dict[int, float]:
    found = find_correspondences(fixed, moving)
    return {organ.label: weight for organ, weight in zip(found.fixed, found.weights, strict=True)}


def test_bones_are_trusted_twice_as_much_as_soft_organs() -> None:
    plain = weights(body(), body())
    assert plain[VERTEBRA] == pytest.approx(1.0)
    assert plain[LIVER] == pytest.approx(0.5)


def test_the_bones_of_the_label_table_are_the_skeleton() -> None:
    table = load_label_table("total")
    bones = {label.name for label in table.values() if label.tissue == "bone"}
    assert len(bones) == 62
    assert {"sacrum", "skull", "sternum", "vertebrae_C1", "rib_left_1", "hip_left", "femur_right"} <= bones
    assert not bones & {"spinal_cord", "costal_cartilages", "liver", "gluteus_maximus_left"}
    prefixes = ("vertebrae_", "rib_", "hip_", "femur_", "humerus_", "scapula_", "clavicula_")
    assert {label.name for label in table.values() if label.name.startswith(prefixes)} <= bones


@pytest.mark.parametrize("side", ["fixed", "moving"])
def test_an_organ_that_an_edge_cuts_or_whose_volume_changed_or_that_is_small_counts_less(side: str) -> None:
    def weight(**changes: object) -> float:
        changed = edited(body(), LIVER, **changes)
        pair = (changed, body()) if side == "fixed" else (body(), changed)
        return weights(*pair)[LIVER] / 0.5

    volume_mm3 = body().organs[LIVER].volume_mm3
    assert weight(touches_border=True) == pytest.approx(0.1)
    assert weight(volume_mm3=volume_mm3 * np.exp(0.3)) == pytest.approx(0.5)
    assert weight(volume_mm3=volume_mm3 * np.exp(-0.3)) == pytest.approx(0.5)
    small = edited(body(), LIVER, volume_mm3=750.0)
    assert weights(small, small)[LIVER] / 0.5 == pytest.approx(0.5)


def test_the_surface_of_a_cut_organ_is_trusted_like_that_of_a_whole_one() -> None:
    cut = edited(body(), LIVER, touches_border=True, volume_mm3=body().organs[LIVER].volume_mm3 / 2)
    surface_weights = find_correspondences(cut, body()).surface_weights
    assert surface_weights[LABELS.index(LIVER)] == pytest.approx(0.5)


def test_pairs_follow_the_order_of_the_fixed_labels_and_say_which_are_cut() -> None:
    found = find_correspondences(edited(body(), LIVER, touches_border=True), edited(body(), 78, touches_border=True))
    assert [organ.label for organ in found.fixed] == list(LABELS)
    assert [organ.name for organ in found.fixed] == [organ.name for organ in found.moving]
    assert {label for label, cut in zip(LABELS, found.truncated, strict=True) if cut} == {LIVER, 78}


def test_equal_weights_are_worth_their_number_and_one_heavy_weight_is_worth_one() -> None:
    assert kish_effective_count(np.full(7, 0.3)) == pytest.approx(7)
    assert kish_effective_count([1.0, 1e-9, 1e-9]) == pytest.approx(1)
    assert kish_effective_count(np.zeros(3)) == 0
