"""Where commands write: all or nothing, and what stands at a name is respected."""

from __future__ import annotations

import csv
import json
import os
import stat
import subprocess
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.passports import body
from support.processes import assert_one_sentence, command_line, environment, files_below, run_cli
from TotalPassportLib.passport import read_passport, write_passport


@pytest.fixture
def segmentation(tmp_path: Path) -> Path:
    labels = np.zeros((16, 16, 16), np.uint8)
    labels[2:8, 2:8, 2:8] = 5
    nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), tmp_path / "seg.nii.gz")
    return tmp_path / "seg.nii.gz"


@pytest.fixture
def passport(tmp_path: Path) -> Path:
    write_passport(body(), tmp_path / "p.json")
    return tmp_path / "p.json"


@pytest.mark.parametrize("blocked", ["segmentation.nii.gz", "passport.json", "statistics.json", "preview.png"])
def test_a_folder_in_the_place_of_one_result_is_told_before_the_run(
    blocked: str, slow_model: Path, phantom_ct: Path, tmp_path: Path
) -> None:
    """With a network that would take long: nothing of the former results is touched."""
    out = tmp_path / "out"
    out.mkdir()
    names = [f"phantom_{name}" for name in ("segmentation.nii.gz", "passport.json", "statistics.json", "preview.png")]
    for name in names:
        (out / name).write_bytes(b"old")
    (out / f"phantom_{blocked}").unlink()
    (out / f"phantom_{blocked}").mkdir()
    process = run_cli("run", phantom_ct, "-o", out, "--model", slow_model, "--statistics", "--preview")
    assert_one_sentence(process, 2, f"phantom_{blocked}' is a folder, not a file")
    assert files_below(out) == sorted(set(names) - {f"phantom_{blocked}"})
    assert all((out / name).read_bytes() == b"old" for name in files_below(out))


def test_one_transform_that_cannot_be_written_keeps_the_other_from_being(passport: Path, tmp_path: Path) -> None:
    (tmp_path / "b.json").mkdir()
    process = run_cli("align", passport, passport, "-o", "a.tfm", "-o", "b.json", cwd=tmp_path)
    assert_one_sentence(process, 2, "b.json' is a folder")
    assert files_below(tmp_path) == ["p.json"]


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_standard_output_carries_the_result_and_nothing_else(
    name: str, passport: Path, segmentation: Path, tmp_path: Path
) -> None:
    described = run_cli("passport", segmentation, "-o", name, cwd=tmp_path)
    assert described.returncode == 0, described.stderr
    assert list(json.loads(described.stdout)["organs"]) == ["5"]
    assert "\n1 organ\n" in described.stderr
    compared = run_cli("compare", passport, passport, "--csv", name, cwd=tmp_path)
    assert len(list(csv.DictReader(compared.stdout.splitlines()))) == len(read_passport(passport).organs)
    assert files_below(tmp_path) == ["p.json", "seg.nii.gz"]


def test_a_pipe_gets_the_table_and_stays_a_pipe(passport: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    writer = subprocess.Popen(
        command_line("export", passport, "-o", tmp_path / "pipe.csv"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    text = (tmp_path / "pipe.csv").read_text(encoding="utf-8")
    assert writer.wait(timeout=60) == 0
    assert text.startswith("label,name,")
    assert stat.S_ISFIFO((tmp_path / "pipe.csv").stat().st_mode)


def test_the_null_device_takes_results_and_stays_a_device(segmentation: Path) -> None:
    before = Path(os.devnull).stat()
    assert run_cli("passport", segmentation, "-o", os.devnull).returncode == 0
    assert Path(os.devnull).stat().st_rdev == before.st_rdev
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_link_to_a_result_is_followed(segmentation: Path, tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "latest.json").symlink_to("archive/p.json")
    assert run_cli("passport", segmentation, "-o", tmp_path / "latest.json").returncode == 0
    assert (tmp_path / "latest.json").is_symlink()
    assert len(read_passport(tmp_path / "archive" / "p.json").organs) == 1


def test_what_a_killed_run_left_is_gone_after_the_next(threshold_model: Path, phantom_ct: Path, tmp_path: Path) -> None:
    program = """
import os, signal, sys
from TotalPassportLib import pipeline, run_files
from TotalPassportLib.options import RunOptions
def save_labels(path, *labels, **like):
    path.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
run_files.save_labels = save_labels
pipeline.run(sys.argv[1], sys.argv[2], RunOptions(model=sys.argv[3]))
"""
    arguments = [str(phantom_ct), str(tmp_path / "out"), str(threshold_model)]
    command = [command_line()[0], "-c", program, *arguments]
    assert subprocess.run(command, env=environment(), check=False).returncode == -9
    assert len(files_below(tmp_path / "out")) == 1
    assert run_cli("run", phantom_ct, "-o", tmp_path / "out", "--model", threshold_model).returncode == 0
    assert files_below(tmp_path / "out") == ["phantom_passport.json", "phantom_segmentation.nii.gz"]
