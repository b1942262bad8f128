"""Work that does not end when it is told to is ended, and what it was making is removed for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import heed_interrupts

LIBRARY = Path(__file__).resolve().parents[3]
DEAF = """
import signal, sys, time
from contextlib import ExitStack
from pathlib import Path
from TotalPassportLib.base.errors import TotalPassportError
from TotalPassportLib.base.outputs import OutputFiles, atomic_write
from TotalPassportLib.base.supervision import run_supervised
from TotalPassportLib.base.temporaries import folder_beside, private_folder

folder = Path(sys.argv[1])

def work():
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # as a library that never gives Python its turn
    with ExitStack() as stack:
        if "written" in sys.argv:
            with atomic_write(folder / "first.txt") as path:
                path.write_text("whole")
        half = stack.enter_context(folder_beside(folder / "second"))
        (half / "inside").write_text("half")
        private = stack.enter_context(private_folder("supervision"))
        (private / "scan").write_text("a patient")
        assert private.stat().st_mode & 0o077 == 0
        stack.enter_context(OutputFiles()).path(folder / "third.txt").write_text("half")
        if "crash" in sys.argv:
            import os
            os.kill(os.getpid(), signal.SIGSEGV)
        print("ready", flush=True)
        time.sleep(600)

try:
    run_supervised(work)
except TotalPassportError as error:
    print(error)
    raise SystemExit(error.exit_code)
"""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="optional: processes cannot fork here")


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    private = folder / "private"
    private.mkdir(parents=True)
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY), "TMPDIR": str(private)}
    command = [sys.executable, "-c", DEAF, str(folder), *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, preexec_fn=heed_interrupts)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def end(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=60)[0]


def test_what_a_killed_child_was_making_is_removed(tmp_path: Path) -> None:
    process = start(tmp_path)
    assert end(process) == "Cancelled. Nothing was written.\n"
    assert process.returncode == 5
    assert files(tmp_path) == ["private"]


def test_what_it_had_written_stays_and_this_is_said(tmp_path: Path) -> None:
    process = start(tmp_path, "written")
    assert end(process) == "Cancelled. What was written until then stays.\n"
    assert files(tmp_path) == ["first.txt", "private"]


def test_a_crash_leaves_nothing_either(tmp_path: Path) -> None:
    process = start(tmp_path, "crash")
    told = process.communicate(timeout=60)[0]
    assert process.returncode == 4
    assert "have crashed (SIGSEGV)" in told
    assert files(tmp_path) == ["private"]
