"""The phantom: the same body every time, complete, and the right way round."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from training.phantom import LABEL_VALUES, Phantom, make_phantom
from training.phantom.contrast import Phase
from training.phantom.scanner import grid_around
from training.phantom.shapes import rotation

COARSE_MM = (5.0, 5.0, 5.0)


@pytest.fixture(scope="module")
def trunk() -> Phantom:
    return make_phantom(1, COARSE_MM, field_of_view="trunk", noise_hu=0.0)


def centroid_ras_mm(phantom: Phantom, name: str) -> np.ndarray:
    voxels = np.argwhere(phantom.labels == LABEL_VALUES[name])
    assert len(voxels), f"{name} is missing"
    return phantom.affine[:3, :3] @ voxels.mean(axis=0) + phantom.affine[:3, 3]


def volume_ml(phantom: Phantom, name: str) -> float:
    voxel_mm3 = abs(np.linalg.det(phantom.affine[:3, :3]))
    return float((phantom.labels == LABEL_VALUES[name]).sum() * voxel_mm3 / 1000)


def test_one_seed_gives_one_phantom_to_the_last_voxel() -> None:
    first, second = (make_phantom(7, COARSE_MM, field_of_view="abdomen") for _ in range(2))
    np.testing.assert_array_equal(first.ct_hu, second.ct_hu)
    np.testing.assert_array_equal(first.labels, second.labels)
    np.testing.assert_array_equal(first.affine, second.affine)


def test_two_seeds_give_two_bodies(trunk: Phantom) -> None:
    other = make_phantom(2, COARSE_MM, field_of_view="trunk", noise_hu=0.0)
    assert np.linalg.norm(centroid_ras_mm(trunk, "liver") - centroid_ras_mm(other, "liver")) > 1.0


def test_arrays_are_what_ct_files_hold(trunk: Phantom) -> None:
    assert trunk.ct_hu.dtype == np.int16
    assert trunk.labels.dtype == np.uint8
    assert trunk.ct_hu.shape == trunk.labels.shape
    assert trunk.ct_hu.min() >= -1024


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_whole_trunk_holds_every_labelled_organ(seed: int) -> None:
    phantom = make_phantom(seed, COARSE_MM, field_of_view="trunk", noise_hu=0.0)
    assert {int(v) for v in np.unique(phantom.labels)} == {0, *LABEL_VALUES.values()}


def test_label_values_are_those_of_the_product() -> None:
    table = Path(__file__).parents[2] / "TotalPassportLib" / "data" / "labels" / "total.json"
    values = {label["name"]: label["value"] for label in json.loads(table.read_text())["labels"]}
    assert {name: values[name] for name in LABEL_VALUES} == LABEL_VALUES


@pytest.mark.parametrize(
    ("right", "left"),
    [
        ("liver", "spleen"),
        ("gallbladder", "stomach"),
        ("inferior_vena_cava", "aorta"),
        ("lung_middle_lobe_right", "heart"),
        ("kidney_right", "kidney_left"),
        ("femur_right", "femur_left"),
        ("hip_right", "hip_left"),
        ("iliopsoas_right", "iliopsoas_left"),
        ("autochthon_right", "autochthon_left"),
        ("gluteus_maximus_right", "gluteus_maximus_left"),
        ("lung_lower_lobe_right", "lung_lower_lobe_left"),
    ],
)
def test_the_patients_right_is_at_larger_x(trunk: Phantom, right: str, left: str) -> None:
    assert centroid_ras_mm(trunk, right)[0] > centroid_ras_mm(trunk, left)[0] + 10


@pytest.mark.parametrize(
    ("front", "back"),
    [
        ("sternum", "heart"),
        ("heart", "vertebrae_T8"),
        ("stomach", "spleen"),
        ("vertebrae_L3", "spinal_cord"),
        ("urinary_bladder", "sacrum"),
        ("hip_left", "gluteus_maximus_left"),
        ("lung_upper_lobe_left", "lung_lower_lobe_left"),
    ],
)
def test_the_front_is_at_larger_y(trunk: Phantom, front: str, back: str) -> None:
    assert centroid_ras_mm(trunk, front)[1] > centroid_ras_mm(trunk, back)[1] + 5


def test_the_head_is_at_larger_z(trunk: Phantom) -> None:
    upwards = ["femur_left", "sacrum", *(f"vertebrae_L{n}" for n in (5, 4, 3, 2, 1))]
    upwards += [f"vertebrae_T{n}" for n in (12, 11, 10, 9, 8)] + ["sternum"]
    heights = [centroid_ras_mm(trunk, name)[2] for name in upwards]
    assert np.all(np.diff(heights) > 15)


@pytest.mark.parametrize(
    ("organ", "least_ml", "most_ml"),
    [
        ("liver", 900, 2300),
        ("spleen", 90, 450),
        ("kidney_left", 80, 260),
        ("heart", 280, 750),
        ("vertebrae_L3", 25, 110),
        ("lung_upper_lobe_right", 500, 1900),
        ("urinary_bladder", 60, 450),
    ],
)
def test_organs_have_the_size_of_organs(trunk: Phantom, organ: str, least_ml: float, most_ml: float) -> None:
    assert least_ml < volume_ml(trunk, organ) < most_ml


def test_tissues_have_the_hounsfield_units_of_tissues(trunk: Phantom) -> None:
    def median_hu(name: str) -> float:
        return float(np.median(trunk.ct_hu[trunk.labels == LABEL_VALUES[name]]))

    assert median_hu("lung_upper_lobe_left") < -700
    assert 30 < median_hu("liver") < 140
    assert median_hu("vertebrae_L3") > 130
    assert median_hu("trachea") < -900
    assert median_hu("gallbladder") < median_hu("liver")


def test_contrast_medium_lights_up_the_aorta_and_moves_nothing() -> None:
    native, arterial = (
        make_phantom(4, COARSE_MM, field_of_view="abdomen", noise_hu=0.0, phase=phase)
        for phase in (Phase.NATIVE, Phase.ARTERIAL)
    )
    aorta = native.labels == LABEL_VALUES["aorta"]
    np.testing.assert_array_equal(native.labels, arterial.labels)
    assert np.median(arterial.ct_hu[aorta]) > np.median(native.ct_hu[aorta]) + 100


def grids() -> dict[str, tuple[tuple[float, float, float], np.ndarray]]:
    """Spacing and axes of grids that show one body in different ways."""
    return {
        "flipped": ((4.0, 4.0, 4.0), np.diag([-1.0, -1.0, 1.0])),
        "permuted": ((4.0, 4.0, 4.0), np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])),
        "oblique": ((4.0, 4.0, 4.0), rotation(8, -5, 11)),
        "anisotropic": ((2.5, 3.0, 7.0), np.eye(3)),
    }


@pytest.mark.parametrize("name", list(grids()))
def test_one_body_has_its_organs_in_one_place_on_every_grid(name: str) -> None:
    middle, extent = np.array([0.0, 10.0, 150.0]), np.array([440.0, 320.0, 320.0])
    straight = grid_around(middle, extent, (4.0, 4.0, 4.0), np.eye(3))
    spacing_mm, axes = grids()[name]
    # Roomy enough to hold the organs compared below whichever way the axes run.
    other = grid_around(middle, np.full(3, 440.0), spacing_mm, axes)
    first, second = (make_phantom(11, shape=g.shape, affine=g.affine, noise_hu=0.0) for g in (straight, other))
    for organ in ("liver", "spleen", "kidney_left", "kidney_right", "stomach"):
        np.testing.assert_allclose(centroid_ras_mm(first, organ), centroid_ras_mm(second, organ), atol=0.8)
        assert volume_ml(second, organ) == pytest.approx(volume_ml(first, organ), rel=0.03)


def test_a_grid_needs_shape_and_affine() -> None:
    with pytest.raises(ValueError, match="shape and affine"):
        make_phantom(1, affine=np.eye(4))
