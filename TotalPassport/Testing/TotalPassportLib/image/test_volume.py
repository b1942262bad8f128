"""Loading a scan or a segmentation: what is refused and how, and what is known of it afterwards."""

from __future__ import annotations

import contextlib
import gzip
import tracemalloc
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bad_scans import BAD_SCANS, OUT_OF_MEMORY, SPACING, plausible, scan
from support.scans import rotation, save_nifti
from TotalPassportLib.base.errors import BadInput, OutOfMemory
from TotalPassportLib.image.formats import stem_of
from TotalPassportLib.image.volume import (
    check_same_grid,
    load_ct,
    load_segmentation,
)


@pytest.mark.parametrize("name", [name for name in BAD_SCANS if name not in OUT_OF_MEMORY])
def test_a_scan_that_cannot_be_used_is_refused_with_cause_and_next_step(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = BAD_SCANS[name].make(tmp_path)
    capfd.readouterr()
    with pytest.raises(BadInput) as caught:
        load_ct(path)
    assert BAD_SCANS[name].says in caught.value.message
    assert caught.value.hint.endswith(".")
    assert path.name in caught.value.message
    assert capfd.readouterr() == ("", ""), "a library of ours talks past the sentence"


@pytest.mark.parametrize("shape", [(20, 20, 20), (20, 20, 20, 1), (20, 20, 20, 1, 1)])
def test_a_single_volume_is_loaded_however_many_dimensions_its_file_counts(shape: tuple, tmp_path: Path) -> None:
    voxels = plausible(shape)
    volume = load_ct(save_nifti(tmp_path / "ct.nii.gz", voxels, SPACING))
    assert np.array_equal(volume.voxels, voxels.reshape(20, 20, 20))
    assert np.array_equal(volume.affine, SPACING)
    assert volume.spacing_mm.tolist() == [2.0, 2.0, 2.5]
    assert (volume.modality, volume.intensity_unit) == ("CT", "HU")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".NII", ".Nii.GZ"])
def test_the_suffix_may_be_written_in_any_case(suffix: str, tmp_path: Path) -> None:
    voxels = plausible()
    path = save_nifti(tmp_path / f"x{suffix.lower()}", voxels, SPACING).rename(tmp_path / f"ct{suffix}")
    assert np.array_equal(load_ct(path).voxels, voxels)
    assert stem_of(path) == "ct"


def test_a_compressed_scan_is_unpacked_into_its_place_not_beside_it(tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(-1000, 1000, (160, 160, 100)).astype(np.int16)
    path = save_nifti(tmp_path / "ct.nii.gz", voxels, SPACING)
    tracemalloc.start()
    try:
        loaded = load_ct(path).voxels
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.array_equal(loaded, voxels)
    assert peak_bytes < 1.7 * voxels.nbytes


def test_scaled_and_big_endian_voxels_give_hounsfield_units(tmp_path: Path) -> None:
    stored = plausible()
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(">i2")
    image = nibabel.Nifti1Image(stored.astype(">i2"), SPACING, header)
    image.header.set_slope_inter(2, -24)
    path = tmp_path / "ct.nii"
    image.to_filename(path)
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([2, -24], ">f4").tobytes()
    content[352:] = stored.astype(">i2").tobytes(order="F")
    path.write_bytes(content)
    assert np.array_equal(load_ct(path).voxels, stored * 2.0 - 24)


@pytest.mark.parametrize(
    ("voxels", "kind"),
    [
        (np.random.default_rng(0).integers(0, 256, (20, 20, 20)).astype(np.uint8), "8-bit image"),
        (np.random.default_rng(0).integers(0, 3000, (20, 20, 20)).astype(np.uint16), "MR-like"),
        (np.random.default_rng(0).random((20, 20, 20)).astype(np.float32), "scaled to 0..1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_values_that_are_hardly_hounsfield_units_are_warned_of(voxels: np.ndarray, kind: str, tmp_path: Path) -> None:
    warnings: list[tuple[str, str]] = []
    load_ct(save_nifti(tmp_path / "ct.nii.gz", voxels, SPACING), lambda *warning: warnings.append(warning))
    assert [code for code, _ in warnings] == ["not_hounsfield"], kind
    assert "another modality" in warnings[0][1]


def test_a_ct_is_not_warned_of(tmp_path: Path) -> None:
    warnings: list[tuple[str, str]] = []
    load_ct(scan()(tmp_path), lambda *warning: warnings.append(warning))
    assert warnings == []


def test_an_oblique_grid_in_single_precision_is_no_sheared_one(tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[:3, :3] = rotation((17.3, -41.2, 76.9)) * (0.7, 0.7, 5.0)
    affine[:3, 3] = (1234.5, -987.6, 0.1)
    path = save_nifti(tmp_path / "ct.nii.gz", plausible((40, 40, 20)), affine)
    assert np.allclose(load_ct(path).affine, affine, atol=1e-3)


@pytest.fixture(scope="session")
def plain_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a small well-formed scan."""
    return save_nifti(tmp_path_factory.mktemp("plain") / "ct.nii", plausible((12, 12, 12)), SPACING).read_bytes()


@settings(max_examples=100, deadline=None)
@given(position=st.integers(0, 351), value=st.integers(0, 255))
@pytest.mark.slow
def test_no_damaged_header_byte_leads_to_a_defect(
    position: int, value: int, plain_file: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(plain_file)
    content[position] = value
    path = tmp_path_factory.getbasetemp() / "damaged.nii"
    path.write_bytes(content)
    with contextlib.suppress(BadInput, OutOfMemory):  # anything else is a defect
        volume = load_ct(path)
        assert volume.voxels.shape == volume.header.get_data_shape()[:3]
        assert np.isfinite(volume.affine).all()


@settings(max_examples=30, deadline=None)
@given(content=st.binary(max_size=600))
def test_no_rubbish_leads_to_a_defect(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp()
    for name, data in (("a.nii", content), ("a.nii.gz", content), ("b.nii.gz", gzip.compress(content))):
        path = folder / name
        path.write_bytes(data)
        with pytest.raises(BadInput):
            load_ct(path)


def _labels(value: int = 3, dtype: type = np.uint8) -> np.ndarray:
    voxels = np.zeros((6, 5, 4), dtype)
    voxels[2:4, 1:3, 1:3] = value
    return voxels


@pytest.mark.parametrize(
    ("dtype", "value", "kept"),
    [(np.uint8, 255, np.uint8), (np.int16, 300, np.uint16), (np.float32, 65535, np.uint16), (np.int64, 7, np.uint8)],
)
def test_labels_of_any_number_type_are_loaded_as_whole_numbers(
    dtype: type, value: int, kept: type, tmp_path: Path
) -> None:
    image = nibabel.Nifti1Image(_labels(value, dtype), SPACING, dtype=dtype)
    nibabel.save(image, tmp_path / "seg.nii.gz")
    loaded = load_segmentation(tmp_path / "seg.nii.gz").voxels
    assert loaded.dtype == kept
    assert np.array_equal(loaded, _labels(value, np.int64))


@pytest.mark.parametrize(
    ("voxels", "says"),
    [
        (np.zeros((6, 5, 4), np.uint8), "holds no label"),
        (_labels(-1, np.int16), "no labels"),
        (_labels(65536, np.int32), "no labels"),
        (_labels(1, np.float32) * np.float32(0.5), "no labels"),
        (_labels(1, np.float32) * np.float32(np.nan), "NaN or infinite"),
        (_labels(1, np.float64) * 1e300, "no labels"),
    ],
    ids=["empty", "negative", "too large", "fractions", "NaN", "huge"],
)
def test_what_is_no_segmentation_is_refused(voxels: np.ndarray, says: str, tmp_path: Path) -> None:
    path = save_nifti(tmp_path / "seg.nii.gz", voxels, SPACING)
    with pytest.raises(BadInput, match=says):
        load_segmentation(path)


def test_a_segmentation_of_one_slice_or_on_a_sheared_grid_can_be_measured(tmp_path: Path) -> None:
    sheared = SPACING.copy()
    sheared[0, 2] = 1.0
    path = save_nifti(tmp_path / "seg.nii.gz", _labels()[:, :, 1:2], sheared, qform=False)
    segmentation = load_segmentation(path)
    assert segmentation.voxels.shape == (6, 5, 1)
    assert (segmentation.modality, segmentation.intensity_unit) == (None, None)


def test_a_ct_on_another_grid_than_the_segmentation_is_refused(tmp_path: Path) -> None:
    far = SPACING.copy()
    far[:3, 3] = 1e6
    beside = far.copy()
    beside[0, 3] += 2
    segmentation = load_segmentation(save_nifti(tmp_path / "seg.nii.gz", np.ones((20, 20, 20), np.uint8), far))
    check_same_grid(load_ct(save_nifti(tmp_path / "same.nii.gz", plausible(), far)), segmentation)
    for name, voxels, affine in (("shifted", plausible(), beside), ("larger", plausible((21, 20, 20)), far)):
        ct = load_ct(save_nifti(tmp_path / f"{name}.nii.gz", voxels, affine))
        with pytest.raises(BadInput, match="different grids"):
            check_same_grid(ct, segmentation)


def test_voxel_sizes_are_those_of_the_affine_where_the_header_has_others(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(plausible(), np.diag([2.0, 2.1, 3.0, 1.0]))
    image.header.set_zooms((2.01, 2.1, 3.0))
    nibabel.save(image, tmp_path / "ct.nii")
    assert load_ct(tmp_path / "ct.nii").spacing_mm.tolist() == np.float32([2.0, 2.1, 3.0]).tolist()
