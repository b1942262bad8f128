"""``totalpassport export`` and what commands say of the checks, as users meet them."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.processes import files_below, run_cli
from support.scans import save_nifti


@pytest.fixture(scope="module")
def passport(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The passport of the real segmentation of 61 organs."""
    path = tmp_path_factory.mktemp("passport") / "p.json"
    process = run_cli("passport", shared / "data" / "example_seg_fast_force_split.nii.gz", "-o", path)
    assert process.returncode == 0, process.stderr
    assert "checks: 2 warnings, " in process.stdout
    assert "warning: in pieces: Pancreas is in 4 pieces" in process.stdout
    return path


@pytest.mark.parametrize(("ending", "begins"), [("seed.json", '{\n"1": {'), ("csv", "label,name,"), ("mrk.json", "{")])
@pytest.mark.slow
def test_a_passport_is_exported_by_the_outputs_ending(ending: str, begins: str, passport: Path, tmp_path: Path) -> None:
    process = run_cli("export", passport, "-o", tmp_path / f"organs.{ending}")
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("61 organs\n")
    assert (tmp_path / f"organs.{ending}").read_text(encoding="utf-8").startswith(begins)


@pytest.mark.slow
def test_other_endings_and_other_files_end_in_one_sentence(passport: Path, tmp_path: Path) -> None:
    (tmp_path / "no.json").write_text("{}", encoding="utf-8")
    for arguments, says in (
        ((passport, "-o", tmp_path / "x.xlsx"), "does not end with one of"),
        ((tmp_path / "no.json", "-o", tmp_path / "x.csv"), "is not a valid passport"),
        ((tmp_path / "nowhere.json", "-o", tmp_path / "x.csv"), "There is no file"),
        ((passport, "-o", tmp_path / "nowhere" / "x.csv"), "There is no file or folder"),
    ):
        process = run_cli("export", *arguments)
        assert process.returncode == 2
        assert says in process.stderr
        assert process.stderr.count("\n") == 1
    assert len(files_below(tmp_path)) == 1


def test_a_mirrored_segmentation_is_told_at_the_end_of_the_command(shared: Path, tmp_path: Path) -> None:
    image = nibabel.load(shared / "data" / "example_seg_fast.nii.gz")
    mirrored = image.affine @ np.diag([-1.0, 1, 1, 1])
    path = save_nifti(tmp_path / "mirrored.nii.gz", np.asarray(image.dataobj).astype(np.uint8), mirrored)
    process = run_cli("passport", path, "-o", tmp_path / "p.json")
    assert process.returncode == 0, process.stderr
    assert "\n  error: mirrored scan: 11 of 11 comparisons contradict anatomy" in process.stdout
