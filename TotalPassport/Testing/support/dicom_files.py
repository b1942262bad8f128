"""DICOM objects of known geometry, written by pydicom: series of one file a slice, and enhanced ones of one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

PATIENT = {"PatientName": "Canary^Nightingale", "PatientID": "CANARY-4711", "PatientBirthDate": "19330303"}
"""Words and dates that nothing of ours may repeat."""
STUDY = {"StudyDate": "19990909", "InstitutionName": "Canary Hospital", "ReferringPhysicianName": "Canary^Doctor"}
CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"


def write_slices(
    folder: Path,
    voxels: np.ndarray,
    affine_lps: np.ndarray,
    *,
    rescales: Sequence[tuple[float, float]] = ((1.0, -1024.0),),
    keep: Sequence[int] | None = None,
    name: str = "slice",
    uid: str | None = None,
    modality: str = "CT",
    tags: Mapping[str, Any] | None = None,
) -> str:
    """Write one file a slice of ``voxels[i, j, k]``; return the series' UID.

    Parameters
    ----------
    rescales : sequence of tuple of float
        Slope and intercept of the slices in turn.
    keep : sequence of int, optional
        Which slices are written, in this order of files.
    tags : mapping
        Further elements of every slice, or of slice k where a value is callable.
    """
    folder.mkdir(parents=True, exist_ok=True)
    uid = uid or generate_uid()
    study = generate_uid(entropy_srcs=[str(folder)])
    for number, k in enumerate(range(voxels.shape[2]) if keep is None else keep):
        slope, intercept = rescales[k % len(rescales)]
        dataset = _dataset(CT if modality == "CT" else MR, uid, study, modality)
        dataset.ImagePositionPatient = _decimals((affine_lps @ [0, 0, k, 1])[:3])
        dataset.ImageOrientationPatient = _decimals(_directions(affine_lps))
        dataset.PixelSpacing = _decimals(_spacing(affine_lps)[[1, 0]])
        dataset.SliceThickness = _decimals([np.linalg.norm(affine_lps[:3, 2])])[0]
        dataset.InstanceNumber = k + 1
        dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept
        for keyword, value in (tags or {}).items():
            setattr(dataset, keyword, value(k) if callable(value) else value)
        _put_pixels(dataset, np.round((voxels[:, :, k] - intercept) / slope))
        dataset.save_as(folder / f"{name}{number:03d}.dcm", enforce_file_format=True)
    return str(uid)


def write_enhanced(
    path: Path,
    voxels: np.ndarray,
    affine_lps: np.ndarray,
    *,
    order: Sequence[int] | None = None,
    rescales: Sequence[tuple[float, float]] = ((1.0, -1024.0),),
) -> None:
    """Write one file with a frame a slice, in an order of one's own."""
    order = list(range(voxels.shape[2])) if order is None else list(order)
    dataset = _dataset(ENHANCED_CT, generate_uid(), generate_uid(), "CT")
    dataset.NumberOfFrames = len(order)
    shared = Dataset()
    measures, orientation = Dataset(), Dataset()
    measures.PixelSpacing = _decimals(_spacing(affine_lps)[[1, 0]])
    measures.SliceThickness = _decimals([np.linalg.norm(affine_lps[:3, 2])])[0]
    orientation.ImageOrientationPatient = _decimals(_directions(affine_lps))
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    dataset.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for k in order:
        group, position, transformation = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = _decimals((affine_lps @ [0, 0, k, 1])[:3])
        slope, intercept = rescales[k % len(rescales)]
        transformation.RescaleSlope, transformation.RescaleIntercept = slope, intercept
        transformation.RescaleType = "HU"
        group.PlanePositionSequence, group.PixelValueTransformationSequence = [position], [transformation]
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = groups
    scaled = [(voxels[:, :, k] - rescales[k % len(rescales)][1]) / rescales[k % len(rescales)][0] for k in order]
    _put_pixels(dataset, np.round(np.stack(scaled, axis=2)))
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


def _dataset(sop_class: str, uid: str, study: str, modality: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = uid, study
    dataset.FrameOfReferenceUID = generate_uid(entropy_srcs=[study])
    dataset.Modality, dataset.SeriesNumber, dataset.SeriesDescription = modality, 1, "Abdomen"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    for keyword, value in (PATIENT | STUDY).items():
        setattr(dataset, keyword, value)
    dataset.StudyTime, dataset.StudyID = "120000", "1"
    for keyword in ("AccessionNumber", "PatientSex", "Manufacturer", "PositionReferenceIndicator"):
        setattr(dataset, keyword, "")
    return dataset


def _put_pixels(dataset: Dataset, stored: np.ndarray) -> None:
    dataset.Columns, dataset.Rows = stored.shape[:2]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 1
    dataset.PixelData = stored.astype("<i2").T.tobytes()  # rows after one another, frames after one another


def _directions(affine_lps: np.ndarray) -> np.ndarray:
    return np.asarray((affine_lps[:3, :2] / np.linalg.norm(affine_lps[:3, :2], axis=0)).T.ravel())


def _spacing(affine_lps: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(affine_lps[:3, :3], axis=0))


def _decimals(values: Any) -> list[str]:
    """Write numbers as DICOM's decimal strings of 16 letters at most."""
    return [pydicom.valuerep.format_number_as_ds(float(value)) for value in values]
