"""The phantom of known geometry: what is counted in voxels agrees with what follows from the formulas."""

from __future__ import annotations

import numpy as np
import pytest

from training.phantom.known_geometry import KNOWN_ORGANS, covering_grid, make_known_phantom

GRIDS = {
    "RAS": {"orientation": "RAS"},
    "LPS": {"orientation": "LPS"},
    "LAS": {"orientation": "LAS"},
    "permuted": {"orientation": "SAR"},
    "permuted and flipped": {"orientation": "PIL"},
    "oblique": {"tilt_deg": (9.0, -6.0, 14.0)},
    "anisotropic": {"spacing_mm": (1.0, 1.2, 3.0)},
    "oblique, anisotropic, LPS": {"spacing_mm": (1.1, 1.1, 2.5), "orientation": "LPS", "tilt_deg": (-5.0, 7.0, 3.0)},
}


@pytest.mark.parametrize("name", list(GRIDS))
def test_counted_figures_agree_with_the_formulas(name: str) -> None:
    grid = covering_grid(**GRIDS[name])
    phantom = make_known_phantom(grid.shape, grid.affine)
    voxel_mm3 = abs(np.linalg.det(grid.affine[:3, :3]))
    for organ in KNOWN_ORGANS:
        voxels = np.argwhere(phantom.labels == organ.label)
        points = voxels @ grid.affine[:3, :3].T + grid.affine[:3, 3]
        np.testing.assert_allclose(points.mean(axis=0), organ.center_ras_mm, atol=0.25)
        assert len(voxels) * voxel_mm3 == pytest.approx(organ.volume_mm3, rel=0.02)
        np.testing.assert_allclose(np.cov(points.T), organ.covariance_mm2, atol=0.04 * organ.eigenvalues_mm2[-1])


def test_no_flip_or_permutation_of_the_axes_goes_unnoticed() -> None:
    centers = np.array([organ.center_ras_mm for organ in KNOWN_ORGANS])
    order = centers.argsort(axis=0)
    for axis in range(3):
        assert not np.array_equal(order[:, axis], order[::-1, axis])
    assert len({tuple(order[:, axis]) for axis in range(3)}) == 3


def test_sides_are_those_of_the_body() -> None:
    centers = {organ.name: organ.center_ras_mm for organ in KNOWN_ORGANS}
    assert centers["liver"][0] > 0 > centers["spleen"][0]
    assert centers["urinary_bladder"][1] > 0 > centers["kidney_right"][1]
    assert centers["heart"][2] > 0 > centers["urinary_bladder"][2]


def test_half_axes_ascend_so_that_they_match_eigenvalues() -> None:
    for organ in KNOWN_ORGANS:
        assert list(organ.radii_mm) == sorted(organ.radii_mm)
        np.testing.assert_allclose(organ.axes.T @ organ.axes, np.eye(3), atol=1e-12)
