"""Contours as an RT Structure Set, drawn and written by rt-utils; where they lie is computed here.

rt-utils takes slices for untilted and their pixels for square. Its points are therefore brought back to voxel indices
and from these to where the scan has them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import __version__
from ..base.errors import BadInput
from ..image.dicom.dicom_header import Plane
from ..image.itk_reader import LPS_FROM_RAS
from .dicom_segmentation import MANUFACTURER, SERIES_NUMBERS
from .label_layer import LabelLayer

DECIMALS = 3
"""Of the points' millimetres; DICOM gives a number 16 letters."""


def structure_set(layer: LabelLayer, planes: Sequence[Plane], headers: Sequence[Any], affine: np.ndarray) -> Any:
    """Return the contours of all structures as pydicom's dataset.

    Contours go through the centres of the outermost voxels, one or several a slice; those of holes stand beside the
    outer ones.

    Parameters
    ----------
    layer : LabelLayer
        Labels ``[i, j, k]``, plane k the k-th of ``planes``.
    planes, headers : sequence
        Of the scan, see `dicom_source`.
    affine : numpy.ndarray
        Voxel indices to RAS mm, float64 4 x 4.

    Raises
    ------
    BadInput
        The scan is one file of many frames, which structure sets cannot refer to by slices.
    """
    import rt_utils  # an extra
    from rt_utils import ds_helper, image_helper

    if len(headers) != len(planes):
        raise BadInput(
            "The scan is one file of many frames, and an RT Structure Set needs one file a slice.",
            "Choose another format, such as dcm-seg.",
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = ds_helper.create_rtstruct_dataset(list(headers))
        made = rt_utils.RTStruct(list(headers), dataset)
        for label in layer.present():
            mask = (layer.voxels == label.value).transpose(1, 0, 2)
            made.add_roi(mask, color=list(label.color_rgb), name=label.display_name, roi_generation_algorithm=1)
        theirs = image_helper.get_pixel_to_patient_transformation_matrix(list(headers)).astype(np.float64)
    _place(dataset, LPS_FROM_RAS @ affine @ np.linalg.inv(theirs))
    dataset.Manufacturer, dataset.ManufacturerModelName = MANUFACTURER, MANUFACTURER
    dataset.SoftwareVersions = __version__
    dataset.StructureSetLabel = "TotalPassport"
    dataset.SeriesDescription = "TotalPassport structures"
    dataset.SeriesNumber = SERIES_NUMBERS["structures"]
    dataset.SpecificCharacterSet = headers[0].get("SpecificCharacterSet", "ISO_IR 192")
    del dataset.InstitutionName
    return dataset


def _place(dataset: Any, correction: np.ndarray) -> None:
    """Bring all points to where they belong, and call contours of one or two points by their right names."""
    for roi in dataset.ROIContourSequence:
        for contour in roi.get("ContourSequence") or []:
            points = np.array(contour.ContourData, np.float64).reshape(-1, 3)
            placed = points @ correction[:3, :3].T + correction[:3, 3]
            contour.ContourData = [f"{value:.{DECIMALS}f}" for value in placed.ravel()]
            contour.ContourGeometricType = {1: "POINT", 2: "OPEN_PLANAR"}.get(len(points), "CLOSED_PLANAR")
