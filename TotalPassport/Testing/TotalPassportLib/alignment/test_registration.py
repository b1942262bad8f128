"""Bodies whose true position is known: found in spite of what goes wrong, refused where nobody could tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from support.passports import LABELS, VERTEBRAE, body, edited, moved, spine, swapped, without
from TotalPassportLib.alignment import KINDS, Alignment, align
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.hints import Hint, HintCode
from TotalPassportLib.passport import Passport

METHODS = ["centroids", "icp"]


def motion(angle_deg: float = 25.0, scale: float | np.ndarray = 1.0) -> np.ndarray:
    """Return what takes the moving scan to the fixed one."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(np.array([0.6, -0.48, 0.64]) * angle_deg, degrees=True).as_matrix() * scale
    matrix[:3, 3] = (40.0, -25.0, 130.0)
    return matrix


def moving_body(truth: np.ndarray, fixed: Passport) -> Passport:
    return moved(fixed, np.linalg.inv(truth))


def error_mm(alignment: Alignment, truth: np.ndarray, fixed: Passport) -> float:
    """Return the largest error at the surfaces of all organs."""
    points = np.concatenate([organ.boundary_points_ras_mm for organ in fixed.organs.values()])
    true = points @ np.linalg.inv(truth)[:3, :3].T + np.linalg.inv(truth)[:3, 3]
    return float(np.linalg.norm(alignment.moving_from_fixed(points) - true, axis=1).max())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("kind", "scale"),
    [("rigid", 1.0), ("similarity", 1.1), ("affine", np.array([1.1, 0.95, 1.05]))],
)
@pytest.mark.slow
def test_a_body_that_was_moved_is_found_again(kind: str, scale: float | np.ndarray, method: str) -> None:
    truth = motion(scale=scale)
    alignment = align(body(), moving_body(truth, body()), kind, icp=method == "icp")
    assert np.allclose(alignment.fixed_from_moving_ras_mm, truth, atol=1e-4)
    assert error_mm(alignment, truth, body()) < 1e-3
    assert max(organ.residual_mm for organ in alignment.organs) < 1e-3
    assert alignment.verdict.startswith("Good")


def test_the_matrix_takes_moving_points_to_fixed_ones_and_the_points_of_an_alignment_go_the_other_way() -> None:
    fixed, truth = body(), motion()
    moving = moving_body(truth, fixed)
    alignment = align(fixed, moving)
    liver_fixed, liver_moving = fixed.organs[5].centroid_ras_mm, moving.organs[5].centroid_ras_mm
    assert np.allclose((alignment.fixed_from_moving_ras_mm @ [*liver_moving, 1])[:3], liver_fixed, atol=1e-3)
    assert np.allclose((alignment.moving_from_fixed_ras_mm @ [*liver_fixed, 1])[:3], liver_moving, atol=1e-3)
    assert np.allclose(alignment.moving_from_fixed(liver_fixed[None])[0], liver_moving, atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_missing_organs_do_not_matter(method: str) -> None:
    fixed, truth = without(body(), 1, 5, 27, 75), motion()
    moving = without(moving_body(truth, body()), 2, 6, 28, 76, 78)
    alignment = align(fixed, moving, icp=method == "icp")
    assert error_mm(alignment, truth, fixed) < 1e-3
    assert {organ.fixed_label for organ in alignment.organs} == set(LABELS) - {1, 5, 27, 75, 2, 6, 28, 76, 78}


@pytest.mark.parametrize("method", METHODS)
def test_swapped_organs_are_found_out_and_named(method: str) -> None:
    fixed, truth = body(), motion()
    moving = swapped(moving_body(truth, fixed), (2, 3), (75, 76), (27, 30))
    alignment = align(fixed, moving, icp=method == "icp")
    assert error_mm(alignment, truth, fixed) < 1.0
    assert {organ.name for organ in alignment.organs if organ.is_misfit} >= {"femur_left", "femur_right"}
    assert "femur_left" in alignment.verdict.split("mislabelled: ")[1]


@pytest.mark.parametrize("method", METHODS)
def test_organs_that_an_edge_cuts_pull_little(method: str) -> None:
    fixed, truth = body(), motion()
    moving = moving_body(truth, fixed)
    for label in (5, 6, 9, 78):
        organ = moving.organs[label]
        rest = organ.centroid_ras_mm + np.array([0, 0, 25.0])
        moving = edited(moving, label, centroid_ras_mm=rest, volume_mm3=organ.volume_mm3 / 2, touches_border=True)
    alignment = align(fixed, moving, icp=method == "icp")
    assert error_mm(alignment, truth, fixed) < 1.0
    assert {organ.fixed_label for organ in alignment.organs if organ.truncated} == {5, 6, 9, 78}
    assert not any(organ.is_misfit for organ in alignment.organs)


def test_two_whole_bones_that_are_mixed_up_do_not_outvote_many_cut_organs_that_agree() -> None:
    fixed, truth = body(), motion()
    for label in set(LABELS) - {27, 29}:
        fixed = edited(fixed, label, touches_border=True)
    moving = swapped(moving_body(truth, body()), (27, 29))
    for label in (27, 29):  # equal sizes, so that these do not give them away
        fixed, moving = edited(fixed, label, volume_mm3=5e4), edited(moving, label, volume_mm3=5e4)
    assert error_mm(align(fixed, moving, icp=False), truth, fixed) < 1.0


def test_surfaces_outside_the_other_field_of_view_are_left_out() -> None:
    """Half of each large organ lies outside the moving image: ICP must not pull it inside."""
    fixed, truth = body(), motion(10.0)
    moving = replace(moving_body(truth, fixed), shape=(160, 120, 110))
    inverse = np.linalg.inv(moving.affine)
    for label, organ in moving.organs.items():
        points = organ.boundary_points_ras_mm
        inside = (points @ inverse[:3, :3].T + inverse[:3, 3])[:, 2] <= 109
        if not inside.all():
            moving = edited(moving, label, boundary_points_ras_mm=points[inside], touches_border=True)
    assert 3 < sum(organ.touches_border for organ in moving.organs.values()) < 16
    assert error_mm(align(fixed, moving), truth, fixed) < 0.5


@pytest.mark.parametrize("seed", range(3))
def test_surfaces_mend_what_centroids_of_uncertain_organs_get_wrong(seed: int) -> None:
    rng = np.random.default_rng(seed)
    fixed, truth = body(seed=seed), motion(40.0)
    moving = moving_body(truth, fixed)
    for label, organ in moving.organs.items():
        points = organ.boundary_points_ras_mm
        moving = edited(
            moving,
            label,
            centroid_ras_mm=organ.centroid_ras_mm + rng.normal(0, 4, 3),
            boundary_points_ras_mm=points + rng.normal(0, 0.5, points.shape),
        )
    assert error_mm(align(fixed, moving, icp=False), truth, fixed) > 1.0
    assert error_mm(align(fixed, moving), truth, fixed) < 0.5


@pytest.mark.slow
def test_the_same_passports_give_the_same_alignment_to_the_last_bit() -> None:
    fixed = body()
    moving = swapped(moving_body(motion(), fixed), (2, 3), (75, 76))
    for kind in KINDS:
        first, second = align(fixed, moving, kind), align(fixed, moving, kind)
        assert first.fixed_from_moving_ras_mm.tobytes() == second.fixed_from_moving_ras_mm.tobytes()
        assert first.organs == second.organs


@pytest.mark.slow
def test_a_smooth_deformation_is_followed_and_fades_away_from_the_organs() -> None:
    fixed = body(seed=3)

    def bent(points: np.ndarray) -> np.ndarray:
        return points + 12 * np.sin(points[..., [2, 0, 1]] / 90)

    organs = {
        label: replace(
            organ,
            centroid_ras_mm=bent(organ.centroid_ras_mm),
            boundary_points_ras_mm=bent(organ.boundary_points_ras_mm),
        )
        for label, organ in fixed.organs.items()
    }
    moving = replace(fixed, organs=organs)
    points = np.concatenate([organ.boundary_points_ras_mm for organ in fixed.organs.values()])

    def mean_error_mm(kind: str) -> float:
        reached = align(fixed, moving, kind).moving_from_fixed(points)
        return float(np.linalg.norm(reached - bent(points), axis=1).mean())

    assert mean_error_mm("deformable") < 0.2 * mean_error_mm("affine")
    field = align(fixed, moving, "deformable").field
    assert field.smallest_jacobian > 0.3
    assert np.array_equal(field.at(np.array([[0.0, 0.0, 5000.0]])), np.zeros((1, 3)))


TRUTH = motion()
REFUSED = {
    "no organ in common": (without(body(), *VERTEBRAE), body(VERTEBRAE), "rigid", "no organ in common"),
    "no organ at all": (without(body(), *LABELS), body(), "rigid", "no organ in common"),
    "one organ": (body((5,)), body(), "rigid", "1 organ in common"),
    "two organs": (body((5, 6)), body(), "rigid", "2 organs in common"),
    "vertebrae in a line": (spine(), spine(), "rigid", "nearly in one line"),
    "too few organs for an affine map": (body(LABELS[:6]), body(), "affine", "affine alignment needs 8"),
    "another body": (body(seed=1), body(seed=2), "rigid", "contradict each other"),
    "mirrored": (body(), moved(body(), np.diag([-1.0, 1, 1, 1])), "rigid", "contradict each other"),
    "mirrored, affine": (body(), moved(body(), np.diag([-1.0, 1, 1, 1])), "affine", "contradict each other"),
    "upside down": (body(), moved(body(), np.diag([1.0, -1, -1, 1])), "rigid", "90 degrees|contradict each other"),
    "three times as large": (body(), moved(body(), np.diag([3.0, 3, 3, 1])), "similarity", "contradict each other"),
    "no such kind": (body(), body(), "elastic", "no kind of alignment"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_told_is_refused_with_its_reason(name: str) -> None:
    fixed, moving, kind, reason = REFUSED[name]
    for icp in (False, True):
        with pytest.raises(BadInput, match=reason) as caught:
            align(fixed, moving, kind, icp)
        assert caught.value.hint


def test_a_deformable_alignment_is_refused_when_many_organs_are_cut_but_a_rigid_one_is_not() -> None:
    fixed = body()
    for label in LABELS[:13]:
        fixed = edited(fixed, label, touches_border=True)
    with pytest.raises(BadInput, match="7 of the 20 organs in common are whole"):
        align(fixed, body(), "deformable")
    assert error_mm(align(fixed, body()), np.eye(4), body()) < 1e-3


def test_passports_without_boundary_points_align_by_centroids_alone() -> None:
    fixed = body()
    for label in LABELS:
        fixed = edited(fixed, label, boundary_points_ras_mm=np.empty((0, 3)))
    with pytest.raises(BadInput, match="too few boundary points") as caught:
        align(fixed, body())
    assert caught.value.hint == Hint(HintCode.MEASURE_AGAIN_OR_OMIT_ICP)
    assert error_mm(align(fixed, body(), icp=False), np.eye(4), body()) < 1e-6


def test_who_has_a_passport_in_micrometres_is_not_told_to_measure_the_same_again() -> None:
    fixed = body()
    scale = np.diag([1000.0, 1000.0, 1000.0, 1.0])
    for label, organ in fixed.organs.items():
        fixed = edited(fixed, label, centroid_ras_mm=organ.centroid_ras_mm * 1000, volume_mm3=organ.volume_mm3 * 1e9)
    for micrometres in (replace(fixed, affine=scale @ fixed.affine), replace(body(), affine=scale @ body().affine)):
        with pytest.raises(BadInput, match=r"no scan has|no organ in a scan") as caught:
            align(micrometres, body())
        assert "state the unit in its header" in str(caught.value.hint)


def test_organs_are_paired_by_name_whatever_their_label_values() -> None:
    fixed, truth = body(), motion()
    organs = moving_body(truth, fixed).organs
    renumbered = {200 - label: replace(organ, label=200 - label) for label, organ in organs.items()}
    alignment = align(fixed, replace(fixed, organs=renumbered), icp=False)
    assert error_mm(alignment, truth, fixed) < 1e-6
    assert all(organ.moving_label == 200 - organ.fixed_label for organ in alignment.organs)


def test_a_name_that_two_organs_of_a_passport_share_is_not_used() -> None:
    moving = edited(body(), 6, name="liver")
    assert {organ.fixed_label for organ in align(body(), moving).organs} == set(LABELS) - {5, 6}
