"""How much memory this process has taken, and how much it may still take."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import OutOfMemory
from .hints import Hint, HintCode

NO_LIMIT = 2**60
"""Bytes: version 1 of control groups writes "no limit" as the largest number of pages."""
LIBRARIES_BYTES = 256 * 2**20
"""Of address space without which numpy ends the process by itself, with an exit code of its own."""
BYTES_A_THREAD = 10 * 2**20
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in one unit of the system's ``ru_maxrss``."""


def available_bytes() -> int | None:
    """Return how many bytes can be allocated before the system swaps or kills, or None where it cannot be told."""
    if sys.platform == "win32":
        return _windows_memory("available")
    free = _available_on_linux()
    rooms = [physical_bytes() if free is None else free, _cgroup_room(), _address_room()]
    return min((room for room in rooms if room is not None), default=None)


def require_memory(needed_bytes: float, purpose: str) -> None:
    """Raise `OutOfMemory` when ``needed_bytes`` are clearly more than there is; ``purpose`` completes the sentence."""
    available = available_bytes()
    if available is not None and needed_bytes > available:
        raise OutOfMemory(
            f"{purpose} needs about {_size_text(needed_bytes)} of memory, but only {_size_text(available)} are free.",
            "Close other programs, crop or resample the scan, or use a machine with more memory.",
        )


def _size_text(size_bytes: float) -> str:
    return f"{size_bytes / 2**30:.1f} GB" if size_bytes >= 2**30 / 10 else f"{size_bytes / 2**20:.1f} MB"


def require_room_for_libraries() -> None:
    """Raise `OutOfMemory` when a limit of this process's own leaves too little to load numpy and the rest."""
    room, needed_bytes = _address_room(), LIBRARIES_BYTES + (os.cpu_count() or 1) * BYTES_A_THREAD
    if room is not None and needed_bytes > room:
        raise OutOfMemory(
            f"Loading the libraries needs about {needed_bytes / 2**20:.0f} MB of memory, but the limit of this process "
            f"leaves {room / 2**20:.0f} MB.",
            Hint(HintCode.RAISE_LIMIT, limit="ulimit -v"),
        )


def return_free_memory() -> None:
    """Give memory that was freed back to the system where the C library would keep it for itself (glibc)."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, AttributeError):  # another C library has no such function
            ctypes.CDLL(None).malloc_trim(0)


def resident_bytes() -> int:
    """Return how much memory this process occupies now; 0 where it cannot be told."""
    return _process_bytes("VmRSS", "working_set")


def data_bytes() -> int:
    """Return how much memory of its own this process has asked for, used or not; 0 where it cannot be told."""
    return _process_bytes("VmData", "working_set")


def peak_bytes() -> int:
    """Return the most memory that this process has occupied so far; 0 where it cannot be told."""
    return _process_bytes("VmHWM", "peak_working_set")


def tree_bytes(root: int, known_bytes: int = 0) -> int | None:
    """Return how much memory a process and all its descendants occupy now, or None where that cannot be told.

    Pages that several of them share count once. To find those, the system walks over all pages, which holds the
    processes up; so that is done only where the plain sum of the resident sets is above ``known_bytes``.
    """
    try:
        pages = _tree_pages(root)
    except OSError:
        return None
    resident = sum(pages.values()) * os.sysconf("SC_PAGE_SIZE")
    if len(pages) < 2 or resident <= known_bytes:
        return resident
    return sum(_proportional_bytes(pid) for pid in pages)


def _tree_pages(root: int) -> dict[int, int]:
    """Return process id -> resident pages of a process and its descendants, from Linux' /proc."""
    parents: dict[int, int] = {}
    pages: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):  # it may have ended meanwhile
                fields = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()
                parents[int(name)], pages[int(name)] = int(fields[1]), int(fields[21])
    found = {root} & parents.keys()
    newest = found
    while newest:
        newest = {pid for pid, parent in parents.items() if parent in newest} - found
        found = found | newest
    return {pid: pages[pid] for pid in found}


def _proportional_bytes(pid: int) -> int:
    """Return a process's share of its pages; the resident set where the system keeps that to itself."""
    for file, field in ((f"/proc/{pid}/smaps_rollup", "Pss:"), (f"/proc/{pid}/status", "VmRSS:")):
        with contextlib.suppress(OSError):
            for line in Path(file).read_text(encoding="ascii", errors="replace").splitlines():
                if line.startswith(field):
                    return int(line.split()[1]) * 1024
    return 0


def _process_bytes(linux_field: str, windows_field: str) -> int:
    if sys.platform == "win32":
        return _process_bytes_on_windows(windows_field)
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return _largest_so_far()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(fields[linux_field].split()[0]) * 1024 if linux_field in fields else 0


def _largest_so_far() -> int:
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT


def _available_on_linux() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    if "MemAvailable" not in fields:
        return None
    return int(fields["MemAvailable"].split()[0]) * 1024


def _address_room() -> int | None:
    """Return what is left of a limit of this process's address space (``ulimit -v``), or None without one."""
    if sys.platform == "win32":
        return None
    import resource  # not on Windows

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    return max(limit - _process_bytes("VmSize", "working_set"), 0)


def _cgroup_room(mounts: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")) -> int | None:
    """Return what is left of the memory limits of this process's control groups, or None where there is none.

    Groups are nested, and each may have a limit of its own: the narrowest counts. A container may show its group as
    the root of what is mounted, or not show where it lies in it; so every folder on the way is looked at.

    Parameters
    ----------
    mounts : Path
        Where the system shows control groups, of version 2, or of version 1 by controller.
    membership : Path
        The file that says to which groups this process belongs.
    """
    rooms: list[int] = []
    for root, group, names in _control_groups(mounts, membership):
        folder = root / group.strip("/")
        for level in (folder, *folder.parents):
            room = _room_of_group(level, names)
            if room is not None:
                rooms.append(room)
            if level == root:
                break
    return min(rooms, default=None)


@dataclass(frozen=True, kw_only=True)
class _GroupFiles:
    """What the files of a control group are called."""

    limit: str
    used: str
    inactive: str
    """The field of ``memory.stat`` with the bytes of files that were only read, of the group and all below it."""


_VERSION_1 = _GroupFiles(limit="memory.limit_in_bytes", used="memory.usage_in_bytes", inactive="total_inactive_file")
_VERSION_2 = _GroupFiles(limit="memory.max", used="memory.current", inactive="inactive_file")


def _control_groups(mounts: Path, membership: Path) -> Iterator[tuple[Path, str, _GroupFiles]]:
    """Yield the root, the path below it and the files' names of each hierarchy that can limit memory."""
    groups = {"": "/", "memory": "/"}
    with contextlib.suppress(OSError):
        for line in membership.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            _, controllers, group = [*line.split(":", 2), "", ""][:3]
            groups |= {name: group for name in controllers.split(",") if name in groups and ".." not in group}
    yield mounts, groups[""], _VERSION_2
    yield mounts / "unified", groups[""], _VERSION_2
    yield mounts / "memory", groups["memory"], _VERSION_1


def _room_of_group(folder: Path, names: _GroupFiles) -> int | None:
    try:
        limit = (folder / names.limit).read_text(encoding="ascii").strip()
        if limit == "max" or int(limit) >= NO_LIMIT:
            return None
        used = int((folder / names.used).read_text(encoding="ascii"))
        fields = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
        # Files that were read count as used, though the system drops them as soon as somebody needs the room.
        return max(int(limit) - used + int(fields.get(names.inactive, 0)), 0)
    except (OSError, ValueError):
        return None


def physical_bytes() -> int | None:
    """Return how much memory the machine has, or None where it cannot be told."""
    if sys.platform == "win32":
        return _windows_memory("total")
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


def _windows_memory(field: str) -> int | None:
    status = _MemoryStatus()
    status.length = ctypes.sizeof(status)
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - the attribute exists on Windows only
    return int(getattr(status, field)) if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else None


class _ProcessMemory(ctypes.Structure):
    """PROCESS_MEMORY_COUNTERS of the Windows API."""

    _fields_ = (
        *((name, ctypes.c_ulong) for name in ("size", "page_faults")),
        *((name, ctypes.c_size_t) for name in ("peak_working_set", "working_set")),
        *((f"unused_{number}", ctypes.c_size_t) for number in range(6)),
    )


def _process_bytes_on_windows(field: str) -> int:
    memory = _ProcessMemory()
    memory.size = ctypes.sizeof(memory)
    windows = getattr(ctypes, "windll")  # noqa: B009 - the attribute exists on Windows only
    windows.kernel32.GetCurrentProcess.restype = ctypes.c_void_p
    process = ctypes.c_void_p(windows.kernel32.GetCurrentProcess())
    known = windows.psapi.GetProcessMemoryInfo(process, ctypes.byref(memory), memory.size)
    return int(getattr(memory, field)) if known else 0
