"""A segmentation as a DICOM object, written by highdicom: binary segments with SNOMED codes and colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import __version__
from ..base.errors import BadInput
from ..base.labels import ANATOMY, Code, Label
from ..base.memory import require_memory
from ..image.dicom.dicom_header import Plane
from .label_layer import LabelLayer

MANUFACTURER = "TotalPassport"
SERIES_NUMBERS = {"segmentation": 9001, "report": 9002, "structures": 9003}
"""High, so that they do not take those of the scanner's."""


@dataclass(frozen=True, kw_only=True)
class SegmentationObject:
    """A DICOM segmentation.

    Attributes
    ----------
    dataset : highdicom.seg.Segmentation
        What is written.
    numbers : dict of int to int
        Label value -> number of its segment.
    """

    dataset: Any
    numbers: dict[int, int]


def segmentation_object(
    layer: LabelLayer, planes: Sequence[Plane], headers: Sequence[Any], model: str
) -> SegmentationObject:
    """Return a segmentation as a DICOM object of the series that was segmented.

    Parameters
    ----------
    layer : LabelLayer
        Labels ``[i, j, k]``, plane k the k-th of ``planes``.
    planes, headers : sequence
        Of the scan, see `dicom_source`.
    model : str
        What has found them.

    Raises
    ------
    BadInput
        highdicom refuses the series, or there is no structure.
    OutOfMemory
        There is no room for it.
    """
    import highdicom  # an extra

    labels = layer.present()
    if not labels:
        raise BadInput("Nothing was found: a DICOM segmentation of no segments cannot be.", "Look at the scan.")
    numbers = {label.value: number for number, label in enumerate(labels, 1)}
    require_memory(3 * layer.voxels.nbytes, "A DICOM segmentation")
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name=f"TotalPassport, {model}"[:64], family=_artificial_intelligence(), version=__version__
    )
    descriptions = [_description(label, number, algorithm) for number, label in enumerate(labels, 1)]
    try:
        dataset = highdicom.seg.Segmentation(
            source_images=list(headers),
            pixel_array=_frames(layer.voxels, planes, headers, numbers),
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=descriptions,
            series_instance_uid=highdicom.UID(),
            series_number=SERIES_NUMBERS["segmentation"],
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            series_description="TotalPassport segmentation",
            content_label="SEGMENTATION",
            **device(),
        )
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        reason = str(error).splitlines()[0][:200].rstrip(".")
        raise BadInput(
            f"The series cannot have a DICOM segmentation: {reason}.",
            "Choose another format, such as seg.nrrd.",
        ) from error
    return SegmentationObject(dataset=dataset, numbers=numbers)


def device() -> dict[str, Any]:
    """Return what DICOM asks of whatever has made an object."""
    return {
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": MANUFACTURER,
        "software_versions": __version__,
        "device_serial_number": __version__,
    }


def coded(code: Code) -> Any:
    """Return a code as highdicom's."""
    import highdicom

    return highdicom.sr.CodedConcept(value=code.code, scheme_designator=code.scheme, meaning=code.meaning[:64])


def _artificial_intelligence() -> Any:
    from pydicom.sr.codedict import codes

    return codes.cid7162.ArtificialIntelligence


def _description(label: Label, number: int, algorithm: Any) -> Any:
    import highdicom

    terminology = label.terminology or ANATOMY
    description = highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=label.display_name[:64],
        segmented_property_category=coded(terminology.category),
        segmented_property_type=coded(terminology.type),
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm,
        tracking_uid=highdicom.UID(),
        tracking_id=label.name[:64],
        display_color=highdicom.color.CIELabColor.from_rgb(*label.color_rgb),
    )
    if terminology.modifier is not None:
        kind = description.SegmentedPropertyTypeCodeSequence[0]
        kind.SegmentedPropertyTypeModifierCodeSequence = [coded(terminology.modifier)]
    return description


def _frames(voxels: np.ndarray, planes: Sequence[Plane], headers: Sequence[Any], numbers: dict[int, int]) -> np.ndarray:
    """Return segment numbers ``[frame, row, column]`` in the order of the series' own files and frames."""
    known = np.zeros(int(voxels.max()) + 1, np.uint8 if len(numbers) < 256 else np.uint16)
    known[list(numbers)] = list(numbers.values())
    numbered: np.ndarray = known[voxels.transpose(2, 1, 0)]
    if len(headers) == len(planes):
        return numbered
    if len(headers) > 1:
        raise BadInput(
            "The scan is of several files of many frames each, for which no DICOM object can be written.",
            "Choose another format, such as seg.nrrd.",
        )
    frames = np.zeros((planes[0].frames, *numbered.shape[1:]), numbered.dtype)
    frames[[plane.frame for plane in planes]] = numbered
    return frames
