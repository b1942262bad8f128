"""Labels are written exactly on the scan's grid, in the kind of file that the scan came in."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.bad_scans import plausible
from support.scans import rotation
from TotalPassportLib.base.labels import load_label_table
from TotalPassportLib.image.nifti import save_labels
from TotalPassportLib.image.volume import load_ct

GEOMETRY = ("dim", "pixdim", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d")
GEOMETRY += ("qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units")


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize(("sform", "qform"), [(1, 1), (2, 0), (0, 1), (0, 0), (4, 2)])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_labels_keep_every_field_of_the_geometry(
    kind: type, sform: int, qform: int, suffix: str, tmp_path: Path
) -> None:
    affine = np.eye(4)
    affine[:3, :3] = rotation((10, 20, 30)) * (2, 2.1, 2.3)
    affine[:3, 3] = (-7, 11, 300)
    image = kind(plausible(), affine if sform or qform else None)
    image.header.set_sform(affine if sform else None, sform)
    image.header.set_qform(affine if qform else None, qform)
    image.header.set_zooms((2, 2.1, 2.3))
    image.header["descrip"] = b"from somewhere"
    image.to_filename(tmp_path / f"ct{suffix}")
    ct = load_ct(tmp_path / f"ct{suffix}")
    labels = (plausible() > 0).astype(np.uint8)
    save_labels(tmp_path / f"out{suffix}", labels, like=ct, table=load_label_table("total"))
    before, after = (nibabel.load(tmp_path / f"{name}{suffix}") for name in ("ct", "out"))
    assert type(after) is kind
    for field in GEOMETRY:
        assert np.array_equal(before.header[field], after.header[field]), field
    assert np.array_equal(before.affine, after.affine)
    assert after.get_data_dtype() == np.uint8
    assert after.header.get_slope_inter() in ((1, 0), (None, None))
    assert np.array_equal(np.asarray(after.dataobj), labels)
