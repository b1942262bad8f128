"""How much memory this process may still take."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from .errors import OutOfMemory


def available_bytes() -> int | None:
    """Return how many bytes can be allocated before the system swaps or kills, or None where it cannot be told."""
    if sys.platform == "win32":
        return _available_on_windows()
    free = _available_on_linux()
    if free is None:
        return _physical_bytes()
    limit = _cgroup_room()
    return free if limit is None else min(free, limit)


def require_memory(needed_bytes: float, purpose: str) -> None:
    """Raise `OutOfMemory` when ``needed_bytes`` are clearly more than there is; ``purpose`` completes the sentence."""
    available = available_bytes()
    if available is not None and needed_bytes > available:
        raise OutOfMemory(
            f"{purpose} needs about {needed_bytes / 2**30:.1f} GB of memory, but only {available / 2**30:.1f} GB "
            "are free.",
            "Close other programs, crop or resample the scan, or use a machine with more memory.",
        )


def _available_on_linux() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    if "MemAvailable" not in fields:
        return None
    return int(fields["MemAvailable"].split()[0]) * 1024


def _cgroup_room(folder: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return what is left of a container's memory limit (cgroup v2), or None without one."""
    try:
        limit = (folder / "memory.max").read_text(encoding="ascii").strip()
        if limit == "max":
            return None
        used = int((folder / "memory.current").read_text(encoding="ascii"))
        fields = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
        # Files that were read count as used, though the system drops them as soon as somebody needs the room.
        return int(limit) - used + int(fields.get("inactive_file", 0))
    except (OSError, ValueError):
        return None


def _physical_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of the Windows API."""

    _fields_ = (
        ("length", ctypes.c_ulong),
        ("load", ctypes.c_ulong),
        *((name, ctypes.c_ulonglong) for name in ("total", "available", "page_total", "page_available")),
        *((name, ctypes.c_ulonglong) for name in ("virtual_total", "virtual_available", "extended")),
    )


def _available_on_windows() -> int | None:
    status = _MemoryStatus()
    status.length = ctypes.sizeof(status)
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - the attribute exists on Windows only
    return int(status.available) if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else None
