"""What never ends or never begins, given in the place of a file, is refused in a sentence; nothing waits for it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from support.processes import assert_one_sentence, run_cli
from TotalPassportLib.base.files import DATA_FOLDER

SCAN = DATA_FOLDER / "demo" / "demo_ct.nii.gz"


def endless(path: Path) -> Path:
    path.symlink_to("/dev/zero")
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def listener(path: Path) -> Path:
    former = Path.cwd()
    os.chdir(path.parent)  # a socket's name may have 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as ours:
            ours.bind(path.name)
    finally:
        os.chdir(former)
    return path


COMMANDS: dict[str, tuple[str, Callable[[Path], list[object]]]] = {
    "run a scan": ("a.nii.gz", lambda odd: ["run", odd, "-o", "out"]),
    "run a plain scan": ("a.nii", lambda odd: ["run", odd, "-o", "out"]),
    "run a model": ("a.onnx", lambda odd: ["run", SCAN, "-o", "out", "--model", odd]),
    "run weights": ("a", lambda odd: ["run", SCAN, "-o", "out", "--model", "fast", "--weights", odd]),
    "describe": ("a.nii.gz", lambda odd: ["passport", odd, "-o", "out.json"]),
    "labels": ("a.json", lambda odd: ["passport", SCAN, "-o", "out.json", "--labels", odd]),
    "intensities": ("a.nii.gz", lambda odd: ["passport", SCAN, "-o", "out.json", "--ct", odd]),
    "compare": ("a.json", lambda odd: ["compare", odd, odd]),
    "align": ("a.json", lambda odd: ["align", odd, odd, "-o", "out.tfm"]),
    "export": ("a.json", lambda odd: ["export", odd, "-o", "out.csv"]),
    "import": ("a.zip", lambda odd: ["models", "import", odd]),
    "convert": ("a.zip", lambda odd: ["models", "convert", odd, "-o", "out"]),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", [endless, pipe, listener], ids=["/dev/zero", "pipe", "socket"])
def test_what_is_no_file_is_refused_at_once(
    command: str, kind: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOTALPASSPORT_HOME", str(tmp_path / "home"))
    name, arguments = COMMANDS[command]
    odd = kind(tmp_path / name)
    before = odd.lstat()
    process = run_cli(*arguments(odd), cwd=tmp_path)
    assert process.returncode in (2, 4)
    assert_one_sentence(process, process.returncode, "'")
    assert odd.lstat().st_mode == before.st_mode
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("out.")]
