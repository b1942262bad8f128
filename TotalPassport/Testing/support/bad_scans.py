"""Scans that cannot be used: how to make each one, and what its sentence must say."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np

from .scans import rotation, save_nifti

SPACING = np.diag([2.0, 2.0, 2.5, 1.0])
PIXDIM, VOX_OFFSET, QFORM, SFORM, QUATERNION, SROW = 76, 108, 252, 254, 256, 280
"""Byte offsets in a NIfTI-1 header."""


@dataclass(frozen=True)
class BadScan:
    """A broken scan: its maker writes it into a folder and returns its path."""

    make: Callable[[Path], Path]
    says: str


def plausible(shape: tuple[int, ...] = (20, 20, 20)) -> np.ndarray:
    """Return noise in Hounsfield units, int16."""
    return np.random.default_rng(1).integers(-1000, 1500, shape).astype(np.int16)


def scan(voxels: np.ndarray | None = None, affine: np.ndarray = SPACING) -> Callable[[Path], Path]:
    """Return a maker of a well-formed file with these voxels."""
    content = plausible() if voxels is None else voxels
    return lambda folder: save_nifti(folder / "ct.nii.gz", content, affine, qform=False)


def named(name: str, content: bytes) -> Callable[[Path], Path]:
    """Return a maker of a file of raw bytes."""

    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def patched(*changes: tuple[int, str, float], codes: tuple[int, int] | None = None) -> Callable[[Path], Path]:
    """Return a maker of an uncompressed scan whose header bytes are changed; ``codes`` are qform and sform code."""

    def make(folder: Path) -> Path:
        path = save_nifti(folder / "ct.nii", plausible(), SPACING)
        content = bytearray(path.read_bytes())
        if codes is not None:
            struct.pack_into("<hh", content, QFORM, *codes)
        for offset, kind, value in changes:
            struct.pack_into(kind, content, offset, value)
        path.write_bytes(content)
        return path

    return make


def claiming(shape: tuple[int, ...], name: str) -> Callable[[Path], Path]:
    """Return a maker of a file of a few kB whose header claims many voxels."""

    def make(folder: Path) -> Path:
        kind = nibabel.Nifti1Header if max(shape) < 2**15 else nibabel.Nifti2Header
        header = kind()
        header.set_data_dtype(np.int16)
        header.set_data_shape(shape)
        header.set_sform(SPACING, 1)
        header["vox_offset"] = 352 if kind is nibabel.Nifti1Header else 544
        header["magic"] = b"n+1" if kind is nibabel.Nifti1Header else b"n+2"
        header["pixdim"][1:4] = (2, 2, 2.5)
        content = header.binaryblock + bytes(4) + plausible().tobytes()
        path = folder / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return make


def gzipped(damage: Callable[[bytearray], bytes]) -> Callable[[Path], Path]:
    """Return a maker of a compressed scan whose bytes are damaged."""

    def make(folder: Path) -> Path:
        path = scan()(folder)
        path.write_bytes(damage(bytearray(path.read_bytes())))
        return path

    return make


def _flip(content: bytearray, position: int) -> bytes:
    content[position] ^= 0xFF
    return bytes(content)


def _with(value: float, voxels: np.ndarray) -> np.ndarray:
    voxels[3, 4, 5] = value
    return voxels


def sheared(angle_deg: float) -> np.ndarray:
    """Return the affine of slices that a tilted gantry has shifted against one another."""
    affine = np.eye(4)
    affine[1, 2] = np.tan(np.radians(angle_deg))
    return affine @ SPACING


def pair(folder: Path, voxels: np.ndarray | None = None) -> tuple[Path, Path]:
    """Write a header and its voxels as two files; without voxels, the header only."""
    image = nibabel.Nifti1Pair(plausible() if voxels is None else voxels, SPACING)
    image.to_filename(folder / "ct.img")
    if voxels is None:
        (folder / "ct.img").unlink()
    return folder / "ct.hdr", folder / "ct.img"


def _parallel() -> np.ndarray:
    affine = np.eye(4)
    affine[:3, 2] = (1, 1e-9, 0)
    return SPACING @ affine


def _oblique() -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = rotation((20, 30, 40)) * 2
    return affine


NAN = float("nan")
_RGB = np.zeros((20, 20, 20), [("R", "u1"), ("G", "u1"), ("B", "u1")])
_PLANES = np.zeros((20, 20, 20), np.int16)

BAD_SCANS: dict[str, BadScan] = {
    "missing file": BadScan(lambda folder: folder / "ct.nii.gz", "There is no file"),
    "a folder": BadScan(lambda folder: folder, "nothing in it is an image in DICOM"),
    "wrong suffix": BadScan(named("ct.xyz", b"DICM"), "is not a NIfTI, NRRD or MetaImage file by its name"),
    "empty file": BadScan(named("ct.nii", b""), "is not a valid NIfTI file"),
    "text": BadScan(named("ct.nii", b"this is a letter, not a scan\n" * 100), "is not a valid NIfTI file"),
    "text, compressed": BadScan(named("ct.nii.gz", gzip.compress(b"hello " * 1000)), "is not a valid NIfTI file"),
    "a zip archive": BadScan(named("ct.nii.gz", b"PK\3\4" + bytes(1000)), "it is a zip archive"),
    "a picture": BadScan(named("ct.nii", b"\x89PNG\r\n\x1a\n" + bytes(1000)), "it is a picture"),
    "half of a pair": BadScan(named("ct.img", bytes(16000)), "the header (.hdr) is not beside it"),
    "header of a pair": BadScan(lambda folder: pair(folder)[0], "is the header of a pair"),
    "Analyze": BadScan(named("ct.hdr", struct.pack("<i", 348) + bytes(344)), "in the older format Analyze"),
    "something behind the gzip": BadScan(gzipped(lambda content: bytes(content) + b"rubbish"), "Not a gzipped file"),
    "truncated": BadScan(
        lambda folder: named("ct.nii", patched()(folder).read_bytes()[:5000])(folder), "cannot hold them"
    ),
    "header only": BadScan(
        lambda folder: named("ct.nii", patched()(folder).read_bytes()[:352])(folder), "cannot hold them"
    ),
    "one byte short": BadScan(
        lambda folder: named("ct.nii", patched()(folder).read_bytes()[:-1])(folder), "cannot hold them"
    ),
    "truncated gzip": BadScan(gzipped(lambda content: bytes(content[: len(content) // 2])), "truncated"),
    "gzip without its end": BadScan(gzipped(lambda content: bytes(content[:-4])), "truncated or damaged"),
    "gzip with a wrong checksum": BadScan(gzipped(lambda content: _flip(content, -6)), "truncated or damaged"),
    "gzip damaged inside": BadScan(gzipped(lambda content: _flip(content, len(content) // 2)), "truncated or damaged"),
    "2-D": BadScan(scan(plausible((20, 20))), "2-D image"),
    "4-D": BadScan(scan(plausible((10, 10, 10, 3))), "holds several volumes"),
    "no voxels": BadScan(patched((42, "<h", 0)), "holds no voxels"),
    "a negative size": BadScan(patched((42, "<h", -20)), "holds no voxels"),
    "all zeros": BadScan(scan(_PLANES), "All voxels"),
    "constant": BadScan(scan(_PLANES - 1000), "All voxels"),
    "nothing but NaN": BadScan(scan(plausible() * np.float32(NAN)), "has no voxel that is a number"),
    "NaN in a constant": BadScan(scan(_with(NAN, np.full((20, 20, 20), -1000.0))), "All voxels"),
    "zero spacing, sform": BadScan(patched((PIXDIM + 12, "<f", 0.0), codes=(0, 1)), "zero, negative or missing voxel"),
    "zero spacing, qform": BadScan(patched((PIXDIM + 12, "<f", 0.0), codes=(1, 0)), "zero, negative or missing voxel"),
    "zero spacing, no form": BadScan(patched((PIXDIM + 4, "<f", 0.0), codes=(0, 0)), "zero, negative or missing voxel"),
    "negative spacing": BadScan(patched((PIXDIM + 8, "<f", -2.0), codes=(0, 1)), "zero, negative or missing voxel"),
    "NaN spacing": BadScan(patched((PIXDIM + 8, "<f", NAN), codes=(0, 1)), "zero, negative or missing voxel"),
    "NaN affine": BadScan(patched((SROW + 16, "<f", NAN), codes=(0, 1)), "no numbers"),
    "NaN quaternion": BadScan(patched((QUATERNION, "<f", NAN), codes=(1, 0)), "no numbers"),
    "an axis of no length": BadScan(
        patched(*((SROW + 4 * at, "<f", 0.0) for at in (0, 4, 8)), codes=(0, 1)), "zero, negative or missing voxel"
    ),
    "singular affine": BadScan(scan(None, _parallel()), "is singular"),
    "sheared by more than any gantry": BadScan(scan(None, sheared(50)), "sheared by 50 degrees"),
    "affine against spacing": BadScan(patched((PIXDIM + 12, "<f", 5.0), codes=(0, 1)), "contradicts itself"),
    "3 x 3 x 3 voxels": BadScan(scan(plausible((3, 3, 3))), "too small to segment"),
    "one slice": BadScan(scan(plausible((64, 64, 1))), "too small to segment"),
    "a thin slab": BadScan(scan(plausible((64, 64, 4)), np.diag([1, 1, 0.5, 1.0])), "too small to segment"),
    "RGB": BadScan(scan(_RGB), "not numbers"),
    "complex": BadScan(scan(plausible().astype(np.complex64)), "not numbers"),
    "2 GB claimed": BadScan(claiming((1024, 1024, 1024), "ct.nii"), "cannot hold them"),
    "2 GB claimed, compressed": BadScan(claiming((1024, 1024, 1024), "ct.nii.gz"), "cannot hold them"),
    "10^15 bytes claimed": BadScan(claiming((80000, 80000, 80000), "ct.nii"), "cannot hold them"),
    "10^15 bytes claimed, compressed": BadScan(claiming((80000, 80000, 80000), "ct.nii.gz"), "cannot hold them"),
    "unknown data type": BadScan(patched((70, "<h", 77)), "is not a valid NIfTI file"),
    "voxels at NaN": BadScan(patched((VOX_OFFSET, "<f", NAN)), "is not a valid NIfTI file"),
    "voxels at infinity": BadScan(patched((VOX_OFFSET, "<f", float("inf"))), "is not a valid NIfTI file"),
    "voxels before the file": BadScan(patched((VOX_OFFSET, "<f", -16.0)), "is not a valid NIfTI file"),
    "voxels at the header": BadScan(patched((VOX_OFFSET, "<f", 0.0)), "at byte 0, which is inside its header"),
    "voxels inside the header": BadScan(patched((VOX_OFFSET, "<f", 348.0)), "at byte 348, which is inside its header"),
    "voxels beyond the end": BadScan(patched((VOX_OFFSET, "<f", 4000.0)), "cannot hold them"),
    "larger than any scanner": BadScan(
        patched(*((PIXDIM + 4 * at, "<f", 1e15) for at in (1, 2, 3)), codes=(0, 0)), "measures 2e+16 mm"
    ),
    "voxels as large as heads": BadScan(scan(None, np.diag([200.0, 200.0, 200.0, 1.0])), "memory"),
}
"""Name -> scan; all but the last are bad input, the last needs more memory than there is."""

OUT_OF_MEMORY = {"voxels as large as heads"}
"""Those whose exit code is 3 instead of 2."""
