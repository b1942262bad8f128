"""The sample CT that comes with the product: ``python -m training.sample --out FOLDER``."""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import nibabel
import numpy as np

from training.phantom import Phantom, make_phantom
from training.phantom.contrast import Phase
from training.phantom.scanner import grid_around
from training.phantom.shapes import rotation
from training.settings import SAMPLE_SEED

CT_NAME = "demo_ct.nii.gz"
LABELS_NAME = "demo_ct_labels.nii.gz"
SPACING_MM = (1.2, 1.2, 3.0)
EXTENT_MM = (352.0, 264.0, 642.0)
CENTER_MM = (0.0, 12.0, 148.0)
"""Field of view: from the thighs to the tops of the lungs."""

TILT_DEG = (3.0, -2.0, 4.0)
NOISE_HU = 5.0
STEP_HU = 8
"""Noise fills the file: with little of it, and Hounsfield units in steps, the sample stays below 6 MB."""


def make_sample() -> Phantom:
    """A phantom that neither training nor evaluation has seen, on an oblique clinical grid."""
    grid = grid_around(np.array(CENTER_MM), np.array(EXTENT_MM), SPACING_MM, rotation(*TILT_DEG))
    return make_phantom(SAMPLE_SEED, shape=grid.shape, affine=grid.affine, noise_hu=NOISE_HU, phase=Phase.PORTAL_VENOUS)


def write_image(voxels: np.ndarray, affine: np.ndarray, path: Path) -> None:
    """A NIfTI file (``.nii`` or ``.nii.gz``) in millimetres with both transforms set and nothing else in its header."""
    image = nibabel.Nifti1Image(voxels, affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    # nibabel compresses in a hurry and stores the time; this is a quarter smaller and always the same.
    content = image.to_bytes()
    path.write_bytes(gzip.compress(content, compresslevel=9, mtime=0) if path.suffix == ".gz" else content)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the demo model")
    folder = parser.parse_args().out
    phantom = make_sample()
    coarse = np.round(phantom.ct_hu / STEP_HU).astype(np.int16) * np.int16(STEP_HU)
    for voxels, name in ((coarse, CT_NAME), (phantom.labels, LABELS_NAME)):
        write_image(voxels, phantom.affine, folder / name)
        print(f"{folder / name}: {(folder / name).stat().st_size} bytes, shape {voxels.shape}")


if __name__ == "__main__":
    main()
