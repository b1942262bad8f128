"""The process table: who is alive, whose child is whose, and how to end a process with its descendants.

Slicer brings no psutil, so this asks the operating system itself. Only processes that a run started are ever ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

_WINDOWS = sys.platform == "win32"


def is_alive(pid: int) -> bool:
    """Whether a process with this id runs at present."""
    if pid <= 0:
        return False
    if _WINDOWS:
        return f'"{pid}"' in _output_of(["tasklist", "/FI", f"PID eq {pid}", "/FO", "CSV", "/NH"])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, but belongs to someone else
        return True
    return not _is_zombie(pid)


def kill_tree(pid: int) -> None:
    """End a process and everything that it started, at once."""
    if pid <= 0 or pid == os.getpid():
        return
    if _WINDOWS:
        _output_of(["taskkill", "/F", "/T", "/PID", str(pid)])
        return
    for member in [*descendants(pid), pid]:
        try:
            os.kill(member, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue  # it ended meanwhile, or its number went to somebody else's process


def descendants(pid: int) -> list[int]:
    """Return the ids of a process's children and their children (not on Windows, where taskkill does it all)."""
    children: dict[int, list[int]] = {}
    for line in _output_of(["ps", "-A", "-o", "pid=,ppid="]).splitlines() or _proc_table():
        child, parent = (int(field) for field in line.split()[:2])
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    queue = [pid]
    while queue:
        for child in children.get(queue.pop(), []):
            if child not in found:
                found.append(child)
                queue.append(child)
    return found


def _proc_table() -> list[str]:
    """Return lines ``pid ppid`` from /proc, for systems without the program ps."""
    lines = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        lines.append(f"{entry.parent.name} {fields[1]}")
    return lines


def _is_zombie(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[:1] == ["Z"]


def _output_of(command: list[str]) -> str:
    flags = subprocess.CREATE_NO_WINDOW if _WINDOWS else 0  # type: ignore[attr-defined,unused-ignore]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=10, check=False, creationflags=flags
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
