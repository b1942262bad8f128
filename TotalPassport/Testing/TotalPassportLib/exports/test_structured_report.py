"""A structured report has the passport's numbers, with codes and units, about the segments beside it."""

from __future__ import annotations

import highdicom
import pydicom
import pytest
from pydicom.sr.codedict import codes

from .conftest import LEFT_KIDNEY, Exported


def test_the_numbers_are_the_passports(exported: Exported) -> None:
    report = highdicom.sr.srread(exported.path("_report.dcm"))
    segmentation = pydicom.dcmread(exported.path("_segmentation.dcm"))
    groups = report.content.get_volumetric_roi_measurement_groups(
        tracking_uid=segmentation.SegmentSequence[0].TrackingUID
    )
    (group,) = groups
    organ = exported.passport[LEFT_KIDNEY]
    (volume,) = group.get_measurements(name=codes.SCT.Volume)
    assert volume.value == pytest.approx(organ.volume_mm3, abs=1e-3)
    assert (volume.unit.value, volume.unit.scheme_designator) == ("mm3", "UCUM")
    by_derivation = {
        measurement.derivation.meaning: (measurement.value, measurement.unit.value)
        for measurement in group.get_measurements()
        if measurement.derivation is not None
    }
    assert by_derivation["Mean"] == (pytest.approx(organ.hu_mean, abs=1e-3), "[hnsf'U]")
    assert by_derivation["Standard Deviation"] == (pytest.approx(organ.hu_sd, abs=1e-3), "[hnsf'U]")


def test_structures_are_named_by_codes_with_their_side(exported: Exported) -> None:
    report = highdicom.sr.srread(exported.path("_report.dcm"))
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert len(groups) == len(exported.passport)
    sites = {group.finding_sites[0].value.value: group.finding_sites[0].laterality for group in groups}
    assert sites["64033007"].meaning == "Left"
    assert sites["10200004"] is None


def test_of_an_enhanced_scan_too(of_enhanced: Exported) -> None:
    report = highdicom.sr.srread(of_enhanced.path("_report.dcm"))
    assert len(report.content.get_volumetric_roi_measurement_groups()) == 3
