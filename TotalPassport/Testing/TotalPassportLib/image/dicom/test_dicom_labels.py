"""A segmentation object in DICOM is measured as the label image that it was made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.bad_scans import plausible
from support.dicom_files import write_slices
from support.scans import rotation, save_nifti
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.description_run import describe

SHAPE = (24, 20, 10)
LIVER, LEFT_KIDNEY = 5, 3
AFFINE_LPS = np.eye(4)
AFFINE_LPS[:3, :3] = rotation((5.0, -10.0, 20.0)) * [2.0, 2.0, 3.0]
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    labels = np.zeros(SHAPE, np.uint8)
    labels[3:12, 4:15, 2:8] = LIVER
    labels[15:20, 5:9, 0:6] = LEFT_KIDNEY  # cut by the edge
    write_slices(folder / "study", plausible(SHAPE), AFFINE_LPS)
    source = save_nifti(folder / "labels.nii.gz", labels, RAS_FROM_LPS @ AFFINE_LPS)
    describe(source, folder / "passport.json", labels="total", ct=folder / "study", formats=["dcm-seg"])
    return folder


@pytest.mark.parametrize("with_scan", [True, False])
def test_structures_are_where_they_were_by_their_names(with_scan: bool, written: Path) -> None:
    ct = written / "study" if with_scan else None
    expected = describe(written / "labels.nii.gz", labels="total", ct=ct)
    found = describe(written / "labels_segmentation.dcm", ct=ct)
    assert found.names == ("kidney_left", "liver")
    for name in found.names:
        assert found[name].volume_mm3 == pytest.approx(expected[name].volume_mm3, rel=1e-5)
        assert np.allclose(found[name].centroid_ras_mm, expected[name].centroid_ras_mm, atol=1e-3)
        assert found[name].hu_mean == (None if ct is None else pytest.approx(expected[name].hu_mean))
    told = {finding.code for finding in found.findings}
    assert ("slices_left_out" in told) is not with_scan
    assert found["kidney_left"].touches_border is with_scan


def test_the_segmentation_of_another_scan_is_refused(written: Path, tmp_path: Path) -> None:
    elsewhere = AFFINE_LPS.copy()
    elsewhere[:3, 3] += 0.7
    write_slices(tmp_path / "other", plausible(SHAPE), elsewhere)
    with pytest.raises(BadInput, match="their voxels lie apart"):
        describe(written / "labels_segmentation.dcm", ct=tmp_path / "other")


def test_a_segmentation_is_no_scan_and_a_damaged_one_is_told(written: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is no CT: by its header its modality is SEG"):
        describe(written / "labels.nii.gz", ct=written / "labels_segmentation.dcm")
    damaged = tmp_path / "damaged.dcm"
    damaged.write_bytes((written / "labels_segmentation.dcm").read_bytes()[:-3000])
    with pytest.raises(BadInput, match=r"is no segmentation object that can be read|is not a valid DICOM file"):
        describe(damaged)
