"""Contours lie on the voxels that they are of, whatever the slices' tilt and the pixels' shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from support.scans import rotation
from TotalPassportLib.base.errors import BadInput

from .conftest import AORTA, LIVER, Exported, export, placed


def contours(path: Path, name: str) -> list[pydicom.Dataset]:
    dataset = pydicom.dcmread(path)
    (number,) = (roi.ROINumber for roi in dataset.StructureSetROISequence if roi.ROIName == name)
    (found,) = (roi for roi in dataset.ROIContourSequence if roi.ReferencedROINumber == number)
    return list(found.ContourSequence)


def points(contour: pydicom.Dataset) -> np.ndarray:
    return np.array(contour.ContourData, float).reshape(-1, 3)


def test_contours_go_through_the_outermost_voxels(exported: Exported) -> None:
    slices = {pydicom.dcmread(path).SOPInstanceUID: path for path in exported.study.iterdir()}
    mask = exported.labels == LIVER
    seen = set()
    for contour in contours(exported.path("_structures.dcm"), "Liver"):
        indices = np.linalg.solve(exported.affine_lps, np.c_[points(contour), np.ones(len(points(contour)))].T)[:3].T
        assert np.allclose(indices, np.round(indices), atol=2e-3)
        i, j, k = np.round(indices).astype(int).T
        assert len(set(k)) == 1
        assert mask[i, j, k].all() or k[0] == 4  # the hole's contour goes through voxels around it
        position = pydicom.dcmread(
            slices[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
        ).ImagePositionPatient
        assert np.allclose(position, (exported.affine_lps @ [0, 0, k[0], 1])[:3], atol=1e-3)
        seen |= {(int(first), int(second), int(third)) for first, second, third in zip(i, j, k, strict=True)}
    corners = {(i, j, k) for i in (3, 11) for j in (4, 14) for k in range(2, 8)}
    assert corners <= seen


def test_a_hole_has_a_contour_of_its_own_and_a_single_voxel_is_a_point(exported: Exported) -> None:
    path = exported.path("_structures.dcm")
    assert len(contours(path, "Liver")) == 6 + 1
    (point,) = contours(path, "Aorta")
    assert point.ContourGeometricType == "POINT"
    assert np.allclose(points(point)[0], exported.centroid_lps_mm(AORTA), atol=1e-3)


def test_one_file_of_many_frames_has_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="needs one file a slice"):
        export(tmp_path, placed(rotation((0, 0, 0))), ("rtstruct",), enhanced=True)
