"""The same file lies in the same place, whether Slicer has loaded it or the command line."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from support.bad_scans import QFORM, plausible

AFFINE = np.diag([2.0, 2.5, 3.0, 1.0])
AFFINE[:3, 3] = (10.0, -20.0, 30.0)


@pytest.mark.parametrize("unit", ["unknown", "mm", "meter", "micron"])
@pytest.mark.parametrize("codes", [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2)])
def test_a_header_in_any_unit_and_with_any_codes(
    application: Any, unit: str, codes: tuple[int, int], tmp_path: Path
) -> None:
    import slicer
    from TotalPassportLib.image.volume import load_ct
    from TotalPassportSlicer.nodes.volumes import export_volume

    factor = {"meter": 1000.0, "micron": 0.001}.get(unit, 1.0)
    image = nibabel.Nifti1Image(plausible(), np.diag([1 / factor] * 3 + [1.0]) @ AFFINE)
    image.set_qform(image.affine, 1)
    image.header.set_xyzt_units(unit)
    image.to_filename(tmp_path / "ct.nii")
    content = bytearray((tmp_path / "ct.nii").read_bytes())
    struct.pack_into("<hh", content, QFORM, *codes)
    (tmp_path / "ct.nii").write_bytes(content)
    export_volume(slicer.util.loadVolume(str(tmp_path / "ct.nii")), tmp_path / "exported.nii")
    shell, window = load_ct(tmp_path / "ct.nii"), load_ct(tmp_path / "exported.nii")
    assert np.allclose(shell.affine, window.affine, rtol=1e-6, atol=1e-6)
    assert np.allclose(shell.spacing_mm, (2.0, 2.5, 3.0))
    assert np.array_equal(shell.voxels, window.voxels)
