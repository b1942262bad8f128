"""Trees of DICOM in a batch: every series a scan, known again by its content, and nobody's name anywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.dicom_files import PATIENT, write_slices
from support.scans import grid_around, rasterise, save_nifti
from TotalPassportLib import RunOptions, batch, read_passport
from TotalPassportLib.batches.scan_sources import find_sources

pytestmark = pytest.mark.slow
LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two series in one folder, one in another, an MR, and a NIfTI of the same scan."""
    root = tmp_path_factory.mktemp("dicom") / "tree"
    shape, affine = grid_around(np.eye(3), (5.0, 5.0, 5.0), (0.0, 0.0, 0.0))
    voxels = rasterise(shape, affine)
    write_slices(root / "p1" / "ct", voxels, LPS_FROM_RAS @ affine, name="a")
    write_slices(root / "p1" / "ct", voxels - 1, LPS_FROM_RAS @ affine, name="b")
    write_slices(root / "p2" / "ct", voxels, LPS_FROM_RAS @ affine)
    write_slices(root / "p2" / "mr", np.abs(voxels), LPS_FROM_RAS @ affine, modality="MR", rescales=((1.0, 0.0),))
    save_nifti(root / "plain.nii.gz", voxels, affine)
    return root


def test_every_series_is_a_scan_and_other_modalities_are_left_out_and_told_of(tree: Path, tmp_path: Path) -> None:
    told: list[str] = []
    found = find_sources([tree], tmp_path, modality="CT", warn=lambda code, sentence: told.append(sentence))
    assert [source.path.relative_to(tree).as_posix() for source in found] == ["p1/ct", "p1/ct", "p2/ct", "plain.nii.gz"]
    assert told == ["1 series of DICOM left out that are no CT."]


def test_the_slices_of_a_series_are_one_scan(tree: Path, tmp_path: Path) -> None:
    found = find_sources([str(tree / "p2" / "ct" / "*.dcm"), tree / "p2" / "ct"], tmp_path)
    assert len(found) == 1
    assert len(found[0].files) > 10


def test_a_tree_is_run_and_known_again_and_gives_the_centroids_of_the_nifti(
    tree: Path, threshold_model: Path, tmp_path: Path
) -> None:
    options = RunOptions(model=str(threshold_model))
    done = batch(tree, tmp_path, options)
    assert done.failed == []
    assert len(done.results) == 4
    assert len({entry["name"] for entry in done.results}) == 4
    assert all(entry["name"].startswith("p1_ct") for entry in done.results[:2])
    plain, series = (read_passport(tmp_path / "passports" / f"{name}_passport.json") for name in ("plain", "p2_ct"))
    assert plain.organs.keys() == series.organs.keys()
    for label, organ in series.organs.items():
        assert np.allclose(organ.centroid_ras_mm, plain.organs[label].centroid_ras_mm, atol=1e-3)
    assert batch(tree, tmp_path, options).n_run == 0
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for name in PATIENT.values():
        assert name.encode() not in written


def test_a_slice_that_changes_makes_its_series_another_scan(tree: Path, threshold_model: Path, tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    for path in (tree / "p2" / "ct").iterdir():
        (scans / path.name).write_bytes(path.read_bytes())
    options = RunOptions(model=str(threshold_model))
    batch(scans, tmp_path / "out", options)
    slice_path = scans / "slice003.dcm"
    content = bytearray(slice_path.read_bytes())
    content[-1] ^= 1
    slice_path.write_bytes(content)
    assert batch(scans, tmp_path / "out", options).n_run == 1
