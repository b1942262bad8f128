"""Work that does not fit into memory is refused before it begins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import environment
from TotalPassportLib.base import memory
from TotalPassportLib.base.errors import OutOfMemory
from TotalPassportLib.base.memory import _cgroup_room, available_bytes, require_memory


def test_this_machine_tells_its_memory() -> None:
    assert 2**20 < available_bytes() < 2**50


def test_what_fits_is_allowed_and_what_does_not_is_named() -> None:
    require_memory(1000, "A thing")
    with pytest.raises(OutOfMemory, match=r"^A thing needs about 1048576.0 GB of memory, but only [0-9.]+ GB are free"):
        require_memory(2.0**50, "A thing")


def test_small_amounts_are_told_in_small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 12 * 2**20)
    with pytest.raises(OutOfMemory, match=r"only 12\.0 MB are free"):
        memory.require_memory(2.0**40, "A thing")


VERSION_2 = ("memory.max", "memory.current", "inactive_file")
VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def cgroup(folder: Path, limit: str, names: tuple[str, str, str] = VERSION_2) -> Path:
    """Make what the system shows of a control group that uses 900 bytes, 600 of them for files that were read."""
    folder.mkdir(parents=True, exist_ok=True)
    limit_file, used_file, field = names
    (folder / limit_file).write_text(limit, encoding="ascii")
    (folder / used_file).write_text("900\n", encoding="ascii")
    (folder / "memory.stat").write_text(f"anon 200\n{field} 600\nslab 9\n", encoding="ascii")
    return folder


def room(mounts: Path, membership: str) -> int | None:
    file = mounts.parent / "membership"
    file.write_text(membership, encoding="ascii")
    return _cgroup_room(mounts, file)


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    return tmp_path / "cgroup"


def test_a_containers_limit_counts_without_files_that_were_only_read(mounts: Path) -> None:
    assert room(cgroup(mounts, "1000\n"), "0::/\n") == 700


def test_a_container_without_limit_has_none(mounts: Path, tmp_path: Path) -> None:
    assert room(cgroup(mounts, "max\n"), "0::/\n") is None
    assert _cgroup_room(tmp_path / "nowhere", tmp_path / "nowhere") is None


def test_of_nested_groups_the_narrowest_counts(mounts: Path) -> None:
    """As systemd nests them: a service in a slice, each with or without a limit of its own."""
    cgroup(mounts / "user.slice" / "job.scope", "max\n")
    cgroup(mounts / "user.slice", "1000\n")
    assert room(mounts, "0::/user.slice/job.scope\n") == 700
    cgroup(mounts / "user.slice" / "job.scope", "950\n")
    assert room(mounts, "0::/user.slice/job.scope\n") == 650


def test_a_group_that_the_container_does_not_show_is_its_root(mounts: Path) -> None:
    cgroup(mounts, "1000\n")
    assert room(mounts, "0::/docker/0123/not/shown\n") == 700


def test_limits_of_version_1_count(mounts: Path) -> None:
    cgroup(mounts / "memory" / "docker" / "0123", "1000\n", VERSION_1)
    cgroup(mounts / "memory", f"{2**63 - 4096}\n", VERSION_1)
    assert room(mounts, "12:cpu,cpuacct:/docker/0123\n5:memory:/docker/0123\n1:name=systemd:/x\n0::/x\n") == 700


def test_version_1_without_limit_has_none(mounts: Path) -> None:
    cgroup(mounts / "memory", f"{2**63 - 4096}\n", VERSION_1)
    assert room(mounts, "5:memory:/\n") is None


def test_a_group_that_is_over_its_limit_has_no_room_and_not_less(mounts: Path) -> None:
    assert room(cgroup(mounts, "100\n"), "0::/\n") == 0


@pytest.mark.parametrize("membership", ["", "rubbish\n", "0::/../../etc\n", ":::::\n"])
def test_what_the_system_says_in_another_way_is_no_limit(membership: str, mounts: Path) -> None:
    assert room(mounts, membership) is None


def test_a_limit_of_address_space_counts() -> None:
    program = "from TotalPassportLib.base.memory import available_bytes; print(available_bytes())"
    process = subprocess.run(
        ["bash", "-c", 'ulimit -v 400000; exec "$0" -c "$1"', sys.executable, program],
        capture_output=True,
        env=environment(),
        check=True,
    )
    assert 0 < int(process.stdout) < 400_000 * 1024
