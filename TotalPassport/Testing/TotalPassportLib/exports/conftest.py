"""A DICOM series and a segmentation of it, written in every format once for each way in which slices may lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from support.bad_scans import plausible
from support.dicom_files import write_enhanced, write_slices
from support.scans import rotation, save_nifti
from TotalPassportLib.description_run import describe
from TotalPassportLib.exports.export_kinds import export_names
from TotalPassportLib.passport import Passport

SHAPE = (24, 20, 10)
SPACING_MM = np.array([0.9, 1.2, 3.0])
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
LIVER, LEFT_KIDNEY, AORTA = 5, 3, 52


def phantom_labels() -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    labels[3:12, 4:15, 2:8] = LIVER
    labels[6:8, 8:10, 4] = 0  # a hole
    labels[15:20, 5:9, 1:6] = LEFT_KIDNEY
    labels[14, 15, 3] = AORTA  # a single voxel
    return labels


def placed(linear: np.ndarray) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear * SPACING_MM, (-7.0, 11.0, 300.0)
    return affine


def tilted() -> np.ndarray:
    sheared = np.eye(3)
    sheared[1, 2] = np.tan(np.radians(12))
    return sheared


GEOMETRIES = {"axial": np.eye(3), "oblique": rotation((10.0, -20.0, 30.0)), "tilted": tilted()}


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A segmentation in all formats: its labels and their place, its passport, its folder and the DICOM files."""

    labels: np.ndarray
    affine_lps: np.ndarray
    passport: Passport
    folder: Path
    study: Path

    def path(self, ending: str) -> Path:
        return self.folder / f"labels{ending}"

    def centroid_lps_mm(self, value: int) -> np.ndarray:
        places = np.argwhere(self.labels == value).mean(axis=0)
        return np.asarray((self.affine_lps @ [*places, 1])[:3])


def export(folder: Path, affine_lps: np.ndarray, formats: tuple[str, ...], enhanced: bool = False) -> Exported:
    labels = phantom_labels()
    study = folder / "study"
    if enhanced:
        write_enhanced(study / "one.dcm", plausible(SHAPE), affine_lps, order=[3, 1, 4, 0, 8, 5, 9, 2, 6, 7])
    else:
        write_slices(study, plausible(SHAPE), affine_lps, keep=range(SHAPE[2])[::-1])
    # Stored along other axes than the slices are.
    turned = np.diag([-1.0, 1, 1, 1])
    turned[0, 3] = SHAPE[0] - 1
    source = save_nifti(folder / "labels.nii.gz", labels[::-1], RAS_FROM_LPS @ affine_lps @ turned, qform=False)
    passport = describe(source, folder / "passport.json", labels="total", ct=study, formats=formats)
    return Exported(labels=labels, affine_lps=affine_lps, passport=passport, folder=folder, study=study)


@pytest.fixture(scope="session", params=GEOMETRIES)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export(tmp_path_factory.mktemp("exported"), placed(GEOMETRIES[request.param]), export_names())


@pytest.fixture(scope="session")
def of_enhanced(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export(tmp_path_factory.mktemp("enhanced"), placed(GEOMETRIES["oblique"]), ("dcm-seg", "dcm-sr"), True)
