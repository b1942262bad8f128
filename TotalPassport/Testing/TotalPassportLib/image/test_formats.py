"""Another file format is a reader and its entry in the list of formats; everything else takes it as it is."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.files import sha256_of
from TotalPassportLib.image import formats
from TotalPassportLib.image.formats import FORMATS, FileFormat, stem_of
from TotalPassportLib.image.label_names import stored_label_names
from TotalPassportLib.image.stored_image import StoredImage
from TotalPassportLib.image.volume import load_ct
from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run


def read_numpy(path: Path) -> StoredImage:
    with np.load(path) as arrays:
        sizes = np.linalg.norm(arrays["affine"][:3, :3], axis=0)
        return StoredImage(
            voxels=arrays["voxels"],
            affine=arrays["affine"],
            nominal_spacing_mm=tuple(sizes),
            header=None,
            sha256=sha256_of(path),
        )


@pytest.fixture
def numpy_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """A format of which only the list of formats hears."""
    monkeypatch.setattr(formats, "FORMATS", (*FORMATS, FileFormat(name="NPZ", suffixes=(".npz",), read=read_numpy)))


@pytest.mark.usefixtures("numpy_format")
def test_a_scan_in_another_format_gives_the_same_labels(
    phantom_ct: Path, threshold_model: Path, tmp_path: Path
) -> None:
    image = nibabel.load(phantom_ct)
    np.savez(tmp_path / "phantom.npz", voxels=np.asarray(image.dataobj), affine=image.affine)
    options = RunOptions(model=str(threshold_model), statistics=True)
    other, expected = (
        run(path, tmp_path / f"of-{path.suffix[1:]}-file", options).paths
        for path in (tmp_path / "phantom.npz", phantom_ct)
    )
    assert other.segmentation.name == expected.segmentation.name
    ours, theirs = nibabel.load(other.segmentation), nibabel.load(expected.segmentation)
    assert np.array_equal(np.asarray(ours.dataobj), np.asarray(theirs.dataobj))
    assert np.allclose(ours.affine, theirs.affine)
    assert stored_label_names(ours.header) == stored_label_names(theirs.header)
    assert other.statistics.read_text(encoding="utf-8") == expected.statistics.read_text(encoding="utf-8")


@pytest.mark.usefixtures("numpy_format")
def test_a_file_of_no_known_format_is_refused_with_the_names_of_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "ct.vti").write_bytes(b"<VTKFile>")
    with pytest.raises(BadInput, match="is not a NIfTI, NRRD, MetaImage or NPZ file by its name"):
        load_ct(tmp_path / "ct.vti")


@pytest.mark.parametrize(("name", "stem"), [("ct.nii.gz", "ct"), ("a.b.NII", "a.b"), ("ct.seg.nrrd", "ct.seg")])
def test_the_stem_of_a_scans_name_is_what_stands_before_its_formats_suffix(name: str, stem: str) -> None:
    assert stem_of(Path("folder") / name) == stem
