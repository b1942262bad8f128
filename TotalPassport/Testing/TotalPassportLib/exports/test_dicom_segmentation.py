"""A DICOM segmentation has every voxel where the scan has it, with its codes, and belongs to the scan's patient."""

from __future__ import annotations

import highdicom
import numpy as np
import pydicom
import pytest
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.description_run import describe

from .conftest import AORTA, LEFT_KIDNEY, LIVER, Exported

VALUES = (LEFT_KIDNEY, LIVER, AORTA)
"""In the order of their segments."""


def test_every_voxel_is_where_the_scan_has_it(exported: Exported) -> None:
    dataset = highdicom.seg.segread(exported.path("_segmentation.dcm"))
    found = {}
    for plane in dataset.PerFrameFunctionalGroupsSequence:
        number = plane.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        found.setdefault(number, []).append(np.array(plane.PlanePositionSequence[0].ImagePositionPatient, float))
    frames = dataset.pixel_array.reshape(-1, *dataset.pixel_array.shape[-2:])
    for number, value in enumerate(VALUES, 1):
        mask = exported.labels == value
        places = [(exported.affine_lps @ [0, 0, k, 1])[:3] for k in np.flatnonzero(mask.any(axis=(0, 1)))]
        assert np.allclose(sorted(map(tuple, found[number])), sorted(map(tuple, places)), atol=1e-4)
        own = [
            frame
            for frame, group in zip(frames, dataset.PerFrameFunctionalGroupsSequence, strict=True)
            if group.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number
        ]
        expected = {mask[:, :, k].T.tobytes() for k in np.flatnonzero(mask.any(axis=(0, 1)))}
        assert {frame.astype(bool).tobytes() for frame in own} == expected


def test_of_an_enhanced_scan_whose_frames_are_shuffled_too(of_enhanced: Exported) -> None:
    volume = highdicom.seg.segread(of_enhanced.path("_segmentation.dcm")).get_volume(combine_segments=True)
    for number, value in enumerate(VALUES, 1):
        places = np.argwhere(volume.array == number).mean(axis=0)
        assert np.allclose((volume.affine @ [*places, 1])[:3], of_enhanced.centroid_lps_mm(value), atol=1e-3)


def test_segments_have_names_codes_sides_and_colours(exported: Exported) -> None:
    dataset = pydicom.dcmread(exported.path("_segmentation.dcm"))
    kidney, liver, aorta = dataset.SegmentSequence
    assert [segment.SegmentLabel for segment in (kidney, liver, aorta)] == ["Left kidney", "Liver", "Aorta"]
    kind = kidney.SegmentedPropertyTypeCodeSequence[0]
    assert (kind.CodeValue, kind.CodingSchemeDesignator) == ("64033007", "SCT")
    assert kind.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning == "Left"
    assert liver.SegmentAlgorithmType == "AUTOMATIC"
    assert len(liver.RecommendedDisplayCIELabValue) == 3


def test_it_belongs_to_the_scans_patient_and_study(exported: Exported) -> None:
    source = pydicom.dcmread(next(exported.study.iterdir()))
    for ending in ("_segmentation.dcm", "_report.dcm", "_structures.dcm"):
        dataset = pydicom.dcmread(exported.path(ending))
        for keyword in ("PatientID", "PatientName", "StudyInstanceUID"):
            assert dataset[keyword].value == source[keyword].value
        assert dataset.SeriesInstanceUID != source.SeriesInstanceUID


def test_of_a_scan_that_is_no_dicom_it_is_refused_before_the_work(exported: Exported) -> None:
    with pytest.raises(BadInput, match="dcm-seg belongs to the scan"):
        describe(exported.path(".nii.gz"), exported.folder / "no.json", formats=["dcm-seg"])
    with pytest.raises(BadInput, match="is no DICOM"):
        describe(
            exported.path(".nii.gz"),
            exported.folder / "no.json",
            ct=exported.path(".nii.gz"),
            formats=["dcm-seg"],
        )
    assert not (exported.folder / "no.json").exists()
