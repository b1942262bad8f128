"""Patient data never stays behind on the disk."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from TotalPassportSlicer.child import workspace
from TotalPassportSlicer.child.workspace import Workspace, remove_stale


def dead_pid() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def left_by(pid: int, root: Path) -> Path:
    """Make the folder that a process of this number has left."""
    folder = root / f"{workspace.PREFIX}left"
    folder.mkdir()
    (folder / "owner.json").write_text(json.dumps({"pid": pid}), encoding="utf-8")
    (folder / "ct.nii").write_bytes(b"patient data")
    return folder


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_nobody_else_can_read_the_folder(tmp_path: Path) -> None:
    folder = Workspace(tmp_path).folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_removing_it_removes_everything_in_it(tmp_path: Path) -> None:
    made = Workspace(tmp_path)
    (made.folder / "out").mkdir()
    (made.folder / "out" / "ct.nii").write_bytes(b"x")
    assert made.remove()
    assert list(tmp_path.iterdir()) == []


def test_folders_of_a_slicer_that_crashed_are_swept_up(tmp_path: Path) -> None:
    folder = left_by(dead_pid(), tmp_path)
    assert remove_stale(tmp_path) == [folder]
    assert not folder.exists()


def test_folders_of_another_slicer_that_runs_are_left_alone(tmp_path: Path) -> None:
    folder = left_by(os.getppid(), tmp_path)
    assert remove_stale(tmp_path) == []
    assert folder.exists()


def test_a_folder_in_use_is_not_stale(tmp_path: Path) -> None:
    made = Workspace(tmp_path)
    assert remove_stale(tmp_path) == []
    assert made.folder.exists()


def test_a_folder_of_an_earlier_process_with_our_number_is_swept_up(tmp_path: Path) -> None:
    # In a container Slicer may get the same process number at every start.
    folder = left_by(os.getpid(), tmp_path)
    assert remove_stale(tmp_path) == [folder]


def test_a_folder_without_owner_is_swept_up_after_a_day_only(tmp_path: Path) -> None:
    folder = tmp_path / f"{workspace.PREFIX}unknown"
    folder.mkdir()
    assert remove_stale(tmp_path) == []
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(folder, (two_days_ago, two_days_ago))
    assert remove_stale(tmp_path) == [folder]


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_to_somewhere_else_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "owner.json").write_text(json.dumps({"pid": dead_pid()}), encoding="utf-8")
    (tmp_path / f"{workspace.PREFIX}link").symlink_to(precious)
    assert remove_stale(tmp_path) == []
    assert precious.exists()
