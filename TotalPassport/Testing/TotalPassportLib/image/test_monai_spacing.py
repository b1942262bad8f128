"""Scans are resampled as MONAI 1.4 resampled them, and labels go back to the very voxels to which it brought them.

The oracle are the stages that MONAI itself went through (``../shared/monai``).
"""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from TotalPassportLib.image.monai_spacing import sample_nearest, spaced_grid
from TotalPassportLib.image.normalisation import normalisation_from_document
from TotalPassportLib.image.preparation import labels_back, prepared_as
from TotalPassportLib.image.preparation_rules import Preparation
from TotalPassportLib.image.sampling_rules import sampling_from_document
from TotalPassportLib.image.volume import Volume

NORMALISATION = {
    "scheme": "steps",
    "steps": [{"scheme": "zscore_nonzero"}, {"scheme": "range", "low": -1.0, "high": 1.0}],
}
CASES = (
    "all_zero.lowres", "anisotropic_psl.lowres", "example_ct.lowres", "example_ct_sm.highres", "example_ct_sm.lowres",
    "half_spacing.lowres", "oblique_float.highres", "oblique_float.lowres", "one_slice.lowres",
    "zero_border_float32.lowres",
)  # fmt: skip


def scan_named(shared: Path, name: str) -> Volume:
    folders = (shared / "monai" / "inputs", shared / "data", shared / "parity" / "inputs")
    (path,) = (folder / f"{name}.nii.gz" for folder in folders if (folder / f"{name}.nii.gz").is_file())
    image = nibabel.load(path)
    voxels = np.asarray(image.dataobj)
    sizes = tuple(float(size) for size in image.header.get_zooms()[:3])
    return Volume(voxels=voxels, affine=image.affine, nominal_spacing_mm=sizes, header=None, path=path)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", CASES)
def test_a_scan_is_what_monai_made_of_it_and_labels_go_back_where_it_brought_them(case: str, shared: Path) -> None:
    name, mode = case.split(".")
    stages = np.load(shared / "monai" / "stages" / f"{case}.npz")
    size = 3.0 if mode == "lowres" else 1.5
    preparation = Preparation(
        spacing_mm=(size, size, size), sampling=sampling_from_document({"rule": "monai"}), crop_to_filled=False
    )
    scan = scan_named(shared, name)
    prepared = prepared_as(preparation, scan)
    assert prepared.shape_zyx[::-1] == stages["labels"].shape
    assert np.abs(prepared.affine - stages["affine"]).max() < 1e-6
    if "image" in stages.files:
        image = normalisation_from_document(NORMALISATION).apply(prepared.hounsfield_zyx.transpose(2, 1, 0))
        assert np.abs(image - stages["image"]).max() < 1e-6
    expected = np.asarray(nibabel.load(shared / "monai" / "expected" / f"{case}.nii.gz").dataobj)
    found = labels_back(preparation, stages["labels"].astype(np.uint8), prepared)
    assert np.array_equal(found, expected.reshape(scan.voxels.shape))


def test_a_voxel_size_that_is_almost_the_wanted_one_stays() -> None:
    affine = np.diag([3.0005, 3.0, 1.0, 1.0])
    grid = spaced_grid((10, 10, 10), affine, (3.0, 3.0, 3.0))
    assert grid.shape == (10, 10, 4)
    assert np.diag(grid.affine) == pytest.approx([3.0005, 3.0, 3.0, 1.0], abs=1e-12)
    assert not grid.same
    assert spaced_grid((10, 10, 10), np.diag([3.0, 3.0, 3.0, 1.0]), (3.0, 3.0, 3.0)).same


def test_a_tie_goes_the_way_that_rounded_coordinates_lead() -> None:
    """Twice as many voxels, each second of them half way between two: neither rule for ties gives what comes out."""
    labels = np.arange(16, dtype=np.uint8).reshape(16, 1, 1)
    found = sample_nearest(labels, np.diag([0.5, 1, 1, 1]), (31, 1, 1))[:, 0, 0]
    assert found[::2].tolist() == list(range(16))
    assert set(found[1::2] - found[:-1:2]) <= {0, 1}
