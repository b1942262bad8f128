"""``-o`` as people give it: a folder or a file's name, and never over the results of another scan."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.processes import files_below, sentences
from support.scans import save_nifti
from TotalPassportLib.cli.main import main
from TotalPassportLib.passport import read_passport


@pytest.fixture
def sites(phantom_ct: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two scans of one name in two folders, as in TotalSegmentator's data set, and the folder to work in."""
    for site in ("siteA", "siteB"):
        (tmp_path / site).mkdir()
    shutil.copyfile(phantom_ct, tmp_path / "siteA" / "ct.nii.gz")
    image = nibabel.load(phantom_ct)
    voxels = np.asarray(image.dataobj)[::-1].copy()
    save_nifti(tmp_path / "siteB" / "ct.nii.gz", voxels, image.affine)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(model: Path, scan: str, output: str, *more: str) -> int:
    return main(["run", scan, "-o", output, "--model", str(model), *more])


def test_the_result_of_another_scan_is_never_replaced_silently(
    sites: Path, threshold_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(threshold_model, "siteA/ct.nii.gz", "out") == 0
    first = {path.name: path.read_bytes() for path in (sites / "out").iterdir()}
    capsys.readouterr()
    assert run(threshold_model, "siteB/ct.nii.gz", "out") == 2
    said = capsys.readouterr().err
    assert "'out/ct_passport.json' is of another scan than 'siteB/ct.nii.gz'" in said
    assert "--overwrite" in said
    assert {path.name: path.read_bytes() for path in (sites / "out").iterdir()} == first
    assert run(threshold_model, "siteB/ct.nii.gz", "out", "--overwrite") == 0
    assert (sites / "out" / "ct_segmentation.nii.gz").read_bytes() != first["ct_segmentation.nii.gz"]


def test_the_result_of_the_same_scan_is_replaced(sites: Path, threshold_model: Path) -> None:
    shutil.copytree(sites / "siteA", sites / "copy")
    assert run(threshold_model, "siteA/ct.nii.gz", "out") == 0
    before = (sites / "out" / "ct_passport.json").stat().st_mtime_ns
    assert run(threshold_model, "copy/ct.nii.gz", "out") == 0, "the scan is known by its content, not by its place"
    assert (sites / "out" / "ct_passport.json").stat().st_mtime_ns > before


@pytest.mark.parametrize("left", [None, b"{}", b"no passport", b'{"source": {"sha256": [1]}}'])
def test_a_segmentation_of_which_nobody_can_tell_the_scan_is_kept(
    left: bytes | None, sites: Path, threshold_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sites / "out").mkdir()
    (sites / "out" / "ct_segmentation.nii.gz").write_bytes(b"days of work")
    if left is not None:
        (sites / "out" / "ct_passport.json").write_bytes(left)
    assert run(threshold_model, "siteA/ct.nii.gz", "out") == 2
    assert "nothing says that it is of 'siteA/ct.nii.gz'" in capsys.readouterr().err
    assert (sites / "out" / "ct_segmentation.nii.gz").read_bytes() == b"days of work"


@pytest.mark.parametrize("name", ["liver.nii.gz", "results/liver.nii.gz", "liver.nii", "Liver.NII.GZ"])
def test_a_run_writes_to_the_file_that_is_named_and_the_passport_beside_it(
    name: str, sites: Path, threshold_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(threshold_model, "siteA/ct.nii.gz", name, "--statistics") == 0, capsys.readouterr().err
    file = sites / name
    assert nibabel.load(file).shape == nibabel.load(sites / "siteA" / "ct.nii.gz").shape
    stem = file.name.split(".")[0]
    beside = [path.name for path in sorted(file.parent.iterdir()) if path.is_file()]
    assert beside == sorted([file.name, f"{stem}_passport.json", f"{stem}_statistics.json"])
    assert name in capsys.readouterr().out
    assert run(threshold_model, "siteB/ct.nii.gz", name) == 2, "also under a name of one's own"


@pytest.mark.parametrize("name", ["out.nrrd", "out.mha", "out.json", "-", "out.csv", "out.gz"])
def test_a_name_that_no_result_of_a_run_has_is_refused_before_the_run(
    name: str, sites: Path, slow_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(slow_model, "siteA/ct.nii.gz", name) == 2
    assert "Give a folder, or the name of the segmentation: NAME.nii.gz" in capsys.readouterr().err
    assert not (sites / name).exists()


def test_a_folder_may_be_called_as_a_file(sites: Path, threshold_model: Path) -> None:
    (sites / "old.nii.gz").mkdir()
    for folder in ("old.nii.gz", "new.json/", "out.v2", ".gz"):
        assert run(threshold_model, "siteA/ct.nii.gz", folder) == 0
        assert files_below(sites / folder) == ["ct_passport.json", "ct_segmentation.nii.gz"]


@pytest.fixture
def segmentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    labels = np.zeros((16, 16, 16), np.uint8)
    labels[2:8, 2:8, 2:8] = 5
    monkeypatch.chdir(tmp_path)
    return save_nifti(tmp_path / "seg.nii.gz", labels, np.eye(4))


def test_a_passport_is_written_in_the_format_that_its_name_ends_with(segmentation: Path, tmp_path: Path) -> None:
    for name in ("p.csv", "p.json", "p.mrk.json", "p.seed.json", "p"):
        assert main(["passport", "seg.nii.gz", "-o", name]) == 0
    assert (tmp_path / "p.csv").read_text(encoding="utf-8").startswith("label,name,")
    assert '"markups"' in (tmp_path / "p.mrk.json").read_text(encoding="utf-8")
    assert (tmp_path / "p.seed.json").read_text(encoding="utf-8").startswith('{\n"5"')
    assert read_passport(tmp_path / "p.json").organs.keys() == read_passport(tmp_path / "p").organs.keys() == {5}


@pytest.mark.parametrize("folder", ["new/", "there", "there/"])
def test_a_passport_in_a_folder_is_called_after_its_segmentation(
    folder: str, segmentation: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there").mkdir()
    assert main(["passport", "seg.nii.gz", "-o", folder]) == 0
    assert files_below(tmp_path / folder) == ["seg_passport.json"]
    assert str(Path(folder) / "seg_passport.json") in capsys.readouterr().out
    assert main(["passport", "seg.nii.gz", "-o", folder]) == 0
    labels = np.asarray(nibabel.load(segmentation).dataobj).copy()
    labels[3] = 0
    save_nifti(segmentation, labels, np.eye(4))
    assert main(["passport", "seg.nii.gz", "-o", folder]) == 2
    assert main(["passport", "seg.nii.gz", "-o", folder, "--overwrite"]) == 0


@pytest.mark.parametrize("name", ["p.nii.gz", "p.xlsx", "p.nrrd"])
def test_a_passport_is_not_written_to_a_name_of_another_kind(
    name: str, segmentation: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["passport", "seg.nii.gz", "-o", name]) == 2
    assert "ends with .json, .csv" in capsys.readouterr().err
    assert files_below(tmp_path) == ["seg.nii.gz"]


def test_one_organ_is_one_organ(segmentation: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["passport", "seg.nii.gz", "-o", "p.json"]) == 0
    assert main(["export", "p.json", "-o", "p.csv"]) == 0
    out = capsys.readouterr().out
    assert out.count("1 organ\n") == 2
    assert "1 organs" not in out


@pytest.mark.parametrize("labels", [[], ["--labels", "total"]], ids=["nothing said", "labels stated"])
def test_an_image_of_noise_is_refused_in_a_sentence(
    labels: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 65536, (64, 64, 64)).astype(np.uint16)
    save_nifti(tmp_path / "noise.nii.gz", noise, np.eye(4))
    assert main(["passport", str(tmp_path / "noise.nii.gz"), "-o", str(tmp_path / "p.json"), *labels]) == 2
    (sentence,) = sentences(capsys.readouterr().err)
    assert ("a passport holds 20,000 at most" if labels else "looks like a scan, not like labels") in sentence
    assert files_below(tmp_path) == ["noise.nii.gz"]
