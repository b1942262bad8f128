"""How the bytes of an image come into memory: once, hashed as they are read, no more than was promised, by content."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import struct
import tracemalloc
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.bad_scans import SPACING, VOX_OFFSET, pair, plausible, scan
from support.processes import assert_one_sentence, run_cli
from support.scans import save_nifti
from TotalPassportLib.base.errors import BadInput, OutOfMemory
from TotalPassportLib.description_run import describe
from TotalPassportLib.image import nifti
from TotalPassportLib.image.byte_stream import ByteStream
from TotalPassportLib.image.label_names import stored_label_names
from TotalPassportLib.image.volume import load_ct, load_segmentation
from TotalPassportLib.options import RunOptions
from TotalPassportLib.pipeline import run


def peak_of(work: Callable[[], object]) -> int:
    """Return the most bytes that a piece of work had allocated at once."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# What was read


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
def test_the_hash_is_that_of_the_bytes_that_were_read_not_of_what_lies_there_later(name: str, tmp_path: Path) -> None:
    path = save_nifti(tmp_path / name, plausible(), SPACING)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    volume = load_ct(path)
    path.write_bytes(b"another file")
    assert volume.sha256 == before


def test_the_passport_has_the_hash_of_the_scan_that_was_segmented(
    threshold_model: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    path = tmp_path / "ct.nii.gz"
    path.write_bytes(phantom_ct.read_bytes())

    def replace_when_it_was_read(event: dict) -> None:
        if event.get("stage") == "infer":
            path.write_bytes(b"another file")

    result = run(path, tmp_path / "out", RunOptions(model=str(threshold_model)), on_event=replace_when_it_was_read)
    assert path.read_bytes() == b"another file"
    assert result.passport.source["sha256"] == hashlib.sha256(phantom_ct.read_bytes()).hexdigest()


def test_no_image_is_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[5:9, 5:9, 5:9] = 1
    ct, segmentation = scan()(tmp_path), save_nifti(tmp_path / "seg.nii.gz", labels, SPACING)
    (tmp_path / "masks").mkdir()
    mask = save_nifti(tmp_path / "masks" / "liver.nii.gz", labels, SPACING)
    names = {path.stat().st_ino: path.name for path in (ct, segmentation, mask)}
    read: Counter[str] = Counter()
    real = ByteStream.__init__

    def counting(self: ByteStream, file: io.BufferedReader, on_bytes: Callable[[bytes], object]) -> None:
        name = names[os.fstat(file.fileno()).st_ino]

        def counted(chunk: bytes) -> None:
            read[name] += len(chunk)
            on_bytes(chunk)

        real(self, file, counted)

    monkeypatch.setattr(ByteStream, "__init__", counting)
    monkeypatch.setattr("TotalPassportLib.base.files.sha256_of", None)
    describe(segmentation, tmp_path / "a.json", ct=ct)
    describe(mask.parent, tmp_path / "b.json")
    assert read == {path.name: path.stat().st_size for path in (ct, segmentation, mask)}


# By content


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    voxels = plausible()
    plain = save_nifti(tmp_path / "a.nii", voxels, SPACING).read_bytes()
    for name, content in (("b.nii", gzip.compress(plain)), ("c.nii.gz", plain)):
        (tmp_path / name).write_bytes(content)
        assert np.array_equal(load_ct(tmp_path / name).voxels, voxels)


def test_a_file_of_several_gzip_members_is_read_to_its_end(tmp_path: Path) -> None:
    voxels = plausible()
    plain = save_nifti(tmp_path / "a.nii", voxels, SPACING).read_bytes()
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(plain[:5000]) + gzip.compress(plain[5000:]))
    assert np.array_equal(load_ct(tmp_path / "b.nii.gz").voxels, voxels)


@pytest.mark.parametrize("packed", [(), ("hdr",), ("img",), ("hdr", "img")])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Pair, nibabel.Nifti2Pair])
def test_a_pair_is_read_by_either_name(kind: type, packed: tuple[str, ...], tmp_path: Path) -> None:
    voxels = plausible()
    image = kind(voxels, SPACING)
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, names_xml("liver")))
    image.to_filename(tmp_path / "ct.img")
    content = b""
    for half in ("hdr", "img"):
        path = tmp_path / f"ct.{half}"
        if half in packed:
            path = path.rename(tmp_path / f"ct.{half}.gz")
            path.write_bytes(gzip.compress(path.read_bytes()))
        content += path.read_bytes()
    halves = sorted(tmp_path.iterdir())
    assert len(halves) == 2
    for path in halves:
        volume = load_ct(path)
        assert np.array_equal(volume.voxels, voxels)
        assert np.array_equal(volume.affine, SPACING)
        assert stored_label_names(volume.header) == {1: "liver"}
        assert volume.sha256 == hashlib.sha256(content).hexdigest()


def test_labels_of_a_pair_are_written_as_one_file_on_its_grid(threshold_model: Path, tmp_path: Path) -> None:
    _, path = pair(tmp_path, plausible((40, 40, 40)))
    result = run(path, tmp_path / "out", RunOptions(model=str(threshold_model)))
    assert result.paths.segmentation.name == "ct_segmentation.nii.gz"
    written, read = nibabel.load(result.paths.segmentation), nibabel.load(path)
    assert type(written) is nibabel.Nifti1Image
    assert written.shape == read.shape
    assert np.array_equal(written.affine, read.affine)


# No more memory than was promised


def scaled(folder: Path, kind: type, slope: float, intercept: float, size: int = 128) -> tuple[Path, np.ndarray]:
    """Write voxels that are scaled, and return them with their values by the plainest computation."""
    limits = np.iinfo(kind)
    stored = np.random.default_rng(0).integers(limits.min, limits.max, (size, size, size), kind, endpoint=True)
    image = nibabel.Nifti1Image(stored, SPACING)
    path = folder / "scaled.nii.gz"
    content = bytearray(image.to_bytes())
    struct.pack_into("<ff", content, 112, slope, intercept)
    path.write_bytes(gzip.compress(content, 1))
    return path, stored * float(np.float32(slope)) + float(np.float32(intercept))


@pytest.mark.parametrize(
    ("kind", "slope", "intercept", "in_memory"),
    [
        (np.uint8, 1.0, -1024.0, np.int16),
        (np.uint8, 8.0, -1000.0, np.int16),
        (np.uint8, 0.5, -100.0, np.float32),
        (np.uint16, 1.0, -1024.0, np.float32),
        (np.int16, 0.5, -1200.0, np.float32),
        (np.int16, 0.7, -3.3, np.float64),
        (np.int32, 1.0, -1024.0, np.float64),
    ],
)
def test_scaled_voxels_are_exact_and_take_little_more_than_their_own_room(
    kind: type, slope: float, intercept: float, in_memory: type, tmp_path: Path
) -> None:
    path, values = scaled(tmp_path, kind, slope, intercept)
    kept: list[np.ndarray] = []
    peak_bytes = peak_of(lambda: kept.append(nifti.read_nifti(path).voxels))
    assert kept[0].dtype == in_memory
    assert np.array_equal(kept[0], values)
    assert np.array_equal(kept[0], np.asarray(nibabel.load(path).dataobj))
    assert peak_bytes < kept[0].nbytes + 8 * 2**20


@pytest.mark.parametrize("kind", [">i2", ">f4", ">f8"])
def test_voxels_of_the_other_byte_order_take_no_second_room(kind: str, tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(-1000, 1000, (160, 160, 100)).astype(kind)
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(kind)
    path = tmp_path / "ct.nii"
    nibabel.Nifti1Image(voxels, SPACING, header).to_filename(path)
    kept: list[np.ndarray] = []
    assert peak_of(lambda: kept.append(nifti.read_nifti(path).voxels)) < voxels.nbytes + 8 * 2**20
    assert np.array_equal(kept[0], voxels)
    assert kept[0].dtype.isnative


def test_memory_is_asked_for_what_scaled_voxels_really_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, values = scaled(tmp_path, np.int16, 0.7, -3.3, size=64)
    monkeypatch.setattr("TotalPassportLib.base.memory.available_bytes", lambda: values.size * 8 - 1)
    with pytest.raises(OutOfMemory, match=r"Reading 'scaled\.nii\.gz' needs about"):
        nifti.read_nifti(path)
    monkeypatch.setattr("TotalPassportLib.base.memory.available_bytes", lambda: values.size * 8 + 8 * 2**20)
    assert nifti.read_nifti(path).voxels.shape == values.shape


def with_extensions(path: Path, *extensions: tuple[int, bytes], claimed: int = 0) -> Path:
    """Write a scan with header extensions of a code and a content; ``claimed`` is what the last says of its size."""
    plain = save_nifti(path.with_suffix(".nii"), plausible(), SPACING).read_bytes()
    body = b"".join(struct.pack("<ii", claimed or len(content) + 8, code) + content for code, content in extensions)
    content = bytearray(plain[:348] + b"\1\0\0\0" + body + plain[352:])
    struct.pack_into("<f", content, VOX_OFFSET, 352 + len(body))
    path.write_bytes(gzip.compress(content, 1))
    return path


def names_xml(name: str) -> bytes:
    xml = f'<CaretExtension><LabelTable><Label Key="1">{name}</Label></LabelTable></CaretExtension>'.encode()
    return xml + bytes(-(len(xml) + 8) % 16)


def test_extensions_of_a_header_are_passed_over_not_kept(tmp_path: Path) -> None:
    path = with_extensions(tmp_path / "ct.nii.gz", (6, bytes(200 * 2**20 - 8)), (0, names_xml("liver")))
    kept: list = []
    assert peak_of(lambda: kept.append(nifti.read_nifti(path))) < 8 * 2**20
    assert np.array_equal(kept[0].voxels, plausible())
    assert stored_label_names(kept[0].header) == {1: "liver"}


@pytest.mark.parametrize("claimed", [-1, 3, 7, 2**31 - 1])
def test_an_extension_that_lies_about_its_size_does_no_harm(claimed: int, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        volume = load_ct(with_extensions(tmp_path / "ct.nii.gz", (0, names_xml("liver")), claimed=claimed))
    assert np.array_equal(volume.voxels, plausible())
    assert stored_label_names(volume.header) == {}


def test_an_extension_of_an_odd_size_is_no_users_matter(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        volume = load_ct(with_extensions(tmp_path / "ct.nii.gz", (0, names_xml("liver") + b" " * 5)))
    assert stored_label_names(volume.header) == {1: "liver"}


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.float32])
def test_labels_take_no_more_than_their_own_room_beside_the_file(kind: type, tmp_path: Path) -> None:
    voxels = np.zeros((160, 160, 100), kind)
    voxels[20:60, 20:60, 20:60] = 200
    path = save_nifti(tmp_path / "labels.nii.gz", voxels, SPACING)
    own = 0 if kind is np.uint8 else voxels.size
    assert peak_of(lambda: load_segmentation(path)) < voxels.nbytes + own + 8 * 2**20


# Numbers that are none


def holed(value: float) -> np.ndarray:
    voxels = plausible().astype(np.float32)
    voxels[3:5, 4, 5] = value
    return voxels


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1e30])
def test_voxels_that_are_no_numbers_are_taken_for_air_and_counted(value: float, tmp_path: Path) -> None:
    told: dict[str, str] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        volume = load_ct(save_nifti(tmp_path / "ct.nii.gz", holed(value), SPACING), told.__setitem__)
    assert np.array_equal(volume.voxels, holed(-1000.0))
    assert told.keys() == {"not_finite"}
    assert told["not_finite"].startswith("2 voxels (0.025 %) of 'ct.nii.gz' are NaN, infinite or beyond all values")


def test_a_run_of_a_scan_with_holes_says_so_in_the_passport(
    threshold_model: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    image = nibabel.load(phantom_ct)
    voxels = np.asarray(image.dataobj, np.float32)
    voxels[0, :, :] = np.nan
    ct = save_nifti(tmp_path / "ct.nii.gz", voxels, image.affine)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        passport = run(ct, tmp_path / "out", RunOptions(model=str(threshold_model))).passport
    finding = next(finding for finding in passport.findings if finding.code == "not_finite")
    assert finding.severity == "warning"
    assert f"{voxels[0].size} voxels" in finding.message
    assert "of the scan are NaN" in finding.message


# One sentence


def damaged(path: Path, pack: Callable[[bytes], bytes]) -> Path:
    packed = bytearray(pack(save_nifti(path.with_name("plain.nii"), plausible(), SPACING).read_bytes()))
    for place in range(len(packed) // 2, len(packed) // 2 + 40):
        packed[place] ^= 0x5A
    path.write_bytes(packed)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gzip", "bzip2", "xz"])
def test_a_damaged_archive_is_one_sentence(pack: Callable[[bytes], bytes], name: str, tmp_path: Path) -> None:
    path = damaged(tmp_path / name, pack)
    for command in (["run", path, "-o", "out", "--model", "demo"], ["passport", path, "-o", "out.json"]):
        assert_one_sentence(run_cli(*command, cwd=tmp_path), 2, f"'{path}'")


def test_a_header_that_ends_early_is_refused_however_it_is_packed(tmp_path: Path) -> None:
    plain = save_nifti(tmp_path / "a.nii", plausible(), SPACING).read_bytes()
    for length in (0, 3, 100, 347, 348, 351):
        for name, content in (("b.nii", plain[:length]), ("c.nii.gz", gzip.compress(plain[:length]))):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(BadInput):
                load_ct(tmp_path / name)
