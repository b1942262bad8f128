"""DICOM slices give what the same scan gives as NIfTI; what is no even stack is refused; no name leaves them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from support.bad_scans import plausible
from support.processes import assert_one_sentence, run_cli
from support.scans import rotation, save_nifti
from TotalPassportLib.base.errors import BadInput
from TotalPassportLib.base.hints import Hint, HintCode
from TotalPassportLib.image.volume import load_ct

PATIENT = "Doe^Jane"
SHAPE = (18, 16, 12)
SPACING_MM = np.array([0.8, 0.9, 3.0])


def write_series(
    folder: Path,
    voxels: np.ndarray,
    affine_lps: np.ndarray,
    *,
    uid: str = "1.2.3.1",
    number: int = 1,
    description: str = "Thorax B30f",
    modality: str = "CT",
    rescale: tuple[float, float] = (1, 0),
    name: Callable[[int], str] = lambda k: f"{(k * 7) % 997:03d}.dcm",
) -> Path:
    """Write one file a slice, named so that the names' order is not the slices'."""
    folder.mkdir(exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    columns = affine_lps[:3, :3] / np.linalg.norm(affine_lps[:3, :3], axis=0)
    for k in range(voxels.shape[2]):
        image = sitk.GetImageFromArray(voxels[:, :, k : k + 1].transpose(2, 1, 0))
        image.SetSpacing([*np.linalg.norm(affine_lps[:3, :2], axis=0), 1.0])
        tags = {
            "0008|0016": "1.2.840.10008.5.1.4.1.1.2",
            "0008|0018": f"{uid}.{k + 1}",
            "0008|0060": modality,
            "0008|103e": description,
            "0010|0010": PATIENT,
            "0020|000d": "1.2.3",
            "0020|000e": uid,
            "0020|0011": str(number),
            "0020|0013": str(k + 1),
            "0020|0032": "\\".join(f"{value:.6f}" for value in (affine_lps @ [0, 0, k, 1])[:3]),
            "0020|0037": "\\".join(f"{value:.8f}" for value in columns[:, :2].T.ravel()),
            "0028|1052": str(rescale[1]),
            "0028|1053": str(rescale[0]),
        }
        for tag, value in tags.items():
            image.SetMetaData(tag, value)
        writer.SetFileName(str(folder / name(k)))
        writer.Execute(image)
    return folder


def placed(linear: np.ndarray) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear * SPACING_MM, (-7.0, 11.0, 300.0)
    return affine


PLAIN = placed(np.eye(3))
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def codes(folder: Path) -> set[str]:
    warnings: dict[str, str] = {}
    load_ct(folder, warnings.__setitem__)
    return set(warnings)


@pytest.mark.parametrize("linear", [np.eye(3), rotation((10.0, -20.0, 30.0)), np.eye(3)[:, [1, 2, 0]]])
def test_the_same_scan_is_the_same_as_slices(linear: np.ndarray, tmp_path: Path) -> None:
    voxels = plausible(SHAPE)
    folder = write_series(tmp_path / "slices", voxels, placed(linear))
    volume = load_ct(folder)
    expected = load_ct(save_nifti(tmp_path / "ct.nii", voxels, RAS_FROM_LPS @ placed(linear)))
    assert np.array_equal(volume.voxels, expected.voxels)
    assert np.allclose(volume.affine, expected.affine, atol=1e-5)
    assert np.allclose(volume.nominal_spacing_mm, SPACING_MM, atol=1e-5)
    assert volume.remarks == ()
    content = b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
    assert volume.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("rescale", [(1, -1024), (2, -1000)])
def test_hounsfield_units_are_those_after_the_rescaling(rescale: tuple[float, float], tmp_path: Path) -> None:
    hounsfield = (plausible(SHAPE) // 2 * 2).astype(np.int16)
    folder = write_series(tmp_path / "slices", hounsfield, PLAIN, rescale=rescale)
    # ITK stores what gives these values when it is rescaled.
    assert np.array_equal(load_ct(folder).voxels, hounsfield)


def test_slices_of_a_tilted_gantry_lie_where_their_positions_say(tmp_path: Path) -> None:
    sheared = np.eye(3)
    sheared[1, 2] = np.tan(np.radians(15))
    folder = write_series(tmp_path / "slices", plausible(SHAPE), placed(sheared))
    assert np.allclose(load_ct(folder).affine, RAS_FROM_LPS @ placed(sheared), atol=1e-5)
    assert codes(folder) == {"tilted_gantry"}


def two_series(folder: Path) -> Path:
    write_series(folder, plausible(SHAPE), PLAIN, name=lambda k: f"a{k}.dcm")
    write_series(
        folder,
        plausible(SHAPE) + 9,
        PLAIN,
        uid="1.2.3.2",
        number=2,
        description="Thorax I70f",
        name=lambda k: f"b{k}.dcm",
    )
    return folder


def test_several_series_are_listed_and_one_is_chosen_by_number_or_uid(tmp_path: Path) -> None:
    folder = two_series(tmp_path / "study")
    with pytest.raises(BadInput) as refusal:
        load_ct(folder)
    listed = "has 2 series: 1: Thorax B30f (CT, 12 slices of 18 x 16); 2: Thorax I70f (CT, 12 slices of 18 x 16)."
    assert listed in refusal.value.message
    assert refusal.value.hint == Hint(HintCode.CHOOSE_SERIES)
    assert load_ct(folder, series="1").voxels.shape == SHAPE
    for chosen in ("2", "1.2.3.2"):
        assert np.array_equal(load_ct(folder, series=chosen).voxels, plausible(SHAPE) + 9)
    with pytest.raises(BadInput, match="has no series '3' among its 2: 1: Thorax"):
        load_ct(folder, series="3")


def test_a_localiser_beside_the_only_volume_is_no_question(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "study", plausible(SHAPE), PLAIN)
    localiser = np.ascontiguousarray(plausible(SHAPE)[:, :, :1])
    write_series(folder, localiser, PLAIN, uid="1.2.3.9", number=0, description="Topogram", name=lambda k: "t.dcm")
    assert load_ct(folder).voxels.shape == SHAPE


def test_a_missing_slice_is_not_pressed_into_an_even_stack(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "slices", plausible(SHAPE), PLAIN, name=lambda k: f"{k}.dcm")
    (folder / "5.dcm").unlink()
    with pytest.raises(BadInput, match=r"not evenly spaced \(3 to 6 mm\): some may be missing"):
        load_ct(folder)


def test_two_phases_in_one_series_are_not_shuffled_into_one_scan(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "slices", plausible(SHAPE), PLAIN, name=lambda k: f"a{k}.dcm")
    write_series(folder, plausible(SHAPE) + 1, PLAIN, name=lambda k: f"b{k}.dcm")
    with pytest.raises(BadInput, match="several slices at one place"):
        load_ct(folder)


def test_slices_that_are_there_twice_are_used_once_and_this_is_said(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "slices", plausible(SHAPE), PLAIN, name=lambda k: f"a{k}.dcm")
    for k in (3, 5):
        (folder / f"copy{k}.dcm").write_bytes((folder / f"a{k}.dcm").read_bytes())
    assert np.array_equal(load_ct(folder).voxels, plausible(SHAPE))
    assert codes(folder) == {"duplicated_slices"}
    assert np.array_equal(load_ct(folder / "copy3.dcm").voxels, plausible(SHAPE))


def test_slices_of_different_directions_are_listed_apart(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "slices", plausible(SHAPE), PLAIN, name=lambda k: f"a{k}.dcm")
    turned = placed(rotation((0, 0, 20.0)))
    write_series(folder, plausible(SHAPE), turned, name=lambda k: f"b{k}.dcm")
    with pytest.raises(BadInput, match=r"has 2 series: 1: Thorax B30f, part 1 .*; 2: Thorax B30f, part 2 "):
        load_ct(folder)
    assert np.allclose(load_ct(folder, series="2").affine, RAS_FROM_LPS @ turned, atol=1e-5)
    assert np.allclose(load_ct(folder, series="1.2.3.1/1").affine, RAS_FROM_LPS @ PLAIN, atol=1e-5)


def test_an_mr_is_refused_by_its_own_word(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "slices", plausible(SHAPE), PLAIN, modality="MR")
    with pytest.raises(BadInput, match="is no CT: by its header its modality is MR"):
        load_ct(folder)


def test_a_series_of_a_plain_file_is_refused(tmp_path: Path) -> None:
    path = save_nifti(tmp_path / "ct.nii", plausible(), np.eye(4) * 2)
    with pytest.raises(BadInput, match="is no DICOM, and nothing else has series"):
        load_ct(path, series="1")


@pytest.mark.slow
def test_a_run_of_a_folder_says_and_keeps_nothing_of_the_patient(threshold_model: Path, tmp_path: Path) -> None:
    folder = two_series(tmp_path / "study")
    process = run_cli("run", folder, "-o", tmp_path / "out", "--model", threshold_model)
    assert_one_sentence(process, 2, "Choose one by its number: --series 1.")
    done = run_cli("run", folder, "-o", tmp_path / "out", "--model", threshold_model, "--series", "1")
    assert done.returncode == 0, done.stderr
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert set(written) == {"study_segmentation.nii.gz", "study_passport.json"}
    told = "".join((process.stdout, process.stderr, done.stdout, done.stderr))
    for text in (told.encode(), *written.values()):
        assert b"Doe" not in text
        assert b"Jane" not in text
