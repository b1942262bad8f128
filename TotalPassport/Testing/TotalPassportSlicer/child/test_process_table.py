"""Ending a run ends its whole process tree, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from TotalPassportSlicer.child.process_table import descendants, is_alive, kill_tree

LAUNCHER = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
child.wait()
"""


def wait_until_dead(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_alive(pid)


def test_a_launcher_is_ended_with_its_child() -> None:
    launcher = subprocess.Popen([sys.executable, "-c", LAUNCHER], stdout=subprocess.PIPE, text=True)
    assert launcher.stdout is not None
    child = int(launcher.stdout.readline())
    assert descendants(launcher.pid) == [child]
    kill_tree(launcher.pid)
    launcher.wait(10)
    assert wait_until_dead(child)


def test_a_process_that_has_ended_is_not_alive() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert not is_alive(process.pid)
    kill_tree(process.pid)  # and ending it again does no harm


def test_nonsense_numbers_and_ourselves_are_never_ended() -> None:
    for pid in (0, -1, os.getpid()):
        kill_tree(pid)
    assert is_alive(os.getpid())
