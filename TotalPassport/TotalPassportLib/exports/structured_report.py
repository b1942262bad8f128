"""The measurements of a passport as a DICOM structured report (TID 1500), written by highdicom.

Each structure is a group of measurements about a segment of the DICOM segmentation that is written beside it. Which
measurements there are, and their codes, stands in ``data/measurements.json``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .. import __version__
from ..base.errors import BadInput
from ..base.files import DATA_FOLDER, read_json
from ..base.labels import ANATOMY, Code
from ..passport import Passport
from ..passport.organ import OrganPassport
from .dicom_segmentation import SERIES_NUMBERS, SegmentationObject, coded, device


def structured_report(passport: Passport, segmentation: SegmentationObject, headers: Sequence[Any]) -> Any:
    """Return the report as highdicom's dataset.

    Parameters
    ----------
    passport : Passport
        What was measured, by the label values of the segmentation.
    segmentation : SegmentationObject
        The segments that it is about.
    headers : sequence
        Of the scan, see `dicom_source`.

    Raises
    ------
    BadInput
        highdicom refuses it.
    """
    import highdicom  # an extra
    from pydicom.sr.codedict import codes

    groups = [
        _group(organ, segmentation, segmentation.numbers[label], headers[0].SeriesInstanceUID)
        for label, organ in passport.organs.items()
        if label in segmentation.numbers
    ]
    observer = highdicom.sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=highdicom.sr.DeviceObserverIdentifyingAttributes(
            uid=highdicom.UID(), name="TotalPassport", manufacturer_name="TotalPassport", serial_number=__version__
        ),
    )
    try:
        content = highdicom.sr.MeasurementReport(
            observation_context=highdicom.sr.ObservationContext(observer_device_context=observer),
            procedure_reported=codes.LN.CTUnspecifiedBodyRegion
            if headers[0].get("Modality") == "CT"
            else codes.LN.MRIUnspecifiedBodyRegion,
            imaging_measurements=groups,
            title=codes.DCM.ImagingMeasurementReport,
        )
        return highdicom.sr.Comprehensive3DSR(
            evidence=[segmentation.dataset, *headers],
            content=content[0],
            series_instance_uid=highdicom.UID(),
            series_number=SERIES_NUMBERS["report"],
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            is_complete=True,
            is_final=False,
            is_verified=False,
            series_description="TotalPassport measurements",
            **device(),
        )
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        reason = str(error).splitlines()[0][:200].rstrip(".")
        raise BadInput(f"The series cannot have a structured report: {reason}.", "Leave dcm-sr out.") from error


def _group(organ: OrganPassport, segmentation: SegmentationObject, number: int, series: str) -> Any:
    import highdicom

    terminology = organ.terminology or ANATOMY
    description = segmentation.dataset.SegmentSequence[number - 1]
    side = None if terminology.modifier is None else coded(terminology.modifier)
    return highdicom.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=highdicom.sr.TrackingIdentifier(
            uid=description.TrackingUID, identifier=description.TrackingID
        ),
        referenced_segment=highdicom.sr.ReferencedSegment(
            sop_class_uid=segmentation.dataset.SOPClassUID,
            sop_instance_uid=segmentation.dataset.SOPInstanceUID,
            segment_number=number,
            source_series=highdicom.sr.SourceSeriesForSegmentation(series),
        ),
        finding_category=coded(terminology.category),
        finding_type=coded(ANATOMY.type),
        finding_sites=[highdicom.sr.FindingSite(anatomic_location=coded(terminology.type), laterality=side)],
        measurements=list(_measurements(organ)),
    )


def _measurements(organ: OrganPassport) -> Iterator[Any]:
    import highdicom

    for entry in read_json(DATA_FOLDER / "measurements.json")["measurements"]:
        value = getattr(organ, entry["attribute"])
        if value is None:
            continue
        derivation = entry.get("derivation")
        yield highdicom.sr.Measurement(
            name=coded(Code(**entry["name"])),
            value=round(float(value), 3),
            unit=coded(Code(**entry["unit"])),
            derivation=None if derivation is None else coded(Code(**derivation)),
        )
