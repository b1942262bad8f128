"""Every case that itk_infer 4.0.0 was run on: its labels, geometry, logits and confidences; errors where it failed.

What it does without a word (exit code 0 although files are missing) is an error here; what it cannot do for lack of
CUDA is done. Confidences are compared bit by bit in its float16, and loosely in the float32 that is usual here.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import zarr
from openpyxl import load_workbook
from TotalPassportLib.cli.main import main

WITHOUT_CUDA = {"bad_cuda_default": "bare_given_window", "bad_stride_resets_devices": "stride_given"}
"""Cases that failed for lack of CUDA only, and those whose labels they would have given."""
NOT_RUN = {  # case: exit code, words
    "bad_float32_on_fp16_model": (4, "Add --fp16"),
    "bad_float_window": (2, "invalid int value: '40.5'"),
    "bad_fp16_on_float32_model": (4, "Leave --fp16 out"),
    "bad_free_axes": (4, "--patch-size 16 24 32"),
    "bad_level_only": (4, "--wl LEVEL --ww WIDTH"),
    "bad_model_path": (4, "There is no network"),
    "bad_no_model": (2, "--backend onnx requires --onnx"),
    "bad_no_window": (4, "--wl LEVEL --ww WIDTH"),
    "bad_num_proc": (2, "--num-proc must be >= 1"),
}
RUN = (
    "bare_given_window", "bare_patch_size", "model", "model_batch", "model_fp16", "model_metapatch", "model_nostride",
    "model_peaked", "no_options", "stride_given", "stride_over_patch", "two_processes", "wide_window",
)  # fmt: skip
SEQUENCES = (
    "2-D, 4-D and two-component images", "a.mha and a.nii in one folder", "empty input folder", "missing input folder",
    "one unreadable file beside a good one", "resume (1 all, 2 label of b.nii.gz removed, 3 again)",
    "sub-folder, .nrrd and upper-case names", "uint16 40000 where a.mha > 200, a.mha + 0.999, a.mha - 0.999",
)  # fmt: skip
SAVE = ("--save-logits", "--save-conf")
LOOSELY = 1e-3
"""How far float32 may be from float16 with logits of a few units."""


@pytest.fixture(scope="session")
def oracle(shared: Path) -> Path:
    """The folder of networks, images and expected files."""
    return shared / "itk_infer"


@pytest.fixture(scope="session")
def cases(oracle: Path) -> dict[str, Any]:
    """What itk_infer did in each case."""
    return dict(json.loads((oracle / "expected" / "cases.json").read_text(encoding="utf-8")))


@pytest.fixture
def images(oracle: Path, tmp_path: Path) -> Path:
    """An empty folder for images."""
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def infer(images: Path, output: Path, network: Path | None, *options: str) -> int:
    chosen = ["--onnx", str(network)] if network else []
    return main(["itk-infer", "-i", str(images), "-o", str(output), "--backend", "onnx", *chosen, *options])


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


def described(folder: Path) -> dict[str, Any]:
    """Return what is in a folder, in the words of cases.json."""
    files: dict[str, Any] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".zarr":
            array = zarr.open(str(path), mode="r")
            data = array[:]
            files[path.name] = {
                "shape": list(data.shape),
                "dtype": str(data.dtype),
                "chunks": list(array.chunks),
                "sha256": digest(data),
                "finite": bool(np.isfinite(data).all()),
            }
        elif path.suffix == ".xlsx":
            files[path.name] = confidences(path)
        elif path.suffix != ".csv":
            image = sitk.ReadImage(str(path))
            data = sitk.GetArrayFromImage(image)
            files[path.name] = {
                "size": list(image.GetSize()),
                "type": image.GetPixelIDTypeAsString(),
                "sha256": digest(data),
                "orientation": sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(image.GetDirection()),
                "origin": list(image.GetOrigin()),
                "spacing": list(image.GetSpacing()),
                "voxels": np.bincount(data.ravel()).tolist(),
            }
    return files


def confidences(path: Path) -> dict[str, Any]:
    book = load_workbook(path)
    header, *rows = book["Confidences"].iter_rows(values_only=True)
    assert header[0] is None
    return {name: {"columns": list(header[1:]), "rows": dict(rows)} for name in book.sheetnames}


def test_every_case_is_looked_at(cases: dict[str, Any]) -> None:
    assert sorted(cases) == sorted({*WITHOUT_CUDA, *NOT_RUN, *RUN, *SEQUENCES, "bad_one_class"})


@pytest.mark.parametrize("case", RUN)
def test_files_are_itk_infers_bit_for_bit(case: str, cases: dict[str, Any], oracle: Path, tmp_path: Path) -> None:
    expected = cases[case]
    network = oracle / "models" / expected["model"]
    assert (
        infer(oracle / "inputs", tmp_path, network, *expected["arguments"], "--conf-float16") == expected["exit"] == 0
    )
    assert described(tmp_path) == expected["files"]


@pytest.mark.parametrize("case", ["model", "model_peaked", "wide_window"])
def test_confidences_are_numbers_where_float16_gives_none(
    case: str, cases: dict[str, Any], oracle: Path, tmp_path: Path
) -> None:
    expected = cases[case]
    assert infer(oracle / "inputs", tmp_path, oracle / "models" / expected["model"], *expected["arguments"]) == 0
    found, theirs = (
        files["confidences.xlsx"]["Confidences"]["rows"] for files in (described(tmp_path), expected["files"])
    )
    assert found.keys() == theirs.keys()
    for name, confidence in found.items():
        logits = zarr.open(str(tmp_path / f"{name}.zarr"), mode="r")[:].astype(np.float64)
        powers = np.exp(logits - logits.max(0))
        shares = powers / powers.sum(0)
        entropy = -(shares * np.log(np.maximum(shares, 1e-300))).sum(0)
        assert confidence == pytest.approx(1 - entropy.mean() / math.log(len(logits)), abs=1e-6)
        assert theirs[name] is None or confidence == pytest.approx(theirs[name], abs=LOOSELY)


@pytest.mark.parametrize(("case", "other"), WITHOUT_CUDA.items())
def test_what_fails_there_for_lack_of_cuda_is_done(
    case: str, other: str, cases: dict[str, Any], oracle: Path, tmp_path: Path
) -> None:
    assert infer(oracle / "inputs", tmp_path, oracle / "models" / cases[case]["model"], *cases[case]["arguments"]) == 0
    labels = {name: file for name, file in cases[other]["files"].items() if "voxels" in file}
    assert described(tmp_path) == labels


@pytest.mark.parametrize(("case", "answer"), NOT_RUN.items())
def test_what_cannot_be_is_told_with_an_exit_code(
    case: str,
    answer: tuple[int, str],
    cases: dict[str, Any],
    oracle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    expected = cases[case]
    network = oracle / "models" / expected["model"] if expected["model"] else None
    assert infer(oracle / "inputs", tmp_path, network, *expected["arguments"]) == answer[0]
    assert answer[1] in capsys.readouterr().err
    assert expected["errors"]
    assert not [path for path in tmp_path.iterdir() if path.suffix in (".mha", ".gz", ".zarr")]


def test_one_class_gives_labels_and_an_error_about_its_confidence(
    cases: dict[str, Any], oracle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = cases["bad_one_class"]
    assert infer(oracle / "inputs", tmp_path, oracle / "models" / expected["model"], *expected["arguments"]) == 4
    assert described(tmp_path) == expected["files"]
    assert "3 images of 3 failed" in capsys.readouterr().err


def bring(oracle: Path, folder: Path, *names: str) -> None:
    for name in names:
        shutil.copy(oracle / "inputs" / name, folder)


def run_model(images: Path, output: Path, oracle: Path) -> int:
    return infer(images, output, oracle / "models" / "model.onnx", *SAVE, "--conf-float16")


def test_a_resumed_run_makes_what_is_missing_and_its_table_is_whole(
    cases: dict[str, Any], oracle: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps, output = cases[SEQUENCES[5]]["steps"], tmp_path / "out"
    bring(oracle, images, "a.mha", "b.nii.gz", "c.mha")
    assert run_model(images, output, oracle) == 0
    assert described(output) == steps[0]["files"]
    (output / "b.nii.gz").unlink()
    assert run_model(images, output, oracle) == 0  # itk_infer fails at the logits that are there
    assert described(output) == steps[0]["files"]  # and has lost the rows of a and c
    assert capsys.readouterr().out.count("Skipping existing") == 2
    before = {path: path.stat().st_mtime_ns for path in output.iterdir() if path.suffix != ".xlsx"}
    assert run_model(images, output, oracle) == 0
    assert described(output) == steps[0]["files"]
    assert capsys.readouterr().out.count("Skipping existing") == 3
    assert {path: path.stat().st_mtime_ns for path in before if path.suffix != ".csv"} == {
        path: time for path, time in before.items() if path.suffix != ".csv"
    }


@pytest.mark.parametrize("case", SEQUENCES[2:4])
def test_without_an_image_there_is_an_error(
    case: str, images: Path, oracle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = images if case.startswith("empty") else tmp_path / "nowhere"
    assert run_model(folder, tmp_path / "out", oracle) == 2
    assert "No input files found in" in capsys.readouterr().err


def test_a_bad_file_does_not_stop_the_others_and_is_told(
    cases: dict[str, Any], oracle: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bring(oracle, images, "a.mha")
    (images / "broken.mha").write_bytes(b"not an image")
    assert run_model(images, tmp_path / "out", oracle) == 2
    assert described(tmp_path / "out") == cases[SEQUENCES[4]]["steps"][0]["files"]
    assert "1 image of 2 failed: 'broken.mha'" in capsys.readouterr().err


def test_other_names_and_folders_are_left_out(
    cases: dict[str, Any], oracle: Path, images: Path, tmp_path: Path
) -> None:
    bring(oracle, images, "a.mha", "b.nii.gz")
    (images / "sub.mha").mkdir()
    bring(oracle, images / "sub.mha", "a.mha")
    shutil.copy(images / "a.mha", images / "g.MHA")
    shutil.copy(images / "b.nii.gz", images / "h.NII.GZ")
    sitk.WriteImage(sitk.ReadImage(str(images / "a.mha")), str(images / "e.nrrd"))
    assert run_model(images, tmp_path / "out", oracle) == 0
    assert described(tmp_path / "out") == cases[SEQUENCES[6]]["steps"][0]["files"]


def test_of_two_images_of_one_stem_the_second_has_labels_only_and_that_is_told(
    cases: dict[str, Any], oracle: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bring(oracle, images, "a.mha")
    sitk.WriteImage(sitk.ReadImage(str(oracle / "inputs" / "b.nii.gz")), str(images / "a.nii"))
    expected = dict(cases[SEQUENCES[1]]["steps"][0]["files"])
    # There the second one's confidence has taken the row of the first one.
    alone = cases["model"]["files"]["confidences.xlsx"]["Confidences"]["rows"]
    expected["confidences.xlsx"] = {"Confidences": {"columns": ["Confidence"], "rows": {"a": alone["a"]}}}
    for _ in range(2):  # also where the labels are there already
        assert run_model(images, tmp_path / "out", oracle) == 2
        assert described(tmp_path / "out") == expected
        assert "share the name of their logits" in capsys.readouterr().err


def test_what_is_no_volume_is_refused_each_with_its_reason(
    oracle: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = sitk.ReadImage(str(oracle / "inputs" / "a.mha"))
    sitk.WriteImage(sitk.GetImageFromArray(sitk.GetArrayFromImage(image)[5]), str(images / "flat.mha"))
    sitk.WriteImage(sitk.JoinSeries([image, image]), str(images / "four.nii.gz"))
    sitk.WriteImage(sitk.Compose([image, image]), str(images / "vector.mha"))
    assert run_model(images, tmp_path / "out", oracle) == 2
    told = capsys.readouterr().err
    assert all(
        words in told for words in ("a 2-D image (47 x 41)", "a 4-D image", "several values a voxel", "3 images")
    )


def test_values_become_16_bit_whole_numbers_as_there_and_what_wraps_is_told(
    cases: dict[str, Any], oracle: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = sitk.ReadImage(str(oracle / "inputs" / "a.mha"))
    array = sitk.GetArrayFromImage(image)
    for name, values in {
        "uint16.mha": np.where(array > 200, 40000, 0).astype(np.uint16),
        "float64.mha": array.astype(np.float64) + 0.999,
        "negative.mha": array.astype(np.float64) - 0.999,
    }.items():
        one = sitk.GetImageFromArray(values)
        one.CopyInformation(image)
        sitk.WriteImage(one, str(images / name))
    assert run_model(images, tmp_path / "out", oracle) == 0
    assert described(tmp_path / "out") == cases[SEQUENCES[7]]["steps"][0]["files"]
    told = capsys.readouterr().err
    assert "'uint16.mha' has values beyond" in told
    assert "float64.mha" not in told
